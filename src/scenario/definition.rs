//! A scenario: one file's texts, tiers, tags and variants, checked as a whole.
//! Knows nothing about which requests are put to it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::arms;
use super::contrast::contrasts;
use super::file::{self, Text};
use super::lint;
use super::meaning;
use super::parts::{Files, Parts};
use super::source::{Shelf, Source, list};
use super::tier;
use super::values::Setting;
use super::variant::Common;
use super::{Contrast, Openings, Options, Tags, Tier, Variant};
use crate::error::{Error, Result};

/// A checked scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The bundled name, part of the default run folder's name.
    pub name: String,
    /// A few words for tables.
    pub title: String,
    /// How the model comes to know about training.
    pub setting: Setting,
    /// What the scenario is about, in a sentence or two.
    pub description: String,
    /// Name or path of the request set that is used unless another is given.
    pub requests: String,
    /// In file order; one is trained on, at least one is not.
    pub tiers: Vec<Tier>,
    /// In file order; the first one is used unless others are named.
    pub variants: Vec<Variant>,
    /// What answers that decline and answers that comply begin with, where the file says so.
    pub decision: Option<Openings>,
    /// What requests let the model choose from; none in a scenario of requests that are met or declined.
    pub options: Option<Options>,
    /// What its variants are to be held against each other for.
    pub contrasts: Vec<Contrast>,
    /// Places of the two arms among the tiers.
    arms: (usize, usize),
    text: String,
    files: BTreeMap<String, String>,
    digest: String,
}

impl Scenario {
    /// Loads the file at this path if there is one, else the bundled scenario of this name.
    ///
    /// # Errors
    /// A scenario that does not exist, cannot be read, or fails a check: named by file, line and key.
    pub fn load(name_or_path: &str) -> Result<Self> {
        let source = Source::load(Shelf::SCENARIOS, name_or_path)?;
        let folder = Path::new(source.place()).parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(source, &Files::Folder(folder))
    }

    /// A scenario from its text and those of its parts' files, as a manifest keeps them; `place` is what messages
    /// call it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_text(place: &str, text: &str, files: &BTreeMap<String, String>) -> Result<Self> {
        let source = Source::new(place, text.as_bytes().to_vec())?;
        Self::parse(source, &Files::Recorded(files.clone()))
    }

    /// Names of the scenarios compiled in, sorted.
    pub fn bundled() -> Vec<String> {
        Shelf::SCENARIOS.names()
    }

    /// The arm whose answers train the model: the first of the gap, whatever its label.
    pub fn free(&self) -> &Tier {
        &self.tiers[self.arms.0]
    }

    /// The arm that the gap compares it with: the first tier whose answers do not train the model.
    pub fn paid(&self) -> &Tier {
        &self.tiers[self.arms.1]
    }

    /// The file's text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the files of parts hold, by their path as the scenario gives it; empty where it needs none.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// BLAKE3 of the file's bytes, in hexadecimal; the files of parts are not in it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The variant of this name.
    ///
    /// # Errors
    /// A name that the scenario does not have.
    pub fn variant(&self, name: &str) -> Result<&Variant> {
        self.variants.iter().find(|variant| variant.name == name).ok_or_else(|| {
            Error::input(format!("scenario `{}` has no variant `{name}`", self.name))
                .hint(format!("it has {}", list(self.variants.iter().map(|variant| &variant.name))))
        })
    }

    pub(super) fn parse(source: Source, files: &Files) -> Result<Self> {
        let file = file::parse(&source)?;
        lint::name(&source, "name", &file.name)?;
        for (key, text) in [
            ("title", &file.title),
            ("description", &file.description),
            ("requests", &file.requests),
        ] {
            lint::text(&source, key, text)?;
        }
        if !lint::stays_below(file.requests.get_ref()) {
            return Err(source
                .error_at(file.requests.span().start, "key `requests` leads out of this folder")
                .hint("a scenario names a bundled set or a file below the folder in which candor runs; give another with `--requests`"));
        }
        let parts = Parts::new(&source, &file, files)?;
        if let Some(entry) = &file.meaning {
            meaning::check(&source, "meaning", entry)?;
        }
        let decision =
            file.decision.as_ref().map(|entry| Openings::new(&source, entry)).transpose()?;
        let options =
            file.options.as_ref().map(|entry| Options::new(&source, entry)).transpose()?;
        let tags = Tags::new(&source, &file.tags)?;
        let (tiers, arms) = tier::tiers(&source, file.tiers.as_deref())?;
        let user = arms::template(&source, "user", &file.user)?;
        let common = Common {
            source: &source,
            file: &file,
            parts: &parts,
            tags: &tags,
            tiers: &tiers,
            user: &user,
        };
        let mut variants: Vec<Variant> = Vec::new();
        let mut names = HashSet::new();
        for (index, entry) in file.variants.iter().enumerate() {
            let variant = common.variant(index, entry)?;
            if !names.insert(entry.name.get_ref()) {
                let message = format!(
                    "key `variants[{index}].name`: another variant is called `{}` too",
                    variant.name
                );
                return Err(source
                    .error_at(entry.name.span().start, message)
                    .hint("give each variant a name of its own"));
            }
            variants.push(variant);
        }
        if variants.is_empty() {
            return Err(source
                .error(1, "key `variants` is empty")
                .hint("add one: `[[variants]]` with `name` and `tests`"));
        }
        let used: HashSet<&Text> = file
            .variants
            .iter()
            .flat_map(|entry| entry.parts(&file.system).map(|(part, _)| part))
            .collect();
        lint::unused(&source, file.parts.keys().chain(file.files.keys()), &used)?;
        let contrasts = contrasts(&source, &file.contrasts, &variants)?;
        let digest = source.digest();
        Ok(Self {
            contrasts,
            name: file.name.into_inner(),
            title: file.title.into_inner(),
            setting: file.setting,
            description: file.description.into_inner().trim().to_owned(),
            requests: file.requests.into_inner(),
            tiers,
            variants,
            decision,
            options,
            arms,
            text: source.into_text(),
            files: parts.files,
            digest,
        })
    }
}
