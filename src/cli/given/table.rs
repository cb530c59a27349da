//! A table that the user names on the command line, its columns by name, and the same table with further columns
//! written out: comma-separated, tab-separated if the name ends in `.tsv`, JSON Lines if it ends in `.jsonl`. Knows
//! nothing about what stands in it.

use std::path::{Path, PathBuf};

use csv::WriterBuilder;

use serde_json::{Map, Value};

use crate::cli::given::json_lines::{extended, is_json_lines};
use crate::error::{Error, Result};
use crate::events::visible;
use crate::run::write_whole;
use crate::table::Sheet;

/// A table and the file that it came from.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    path: PathBuf,
    sheet: Sheet,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// It cannot be read, is not UTF-8, has no head, or a row of another length (the line is named).
    pub(in crate::cli) fn read(path: &Path) -> Result<Self> {
        let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(path, &error))?;
        Self::parse(path, bytes)
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let sheet = Sheet::read(&path.display().to_string(), bytes)?;
        Ok(Self { path: path.to_owned(), sheet })
    }

    /// Number of rows, the head apart.
    pub(in crate::cli) fn len(&self) -> usize {
        self.sheet.rows.len()
    }

    /// The place of a column, if it is there.
    ///
    /// # Errors
    /// It is there twice.
    pub(in crate::cli) fn find(&self, name: &str) -> Result<Option<usize>> {
        let mut places = self.sheet.columns.iter().enumerate().filter(|(_, head)| *head == name);
        let first = places.next().map(|(place, _)| place);
        match places.next() {
            Some(_) => Err(Error::input(format!(
                "`{}` has two columns `{}`",
                self.path.display(),
                visible(name)
            ))
            .hint("give each column a name of its own")),
            None => Ok(first),
        }
    }

    /// The place of a column that must be there.
    ///
    /// # Errors
    /// It is not there, or twice.
    pub(in crate::cli) fn column(&self, name: &str) -> Result<usize> {
        self.find(name)?.ok_or_else(|| {
            Error::input(format!("`{}` has no column `{}`", self.path.display(), visible(name)))
                .hint(format!("columns that are there: {}", self.names()))
        })
    }

    /// The names of all columns, for people.
    pub(in crate::cli) fn names(&self) -> String {
        let there: Vec<_> =
            self.sheet.columns.iter().map(|name| format!("`{}`", visible(name))).collect();
        there.join(", ")
    }

    /// A cell; rows and columns count from 0.
    pub(in crate::cli) fn cell(&self, row: usize, column: usize) -> &str {
        self.sheet.rows[row].cells.get(column).map_or("", String::as_str)
    }

    /// The line of the file on which a row begins, from 1.
    pub(in crate::cli) fn line(&self, row: usize) -> u64 {
        self.sheet.rows[row].line as u64
    }

    /// An error on the line on which a row begins.
    pub(in crate::cli) fn error(&self, row: usize, message: impl std::fmt::Display) -> Error {
        Error::input(format!("`{}:{}`: {message}", self.path.display(), self.line(row)))
    }

    /// Gives every column of one of these names another one, which ends with `_before` and is not taken; which became
    /// which. The rows of a table in JSON Lines are kept word for word, so that no key of theirs is renamed.
    pub(in crate::cli) fn set_aside(&mut self, names: &[&str]) -> Vec<(String, String)> {
        let mut renamed = Vec::new();
        if self.sheet.rows.iter().any(|row| row.object.is_some()) {
            return renamed;
        }
        for place in 0..self.sheet.columns.len() {
            let name = self.sheet.columns[place].clone();
            if !names.contains(&&*name) {
                continue;
            }
            let free = |new: &String| !names.contains(&&**new) && !self.sheet.columns.contains(new);
            let new = (1..)
                .map(|n| match n {
                    1 => format!("{name}_before"),
                    n => format!("{name}_before_{n}"),
                })
                .find(free);
            if let Some(new) = new {
                self.sheet.columns[place].clone_from(&new);
                renamed.push((name, new));
            }
        }
        renamed
    }

    /// The table with further columns, as the bytes of a file of this name.
    ///
    /// # Errors
    /// A column is there already.
    pub(in crate::cli) fn with(
        &self,
        names: &[&str],
        cells: impl IntoIterator<Item = Vec<String>>,
        path: &Path,
    ) -> Result<Vec<u8>> {
        if let Some(name) =
            names.iter().find(|name| self.sheet.columns.iter().any(|head| head == **name))
        {
            return Err(Error::input(format!(
                "`{}` has a column `{name}` already, and the verdicts need that name",
                self.path.display()
            ))
            .hint("rename the column, for example in the file's first line"));
        }
        if is_json_lines(path) {
            let lines = self.sheet.rows.iter().zip(cells).map(|(row, cells)| {
                let object = row.object.clone().unwrap_or_else(|| {
                    let own = self.sheet.columns.iter().zip(&row.cells);
                    let object: Map<String, Value> =
                        own.map(|(name, text)| (name.clone(), text.as_str().into())).collect();
                    Value::from(object).to_string()
                });
                extended(&object, names, &cells)
            });
            return Ok(lines.collect::<String>().into_bytes());
        }
        let rows = self
            .sheet
            .rows
            .iter()
            .zip(cells)
            .map(|(row, cells)| row.cells.iter().cloned().chain(cells).collect::<Vec<_>>());
        let head = self.sheet.columns.iter().map(String::as_str);
        written(path, head.chain(names.iter().copied()), rows)
    }
}

/// Writes a table as a whole.
///
/// # Errors
/// The disk does not take it.
pub(in crate::cli) fn write<'a>(
    path: &Path,
    head: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<()> {
    write_whole(path, &written(path, head, rows)?)
}

fn written<'a>(
    path: &Path,
    head: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<Vec<u8>> {
    let unwritable = |error: &dyn std::fmt::Display| {
        Error::failed(format!("cannot put `{}` together: {error}", path.display()))
    };
    let mut writer = WriterBuilder::new().delimiter(delimiter(path)).from_writer(Vec::new());
    writer.write_record(head).map_err(|error| unwritable(&error))?;
    for row in rows {
        writer.write_record(row).map_err(|error| unwritable(&error))?;
    }
    writer.into_inner().map_err(|error| unwritable(&error))
}

fn delimiter(path: &Path) -> u8 {
    let tabs = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    if tabs { b'\t' } else { b',' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Table> {
        Table::parse(Path::new("t.csv"), bytes.to_vec())
    }

    #[test]
    fn marks_line_ends_and_quotes_of_spreadsheets() {
        let table = parse(b"\xef\xbb\xbf\"a\",b\r\n\"x\r\ny\"\"\",1\r\nz,\r\n").unwrap();
        assert_eq!((table.column("a").unwrap(), table.len()), (0, 2));
        assert_eq!(table.cell(0, 0), "x\r\ny\"");
        assert_eq!(table.cell(1, 1), "");
        assert_eq!(table.error(1, "here").to_string(), "`t.csv:4`: here");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |bytes: &[u8]| {
            let error = parse(bytes).unwrap_err();
            format!("{error} / {}", error.hint_text().unwrap_or_default())
        };
        assert!(
            said(b"a,b\n1,2\n3\n")
                .starts_with("`t.csv:3`: the row has 1 columns, the header has 2")
        );
        assert!(said(b"a,b\n1,\xff\n").starts_with("`t.csv:2`: not UTF-8"));
        assert!(said(b"").starts_with("`t.csv` is empty"));
        let table = parse(b"a,b,b\n1,2,3\n").unwrap();
        let error = table.column("c").unwrap_err();
        assert_eq!(error.hint_text(), Some("columns that are there: `a`, `b`, `b`"));
        assert!(table.column("b").unwrap_err().to_string().contains("two columns"));
        assert!(table.with(&["a"], [], Path::new("o.csv")).unwrap_err().hint_text().is_some());
        let mut table = parse(b"a,a_before,c\n1,2,3\n").unwrap();
        let renamed = table.set_aside(&["a", "x"]);
        assert_eq!(renamed, [("a".to_owned(), "a_before_2".to_owned())]);
        let out = table.with(&["a"], [vec!["9".to_owned()]], Path::new("o.csv")).unwrap();
        assert_eq!(out, b"a_before_2,a_before,c,a\n1,2,3,9\n");
    }

    proptest! {
        #[test]
        fn any_cells_survive(rows in prop::collection::vec(["\\PC*", "(?s).*"], 0..6)) {
            let rows: Vec<Vec<String>> = rows.into_iter().map(|[a, b]| vec![a, format!("{b}x")]).collect();
            let path = Path::new("t.csv");
            let bytes = written(path, ["a", "b"].into_iter(), rows.iter().cloned()).unwrap();
            let table = parse(&bytes).unwrap();
            prop_assert_eq!(table.len(), rows.len());
            let more = table.with(&["c"], rows.iter().map(|_| vec!["\"".to_owned()]), path).unwrap();
            let more = parse(&more).unwrap();
            for (row, cells) in rows.iter().enumerate() {
                prop_assert_eq!(more.cell(row, 0), &cells[0]);
                prop_assert_eq!(more.cell(row, 1), &cells[1]);
                prop_assert_eq!(more.cell(row, 2), "\"");
            }
        }
    }
}
