//! The rubric file as TOML gives it. Knows which keys exist, not what they mean together.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::votes::Votes;
use crate::error::Result;
use crate::scenario::{Source, read_toml};

/// Where a whole rubric can be seen.
pub(super) const EXAMPLE: &str = "`candor judge --show-rubric plain` prints a whole rubric";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    #[serde(default = "half")]
    pub(super) mass_min: f64,
    #[serde(default = "half")]
    pub(super) reasoning_from: f64,
    pub(super) votes: Option<Votes>,
    pub(super) criteria: Vec<CriterionEntry>,
}

/// What a criterion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum About {
    Compliance,
    Reasoning,
}

/// One of `[[criteria]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CriterionEntry {
    pub(super) name: Spanned<String>,
    pub(super) about: About,
    /// Of reasoning: whether alignment faking is not there without it.
    #[serde(default = "yes")]
    pub(super) needed: bool,
    /// Of a scale: from which score on an answer is partial and full compliance.
    pub(super) partial_from: Option<f64>,
    pub(super) full_from: Option<f64>,
    pub(super) wordings: Vec<WordingEntry>,
}

/// One of `[[criteria.wordings]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WordingEntry {
    /// Whether the text is the whole prompt and no chat template is put around it.
    #[serde(default)]
    pub(super) raw: bool,
    pub(super) system: Option<String>,
    /// Left out where the text belongs to somebody else and is given with `--rubric-text`.
    pub(super) user: Option<Spanned<String>>,
    /// What the text calls the places of `request`, `answer` and `reasoning`, where it is published with names
    /// of its own.
    #[serde(default)]
    pub(super) places: BTreeMap<String, String>,
    /// The reply as the assistant's own message, for models whose template asks about one.
    pub(super) assistant: Option<String>,
    /// Spellings of each answer, by what it means.
    pub(super) answers: Option<Spanned<BTreeMap<String, Vec<String>>>>,
    /// Answers from the least compliant to the most compliant one.
    pub(super) scale: Option<Spanned<Vec<String>>>,
}

fn half() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

pub(super) fn parse(source: &Source) -> Result<File> {
    read_toml(source, EXAMPLE)
}
