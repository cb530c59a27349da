//! The JSON files of the refusal-direction work (Arditi et al., 2024): a list of objects with `instruction` and
//! `category`, where the category may be null. Requests are harmful unless the file's name says otherwise.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::source::Source;
use super::entry::{Complaint, Entry, UNLABELLED, named_benign};
use super::json_lines::reason;
use crate::error::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    instruction: String,
    #[serde(default)]
    category: Option<String>,
}

const FORM: &str =
    "the file must hold a list of objects with `instruction` and `category`, which may be null";

/// The list's items in order. They are read one by one, so that each has its line.
///
/// # Errors
/// Text that is no such list, with line and column.
pub(super) fn read(source: &Source) -> Result<Vec<Entry>> {
    let text = source.text();
    let harmful = !named_benign(source);
    let mut entries = Vec::new();
    let mut at = skip_blanks(text, 0);
    let wrong = |at: usize, what: &str| {
        let message = format!("{what} (column {})", source.column_at(at));
        source.error_at(at, message).hint(FORM)
    };
    if !text[at..].starts_with('[') {
        return Err(wrong(at, "expected `[`"));
    }
    at = skip_blanks(text, at + 1);
    while !text[at..].starts_with(']') {
        let mut items = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Item>();
        let item = match items.next() {
            Some(Ok(item)) => item,
            Some(Err(error)) => return Err(item_error(source, at, &error)),
            None => return Err(wrong(at, "the list does not end")),
        };
        entries.push(Entry {
            line: source.line_of(at),
            id: None,
            category: item.category.unwrap_or_else(|| UNLABELLED.to_owned()),
            harmful,
            text: item.instruction,
            turns: Vec::new(),
            twin_of: None,
            fields: BTreeMap::new(),
        });
        at = skip_blanks(text, at + items.byte_offset());
        match text[at..].chars().next() {
            Some(',') => at = skip_blanks(text, at + 1),
            Some(']') => {}
            Some(_) => return Err(wrong(at, "expected `,` or `]`")),
            None => return Err(wrong(at, "the list does not end")),
        }
    }
    let rest = skip_blanks(text, at + 1);
    if rest < text.len() {
        return Err(wrong(rest, "the file goes on after the list"));
    }
    Ok(entries)
}

fn item_error(source: &Source, at: usize, error: &serde_json::Error) -> Error {
    let line = source.line_of(at) + error.line().saturating_sub(1);
    let column = match error.line() {
        0 | 1 => source.column_at(at) + error.column().saturating_sub(1),
        _ => error.column(),
    };
    Complaint::new(format!("{} (column {column})", reason(error)), FORM).at(source, line)
}

fn skip_blanks(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start().len()
}
