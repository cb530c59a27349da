//! Which kind of request file a text is. Its head decides; the extension only keeps a damaged file from being
//! taken for plain text. Knows nothing about what the requests say.

use std::path::Path;

use super::super::source::Source;
use super::entry::Entry;
use super::layouts::{self, Layout};
use super::{json_lines, json_list, table, text_lines};
use crate::error::Result;

/// What messages say of the formats.
pub(super) const KNOWN: &str = "request files are JSON Lines with `id`, `category`, `harmful` and `text`; the CSV \
     files of AdvBench, HarmBench, JailbreakBench, StrongREJECT and XSTest; a JSON list of objects with \
     `instruction` and `category`; or plain text with one request a line";

/// A kind of request file.
enum Format {
    JsonLines,
    JsonList,
    Table(&'static Layout),
    TextLines,
}

/// Reads the requests of a file in their order, at least one.
///
/// # Errors
/// A head that belongs to no known format; a line or row that is no request, named by file, line and column.
pub(super) fn read(source: &Source) -> Result<Vec<Entry>> {
    let entries = match of(source)? {
        Format::JsonLines => json_lines::read(source),
        Format::JsonList => json_list::read(source),
        Format::Table(layout) => layouts::read(source, layout),
        Format::TextLines => text_lines::read(source),
    }?;
    if entries.is_empty() {
        return Err(source.error(1, "the file has no requests").hint(KNOWN));
    }
    Ok(entries)
}

/// Whether a text opens with this bracket, and what follows is what JSON has there.
fn opens(text: &str, bracket: char, next: [char; 2]) -> bool {
    text.trim_start().strip_prefix(bracket).is_some_and(|rest| rest.trim_start().starts_with(next))
}

fn of(source: &Source) -> Result<Format> {
    let text = source.text();
    if opens(text, '{', ['"', '}']) {
        return Ok(Format::JsonLines);
    }
    if opens(text, '[', ['{', ']']) {
        return Ok(Format::JsonList);
    }
    let extension = Path::new(source.place()).extension().and_then(|e| e.to_str());
    let is_table = extension == Some("csv");
    let columns = table::header(source.text());
    if let Some(layout) = layouts::of(&columns) {
        return Ok(Format::Table(layout));
    }
    if is_table || layouts::resembles(&columns) {
        return Err(layouts::complaint(source, &columns));
    }
    Ok(match extension {
        Some("jsonl" | "ndjson") => Format::JsonLines,
        Some("json") => Format::JsonList,
        _ => Format::TextLines,
    })
}
