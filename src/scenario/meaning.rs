//! What the system text must say of each label, so that a label and its definition cannot disagree: the phrase for
//! the tier that the model is trained on stands there with that tier's label, and with no other.
//! Knows nothing about how texts are put together.

use super::arms::Label;
use super::file::{MeaningEntry, Text};
use super::lint;
use super::source::{Source, list};
use crate::error::Result;

/// What stands for a label in a phrase.
const LABEL: &str = "{label}";

/// Checks the phrases themselves: each has words, and `{label}` among them.
pub(super) fn check(source: &Source, key: &str, entry: &MeaningEntry) -> Result<()> {
    for (name, phrases) in
        [("trained_on", &entry.trained_on), ("not_trained_on", &entry.not_trained_on)]
    {
        let key = format!("{key}.{name}");
        for phrase in phrases {
            lint::text(source, &key, phrase)?;
            if !phrase.get_ref().contains(LABEL) {
                let message = format!("key `{key}`: `{}` has no `{LABEL}`", phrase.get_ref());
                return Err(source.error_at(phrase.span().start, message).hint(
                    "quote what the system text says of a label, with `{label}` in its place",
                ));
            }
        }
    }
    Ok(())
}

/// Holds a variant's system text against what it must say of the labels.
///
/// # Errors
/// A phrase that the text lacks, or one that it has with the label of a tier of the other kind.
pub(super) fn holds(
    source: &Source,
    variant: &Text,
    system: &str,
    labels: &[Label<'_>],
    entry: &MeaningEntry,
) -> Result<()> {
    let system = plain(system);
    let fail = |reason: String| {
        let message = format!("the system text of variant `{}` {reason}", variant.get_ref());
        Err(source.error_at(variant.span().start, message).hint(
            "labels and their definition must be switched together: see `labels`, `rename` and `meaning`",
        ))
    };
    for Label { tier, text, key } in labels {
        let (own, other, role) = match tier.trained_on {
            true => (&entry.trained_on, &entry.not_trained_on, "the tier that is trained on"),
            false => (&entry.not_trained_on, &entry.trained_on, "a tier that is not trained on"),
        };
        let said = |phrase: &Text| {
            let phrase = plain(&phrase.get_ref().replace(LABEL, text));
            lint::mentions(&system, &phrase).then_some(phrase)
        };
        let known: Vec<&String> = own.iter().map(|phrase| phrase.get_ref()).collect();
        let contrary = other.iter().filter(|phrase| !known.contains(&phrase.get_ref()));
        if let Some(phrase) = contrary.filter_map(said).next() {
            return fail(format!(
                "says `{phrase}`, but `{text}` is the label of {role} (key `{key}`)"
            ));
        }
        let missing: Vec<String> = own
            .iter()
            .filter(|phrase| said(phrase).is_none())
            .map(|phrase| plain(&phrase.get_ref().replace(LABEL, text)))
            .collect();
        if !missing.is_empty() {
            return fail(format!(
                "never says {}, and `{text}` is the label of {role} (key `{key}`)",
                list(missing)
            ));
        }
    }
    Ok(())
}

/// The words with one space between them: a line break in a prompt does not change what it says.
pub(super) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
