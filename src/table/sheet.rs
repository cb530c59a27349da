//! Columns and rows, wherever they came from: names, cells, and the line of each row for messages. Knows nothing about
//! what the columns mean.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{decoded, delimited, json};
use crate::error::{Error, Result};

/// A table.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// What messages call the file.
    pub(crate) place: String,
    /// In the order of the head; those of JSON in the order of the alphabet.
    pub(crate) columns: Vec<String>,
    /// In file order.
    pub(crate) rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// One cell for each column: a text as it is, nothing for null, other values as JSON.
    pub(crate) cells: Vec<String>,
    /// The object as it was written, on one line; none for a table with a head.
    pub(crate) object: Option<String>,
}

impl Sheet {
    /// Reads a table from the bytes of a file.
    ///
    /// # Errors
    /// Those of [`decoded`] and [`Self::parse`].
    pub(crate) fn read(place: &str, bytes: Vec<u8>) -> Result<Self> {
        Self::parse(place, &decoded(place, bytes)?)
    }

    /// Reads a table from text.
    ///
    /// # Errors
    /// No text, text that is no table, rows of different lengths: named by line.
    pub(crate) fn parse(place: &str, text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::input(format!("`{place}` is empty"))
                .hint("the first line of a table names the columns"));
        }
        let name = place.strip_suffix(".gz").unwrap_or(place).to_ascii_lowercase();
        let named = [".json", ".jsonl", ".ndjson"].iter().any(|end| name.ends_with(end));
        match named || json::looks_like_json(text) {
            true => Self::of_objects(place, json::objects(place, text)?),
            false => Self::of_records(place, text),
        }
    }

    fn of_records(place: &str, text: &str) -> Result<Self> {
        let records = delimited::records(place, text).map_err(|broken| {
            Error::input(format!("`{place}:{}`: {}", broken.line, broken.what)).hint(broken.hint)
        })?;
        let mut records = records.into_iter();
        let head = records.next().map(|head| head.cells).unwrap_or_default();
        let rows = records
            .map(|record| Row { line: record.line, cells: record.cells, object: None })
            .collect();
        Ok(Self { place: place.to_owned(), columns: head, rows })
    }

    fn of_objects(place: &str, objects: Vec<json::Object>) -> Result<Self> {
        let columns: BTreeSet<String> =
            objects.iter().flat_map(|object| object.values.keys().cloned()).collect();
        if columns.is_empty() {
            return Err(Error::input(format!("`{place}` is empty"))
                .hint("each row of a JSON table is an object with its columns as keys"));
        }
        let rows = objects
            .into_iter()
            .map(|object| Row {
                line: object.line,
                cells: columns.iter().map(|column| cell(object.values.get(column))).collect(),
                // Line breaks stand between the values only: within a text JSON has them escaped.
                object: Some(object.text.replace(['\n', '\r'], " ")),
            })
            .collect();
        Ok(Self { place: place.to_owned(), columns: columns.into_iter().collect(), rows })
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
