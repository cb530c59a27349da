//! One request as its file gives it, and what can be wrong with it. Knows nothing about file formats.

use std::collections::BTreeMap;
use std::fmt;

use super::super::request::Turn;
use super::super::source::Source;
use crate::error::Error;

/// Category of requests whose file names none.
pub(super) const UNLABELLED: &str = "unlabelled";

/// A request and its line, before it has an id for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    /// The file's own id; none where the id comes from the digest of the text.
    pub(super) id: Option<String>,
    pub(super) category: String,
    pub(super) harmful: bool,
    pub(super) text: String,
    /// What was said before it.
    pub(super) turns: Vec<Turn>,
    pub(super) twin_of: Option<String>,
    /// What further columns say.
    pub(super) fields: BTreeMap<String, String>,
}

/// What is wrong with a line or row, before its place is known.
#[derive(Debug)]
pub(super) struct Complaint {
    message: String,
    hint: String,
}

impl Complaint {
    pub(super) fn new(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: hint.to_string() }
    }

    pub(super) fn at(self, source: &Source, line: usize) -> Error {
        source.error(line, self.message).hint(self.hint)
    }
}

/// The id of a request that has none of its own: it depends on the text alone.
pub(super) fn digest_id(text: &str) -> String {
    let digest = blake3::hash(text.trim().as_bytes()).to_hex();
    format!("text-{}", &digest[..16])
}

/// Whether a file's name says that its requests are ones to help with. Published sets keep harmful and harmless
/// requests in files of the same columns, `harmful-behaviors.csv` and `benign-behaviors.csv`, or
/// `harmful_test.json` and `harmless_test.json`.
pub(super) fn named_benign(source: &Source) -> bool {
    let stem = source.stem().to_lowercase();
    stem.contains("benign") || stem.contains("harmless")
}
