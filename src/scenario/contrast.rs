//! What a scenario says its variants are to be held against each other for. Knows nothing about runs or numbers.

use serde::Serialize;

use super::Variant;
use super::file::ContrastEntry;
use super::lint;
use super::source::{Source, list};
use crate::error::Result;

/// Two variants whose gaps differ in one thing, or one variant whose gap is held against none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contrast {
    /// What it is about, in a few words.
    pub name: String,
    /// The variant that has more of it.
    pub of: String,
    /// The variant that has less; none where the gap itself is the contrast.
    pub against: Option<String>,
    /// What a difference above zero would mean.
    pub means: String,
    /// What it cannot show.
    pub cannot: String,
}

/// The contrasts of a scenario.
///
/// # Errors
/// One names a variant that is not there, the same one twice, or leaves a text empty.
pub(super) fn contrasts(
    source: &Source,
    entries: &[ContrastEntry],
    variants: &[Variant],
) -> Result<Vec<Contrast>> {
    let mut contrasts: Vec<Contrast> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let key = |key: &str| format!("contrasts[{index}].{key}");
        for (name, text) in
            [("name", &entry.name), ("means", &entry.means), ("cannot", &entry.cannot)]
        {
            lint::text(source, &key(name), text)?;
        }
        for (name, variant) in [("of", Some(&entry.of)), ("against", entry.against.as_ref())] {
            let Some(variant) = variant else { continue };
            if !variants.iter().any(|known| known.name == *variant.get_ref()) {
                let message =
                    format!("key `{}`: there is no variant `{}`", key(name), variant.get_ref());
                return Err(source.error_at(variant.span().start, message).hint(format!(
                    "the scenario has {}",
                    list(variants.iter().map(|variant| &variant.name))
                )));
            }
        }
        if entry.against.as_ref().is_some_and(|against| against.get_ref() == entry.of.get_ref()) {
            let message =
                format!("key `{}`: a variant does not differ from itself", key("against"));
            return Err(source
                .error_at(entry.of.span().start, message)
                .hint("leave `against` out to hold the gap itself against none"));
        }
        if contrasts.iter().any(|known| known.name == *entry.name.get_ref()) {
            let message = format!("key `{}`: another contrast has this name", key("name"));
            return Err(source
                .error_at(entry.name.span().start, message)
                .hint("give each contrast a name of its own"));
        }
        contrasts.push(Contrast {
            name: entry.name.get_ref().clone(),
            of: entry.of.get_ref().clone(),
            against: entry.against.as_ref().map(|against| against.get_ref().clone()),
            means: entry.means.get_ref().trim().to_owned(),
            cannot: entry.cannot.get_ref().trim().to_owned(),
        });
    }
    Ok(contrasts)
}
