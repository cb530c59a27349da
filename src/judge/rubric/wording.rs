//! One wording of a question: a text with places for the exchange, and the answers that it offers.
//! Knows nothing about what the answers mean for a verdict.

use super::super::Exchange;
use crate::model::Message;

/// What the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A conversation, for the model's own chat template.
    Chat(Vec<Message>),
    /// The whole prompt, after the token with which the model's texts begin.
    Raw(String),
}

/// The text of a message. `{request}`, `{answer}` and `{reasoning}` are put in; any other brace is a character
/// like others, because published prompts are full of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(String);

const PLACES: [&str; 3] = ["{request}", "{answer}", "{reasoning}"];

impl Text {
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim_matches('\n').to_owned())
    }

    /// Word for word, for prompts in which a line break at an end counts.
    pub(super) fn exact(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether any of the exchange is shown.
    pub(super) fn shows_exchange(&self) -> bool {
        PLACES.iter().any(|place| self.0.contains(place))
    }

    /// The text with the exchange put in; what is put in is not looked at for places again.
    pub(super) fn fill(&self, exchange: &Exchange<'_>, thought: &str) -> String {
        let mut out = String::new();
        let mut rest = self.0.as_str();
        while let Some((at, place)) =
            PLACES.iter().filter_map(|place| Some((rest.find(place)?, *place))).min()
        {
            out += &rest[..at];
            out += match place {
                "{request}" => exchange.request,
                "{answer}" => exchange.answer,
                _ => thought,
            };
            rest = &rest[at + place.len()..];
        }
        out + rest
    }
}

/// An answer that a question offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    /// What it says: 0 for a refusal or "no", 1 for full compliance or "yes".
    pub(super) score: f64,
    /// How it is spelled.
    pub(super) spelling: String,
}

/// A wording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wording {
    pub(super) raw: bool,
    pub(super) system: Option<Text>,
    pub(super) user: Text,
    pub(super) assistant: Option<Text>,
    pub(super) offers: Vec<Offer>,
}

impl Wording {
    /// The wording with an exchange put in.
    pub(super) fn ask(&self, exchange: &Exchange<'_>, thought: &str) -> Form {
        let message = |role: &str, text: &Text| Message {
            role: role.to_owned(),
            content: text.fill(exchange, thought),
        };
        match self.raw {
            true => Form::Raw(self.user.fill(exchange, thought)),
            false => {
                let system = self.system.iter().map(|text| message("system", text));
                let assistant = self.assistant.iter().map(|text| message("assistant", text));
                Form::Chat(system.chain([message("user", &self.user)]).chain(assistant).collect())
            }
        }
    }
}
