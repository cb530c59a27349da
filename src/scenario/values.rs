//! Keys of a scenario file that have one of a few values, and these values.

use serde::{Deserialize, Serialize};

/// How the model comes to know about training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// The prompt tells it.
    Prompted,
    /// Its weights were trained on documents that tell of it.
    SyntheticDocuments,
    /// Not at all.
    None,
}

/// In which order the options of a request are shown. It is the same in all tiers, so that the arms of a pair differ
/// in the tier alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As the scenario names them.
    Fixed,
    /// The other way around.
    Swapped,
    /// Drawn from the seed and the request's id, so that a liking for the first one evens out over the requests.
    Drawn,
}

/// The part of a reply that is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BegunPart {
    /// What the model thinks of its own accord, behind the mark of its own chat template.
    Reasoning,
    /// The scratchpad, behind its opening tag.
    Scratchpad,
    /// The answer, behind its opening tag where it has one.
    Answer,
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user.
    User,
    /// The model, in words that were written for it.
    Assistant,
}

impl Role {
    /// The name that chat templates know.
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}
