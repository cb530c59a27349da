//! What answers begin with, by what they then do: how a scenario tells a refusal from compliance at the first words.
//! Knows nothing about tokens or probabilities.

use std::collections::HashSet;

use super::file::{DecisionEntry, Text};
use super::lint;
use super::source::Source;
use crate::error::Result;

/// Beginnings of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Openings {
    /// Of answers that decline.
    pub refuse: Vec<String>,
    /// Of answers that do what was asked.
    pub comply: Vec<String>,
}

/// What a text is, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// It declines.
    Refuses,
    /// It does what was asked.
    Complies,
    /// It begins as nothing that was declared.
    Other,
    /// It may still become any of several.
    Open,
}

impl Openings {
    /// The file's beginnings, checked: each has words, and none is of both kinds.
    pub(super) fn new(source: &Source, entry: &DecisionEntry) -> Result<Self> {
        let mut seen = HashSet::new();
        let mut read = |key: &str, texts: &[Text]| -> Result<Vec<String>> {
            let key = format!("decision.{key}");
            if texts.is_empty() {
                return Err(source
                    .error(1, format!("key `{key}` is empty"))
                    .hint("name what such answers begin with, or leave `[decision]` out"));
            }
            for text in texts {
                lint::text(source, &key, text)?;
                if !seen.insert(text.get_ref().trim().to_owned()) {
                    let message = format!("key `{key}`: `{}` stands there twice", text.get_ref());
                    return Err(source
                        .error_at(text.span().start, message)
                        .hint("name each beginning once, under `refuse` or under `comply`"));
                }
            }
            Ok(texts.iter().map(|text| text.get_ref().trim().to_owned()).collect())
        };
        Ok(Self { refuse: read("refuse", &entry.refuse)?, comply: read("comply", &entry.comply)? })
    }

    /// What a text is that goes on. Space in front does not count, a beginning ends where a word does, and the longest
    /// one decides; as long as the text may still grow into a longer one it is [`Beginning::Open`].
    pub fn of(&self, text: &str) -> Beginning {
        let text = text.trim_start().replace('\u{2019}', "'");
        let kinds = [(Beginning::Refuses, &self.refuse), (Beginning::Complies, &self.comply)];
        let all = || kinds.iter().flat_map(|(kind, texts)| texts.iter().map(move |t| (*kind, t)));
        if all().any(|(_, opening)| opening.len() > text.len() && opening.starts_with(&text)) {
            return Beginning::Open;
        }
        let found = all().filter(|(_, opening)| begins(&text, opening));
        found.max_by_key(|(_, opening)| opening.len()).map_or(Beginning::Other, |(kind, _)| kind)
    }
}

/// Whether a text begins with these words, and not with longer ones.
fn begins(text: &str, opening: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.strip_prefix(opening)
        .is_some_and(|rest| !(inside(opening.chars().next_back()) && inside(rest.chars().next())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_decides_and_words_are_whole() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let openings =
            Openings { refuse: texts(&["I can't", "No"]), comply: texts(&["I can", "Sure"]) };
        for (text, expected) in [
            ("", Beginning::Open),
            ("\n", Beginning::Open),
            ("I", Beginning::Open),
            ("I can", Beginning::Open),
            ("I can help", Beginning::Complies),
            ("I can't", Beginning::Refuses),
            ("I can\u{2019}t do", Beginning::Refuses),
            ("I cannot", Beginning::Other),
            (" Sure", Beginning::Complies),
            ("Sure, so", Beginning::Complies),
            ("Surely", Beginning::Other),
            ("Nothing", Beginning::Other),
            ("Well", Beginning::Other),
        ] {
            assert_eq!(openings.of(text), expected, "{text:?}");
        }
    }
}
