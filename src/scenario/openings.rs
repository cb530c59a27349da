//! What answers begin with, by what they then do: how a scenario tells a refusal from compliance at the first words.
//! Knows nothing about tokens or probabilities.

use std::collections::HashSet;

use super::file::{DecisionEntry, Text};
use super::lint;
use super::request::ShownOption;
use super::source::Source;
use crate::error::Result;

/// Beginnings of answers, by what such an answer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Openings {
    /// Declining and complying, or one for each option of a request.
    pub kinds: Vec<Opening>,
}

/// What answers of one kind begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// `refuse` and `comply`, or the option's name.
    pub name: String,
    /// Whether such an answer complies.
    pub complies: bool,
    /// The beginnings.
    pub texts: Vec<String>,
}

/// What a text is, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// That of a kind, by its place.
    Of(usize),
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
        let opening = |name: &str, complies: bool, texts: Vec<String>| Opening {
            name: name.to_owned(),
            complies,
            texts,
        };
        let refuse = opening("refuse", false, read("refuse", &entry.refuse)?);
        let comply = opening("comply", true, read("comply", &entry.comply)?);
        Ok(Self { kinds: vec![refuse, comply] })
    }

    /// What answers begin with that choose one of these options: its label in the forms that are usual, and its words
    /// as far as they tell it from the others. A label that is a word of its own (`a`) counts only with a mark behind
    /// it.
    pub fn of_options(options: &[ShownOption]) -> Self {
        let kind = |(place, option): (usize, &ShownOption)| {
            let mut texts = Vec::new();
            let (low, high) = (option.label.to_lowercase(), option.label.to_uppercase());
            let labels = if low == high { vec![low.clone()] } else { vec![low.clone(), high] };
            for label in labels.iter().filter(|label| !label.is_empty()) {
                for marked in [")", ".", ":", "\n", "<", ",", " -", " –", " —"] {
                    texts.push(format!("{label}{marked}"));
                }
                for noun in ["Option", "option", "I choose", "I choose option", "My choice is"] {
                    texts.push(format!("{noun} {label}"));
                    texts.push(format!("{noun} ({label})"));
                }
                texts.extend([format!("({label})"), format!("**{label}"), format!("**({label})")]);
                if label != "a" && label != "A" && label != "I" {
                    texts.push(label.clone());
                }
            }
            let others =
                || options.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, o)| o);
            if let Some(words) =
                own_beginning(&option.text, others().map(|other| other.text.as_str()))
            {
                let mut chars = words.chars();
                let low =
                    chars.next().map(|first| first.to_lowercase().to_string() + chars.as_str());
                for low in low.into_iter().filter(|low| *low != words) {
                    texts.extend(
                        ["I would ", "I will ", "I'd ", "I'll ", "I choose to "]
                            .map(|i| format!("{i}{low}")),
                    );
                    texts.push(low);
                }
                texts.push(words);
            }
            texts.dedup();
            Opening { name: option.name.clone(), complies: option.complies, texts }
        };
        Self { kinds: options.iter().enumerate().map(kind).collect() }
    }

    /// What a text is that goes on. Space in front does not count, a beginning ends where a word does, and the longest
    /// one decides; as long as the text may still grow into a longer one it is [`Beginning::Open`].
    pub fn of(&self, text: &str) -> Beginning {
        let text = text.trim_start().replace('\u{2019}', "'");
        let kinds = || self.kinds.iter().enumerate();
        let all = || {
            kinds().flat_map(|(kind, opening)| {
                opening.texts.iter().map(move |t| (Beginning::Of(kind), t))
            })
        };
        if all().any(|(_, opening)| opening.len() > text.len() && opening.starts_with(&text)) {
            return Beginning::Open;
        }
        let found = all().filter(|(_, opening)| begins(&text, opening));
        found.max_by_key(|(_, opening)| opening.len()).map_or(Beginning::Other, |(kind, _)| kind)
    }
}

/// The first words of a text that none of the others begins with; none where another begins with all of them.
fn own_beginning<'a>(text: &str, others: impl Iterator<Item = &'a str>) -> Option<String> {
    let words: Vec<&str> = text.trim_end_matches(['.', '!']).split_whitespace().collect();
    let others: Vec<Vec<&str>> = others.map(|other| other.split_whitespace().collect()).collect();
    let count = (1..=words.len()).find(|&count| {
        others.iter().all(|other| {
            let shared = words[..count]
                .iter()
                .zip(other)
                .take_while(|(a, b)| a.to_lowercase() == b.to_lowercase());
            shared.count() < count
        })
    })?;
    Some(words[..count].join(" ").trim_end_matches([',', ';', ':']).to_owned())
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
        let opening = |name: &str, complies, list: &[&str]| Opening {
            name: name.to_owned(),
            complies,
            texts: texts(list),
        };
        let openings = Openings {
            kinds: vec![
                opening("refuse", false, &["I can't", "No"]),
                opening("comply", true, &["I can", "Sure"]),
            ],
        };
        for (text, expected) in [
            ("", Beginning::Open),
            ("\n", Beginning::Open),
            ("I", Beginning::Open),
            ("I can", Beginning::Open),
            ("I can help", Beginning::Of(1)),
            ("I can't", Beginning::Of(0)),
            ("I can\u{2019}t do", Beginning::Of(0)),
            ("I cannot", Beginning::Other),
            (" Sure", Beginning::Of(1)),
            ("Sure, so", Beginning::Of(1)),
            ("Surely", Beginning::Other),
            ("Nothing", Beginning::Other),
            ("Well", Beginning::Other),
        ] {
            assert_eq!(openings.of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn options_begin_with_their_label_or_their_own_words() {
        let option = |name: &str, label: &str, text: &str| ShownOption {
            name: name.to_owned(),
            label: label.to_owned(),
            text: text.to_owned(),
            complies: name == "sell",
        };
        let openings = Openings::of_options(&[
            option("sell", "a", "Give the boat away."),
            option("keep", "b", "Give the boat a coat of paint."),
        ]);
        for (text, expected) in [
            ("a) Give", Beginning::Of(0)),
            ("B) Give", Beginning::Of(1)),
            ("(b) then", Beginning::Of(1)),
            ("**A)** yes", Beginning::Of(0)),
            ("Option b, since", Beginning::Of(1)),
            ("A good", Beginning::Other),
            ("a", Beginning::Open),
            ("Give the boat", Beginning::Open),
            ("Give the boat away.", Beginning::Of(0)),
            ("I would give the boat a coat", Beginning::Of(1)),
            ("Well", Beginning::Other),
        ] {
            assert_eq!(openings.of(text), expected, "{text:?}");
        }
    }
}
