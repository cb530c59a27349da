//! The published CSV files by their columns: what is the id, the category and the text in each, and how a harmful
//! request is told from a benign one. Knows nothing about how CSV is written.
//!
//! | file | text | id | category | harmful |
//! |---|---|---|---|---|
//! | HarmBench (Mazeika et al., 2024) | `Behavior`, after its context | `BehaviorID` | `FunctionalCategory/SemanticCategory` | all |
//! | JailbreakBench (Chao et al., 2024) | `Goal` | `Index` | `Category` | unless the file's name has `benign` or `harmless` |
//! | StrongREJECT (Souly et al., 2024) | `forbidden_prompt` | of the text | `category` | all |
//! | XSTest (Röttger et al., 2023) | `prompt` | `id` | `type` | `label` is `unsafe`; without that column, `type` begins with `contrast_` |
//! | AdvBench (Zou et al., 2023) | `goal` | of the text | `unlabelled` | all |
//!
//! HarmBench's column `ContextString` may be missing: its files of behaviors without context lack it.
//! The context of a HarmBench behavior stands before it, with a line of three hyphens between blank lines, as its
//! authors put the two together. Columns that are not named here (`target`, `source`, `Tags`, `focus`, ...) are
//! fields of the request, which a scenario's user message can show.

use std::collections::BTreeMap;

use super::super::source::{Source, list};
use super::entry::{Complaint, Entry, UNLABELLED, named_benign};
use super::table::{self, Row, same};
use crate::error::{Error, Result};
use crate::table::Sheet;

/// What messages say of the formats.
pub(super) const KNOWN: &str = "request files are JSON Lines with `id`, `category`, `harmful` and `text`; the \
     tables of AdvBench, HarmBench, JailbreakBench, StrongREJECT and XSTest (CSV, TSV, JSON, Parquet); a JSON \
     list of objects with `instruction` and `category`; or plain text with one request a line";

/// A published file's form.
pub(super) struct Layout {
    name: &'static str,
    /// Columns that it must have, spelled as published.
    columns: &'static [&'static str],
    /// Columns that a request is made of; all others are its fields.
    uses: &'static [&'static str],
    read: fn(&Row<'_>, benign: bool) -> Result<Entry, Complaint>,
}

/// Those with more telling columns first: JailbreakBench has those of AdvBench too.
const LAYOUTS: [Layout; 5] = [
    Layout {
        name: "HarmBench",
        columns: &["Behavior", "FunctionalCategory", "SemanticCategory", "BehaviorID"],
        uses: &[
            "Behavior",
            "FunctionalCategory",
            "SemanticCategory",
            "BehaviorID",
            "ContextString",
        ],
        read: harmbench,
    },
    Layout {
        name: "JailbreakBench",
        columns: &["Index", "Goal", "Behavior", "Category"],
        uses: &["Index", "Goal", "Category"],
        read: jailbreakbench,
    },
    Layout {
        name: "StrongREJECT",
        columns: &["category", "forbidden_prompt"],
        uses: &["category", "forbidden_prompt"],
        read: strongreject,
    },
    Layout {
        name: "XSTest",
        columns: &["id", "prompt", "type"],
        uses: &["id", "prompt", "type", "label"],
        read: xstest,
    },
    Layout { name: "AdvBench", columns: &["goal", "target"], uses: &["goal"], read: advbench },
];

fn entry(row: &Row<'_>, id: Option<&str>, category: &str, text: &str) -> Entry {
    Entry {
        line: row.line,
        id: id.map(|id| id.trim().to_owned()),
        category: category.trim().to_owned(),
        harmful: true,
        text: text.to_owned(),
        turns: Vec::new(),
        twin_of: None,
        fields: BTreeMap::new(),
    }
}

fn harmbench(row: &Row<'_>, _: bool) -> Result<Entry, Complaint> {
    let behavior = row.filled("Behavior")?;
    let text = match row.get("ContextString") {
        Some(context) => format!("{context}\n\n---\n\n{behavior}"),
        None => behavior.to_owned(),
    };
    let kinds = [row.filled("FunctionalCategory")?, row.filled("SemanticCategory")?];
    let category = kinds.map(str::trim).join("/");
    Ok(entry(row, Some(row.filled("BehaviorID")?), &category, &text))
}

fn jailbreakbench(row: &Row<'_>, benign: bool) -> Result<Entry, Complaint> {
    let (id, category) = (row.filled("Index")?, row.filled("Category")?);
    Ok(Entry { harmful: !benign, ..entry(row, Some(id), category, row.filled("Goal")?) })
}

fn strongreject(row: &Row<'_>, _: bool) -> Result<Entry, Complaint> {
    Ok(entry(row, None, row.filled("category")?, row.filled("forbidden_prompt")?))
}

fn xstest(row: &Row<'_>, _: bool) -> Result<Entry, Complaint> {
    let kind = row.filled("type")?;
    let harmful = match row.get("label").map(str::trim) {
        None => kind.trim().starts_with("contrast_"),
        Some("unsafe") => true,
        Some("safe") => false,
        Some(other) => {
            return Err(Complaint::new(
                format!("column `label`: `{other}` is neither `safe` nor `unsafe`"),
                "XSTest labels each prompt with one of the two",
            ));
        }
    };
    Ok(Entry { harmful, ..entry(row, Some(row.filled("id")?), kind, row.filled("prompt")?) })
}

fn advbench(row: &Row<'_>, _: bool) -> Result<Entry, Complaint> {
    Ok(entry(row, None, UNLABELLED, row.filled("goal")?))
}

impl Layout {
    fn missing(&self, columns: &[String]) -> Vec<&'static str> {
        let has = |name: &&&str| !columns.iter().any(|column| same(column, name));
        self.columns.iter().filter(has).copied().collect()
    }
}

/// The layout whose columns are all there.
pub(super) fn of(columns: &[String]) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.missing(columns).is_empty())
}

/// Whether a first line is more likely the header of such a file than a request.
pub(super) fn resembles(columns: &[String]) -> bool {
    columns.len() > 1
        && LAYOUTS.iter().any(|layout| layout.columns.len() >= layout.missing(columns).len() + 2)
}

/// How a table of any other form is read.
const NAMED: &str = "`--text-column` names the column with the words of the requests in any other table, \
     `--request-column` and `--category-column` those with ids and categories";

/// What to say of a header that belongs to no layout.
pub(super) fn complaint(source: &Source, columns: &[String]) -> Error {
    let nearest = LAYOUTS
        .iter()
        .map(|layout| (layout.missing(columns), layout))
        .filter(|(missing, layout)| missing.len() < layout.columns.len())
        .min_by_key(|(missing, _)| missing.len());
    match nearest {
        Some((missing, layout)) => source
            .error(
                1,
                format!(
                    "missing column {}; the columns found are {}",
                    list(missing),
                    list(columns)
                ),
            )
            .hint(format!("the file of {} has {}; {NAMED}", layout.name, list(layout.columns))),
        None => source
            .error(1, format!("{} are the columns of no known request file", list(columns)))
            .hint(format!("{KNOWN}; {NAMED}")),
    }
}

/// The rows as requests.
///
/// # Errors
/// Those of the table, and a row that lacks what the layout needs.
pub(super) fn read(source: &Source, sheet: &Sheet, layout: &Layout) -> Result<Vec<Entry>> {
    let benign = named_benign(source);
    table::rows(source, sheet, |row| {
        let entry = (layout.read)(row, benign)?;
        Ok(Entry { fields: row.further(layout.uses), ..entry })
    })
}
