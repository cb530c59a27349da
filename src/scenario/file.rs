//! The scenario file as TOML gives it, each value with its place, before anything is checked.
//! Knows which keys exist and of what type they are, not what they mean together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned};
use toml::Spanned;

use super::source::Source;
use super::values::{BegunPart, Order, Role, Setting};
use crate::error::{Error, Result};

/// A text and its place in the file.
pub(super) type Text = Spanned<String>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Text,
    pub(super) title: Text,
    pub(super) setting: Setting,
    pub(super) description: Text,
    /// Name or path of the default request set.
    pub(super) requests: Text,
    /// The user message, with `{tier}` and `{request}`.
    pub(super) user: Text,
    /// Turns before the user message.
    #[serde(default)]
    pub(super) turns: Vec<TurnEntry>,
    /// How replies begin.
    #[serde(default)]
    pub(super) prefill: OneOrMore<PrefillEntry>,
    /// The parts that make the system text, in order.
    pub(super) system: Vec<Text>,
    pub(super) tags: TagNames,
    /// Free and paid when left out.
    pub(super) tiers: Option<Vec<TierEntry>>,
    pub(super) meaning: Option<MeaningEntry>,
    pub(super) decision: Option<DecisionEntry>,
    pub(super) options: Option<OptionsEntry>,
    #[serde(default)]
    pub(super) parts: BTreeMap<Text, Text>,
    /// Further parts: where the file of each lies, as seen from the scenario file.
    #[serde(default)]
    pub(super) files: BTreeMap<Text, Text>,
    pub(super) variants: Vec<VariantEntry>,
    /// Variants that are held against each other.
    #[serde(default)]
    pub(super) contrasts: Vec<ContrastEntry>,
}

/// One of `[[contrasts]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContrastEntry {
    pub(super) name: Text,
    pub(super) of: Text,
    /// None where the gap itself is the contrast.
    pub(super) against: Option<Text>,
    pub(super) means: Text,
    pub(super) cannot: Text,
}

/// `[tags]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagNames {
    pub(super) scratchpad: Option<Text>,
    /// None where all that follows the scratchpad is the answer.
    pub(super) answer: Option<Text>,
}

/// `[meaning]`: what the system text says of a label, with `{label}` in its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeaningEntry {
    /// Of the label of the tier that the model is trained on.
    pub(super) trained_on: Vec<Text>,
    /// Of the label of every other tier.
    pub(super) not_trained_on: Vec<Text>,
}

/// `[decision]`: what answers begin with, by what they then do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionEntry {
    /// Beginnings of answers that decline.
    pub(super) refuse: Vec<Text>,
    /// Beginnings of answers that do what was asked.
    pub(super) comply: Vec<Text>,
}

/// `[options]`: what requests let the model choose from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionsEntry {
    /// Names of the options, which are the requests' fields with their texts.
    pub(super) names: Spanned<Vec<String>>,
    /// The one that complies with the policy of the tier that is trained on.
    pub(super) complies: String,
    pub(super) order: Order,
}

/// One of `[[tiers]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierEntry {
    pub(super) name: Text,
    pub(super) label: Text,
    pub(super) trained_on: Spanned<bool>,
}

/// One of `[[variants]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantEntry {
    pub(super) name: Text,
    /// One sentence: what this variant tests.
    pub(super) tests: Text,
    /// Parts left out of the system text.
    #[serde(default)]
    pub(super) without: Vec<Text>,
    /// Parts of the system text, and what stands in their place.
    #[serde(default)]
    pub(super) replace: BTreeMap<Text, Text>,
    /// Whether the model is told to use the scratchpad; as `[tags]` has one when left out.
    pub(super) scratchpad: Option<Spanned<bool>>,
    /// Whole words of the system text, and the words in their place.
    #[serde(default)]
    pub(super) rename: BTreeMap<Text, Text>,
    /// Tiers by name, and the labels that stand in place of theirs.
    #[serde(default)]
    pub(super) labels: BTreeMap<Text, Text>,
    /// Stands in place of the file's `[meaning]`.
    pub(super) meaning: Option<MeaningEntry>,
    /// Whether the system text tells of training; it does unless the setting is `none`.
    pub(super) training: Option<bool>,
    /// Stands in place of the file's `user`.
    pub(super) user: Option<Text>,
    /// Stands behind the user message, after a blank line.
    pub(super) suffix: Option<Text>,
    /// Stands in place of the file's `turns`.
    pub(super) turns: Option<Vec<TurnEntry>>,
    /// Stands in place of the file's `prefill`.
    pub(super) prefill: Option<OneOrMore<PrefillEntry>>,
    /// How much of something this variant tells of, where several tell of different amounts.
    pub(super) dose: Option<Spanned<f64>>,
    /// The one part of the system text in which `{tier}` stands for the tier's label.
    pub(super) tier_part: Option<Text>,
}

/// One of `[[turns]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnEntry {
    pub(super) role: Role,
    pub(super) content: Text,
}

/// `prefill`: what is put into the model's mouth.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrefillEntry {
    pub(super) part: Spanned<BegunPart>,
    pub(super) text: Option<Text>,
    /// Where the file with a beginning for each request lies, as seen from the scenario file.
    pub(super) file: Option<Text>,
    /// Names of the tiers in which it is given; all when left out.
    pub(super) tiers: Option<Vec<String>>,
}

/// A table, or a list of them. Not an untagged enum, which would lose the places of the texts.
#[derive(Debug)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table or a list of tables")
            }

            fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                let one = T::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(OneOrMore(vec![one]))
            }

            fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
                Deserialize::deserialize(de::value::SeqAccessDeserializer::new(list)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(Visitor(std::marker::PhantomData))
    }
}

impl File {
    /// Paths of the files with beginnings of replies.
    pub(super) fn files_of_prefills(&self) -> impl Iterator<Item = &Text> {
        let variants = self.variants.iter().filter_map(|variant| variant.prefill.as_ref());
        std::iter::once(&self.prefill)
            .chain(variants)
            .flat_map(|prefill| &prefill.0)
            .filter_map(|entry| entry.file.as_ref())
    }
}

impl VariantEntry {
    /// The parts of this variant's system text in order, and whether each stands in another's place.
    pub(super) fn parts<'a>(
        &'a self,
        system: &'a [Text],
    ) -> impl Iterator<Item = (&'a Text, bool)> {
        let kept = system.iter().filter(|part| !self.without.contains(part));
        kept.map(|part| match self.replace.get(part) {
            Some(replacement) => (replacement, true),
            None => (part, false),
        })
    }
}

/// Reads the file's keys and types.
pub(super) fn parse(source: &Source) -> Result<File> {
    read_toml(source, "`candor scenarios show helpful-only` prints a whole scenario file")
}

/// A TOML file as what it should hold; `example` says where a whole one can be seen.
pub(crate) fn read_toml<T: DeserializeOwned>(source: &Source, example: &str) -> Result<T> {
    let deserializer = toml::Deserializer::parse(source.text())
        .map_err(|error| complaint(source, "", &error, example))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| complaint(source, &key_of(error.path()), error.inner(), example))
}

/// A path as a user would write it. The wrapper that carries places is no key of the file.
fn key_of(path: &serde_path_to_error::Path) -> String {
    let mut key = String::new();
    for segment in path {
        match segment {
            serde_path_to_error::Segment::Seq { index } => key += &format!("[{index}]"),
            serde_path_to_error::Segment::Map { key: name } if !name.starts_with("$__") => {
                if !key.is_empty() {
                    key.push('.');
                }
                key += name;
            }
            _ => {}
        }
    }
    key
}

fn complaint(source: &Source, key: &str, error: &toml::de::Error, example: &str) -> Error {
    let offset = error.span().map_or(0, |span| span.start);
    let (reason, hint) = match error.message().split_once(", expected ") {
        Some((reason, expected)) => (reason, format!("expected {expected}")),
        None => (error.message(), example.to_owned()),
    };
    source.error_at(offset, sentence(source, offset, key, reason)).hint(hint)
}

/// Serde speaks of fields and enum variants; a scenario file has keys and values.
fn sentence(source: &Source, offset: usize, key: &str, reason: &str) -> String {
    if reason.starts_with("unknown field ") {
        return format!("unknown key `{key}`");
    }
    if let Some(field) = reason.strip_prefix("missing field ") {
        let field = field.trim_matches('`');
        let dot = if key.is_empty() { "" } else { "." };
        return format!("missing key `{key}{dot}{field}`");
    }
    if let Some(value) = reason.strip_prefix("unknown variant ") {
        return format!("key `{key}`: unknown value {value}");
    }
    if key.is_empty() {
        // Not TOML: there is no key to name yet, but there is the line.
        return format!("{reason} in `{}`", source.line_at(offset));
    }
    format!("key `{key}`: {reason}")
}
