//! candor's own form: JSON Lines with all of a request's keys. Blank lines are passed over.

use super::super::Request;
use super::super::source::Source;
use super::entry::{Complaint, Entry};
use crate::error::Result;

/// One request a line.
///
/// # Errors
/// A line that is no such object, with the column.
pub(super) fn read(source: &Source) -> Result<Vec<Entry>> {
    let lines = (1..).zip(source.text().lines()).filter(|(_, text)| !text.trim().is_empty());
    lines
        .map(|(line, text)| {
            let Request { id, category, harmful, text, twin_of } =
                request(text).map_err(|complaint| complaint.at(source, line))?;
            Ok(Entry { line, id: Some(id), category, harmful, text, twin_of })
        })
        .collect()
}

fn request(line: &str) -> Result<Request, Complaint> {
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
        "a line is one JSON object with `id`, `category`, `harmful`, `text` and, if benign, `twin_of`",
    )
}

/// The parser sees a piece of the file only; its line number would be wrong in a message.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
