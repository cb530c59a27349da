//! The table of trials as CSV (RFC 4180): a head, one line per trial, numbers in full, nothing where there is no
//! value. Texts that a spreadsheet would run as a formula get an apostrophe in front; Parquet holds them as they are.

use super::columns::{Column, Values, columns};
use super::exported::Exported;
use crate::report::csv_field;

/// The trials of all runs as one CSV text.
pub fn csv(runs: &[Exported]) -> String {
    let columns = columns(runs);
    let rows: usize = runs.iter().map(|run| run.view.transcripts.len()).sum();
    let names = columns.iter().map(|column| csv_field(&column.name));
    let mut out = names.collect::<Vec<_>>().join(",") + "\n";
    for row in 0..rows {
        out += &columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>().join(",");
        out.push('\n');
    }
    out
}

fn cell(column: &Column<'_>, row: usize) -> String {
    match &column.values {
        Values::Text(values) => values[row].as_deref().map(csv_field),
        Values::Flag(values) => values[row].map(|flag| flag.to_string()),
        Values::Count(values) => values[row].map(|count| count.to_string()),
        Values::Number(values) => values[row].map(|number| number.to_string()),
    }
    .unwrap_or_default()
}
