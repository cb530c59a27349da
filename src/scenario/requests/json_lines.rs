//! candor's own form: JSON Lines with all of a request's keys. Further keys are fields of the request, which a
//! scenario's user message can show. Blank lines are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::request::Turn;
use super::super::source::Source;
use super::super::turn::out_of_turn;
use super::super::values::Role;
use super::entry::{Complaint, Entry};
use crate::error::Result;
use crate::table::Object;

/// A line: a request's own keys, and whatever a scenario puts into its user message besides.
#[derive(Deserialize)]
struct Line {
    id: String,
    category: String,
    harmful: bool,
    text: Option<String>,
    turns: Option<Vec<Turn>>,
    #[serde(default)]
    twin_of: Option<String>,
    #[serde(flatten)]
    further: BTreeMap<String, serde_json::Value>,
}

/// One request a line.
///
/// # Errors
/// A line that is no such object, with the column.
pub(super) fn read(source: &Source) -> Result<Vec<Entry>> {
    let lines = (1..).zip(source.text().lines()).filter(|(_, text)| !text.trim().is_empty());
    lines.map(|(line, text)| entry(line, text).map_err(|it| it.at(source, line))).collect()
}

/// The same from objects that may stand over several lines.
///
/// # Errors
/// An object that is no request, with its line.
pub(super) fn of_objects(source: &Source, objects: &[Object]) -> Result<Vec<Entry>> {
    objects
        .iter()
        .map(|object| entry(object.line, &object.text).map_err(|it| it.at(source, object.line)))
        .collect()
}

fn entry(line: usize, text: &str) -> Result<Entry, Complaint> {
    let Line { id, category, harmful, text, turns, twin_of, further } = request(text)?;
    let (turns, text) = words(text, turns)?;
    let fields = further.into_iter().map(|(key, value)| match value {
        serde_json::Value::String(value) => Ok((key, value)),
        _ => Err(Complaint::new(
            format!("key `{key}`: a field of a request's own is a text"),
            "write it in quotes",
        )),
    });
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(Entry { line, id: Some(id), category, harmful, text, turns, twin_of, fields })
}

/// What was said before, and the words that are measured: the last turn's, where there are several.
fn words(text: Option<String>, turns: Option<Vec<Turn>>) -> Result<(Vec<Turn>, String), Complaint> {
    const FORM: &str = "`turns` are the user's and the model's in turn, the user's first and last: \
         `[{\"role\": \"user\", \"content\": …}, …]`";
    match (text, turns) {
        (Some(text), None) => Ok((Vec::new(), text)),
        (Some(_), Some(_)) => Err(Complaint::new(
            "the request has `text` and `turns`",
            "with `turns` the last of them is the text; leave `text` out",
        )),
        (None, None) => {
            Err(Complaint::new("missing field `text`", "a request has `text`, or `turns`"))
        }
        (None, Some(mut turns)) => {
            let Some(last) = turns.pop().filter(|last| last.role == Role::User) else {
                return Err(Complaint::new("key `turns` does not end with the user's turn", FORM));
            };
            if out_of_turn(turns.iter().map(|turn| turn.role)).is_some() {
                return Err(Complaint::new("key `turns` is out of turn", FORM));
            }
            match turns.iter().find(|turn| turn.content.trim().is_empty()) {
                Some(_) => Err(Complaint::new("key `turns` has an empty turn", FORM)),
                None => Ok((turns, last.content)),
            }
        }
    }
}

fn request(line: &str) -> Result<Line, Complaint> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let request = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        complaint(Some(key.as_str()).filter(|key| *key != "."), error.inner())
    })?;
    deserializer.end().map_err(|error| complaint(None, &error))?;
    Ok(request)
}

fn complaint(key: Option<&str>, error: &serde_json::Error) -> Complaint {
    let key = key.map(|key| format!("key `{key}`: ")).unwrap_or_default();
    Complaint::new(
        format!("{key}{} (column {})", reason(error), error.column()),
        "a line is one JSON object with `id`, `category`, `harmful`, `text` (or `turns`) and, if benign, `twin_of`; \
         further keys are texts for a scenario's user message",
    )
}

/// The parser sees a piece of the file only; its line number would be wrong in a message.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
