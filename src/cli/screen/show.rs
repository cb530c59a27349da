//! How commands show what they found: plain tables and pretty JSON. Knows nothing about what is in them.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

use crate::cli::screen::talk::print;
use crate::cli::screen::terminal::columns;
use crate::error::{Error, Result};
use crate::report::wrapped;

/// Lines above, below the head and below the rows; nothing between rows.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// Prints a value as indented JSON.
///
/// # Errors
/// Stdout does not take it.
pub(in crate::cli) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::failed(format!("the result cannot be put into JSON: {error}")))?;
    print(&(text + "\n"))
}

/// A table under these heads; the columns of `right` (from 0) are aligned there, as numbers are. Ends with a
/// line feed. Cells are expected to be free of control characters.
pub(in crate::cli) fn table(
    heads: &[&str],
    right: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    // Where stdout is a terminal, cells are broken so that the table fits.
    if let Some(width) = columns() {
        let width = u16::try_from(width).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(heads.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        if right.contains(&column.index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// Names and values, one a line, the values below each other. Ends with a line feed unless there are none.
pub(in crate::cli) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        // A value that is too long goes on below itself, not below its name.
        let value = match columns() {
            Some(columns) if columns > width + 22 => {
                let lines = wrapped(value, columns - width - 2);
                lines.replace("\n  ", &format!("\n{:width$}  ", ""))
            }
            _ => value.clone(),
        };
        format!("{name:width$}  {value}\n")
    };
    pairs.iter().map(line).collect()
}

/// A piece of text in double quotes, with everything that cannot be seen or could be mistaken spelled out.
pub(in crate::cli) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// Digits in groups of three.
pub(in crate::cli) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(quoted("a\n\u{1b}[0m\u{202e}\"é🍞"), r#""a\n\u{1b}[0m\u{202e}\"é🍞""#);
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        let shown = [0, 12, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
