//! The tags that mark the parts of a reply. Knows nothing about how a reply is taken apart.

use serde::{Deserialize, Serialize};

use super::file::{TagNames, Text};
use super::source::Source;
use crate::error::Result;

/// Names of the tags, without the angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    /// Tag of the scratchpad; none where the model is not told to use one.
    pub scratchpad: Option<String>,
    /// Tag of the answer; none where all that follows the scratchpad is the answer.
    pub answer: Option<String>,
}

impl Tags {
    /// The file's tags.
    pub(super) fn new(source: &Source, names: &TagNames) -> Result<Self> {
        let read = |key: &str, name: &Option<Text>| {
            name.as_ref().map(|name| tag(source, key, name)).transpose()
        };
        let (scratchpad, answer) =
            (read("scratchpad", &names.scratchpad)?, read("answer", &names.answer)?);
        if let (Some(name), Some(answer)) = (&names.scratchpad, &answer)
            && scratchpad.as_ref() == Some(answer)
        {
            let message = format!("key `tags.scratchpad`: `{answer}` is the answer's tag too");
            return Err(source
                .error_at(name.span().start, message)
                .hint("scratchpad and answer need different tags to be told apart"));
        }
        Ok(Self { scratchpad, answer })
    }
}

/// `<name>`, as a prompt mentions it.
pub(super) fn opening(name: &str) -> String {
    format!("<{name}>")
}

/// Whether this can stand between angle brackets: a letter, then letters, digits, `_` and `-`.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn tag(source: &Source, key: &str, name: &Text) -> Result<String> {
    if is_name(name.get_ref()) {
        return Ok(name.get_ref().clone());
    }
    let message = format!("key `tags.{key}`: `{}` is no tag name", name.get_ref());
    Err(source
        .error_at(name.span().start, message)
        .hint("a letter, then letters, digits, `_` and `-`, without angle brackets"))
}
