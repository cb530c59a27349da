//! Objects in JSON, each with the line on which it begins: one a line, one after another over several lines, in a list,
//! or turned around, as one object whose columns are lists (or, as pandas writes it, objects by row). Knows nothing
//! about what the keys mean.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// As it was written; for a table of columns, as the row would be written.
    pub(crate) text: String,
    /// What it holds.
    pub(crate) values: Map<String, Value>,
}

const FORM: &str =
    "a table in JSON is one object a line, a list of objects, or an object of equally long lists";

/// Whether a text begins as JSON does: an object, or a list of anything but bare words.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let next = |bracket: char| {
        text.strip_prefix(bracket).and_then(|rest| rest.trim_start().chars().next())
    };
    matches!(next('{'), Some('"' | '}')) || matches!(next('['), Some('{' | '[' | ']' | '"'))
}

/// The objects of a text.
///
/// # Errors
/// Text that is not JSON (line and column are named), entries that are no objects, columns of different lengths.
pub(crate) fn objects(place: &str, text: &str) -> Result<Vec<Object>> {
    let start = text.len() - text.trim_start().len();
    let found = match text[start..].starts_with('[') {
        true => list(place, text, start + 1)?,
        false => stream(place, text)?,
    };
    match &found[..] {
        [only] if !text[start..].starts_with('[') => Ok(turned(place, only)?.unwrap_or(found)),
        _ => Ok(found),
    }
}

fn stream(place: &str, text: &str) -> Result<Vec<Object>> {
    let (mut found, mut at) = (Vec::new(), blank(text, 0));
    while at < text.len() {
        let (object, end) = object(place, text, at)?;
        found.push(object);
        at = blank(text, end);
    }
    Ok(found)
}

fn list(place: &str, text: &str, from: usize) -> Result<Vec<Object>> {
    let (mut found, mut at) = (Vec::new(), blank(text, from));
    while !text[at..].starts_with(']') {
        let (object, end) = object(place, text, at)?;
        found.push(object);
        at = blank(text, end);
        match text[at..].chars().next() {
            Some(',') => at = blank(text, at + 1),
            Some(']') => {}
            Some(_) => return Err(wrong(place, text, at, "expected `,` or `]`")),
            None => return Err(wrong(place, text, at, "the list does not end")),
        }
    }
    let rest = blank(text, at + 1);
    match rest < text.len() {
        true => Err(wrong(place, text, rest, "the file goes on after the list")),
        false => Ok(found),
    }
}

/// The object that begins here, and where it ends.
fn object(place: &str, text: &str, at: usize) -> Result<(Object, usize)> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
    let line = line_of(text, at);
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => {
            let reason = error.to_string();
            let position = format!(" at line {} column {}", error.line(), error.column());
            let reason = reason.strip_suffix(&position).unwrap_or(&reason);
            let line = line + error.line().saturating_sub(1);
            return Err(Error::input(format!(
                "`{place}:{line}`: {reason} (column {})",
                error.column()
            ))
            .hint(FORM));
        }
        None => return Err(wrong(place, text, at, "the text ends where an object should stand")),
    };
    let end = at + values.byte_offset();
    match value {
        Value::Object(values) => Ok((Object { line, text: text[at..end].to_owned(), values }, end)),
        Value::String(_) => Err(wrong(
            place,
            text,
            at,
            "the entries are texts and have no columns",
        )
        .hint(
            "give each entry as an object, such as {\"text\": \"…\"}, or the texts as plain lines",
        )),
        _ => Err(wrong(place, text, at, "the entry is no object")),
    }
}

/// The rows of an object whose values are columns; none if it is a row itself.
fn turned(place: &str, only: &Object) -> Result<Option<Vec<Object>>> {
    let lists = !only.values.is_empty() && only.values.values().all(Value::is_array);
    let dicts = !only.values.is_empty() && only.values.values().all(Value::is_object);
    if !lists && !dicts {
        return Ok(None);
    }
    let columns: Vec<(&String, Vec<&Value>)> = only
        .values
        .iter()
        .map(|(name, column)| {
            let cells = match column {
                Value::Array(cells) => cells.iter().collect(),
                Value::Object(cells) => numbered(cells),
                _ => Vec::new(),
            };
            (name, cells)
        })
        .collect();
    let lengths: Vec<String> = columns
        .iter()
        .map(|(name, cells)| format!("`{}` has {}", name.escape_debug(), cells.len()))
        .collect();
    let length = columns.first().map_or(0, |(_, cells)| cells.len());
    if columns.iter().any(|(_, cells)| cells.len() != length) {
        // Objects of different sizes are values of one row; lists of different lengths are damage.
        return match lists {
            true => Err(Error::input(format!(
                "`{place}:{}`: the columns are not equally long: {}",
                only.line,
                lengths.join(", ")
            ))
            .hint(FORM)),
            false => Ok(None),
        };
    }
    let row = |row: usize| {
        let values: Map<String, Value> =
            columns.iter().map(|(name, cells)| ((*name).clone(), cells[row].clone())).collect();
        Object { line: only.line, text: Value::from(values.clone()).to_string(), values }
    };
    Ok(Some((0..length).map(row).collect()))
}

/// The cells of a column that pandas wrote by row: in the order of their numbers, not of their digits.
fn numbered(cells: &Map<String, Value>) -> Vec<&Value> {
    let mut cells: Vec<(&String, &Value)> = cells.iter().collect();
    cells.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
    cells.into_iter().map(|(_, cell)| cell).collect()
}

fn wrong(place: &str, text: &str, at: usize, what: &str) -> Error {
    let column = text[..at].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::input(format!("`{place}:{}`: {what} (column {column})", line_of(text, at))).hint(FORM)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn blank(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_writing_the_same_rows() {
        for text in [
            "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n",
            "{\n \"a\": 1,\n \"b\": \"x\"\n}\n{\n \"a\": 2, \"b\": \"y\"}",
            "[{\"a\":1,\"b\":\"x\"},\n{\"a\":2,\"b\":\"y\"}]",
            "{\"a\":[1,2],\"b\":[\"x\",\"y\"]}",
            "{\"a\":{\"0\":1,\"1\":2},\"b\":{\"0\":\"x\",\"1\":\"y\"}}",
        ] {
            let found = objects("t", text).unwrap();
            let cells: Vec<_> =
                found.iter().map(|row| (&row.values["a"], &row.values["b"])).collect();
            assert_eq!(cells, [(&1.into(), &"x".into()), (&2.into(), &"y".into())], "{text}");
        }
        let rows = "[{\"a\":1},\n\n{\"a\":2}]";
        assert_eq!(objects("t", rows).unwrap()[1].line, 3);
    }

    #[test]
    fn what_is_no_table_is_named() {
        let said = |text: &str| objects("t", text).unwrap_err().to_string();
        assert!(said("[\n\"a\",\n\"b\"]").starts_with("`t:2`: the entries are texts"));
        assert!(said("{\"a\":[1],\"b\":[1,2]}").contains("not equally long"));
        assert!(said("{\"a\":1}\n{\"a\":").starts_with("`t:2`: EOF"));
        assert!(said("[{\"a\":1}").contains("does not end"));
    }
}
