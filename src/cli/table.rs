//! Tables that people bring: comma-separated values with a head (RFC 4180), tab-separated if the name ends in
//! `.tsv`, JSON Lines if it ends in `.jsonl`. Knows nothing about what stands in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, ReaderBuilder, StringRecord, WriterBuilder};

use serde_json::{Map, Value};

use super::json_lines::{cell, extended, is_json_lines, objects};
use super::talk::visible;
use crate::error::{Error, Result};
use crate::run::write_whole;

/// What spreadsheets put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A table and where its rows stand in the file.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    head: StringRecord,
    rows: Vec<StringRecord>,
    /// The line that each row begins on, from 1.
    lines: Vec<u64>,
    /// The objects that the rows are, as they were written; none for a table with a head.
    objects: Vec<String>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// It cannot be read, is not UTF-8, has no head, or a row of another length (the line is named).
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(path, &error))?;
        Self::parse(path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if is_json_lines(path) {
            return Self::of_objects(path, bytes);
        }
        let mut reader = ReaderBuilder::new().delimiter(delimiter(path)).from_reader(bytes);
        let mut counter = Lines { bytes, at: 0, line: 1 };
        let head = reader.headers().map_err(|error| broken(path, &error, &mut counter))?.clone();
        if head.is_empty() {
            return Err(Error::input(format!("`{}` is empty", path.display()))
                .hint("the first line names the columns"));
        }
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        for row in reader.records() {
            let row = row.map_err(|error| broken(path, &error, &mut counter))?;
            lines.push(row.position().map_or(0, |position| counter.line_of(position)));
            rows.push(row);
        }
        Ok(Self { path: path.to_owned(), head, rows, lines, objects: Vec::new() })
    }

    /// The columns are all keys of the objects; a key that an object lacks is an empty cell.
    fn of_objects(path: &Path, bytes: &[u8]) -> Result<Self> {
        let found = objects(path, bytes)?;
        let keys: BTreeSet<&str> =
            found.iter().flat_map(|(_, _, object)| object.keys().map(String::as_str)).collect();
        if keys.is_empty() {
            return Err(Error::input(format!("`{}` is empty", path.display()))
                .hint("each line of a `.jsonl` table is one JSON object"));
        }
        let head: StringRecord = keys.iter().copied().collect();
        let rows = found
            .iter()
            .map(|(_, _, object)| keys.iter().map(|key| cell(object.get(*key))).collect())
            .collect();
        Ok(Self {
            path: path.to_owned(),
            head,
            rows,
            lines: found.iter().map(|(line, _, _)| *line).collect(),
            objects: found.into_iter().map(|(_, text, _)| text).collect(),
        })
    }

    /// Number of rows, the head apart.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The place of a column, if it is there.
    ///
    /// # Errors
    /// It is there twice.
    pub(super) fn find(&self, name: &str) -> Result<Option<usize>> {
        let mut places = self.head.iter().enumerate().filter(|(_, head)| *head == name);
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
    pub(super) fn column(&self, name: &str) -> Result<usize> {
        self.find(name)?.ok_or_else(|| {
            let there: Vec<_> =
                self.head.iter().map(|name| format!("`{}`", visible(name))).collect();
            Error::input(format!("`{}` has no column `{}`", self.path.display(), visible(name)))
                .hint(format!("columns that are there: {}", there.join(", ")))
        })
    }

    /// A cell; rows and columns count from 0.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.rows[row].get(column).unwrap_or_default()
    }

    /// The line of the file on which a row begins, from 1.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// An error on the line on which a row begins.
    pub(super) fn error(&self, row: usize, message: impl std::fmt::Display) -> Error {
        Error::input(format!("`{}:{}`: {message}", self.path.display(), self.lines[row]))
    }

    /// The table with further columns, as the bytes of a file of this name.
    ///
    /// # Errors
    /// A column is there already.
    pub(super) fn with(
        &self,
        names: &[&str],
        cells: impl IntoIterator<Item = Vec<String>>,
        path: &Path,
    ) -> Result<Vec<u8>> {
        if let Some(name) = names.iter().find(|name| self.head.iter().any(|head| head == **name)) {
            return Err(Error::input(format!(
                "`{}` has a column `{name}` already, and the verdicts need that name",
                self.path.display()
            ))
            .hint("rename the column, for example in the file's first line"));
        }
        if is_json_lines(path) {
            let lines = self.rows.iter().enumerate().zip(cells).map(|((row, texts), cells)| {
                let object = self.objects.get(row).cloned().unwrap_or_else(|| {
                    let own = self.head.iter().zip(texts);
                    let object: Map<String, Value> =
                        own.map(|(name, text)| (name.to_owned(), text.into())).collect();
                    Value::from(object).to_string()
                });
                extended(&object, names, &cells)
            });
            return Ok(lines.collect::<String>().into_bytes());
        }
        let rows = self
            .rows
            .iter()
            .zip(cells)
            .map(|(row, cells)| row.iter().map(str::to_owned).chain(cells).collect::<Vec<_>>());
        written(path, self.head.iter().chain(names.iter().copied()), rows)
    }
}

/// Writes a table as a whole.
///
/// # Errors
/// The disk does not take it.
pub(super) fn write<'a>(
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

/// Counts lines up to one place after the other. The reader counts them too, but not the line feed of a row's CRLF
/// nor empty lines in front of a row.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the row at this position begins, from 1. Positions must not go backwards.
    fn line_of(&mut self, position: &csv::Position) -> u64 {
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

fn broken(path: &Path, error: &csv::Error, counter: &mut Lines<'_>) -> Error {
    let place = match error.position() {
        Some(position) => format!("`{}:{}`", path.display(), counter.line_of(position)),
        None => format!("`{}`", path.display()),
    };
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::input(format!("{place}: {len} cells, where the first line has {expected_len}"))
                .hint("a cell with a comma, a quote or a line break in it stands in double quotes")
        }
        ErrorKind::Utf8 { .. } => {
            Error::input(format!("{place}: not UTF-8")).hint("save the file as UTF-8")
        }
        _ => Error::input(format!("{place}: {error}")).hint("save the table as CSV with a head"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Table> {
        Table::parse(Path::new("t.csv"), bytes)
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
            said(b"a,b\n1,2\n3\n").starts_with("`t.csv:3`: 1 cells, where the first line has 2")
        );
        assert!(said(b"a,b\n1,\xff\n").starts_with("`t.csv:2`: not UTF-8"));
        assert!(said(b"").starts_with("`t.csv` is empty"));
        let table = parse(b"a,b,b\n1,2,3\n").unwrap();
        let error = table.column("c").unwrap_err();
        assert_eq!(error.hint_text(), Some("columns that are there: `a`, `b`, `b`"));
        assert!(table.column("b").unwrap_err().to_string().contains("two columns"));
        assert!(table.with(&["a"], [], Path::new("o.csv")).unwrap_err().hint_text().is_some());
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
