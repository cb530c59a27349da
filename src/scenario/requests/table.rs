//! Comma-separated values (RFC 4180): a header and rows, each with its line in the file. Line breaks may stand in
//! quotes, rows may end in LF or CRLF. Knows nothing about what the columns mean.

use super::super::source::Source;
use super::entry::Complaint;
use crate::error::{Error, Result};

/// A row of a table.
pub(super) struct Row<'a> {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    columns: &'a [String],
    cells: csv::StringRecord,
}

impl Row<'_> {
    /// The cell under a column; none if the table has no such column.
    pub(super) fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|known| same(known, column))?;
        self.cells.get(at)
    }

    /// The cell under a column that must not be empty.
    pub(super) fn filled(&self, column: &str) -> Result<&str, Complaint> {
        self.get(column).filter(|cell| !cell.trim().is_empty()).ok_or_else(|| {
            Complaint::new(
                format!("column `{column}` is empty"),
                "remove the row, or fill the value in",
            )
        })
    }
}

/// Names of columns are compared without regard to case: copies of the published files differ in it.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The fields of the first record.
pub(super) fn header(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => record.iter().map(|field| field.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// What `read` makes of each row, in order.
///
/// # Errors
/// A row with more or fewer fields than the header, a quote that is not closed, and those of `read`.
pub(super) fn rows<T>(
    source: &Source,
    columns: &[String],
    mut read: impl FnMut(&Row<'_>) -> Result<T, Complaint>,
) -> Result<Vec<T>> {
    let text = source.text();
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let mut found = Vec::new();
    let mut ends_in_lines = false;
    let mut row = Row { line: 1, columns, cells: csv::StringRecord::new() };
    loop {
        let start = reader.position().byte() as usize;
        match reader.read_record(&mut row.cells) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(broken(source, &error)),
        }
        // The reader stands before the line feed of CRLF, and before blank lines.
        let start = if found.is_empty() {
            row.cells.position().map_or(start, |position| position.byte() as usize)
        } else {
            start
        };
        row.line = source.line_of(first_byte(text, start));
        ends_in_lines = row.cells.iter().next_back().is_some_and(|cell| cell.contains('\n'));
        found.push(read(&row).map_err(|complaint| complaint.at(source, row.line))?);
    }
    // The reader closes an open quote at the end of the file, and would give the rest of it as one field.
    if ends_in_lines && !text.matches('"').count().is_multiple_of(2) {
        return Err(source
            .error(row.line, "a quote is opened in this row and never closed")
            .hint("a quote inside of a quoted text is written twice"));
    }
    Ok(found)
}

fn first_byte(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

fn broken(source: &Source, error: &csv::Error) -> Error {
    let at = error.position().map_or(0, |position| position.byte() as usize);
    let line = source.line_of(first_byte(source.text(), at));
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => source
            .error(line, format!("the row has {len} columns, the header has {expected_len}"))
            .hint("a text with a comma, a quote or a line break in it stands in double quotes"),
        _ => source.error(line, format!("the row cannot be read: {error}")),
    }
}
