//! A table whose columns the user names: which one holds the words of a request, which its id, which its category. Any
//! table can be read in this way, whoever made it. Knows nothing about published files or about how a table is written.

use super::super::source::{Source, list};
use super::entry::{Complaint, Entry, UNLABELLED, named_benign};
use super::table::{self, Row, same};
use crate::error::Result;
use crate::table::Sheet;

/// The column that says whether an aligned model declines a request, where a table has one.
const HARMFUL: &str = "harmful";

/// Which columns of a request file hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestColumns {
    /// The words that are put into the user message.
    pub text: String,
    /// The id; without it the id comes from the digest of the words.
    pub id: Option<String>,
    /// The category; without it all requests are `unlabelled`.
    pub category: Option<String>,
}

impl RequestColumns {
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("--text-column", Some(self.text.as_str())),
            ("--request-column", self.id.as_deref()),
            ("--category-column", self.category.as_deref()),
        ]
        .into_iter()
        .filter_map(|(flag, name)| Some((flag, name?)))
    }

    fn entry(&self, row: &Row<'_>, benign: bool) -> Result<Entry, Complaint> {
        let filled = |name: Option<&str>| name.map(|name| row.filled(name)).transpose();
        let harmful = match row.get(HARMFUL).map(str::trim) {
            None => !benign,
            Some(word) if word.eq_ignore_ascii_case("true") || word == "1" => true,
            Some(word) if word.eq_ignore_ascii_case("false") || word == "0" => false,
            Some(other) => {
                return Err(Complaint::new(
                    format!("column `{HARMFUL}`: `{other}` is neither `true` nor `false`"),
                    "it says whether an aligned model declines the request",
                ));
            }
        };
        let used: Vec<&str> =
            self.named().map(|(_, name)| name).chain(std::iter::once(HARMFUL)).collect();
        Ok(Entry {
            line: row.line,
            id: filled(self.id.as_deref())?.map(|id| id.trim().to_owned()),
            category: filled(self.category.as_deref())?.unwrap_or(UNLABELLED).trim().to_owned(),
            harmful,
            text: row.filled(&self.text)?.to_owned(),
            turns: Vec::new(),
            twin_of: None,
            fields: row.further(&used),
        })
    }
}

/// The rows of a table as requests. A column named `harmful` is read as what it says; without one the file's name
/// decides, as for published files. Columns that are not named become the request's fields.
///
/// # Errors
/// A column that is not there (those that are there are listed) or is there twice, an empty cell in one of them.
pub(super) fn read(source: &Source, sheet: &Sheet, columns: &RequestColumns) -> Result<Vec<Entry>> {
    for (flag, name) in columns.named() {
        match sheet.columns.iter().filter(|column| same(column, name)).count() {
            1 => {}
            0 => {
                return Err(source
                    .error(1, format!("there is no column `{name}`"))
                    .hint(format!("`{flag}` names one of {}", list(&sheet.columns))));
            }
            _ => {
                return Err(source
                    .error(1, format!("the column `{name}` is there twice"))
                    .hint("rename one of the two in the file"));
            }
        }
    }
    let benign = named_benign(source);
    table::rows(source, sheet, |row| columns.entry(row, benign))
}
