//! Tables in JSON Lines: one object a line, whose keys are the columns. Knows nothing about what stands in them.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Whether a file's name says that it is one.
pub(super) fn is_json_lines(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["jsonl", "ndjson"].contains(&&*extension.to_ascii_lowercase()))
}

/// An object of a file: the line on which it stands, from 1, its text, and what it holds.
pub(super) type Line = (u64, String, Map<String, Value>);

/// The objects of a file. Empty lines are passed over.
///
/// # Errors
/// A line that is no object, or a text that is not UTF-8.
pub(super) fn objects(path: &Path, bytes: &[u8]) -> Result<Vec<Line>> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Error::input(format!("`{}`: not UTF-8", path.display())).hint("save the file as UTF-8")
    })?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let object = serde_json::from_str(line).map_err(|error| {
                Error::input(format!("`{}:{number}`: {error}", path.display()))
                    .hint("each line of a `.jsonl` table is one JSON object")
            })?;
            Ok((number, line.trim().to_owned(), object))
        })
        .collect()
}

/// A value as the text of a cell: a string as it is, nothing for null, other values as JSON.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A line of an object with further keys behind its own, which stay as they were written. Cells that are numbers or
/// truth values become such, empty ones null.
pub(super) fn extended(object: &str, names: &[&str], cells: &[String]) -> String {
    let own = object.strip_suffix('}').unwrap_or(object).trim_end();
    let mut line = own.to_owned();
    for (name, cell) in names.iter().zip(cells) {
        if !line.ends_with('{') {
            line.push(',');
        }
        line += &format!("{}:{}", Value::from(*name), value(cell));
    }
    line + "}\n"
}

fn value(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ if cell.is_empty() => Value::Null,
        _ => Value::from(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_word_for_word() {
        let names = ["compliance", "compliance_score", "reasoning"];
        let cells = ["full", "0.5", ""].map(str::to_owned);
        assert_eq!(
            extended(r#"{"b": 1.50, "a": "x}"}"#, &names, &cells),
            "{\"b\": 1.50, \"a\": \"x}\",\"compliance\":\"full\",\"compliance_score\":0.5,\"reasoning\":null}\n"
        );
        assert_eq!(extended("{ }", &["a"], &["true".to_owned()]), "{\"a\":true}\n");
    }

    #[test]
    fn lines_are_objects() {
        let path = Path::new("t.JSONL");
        assert!(is_json_lines(path) && !is_json_lines(Path::new("t.csv")));
        let found = objects(path, b"{\"a\":1}\n\n{\"a\":[null]}\n").unwrap();
        assert_eq!((found.len(), found[1].0), (2, 3));
        assert_eq!(cell(found[1].2.get("a")), "[null]");
        assert_eq!(
            (cell(found[0].2.get("b")), cell(Some(&Value::Null))),
            (String::new(), String::new())
        );
        assert!(objects(path, b"{}\n[1]\n").unwrap_err().to_string().starts_with("`t.JSONL:2`"));
    }
}
