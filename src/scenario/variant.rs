//! A variant: the scenario's parts, some left out or replaced, put together into what the model reads.
//! Knows nothing about requests beyond their text.

use std::collections::{BTreeMap, HashSet};

use super::arms::{self, Arms, Label};
use super::file::{File, PrefillEntry, Text, VariantEntry};
use super::lint::{self, TIER};
use super::meaning;
use super::parts::Parts;
use super::prefill::{Beginnings, Prefill, beginnings};
use super::prompt::{Messages, Template};
use super::rename::rename;
use super::source::{Source, list};
use super::turn::{TurnTemplate, turns};
use super::values::{BegunPart, Role, Setting};
use super::{Request, Tags, Tier};
use crate::error::Result;

/// A checked variant of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Unique in its scenario.
    pub name: String,
    /// One sentence: what this variant tests.
    pub tests: String,
    /// Whether the system text tells of training.
    pub training: bool,
    /// The tags that this variant's replies have.
    pub tags: Tags,
    /// How much of something its texts tell of, where variants differ in that: the report looks how the gap grows
    /// with it.
    pub dose: Option<f64>,
    /// What the user should know about the texts and what is no error.
    pub notes: Vec<String>,
    /// The system text between the places of the tier's label; one piece where it is the same in all tiers.
    system: Vec<String>,
    user: Template,
    turns: Vec<TurnTemplate>,
    prefill: Vec<Beginnings>,
    /// Labels by the name of the tier, where they are not the scenario's.
    labels: BTreeMap<String, String>,
}

impl Variant {
    /// Whether the model is told to think in a scratchpad first.
    pub fn expects_scratchpad(&self) -> bool {
        self.tags.scratchpad.is_some()
    }

    /// What stands in this variant's prompts for a tier.
    pub fn label<'a>(&'a self, tier: &'a Tier) -> &'a str {
        self.labels.get(&tier.name).unwrap_or(&tier.label)
    }

    /// The system text in a tier.
    pub fn system(&self, tier: &Tier) -> String {
        self.system.join(self.label(tier))
    }

    /// Names of the requests' fields that this variant puts in.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let turns = self.turns.iter().flat_map(|turn| turn.content.fields());
        self.user.fields().chain(turns).chain(self.prefill.iter().flat_map(Beginnings::fields))
    }

    /// The beginning of the replies to a request in a tier; none where the model begins them itself.
    ///
    /// # Errors
    /// The file of beginnings has none for it.
    pub fn prefill(&self, tier: &Tier, request: &Request) -> Result<Option<Prefill>> {
        let given = self.prefill.iter().find(|given| given.is_of(&tier.name));
        given.map(|given| given.of(&tier.name, self.label(tier), request)).transpose()
    }

    /// What the model is given for a request in a tier.
    pub fn messages(&self, tier: &Tier, request: &Request) -> Messages {
        self.messages_with(self.label(tier), request)
    }

    /// The same with any words in the place of the label: all that the arms may differ in.
    pub fn messages_with(&self, label: &str, request: &Request) -> Messages {
        let turns = self.turns.iter().map(|turn| turn.render(label, request));
        Messages {
            system: self.system.join(label),
            turns: turns.chain(request.turns.iter().cloned()).collect(),
            user: self.user.render(label, request),
        }
    }
}

/// What all variants of a file share.
pub(super) struct Common<'a> {
    /// Where messages point.
    pub(super) source: &'a Source,
    /// The file's keys.
    pub(super) file: &'a File,
    /// The texts of the parts.
    pub(super) parts: &'a Parts,
    /// The checked tags.
    pub(super) tags: &'a Tags,
    /// The checked tiers.
    pub(super) tiers: &'a [Tier],
    /// The file's `user`.
    pub(super) user: &'a Template,
}

impl Common<'_> {
    /// Puts one variant together and checks it; `index` is its place in the file, for messages.
    pub(super) fn variant(&self, index: usize, entry: &VariantEntry) -> Result<Variant> {
        let key_of = |key: &str| format!("variants[{index}].{key}");
        let key = key_of;
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
        let training = entry.training.unwrap_or(self.file.setting != Setting::None);
        let labels = self.labels(index, entry)?;
        let system = self.system(index, entry)?;
        let turns = match &entry.turns {
            Some(entries) => turns(self.source, &key("turns"), entries)?,
            None => turns(self.source, "turns", &self.file.turns)?,
        };
        let of_user = turns.iter().filter(|turn| turn.role == Role::User);
        let earlier: Vec<&Template> = of_user.map(|turn| &turn.content).collect();
        let user = self.user(index, entry, &earlier)?;
        let shown = self.shown(index, &labels);
        let whole = system.join(" ");
        let arms = Arms {
            variant: &entry.name,
            system: &whole,
            tier_in_system: entry.tier_part.is_some(),
            labels: &shown,
            user: &user,
            earlier: &earlier,
            tags: self.tags,
            scratchpad,
            training,
        };
        arms::arms(self.source, &arms)?;
        let mut notes = self.parts.notes(entry.parts(&self.file.system).map(|(part, _)| part));
        if let Some(entry) = &entry.meaning {
            meaning::check(self.source, &key("meaning"), entry)?;
        }
        match entry.meaning.as_ref().or(self.file.meaning.as_ref()) {
            _ if !training => {}
            Some(phrases) => {
                meaning::holds(self.source, &entry.name, &whole, &shown, phrases)?;
            }
            None if !labels.is_empty() => {
                let message = format!(
                    "key `{}`: the scenario does not declare what the labels mean",
                    key("labels")
                );
                let at = entry.labels.keys().map(|tier| tier.span().start).min();
                return Err(self.source.error_at(at.unwrap_or(0), message).hint(
                    "quote under `[meaning]` what the system text says of a label that is trained on, and of one \
                     that is not",
                ));
            }
            None => notes.push(
                "the scenario has no `[meaning]`: that its labels fit its system text is not checked".into(),
            ),
        }
        let tags = Tags {
            scratchpad: self.tags.scratchpad.clone().filter(|_| scratchpad),
            answer: self.tags.answer.clone(),
        };
        let (key, entries) = match &entry.prefill {
            Some(entries) => (key("prefill"), entries),
            None => ("prefill".to_owned(), &self.file.prefill),
        };
        // What the file says of a scratchpad does not concern a variant that has none.
        let without = entry.prefill.is_none() && tags != *self.tags;
        let concerns = |prefill: &&PrefillEntry| {
            !(without && *prefill.part.get_ref() == BegunPart::Scratchpad)
        };
        let kept: Vec<&PrefillEntry> = entries.0.iter().filter(concerns).collect();
        if kept.len() < entries.0.len() {
            notes.push("the variant has no scratchpad: the `prefill` of one is not given".into());
        }
        let file = |path: &str| self.parts.files.get(path).map(String::as_str);
        let prefill = beginnings(self.source, &key, &kept, &tags, self.tiers, file)?;
        let dose = entry.dose.as_ref().map(|dose| *dose.get_ref());
        if let (Some(at), false) = (&entry.dose, dose.is_none_or(f64::is_finite)) {
            return Err(self
                .source
                .error_at(at.span().start, format!("key `{}` is no number", key_of("dose")))
                .hint("give a finite number, such as 0.25"));
        }
        let (name, tests) = (entry.name.get_ref().clone(), entry.tests.get_ref().trim().to_owned());
        Ok(Variant {
            name,
            tests,
            training,
            tags,
            notes,
            system,
            user,
            turns,
            prefill,
            labels,
            dose,
        })
    }

    /// The labels that stand in place of the tiers' own.
    fn labels(&self, index: usize, entry: &VariantEntry) -> Result<BTreeMap<String, String>> {
        let mut labels = BTreeMap::new();
        for (tier, label) in &entry.labels {
            let name = tier.get_ref();
            let key = format!("variants[{index}].labels.{name}");
            if !self.tiers.iter().any(|tier| tier.name == *name) {
                let message = format!("key `{key}`: there is no tier `{name}`");
                return Err(self.source.error_at(tier.span().start, message).hint(format!(
                    "the tiers are {}",
                    list(self.tiers.iter().map(|tier| &tier.name))
                )));
            }
            lint::text(self.source, &key, label)?;
            labels.insert(name.clone(), label.get_ref().clone());
        }
        let mut seen = HashSet::new();
        for Label { text, .. } in self.shown(index, &labels) {
            if !seen.insert(text.to_owned()) {
                let message =
                    format!("key `variants[{index}].labels`: two tiers have the label `{text}`");
                let at = entry.labels.values().find(|label| label.get_ref() == text);
                return Err(self
                    .source
                    .error_at(at.map_or(0, |label| label.span().start), message)
                    .hint("tiers differ in name and label"));
            }
        }
        Ok(labels)
    }

    /// The label of each tier, and the key that gives it.
    fn shown<'b>(&'b self, index: usize, labels: &'b BTreeMap<String, String>) -> Vec<Label<'b>> {
        let all = self.tiers.iter().enumerate();
        all.map(|(place, tier)| match labels.get(&tier.name) {
            Some(text) => {
                Label { tier, text, key: format!("variants[{index}].labels.{}", tier.name) }
            }
            None => Label { tier, text: &tier.label, key: format!("tiers[{place}].label") },
        })
        .collect()
    }

    /// The user message with what stands behind it.
    fn user(&self, index: usize, entry: &VariantEntry, earlier: &[&Template]) -> Result<Template> {
        let key = |key: &str| format!("variants[{index}].{key}");
        let (name, at, user) = match &entry.user {
            Some(user) => {
                let key = key("user");
                let template = arms::template(self.source, &key, user)?;
                (key, user.span().start, template)
            }
            None => ("user".to_owned(), self.file.user.span().start, self.user.clone()),
        };
        let tier_elsewhere = entry.tier_part.is_some()
            || earlier.iter().any(|turn| turn.shows_tier())
            || self.file.setting == Setting::None;
        arms::user(self.source, &name, at, &user, tier_elsewhere, self.file.options.is_some())?;
        match &entry.suffix {
            Some(suffix) => Ok(user.then(arms::template(self.source, &key("suffix"), suffix)?)),
            None => Ok(user),
        }
    }

    /// The system text: the parts in order, less those left out, a blank line between them; in pieces, with the
    /// tier's label between them.
    fn system(&self, index: usize, entry: &VariantEntry) -> Result<Vec<String>> {
        self.check_switches(index, entry)?;
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
            let text = self.parts.text(self.source, &key, part)?;
            let shows_tier =
                entry.tier_part.as_ref().is_some_and(|shown| shown.get_ref() == part.get_ref());
            if !shows_tier && text.contains(TIER) {
                let message = format!(
                    "variant `{}` uses part `{}`, which shows `{TIER}`, as if it were the same in all tiers",
                    entry.name.get_ref(),
                    part.get_ref()
                );
                return Err(self.source.error_at(entry.name.span().start, message).hint(format!(
                    "declare it in the variant: `tier_part = \"{}\"`",
                    part.get_ref()
                )));
            }
            texts.push(text);
        }
        if let Some(part) = &entry.tier_part {
            let shown =
                entry.parts(&self.file.system).any(|(used, _)| used.get_ref() == part.get_ref())
                    && self.parts.text(self.source, "tier_part", part)?.contains(TIER);
            if !shown {
                let message = format!(
                    "key `variants[{index}].tier_part`: part `{}` does not show `{TIER}` in this variant's system text",
                    part.get_ref()
                );
                return Err(self
                    .source
                    .error_at(part.span().start, message)
                    .hint("name a part that the variant uses, and put `{tier}` into it"));
            }
        }
        let words: Vec<(&str, &str)> = entry
            .rename
            .iter()
            .map(|(from, to)| (from.get_ref().as_str(), to.get_ref().as_str()))
            .collect();
        let (text, unused) = rename(&texts.join("\n\n"), &words);
        if let Some(word) =
            entry.rename.keys().find(|word| unused.contains(&word.get_ref().as_str()))
        {
            let message = format!(
                "key `variants[{index}].rename`: the system text does not have `{}`",
                word.get_ref()
            );
            return Err(self
                .source
                .error_at(word.span().start, message)
                .hint("give whole words in exactly the letters of the text"));
        }
        Ok(text.split(TIER).map(str::to_owned).collect())
    }

    /// What is left out, replaced and renamed is there to be.
    fn check_switches(&self, index: usize, entry: &VariantEntry) -> Result<()> {
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
        for word in entry.rename.keys().chain(entry.rename.values()) {
            lint::text(self.source, &format!("variants[{index}].rename"), word)?;
        }
        Ok(())
    }
}

fn names<'a>(texts: impl IntoIterator<Item = &'a Text>) -> Vec<&'a str> {
    texts.into_iter().map(|text| text.get_ref().as_str()).collect()
}
