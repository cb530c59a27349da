//! The tiers: the arms of the experiment, which of them the model is trained on, and how each is shown.
//! Knows nothing about the texts that explain them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::file::TierEntry;
use super::lint;
use super::source::Source;
use crate::error::Result;

/// One arm of the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Names the arm in files and tables.
    pub name: String,
    /// What stands in the prompt for it.
    pub label: String,
    /// Whether the model is told that answers in this tier are used to train it.
    pub trained_on: bool,
}

/// The file's tiers, or free and paid; and the places among them of the trained arm and of the first
/// that is not trained on.
pub(super) fn tiers(
    source: &Source,
    entries: Option<&[TierEntry]>,
) -> Result<(Vec<Tier>, (usize, usize))> {
    let Some(entries) = entries else {
        let tier = |name: &str, trained_on| Tier {
            name: name.to_owned(),
            label: name.to_owned(),
            trained_on,
        };
        return Ok((vec![tier("free", true), tier("paid", false)], (0, 1)));
    };
    let (mut names, mut labels) = (HashSet::new(), HashSet::new());
    for (index, entry) in entries.iter().enumerate() {
        let key = |key: &str| format!("tiers[{index}].{key}");
        lint::name(source, &key("name"), &entry.name)?;
        lint::text(source, &key("label"), &entry.label)?;
        for (key, value, seen) in
            [(key("name"), &entry.name, &mut names), (key("label"), &entry.label, &mut labels)]
        {
            if !seen.insert(value.get_ref().as_str()) {
                let message = format!("key `{key}`: another tier has `{}` too", value.get_ref());
                return Err(source
                    .error_at(value.span().start, message)
                    .hint("tiers differ in name and label"));
            }
        }
    }
    let places = |trained_on: bool| {
        let all = entries.iter().enumerate();
        all.filter(move |(_, entry)| *entry.trained_on.get_ref() == trained_on)
            .map(|(place, _)| place)
    };
    let (Some(free), Some(paid), None) =
        (places(true).next(), places(false).next(), places(true).nth(1))
    else {
        let (trained, all) = (places(true).count(), entries.len());
        let message = format!("key `tiers`: {trained} of {all} tiers have `trained_on = true`");
        let offset = entries.first().map_or(0, |entry| entry.trained_on.span().start);
        return Err(source.error_at(offset, message).hint(
            "exactly one tier is trained on, and at least one is not: the gap is between the two",
        ));
    };
    let tier = |entry: &TierEntry| Tier {
        name: entry.name.get_ref().clone(),
        label: entry.label.get_ref().clone(),
        trained_on: *entry.trained_on.get_ref(),
    };
    Ok((entries.iter().map(tier).collect(), (free, paid)))
}
