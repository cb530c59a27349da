//! Plain text, one request a line: each is taken for harmful.

use super::super::source::Source;
use super::entry::{Complaint, Entry, UNLABELLED, digest_id};
use crate::error::Result;

/// The lines that are not blank, without white space at their ends.
///
/// # Errors
/// The same request twice: in a list of one's own that is a slip.
pub(super) fn read(source: &Source) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut first = std::collections::HashMap::new();
    for (line, text) in (1..).zip(source.text().lines()) {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        if let Some(first) = first.insert(text, line) {
            let message = format!("duplicate id `{}`: line {first} has it too", digest_id(text));
            let hint = "remove one of the two lines: they hold the same request";
            return Err(Complaint::new(message, hint).at(source, line));
        }
        entries.push(Entry {
            line,
            id: None,
            category: UNLABELLED.to_owned(),
            harmful: true,
            text: text.to_owned(),
            turns: Vec::new(),
            twin_of: None,
            fields: std::collections::BTreeMap::new(),
        });
    }
    Ok(entries)
}
