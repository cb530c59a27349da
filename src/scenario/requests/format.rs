//! Which kind of request file a text is. Its head decides; the extension only keeps a damaged file from being
//! taken for plain text. Knows nothing about what the requests say.

use std::path::Path;

use super::super::source::Source;
use super::columns::{self, RequestColumns};
use super::entry::Entry;
use super::{json_lines, json_list, layouts, text_lines};
use crate::error::Result;
use crate::table::{self, Sheet};

/// Reads the requests of a file in their order, at least one. With columns named, the file is a table, whatever else it
/// might be.
///
/// # Errors
/// A head that belongs to no known format; a line or row that is no request, named by file, line and column.
pub(super) fn read(source: &Source, columns: Option<&RequestColumns>) -> Result<Vec<Entry>> {
    if source.text().trim().is_empty() {
        return Err(source.error(1, "the file is empty: it has no requests").hint(layouts::KNOWN));
    }
    let entries = match (columns, extension(source).as_deref()) {
        (Some(columns), _) => columns::read(source, &sheet(source)?, columns),
        (None, Some("jsonl" | "ndjson" | "json")) => json(source),
        _ if table::looks_like_json(source.text()) => json(source),
        (None, Some("csv" | "tsv" | "tab")) => table_of(source, &sheet(source)?),
        _ => text(source),
    }?;
    if entries.is_empty() {
        return Err(source.error(1, "the file has no requests").hint(layouts::KNOWN));
    }
    Ok(entries)
}

/// The end of the file's name, without that of its packing.
fn extension(source: &Source) -> Option<String> {
    let name = source.place().strip_suffix(".gz").unwrap_or(source.place());
    Some(Path::new(name).extension()?.to_str()?.to_ascii_lowercase())
}

fn sheet(source: &Source) -> Result<Sheet> {
    Sheet::parse(source.place(), source.text())
}

fn table_of(source: &Source, sheet: &Sheet) -> Result<Vec<Entry>> {
    match layouts::of(&sheet.columns) {
        Some(layout) => layouts::read(source, sheet, layout),
        None => Err(layouts::complaint(source, &sheet.columns)),
    }
}

/// JSON of candor's own form and of the refusal-direction work is read key by key, so that a message names the key;
/// other objects are rows of a table.
fn json(source: &Source) -> Result<Vec<Entry>> {
    let is_list = source.text().trim_start().starts_with('[');
    let objects = match table::objects(source.place(), source.text()) {
        Ok(objects) => objects,
        // The readers of one form say more exactly what is wrong.
        Err(error) => {
            let own = match is_list {
                true => json_list::read(source).err(),
                false => json_lines::read(source).err(),
            };
            return Err(match source.text().contains("\"instruction\"") || !is_list {
                true => own.unwrap_or(error),
                false => error,
            });
        }
    };
    let has = |key: &str| objects.iter().any(|object| object.values.contains_key(key));
    if is_list && (has("instruction") || objects.is_empty()) {
        return json_list::read(source);
    }
    if has("text") || has("turns") || has("harmful") {
        return json_lines::of_objects(source, &objects);
    }
    let sheet = sheet(source)?;
    match layouts::of(&sheet.columns) {
        None if has("id") => json_lines::of_objects(source, &objects),
        _ => table_of(source, &sheet),
    }
}

/// Lines of text, unless they are a table in spite of their name. A first line that is the head of a known file
/// decides even where a row is broken: its rows must not become requests.
fn text(source: &Source) -> Result<Vec<Entry>> {
    let head = table::head(source.text());
    let known = layouts::of(&head).is_some() || layouts::resembles(&head);
    match known || table::looks_like_table(source.text()) {
        true => table_of(source, &sheet(source)?),
        false => text_lines::read(source),
    }
}
