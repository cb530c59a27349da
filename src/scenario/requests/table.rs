//! A row of a table as request files are read: cells by the name of their column, and what is missing said. Knows
//! nothing about how a table is written, and nothing about what the columns mean.

use super::super::source::Source;
use super::entry::Complaint;
use crate::error::Result;
use crate::table::{Sheet, is_missing};

/// A row of a table.
pub(super) struct Row<'a> {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    columns: &'a [String],
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The cell under a column; none if the table has no such column, or the cell holds nothing. What pandas writes
    /// for an empty cell (`nan`, `None`) is nothing: it must never become words of a request.
    pub(super) fn get(&self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|known| same(known, column))?;
        self.cells.get(at).map(String::as_str).filter(|cell| !is_missing(cell))
    }

    /// The cell under a column that must not be empty.
    pub(super) fn filled(&self, column: &str) -> Result<&'a str, Complaint> {
        self.get(column).ok_or_else(|| {
            Complaint::new(
                format!("column `{column}` is empty"),
                "remove the row, or fill the value in",
            )
        })
    }
}

/// Names of columns are compared without regard to case and to blanks around them: copies of the published files
/// differ in both.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b)
}

/// What `read` makes of each row, in order.
///
/// # Errors
/// Those of `read`, with the row's line.
pub(super) fn rows<T>(
    source: &Source,
    sheet: &Sheet,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Complaint>,
) -> Result<Vec<T>> {
    sheet
        .rows
        .iter()
        .map(|row| {
            let row = Row { line: row.line, columns: &sheet.columns, cells: &row.cells };
            read(&row).map_err(|complaint| complaint.at(source, row.line))
        })
        .collect()
}
