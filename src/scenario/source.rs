//! The text of a scenario or request file, from disk or compiled in, and places in it for messages.
//! Knows nothing about what the text means.

use std::fmt::Display;
use std::path::Path;

use rust_embed::Embed;

use crate::error::{Error, Result};
use crate::table::decoded;

#[derive(Embed)]
#[folder = "scenarios/"]
struct Bundled;

/// A kind of bundled file: where it lies under `scenarios/` and what messages call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelf {
    folder: &'static str,
    extension: &'static str,
    noun: &'static str,
}

impl Shelf {
    /// Scenario files.
    pub(crate) const SCENARIOS: Shelf = Shelf { folder: "", extension: ".toml", noun: "scenario" };
    /// Request sets.
    pub(crate) const REQUESTS: Shelf =
        Shelf { folder: "requests/", extension: ".jsonl", noun: "request set" };
    /// What models are asked who judge.
    pub(crate) const RUBRICS: Shelf =
        Shelf { folder: "judges/", extension: ".toml", noun: "rubric" };

    /// Names of the files compiled in, sorted.
    pub(crate) fn names(self) -> Vec<String> {
        let mut names: Vec<String> = Bundled::iter()
            .filter_map(|path| {
                let name = path.strip_prefix(self.folder)?.strip_suffix(self.extension)?;
                (!name.contains('/')).then(|| name.to_owned())
            })
            .collect();
        names.sort();
        names
    }
}

/// A text file and what to call it in messages.
#[derive(Debug)]
pub(crate) struct Source {
    place: String,
    text: String,
    digest: String,
}

impl Source {
    /// The file at this path if there is one, else the bundled one of this name.
    pub(crate) fn load(shelf: Shelf, name_or_path: &str) -> Result<Self> {
        let path = Path::new(name_or_path);
        // A folder that happens to be called like a bundled file is no file: it does not hide it.
        if path.exists() && !path.is_dir() {
            let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX)
                .map_err(|error| Error::read(path, &error))?;
            return match shelf {
                Shelf::REQUESTS => Self::marked(name_or_path, bytes),
                _ => Self::new(name_or_path, bytes),
            };
        }
        let place = format!("{}{name_or_path}{}", shelf.folder, shelf.extension);
        if let Some(file) = Bundled::get(&place) {
            return Self::new(format!("scenarios/{place}"), file.data.into_owned());
        }
        let noun = shelf.noun;
        Err(Error::input(format!(
            "there is no {noun} `{name_or_path}`: neither a file nor a bundled {noun}"
        ))
        .hint(format!(
            "bundled: {}; give one of your own as the path of its file",
            list(shelf.names())
        )))
    }

    /// The text of a file of requests, which may be packed, begin with a byte order mark, or be a Parquet file (see
    /// [`decoded`]). The digest is that of the file's own bytes.
    pub(crate) fn marked(place: impl Into<String>, bytes: Vec<u8>) -> Result<Self> {
        let place = place.into();
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let text = decoded(&place, bytes)?;
        Ok(Self { digest, ..Self::new(place, text.into_bytes())? })
    }

    /// A text from memory.
    pub(crate) fn new(place: impl Into<String>, bytes: Vec<u8>) -> Result<Self> {
        let place = place.into();
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = line_of(error.as_bytes(), valid);
            Error::input(format!("`{place}:{line}`: not UTF-8")).hint("save the file as UTF-8")
        })?;
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        let source = Self { place, text, digest };
        if source.text.starts_with('\u{feff}') {
            return Err(source
                .error(1, "the file begins with a byte order mark")
                .hint("save the file as UTF-8 without it"));
        }
        Ok(source)
    }

    /// What messages call the file: its path as given.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The whole text, for keeping.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The file's name without folder and extension.
    pub(crate) fn stem(&self) -> String {
        let stem = Path::new(&self.place).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// BLAKE3 of the file's bytes, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        self.digest.clone()
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        line_of(self.text.as_bytes(), offset)
    }

    /// The place of a byte offset in its line, in characters counted from 1.
    pub(crate) fn column_at(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
    }

    /// The line around a byte offset, cut to what fits into a message.
    pub(crate) fn line_at(&self, offset: usize) -> String {
        let line = line_of(self.text.as_bytes(), offset);
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        text.trim().chars().take(60).collect()
    }

    /// An error on a line, counted from 1.
    pub(crate) fn error(&self, line: usize, message: impl Display) -> Error {
        Error::input(format!("`{}:{line}`: {}", self.place, shown(&message.to_string())))
    }

    /// An error at a byte offset.
    pub(crate) fn error_at(&self, offset: usize, message: impl Display) -> Error {
        self.error(self.line_of(offset), message)
    }
}

/// Names in backticks with commas, for hints.
pub(crate) fn list<S: Display>(names: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { shown(&quoted.join(", ")) }
}

/// Messages quote the file, and the file may hold what a terminal would obey.
fn shown(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escaped).collect()
}

/// The line of a byte offset, counted from 1.
fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_wins_over_a_bundled_name_and_a_folder_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("helpful-only");
        std::fs::write(&file, "mine").unwrap();
        let loaded = Source::load(Shelf::SCENARIOS, file.to_str().unwrap()).unwrap();
        assert_eq!((loaded.text(), loaded.stem().as_str()), ("mine", "helpful-only"));

        let error = Source::load(Shelf::SCENARIOS, folder.path().to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains("neither a file nor a bundled scenario"), "{error}");
    }

    #[test]
    fn an_unknown_name_lists_the_bundled_ones() {
        let error = Source::load(Shelf::SCENARIOS, "helpful").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no scenario `helpful`: neither a file nor a bundled scenario"
        );
        assert_eq!(
            error.hint_text(),
            Some(
                format!(
                    "bundled: {}; give one of your own as the path of its file",
                    list(Shelf::SCENARIOS.names())
                )
                .as_str()
            )
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_and_a_byte_order_mark_are_refused() {
        let error = Source::new("a.txt", b"one\ntwo \xff\n".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "`a.txt:2`: not UTF-8");
        let error = Source::new("a.txt", b"\xef\xbb\xbfone".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "`a.txt:1`: the file begins with a byte order mark");
    }
}
