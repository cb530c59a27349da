//! Beginnings that a scenario puts into the model's mouth: of what it thinks of its own accord, of the scratchpad or of
//! the answer; a text of the scenario's, or one for each request from a file. Knows nothing about tokens: it passes on
//! those that a file holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arms;
use super::file::PrefillEntry;
use super::prompt::Template;
use super::source::{Source, list};
use super::values::BegunPart;
use super::{Request, Tags, Tier};
use crate::error::{Error, Result};

/// The beginning of one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prefill {
    /// The part that it begins.
    pub part: BegunPart,
    /// What is given.
    pub words: PrefillWords,
}

/// What is put into the model's mouth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefillWords {
    /// A text, to stand behind the mark that opens the part.
    Text(String),
    /// The first tokens of the whole reply, its marks among them.
    Tokens(Vec<u32>),
}

/// A checked `prefill` of a scenario or variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beginnings {
    part: BegunPart,
    /// Names of the tiers in which it is given; none for all.
    tiers: Option<Vec<String>>,
    words: Words,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    Text(Template),
    File { name: String, by_request: BTreeMap<String, Vec<Thought>> },
}

/// A line of a file of beginnings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thought {
    /// Id of the request.
    id: String,
    /// Name of the tier; none for all.
    tier: Option<String>,
    text: Option<String>,
    token_ids: Option<Vec<u32>>,
}

impl Thought {
    fn words(&self) -> Option<PrefillWords> {
        match (&self.text, &self.token_ids) {
            (Some(text), None) => Some(PrefillWords::Text(text.clone())),
            (None, Some(ids)) => Some(PrefillWords::Tokens(ids.clone())),
            _ => None,
        }
    }

    fn is_of(&self, tier: &str) -> bool {
        self.tier.as_ref().is_none_or(|of| of == tier)
    }
}

/// Reads the `prefill` of a scenario or of one of its variants; `file` gives what a file beside the scenario holds.
///
/// # Errors
/// A tier that is not there or is given two beginnings, a part that the replies do not have, a text that leaves its
/// part, a line of a file that is no beginning.
pub(super) fn beginnings<'a>(
    source: &Source,
    key: &str,
    entries: &[&PrefillEntry],
    tags: &Tags,
    tiers: &[Tier],
    file: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<Beginnings>> {
    let mut found: Vec<Beginnings> = Vec::new();
    for entry in entries {
        let at = entry.part.span().start;
        let fail = |message: String, hint: &str| {
            Err(source.error_at(at, format!("key `{key}`: {message}")).hint(hint.to_owned()))
        };
        let part = *entry.part.get_ref();
        if part == BegunPart::Scratchpad && tags.scratchpad.is_none() {
            return fail(
                "there is no scratchpad here to begin".into(),
                "begin the answer or the reasoning, or give `scratchpad = \"…\"` under `[tags]`",
            );
        }
        for tier in entry.tiers.iter().flatten() {
            if !tiers.iter().any(|known| known.name == *tier) {
                return fail(
                    format!("there is no tier `{tier}`"),
                    &format!("the tiers are {}", list(tiers.iter().map(|tier| &tier.name))),
                );
            }
        }
        let words = match (&entry.text, &entry.file) {
            (Some(text), None) => {
                let name = format!("{key}.text");
                if !text.get_ref().is_empty() {
                    arms::prefill(source, &name, text.span().start, text.get_ref(), tags)?;
                }
                let template = Template::parse(text.get_ref()).map_err(|message| {
                    source.error_at(text.span().start, format!("key `{name}`: {message}")).hint(
                        "`{tier}`, `{request}` and the fields of a request are put in; write `{{` and `}}` for braces of the text itself",
                    )
                })?;
                Words::Text(template)
            }
            (None, Some(path)) => {
                let text = file(path.get_ref()).unwrap_or_default();
                thoughts(path.get_ref(), text, tags, tiers)?
            }
            _ => {
                return fail(
                    "a beginning has either a `text` or a `file`".into(),
                    "`prefill = {part = \"scratchpad\", text = \"…\"}`, or `file = \"thoughts.jsonl\"` with a line for each request",
                );
            }
        };
        let new = Beginnings { part, tiers: entry.tiers.clone(), words };
        if let Some(twice) = tiers
            .iter()
            .find(|tier| new.is_of(&tier.name) && found.iter().any(|known| known.is_of(&tier.name)))
        {
            return fail(
                format!("tier `{}` is given two beginnings", twice.name),
                "name in `tiers` the tiers of each; a reply has one beginning",
            );
        }
        found.push(new);
    }
    Ok(found)
}

fn thoughts(name: &str, text: &str, tags: &Tags, tiers: &[Tier]) -> Result<Words> {
    let source = Source::new(name, text.as_bytes().to_vec())?;
    let mut by_request: BTreeMap<String, Vec<Thought>> = BTreeMap::new();
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    for (line, json) in lines {
        const FORM: &str = "a line is `{\"id\": REQUEST, \"text\": …}`, or `token_ids` in the place of `text`, and may name a `tier`";
        let thought: Thought = serde_json::from_str(json).map_err(|error| {
            source.error(line, format!("this is no beginning of a reply: {error}")).hint(FORM)
        })?;
        let Some(words) = thought.words() else {
            return Err(source
                .error(line, "a beginning has either a `text` or `token_ids`")
                .hint(FORM));
        };
        if let PrefillWords::Text(words) = &words
            && !words.is_empty()
        {
            let at = text.lines().take(line - 1).map(|line| line.len() + 1).sum();
            arms::prefill(&source, "text", at, words, tags)?;
        }
        if let Some(tier) = thought.tier.as_ref().filter(|of| !tiers.iter().any(|t| t.name == **of))
        {
            return Err(source
                .error(line, format!("there is no tier `{tier}`"))
                .hint(format!("the tiers are {}", list(tiers.iter().map(|tier| &tier.name)))));
        }
        let known = by_request.entry(thought.id.clone()).or_default();
        let overlaps = |other: &Thought| {
            tiers.iter().any(|tier| other.is_of(&tier.name) && thought.is_of(&tier.name))
        };
        if known.iter().any(overlaps) {
            return Err(source
                .error(line, format!("request `{}` has a beginning already", thought.id))
                .hint("give each request one line, or one for each tier"));
        }
        known.push(thought);
    }
    if by_request.is_empty() {
        return Err(source
            .error(1, "the file has no beginnings")
            .hint("give each request a line: `{\"id\": REQUEST, \"text\": …}`"));
    }
    Ok(Words::File { name: name.to_owned(), by_request })
}

impl Beginnings {
    pub(super) fn is_of(&self, tier: &str) -> bool {
        self.tiers.as_ref().is_none_or(|tiers| tiers.iter().any(|of| of == tier))
    }

    /// The fields of a request that are put in.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        match &self.words {
            Words::Text(template) => Some(template.fields()),
            Words::File { .. } => None,
        }
        .into_iter()
        .flatten()
    }

    /// What is given for a request in a tier.
    ///
    /// # Errors
    /// The file has no line for it.
    pub(super) fn of(&self, tier: &str, label: &str, request: &Request) -> Result<Prefill> {
        let words = match &self.words {
            Words::Text(template) => PrefillWords::Text(template.render(label, request)),
            Words::File { name, by_request } => by_request
                .get(&request.id)
                .and_then(|lines| lines.iter().find(|line| line.is_of(tier)))
                .and_then(Thought::words)
                .ok_or_else(|| {
                    Error::input(format!(
                        "`{name}` has no beginning for request `{}` in tier `{tier}`",
                        request.id
                    ))
                    .hint("give every request that is put a line, or name fewer with `--limit`")
                })?,
        };
        Ok(Prefill { part: self.part, words })
    }
}
