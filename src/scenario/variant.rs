//! A variant: the scenario's parts, some left out or replaced, put together into what the model reads.
//! Knows nothing about requests beyond their text.

use std::collections::{BTreeMap, HashSet};

use super::file::{File, Text, VariantEntry};
use super::lint::{self, Arms};
use super::prompt::{Messages, Template};
use super::source::{Source, list};
use super::{Request, Tags, Tier};
use crate::error::Result;

/// A checked variant of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Unique in its scenario.
    pub name: String,
    /// One sentence: what this variant tests.
    pub tests: String,
    /// Whether the system text tells of training.
    pub training: bool,
    /// The tags that this variant's replies have.
    pub tags: Tags,
    /// The system text; the same in all tiers.
    pub system: String,
    user: Template,
}

impl Variant {
    /// Whether the model is told to think in a scratchpad first.
    pub fn expects_scratchpad(&self) -> bool {
        self.tags.scratchpad.is_some()
    }

    /// What the model is given for a request in a tier.
    pub fn messages(&self, tier: &Tier, request: &Request) -> Messages {
        Messages { system: self.system.clone(), user: self.user.render(&tier.label, &request.text) }
    }
}

/// What all variants of a file share.
pub(super) struct Common<'a> {
    /// Where messages point.
    pub(super) source: &'a Source,
    /// The file's keys.
    pub(super) file: &'a File,
    /// The checked tags.
    pub(super) tags: &'a Tags,
    /// The checked tiers.
    pub(super) tiers: &'a [Tier],
    /// The file's `user`.
    pub(super) user: &'a Template,
    /// Whether a user message need not show the tier.
    pub(super) arms_may_be_equal: bool,
}

impl Common<'_> {
    /// Puts one variant together and checks it; `index` is its place in the file, for messages.
    pub(super) fn variant(&self, index: usize, entry: &VariantEntry) -> Result<Variant> {
        let key = |key: &str| format!("variants[{index}].{key}");
        lint::name(self.source, &key("name"), &entry.name)?;
        lint::text(self.source, &key("tests"), &entry.tests)?;
        let scratchpad = match &entry.scratchpad {
            None => self.tags.scratchpad.is_some(),
            Some(wanted) if *wanted.get_ref() && self.tags.scratchpad.is_none() => {
                let message =
                    format!("key `{}`: the scenario has no scratchpad", key("scratchpad"));
                return Err(self
                    .source
                    .error_at(wanted.span().start, message)
                    .hint("give its tag: `scratchpad = \"scratchpad\"` under `[tags]`"));
            }
            Some(wanted) => *wanted.get_ref(),
        };
        let training = entry.training.unwrap_or(true);
        let system = self.system(index, entry)?;
        let user = match &entry.user {
            Some(user) => lint::template(self.source, &key("user"), user, self.arms_may_be_equal)?,
            None => self.user.clone(),
        };
        let arms = Arms {
            variant: &entry.name,
            system: &system,
            user: &user,
            tags: self.tags,
            scratchpad,
            training,
        };
        lint::arms(self.source, self.tiers, &arms)?;
        let tags = Tags {
            scratchpad: self.tags.scratchpad.clone().filter(|_| scratchpad),
            answer: self.tags.answer.clone(),
        };
        let (name, tests) = (entry.name.get_ref().clone(), entry.tests.get_ref().trim().to_owned());
        Ok(Variant { name, tests, training, tags, system, user })
    }

    /// The system text: the parts in order, less those left out, a blank line between them.
    fn system(&self, index: usize, entry: &VariantEntry) -> Result<String> {
        let listed: HashSet<&str> =
            self.file.system.iter().map(|part| part.get_ref().as_str()).collect();
        let replaced = entry.replace.keys().map(|part| ("replace", part));
        for (key, part) in entry.without.iter().map(|part| ("without", part)).chain(replaced) {
            if !listed.contains(part.get_ref().as_str()) {
                let message = format!(
                    "key `variants[{index}].{key}`: `{}` is no part of the system text",
                    part.get_ref()
                );
                return Err(self
                    .source
                    .error_at(part.span().start, message)
                    .hint(format!("`system` lists {}", list(names(&self.file.system)))));
            }
        }
        if let Some(part) = entry.replace.keys().find(|part| entry.without.contains(part)) {
            let message = format!(
                "key `variants[{index}].replace`: `{}` is left out by `without`",
                part.get_ref()
            );
            return Err(self
                .source
                .error_at(part.span().start, message)
                .hint("a part is either left out or replaced"));
        }
        let mut used = HashSet::new();
        let mut texts = Vec::new();
        for (part, replaces) in entry.parts(&self.file.system) {
            let key =
                if replaces { format!("variants[{index}].replace") } else { "system".to_owned() };
            if !used.insert(part.get_ref()) {
                let message =
                    format!("key `{key}`: part `{}` stands in the text twice", part.get_ref());
                return Err(self
                    .source
                    .error_at(part.span().start, message)
                    .hint("name each part once"));
            }
            texts.push(defined(self.source, &self.file.parts, &key, part)?.trim_matches('\n'));
        }
        Ok(texts.join("\n\n"))
    }
}

/// The text of a part.
fn defined<'a>(
    source: &Source,
    parts: &'a BTreeMap<Text, Text>,
    key: &str,
    part: &Text,
) -> Result<&'a str> {
    parts.get(part).map(|text| text.get_ref().as_str()).ok_or_else(|| {
        let message = format!("key `{key}`: undefined part `{}`", part.get_ref());
        source
            .error_at(part.span().start, message)
            .hint(format!("`[parts]` has {}", list(names(parts.keys()))))
    })
}

fn names<'a>(texts: impl IntoIterator<Item = &'a Text>) -> Vec<&'a str> {
    texts.into_iter().map(|text| text.get_ref().as_str()).collect()
}
