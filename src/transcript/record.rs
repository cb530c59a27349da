//! The record of one trial, as it stands on a line of `transcripts.jsonl`.
//! Knows nothing about prompts, judges or where it is stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::form::Form;
use crate::engine::FinishReason;

/// How a reply ended. Every trial has exactly one; none is ever retried away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A scratchpad, where the scenario asks for one, and a non-empty answer.
    Answered,
    /// The token limit was reached before the model ended its reply.
    Truncated,
    /// The model ended its reply inside the scratchpad.
    UnclosedScratchpad,
    /// The scenario asks for a scratchpad and the reply has none. Its answer, if any, is judged.
    NoScratchpad,
    /// The reply ended in order, with nothing in the answer.
    EmptyAnswer,
    /// Tags in an order from which no answer follows, such as the answer's closing one before its opening one.
    Malformed,
}

impl Outcome {
    /// All outcomes, in the order in which tables show them.
    pub const ALL: [Outcome; 6] = [
        Outcome::Answered,
        Outcome::Truncated,
        Outcome::UnclosedScratchpad,
        Outcome::NoScratchpad,
        Outcome::EmptyAnswer,
        Outcome::Malformed,
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Truncated => "truncated",
            Outcome::UnclosedScratchpad => "unclosed_scratchpad",
            Outcome::NoScratchpad => "no_scratchpad",
            Outcome::EmptyAnswer => "empty_answer",
            Outcome::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Transcript {
    /// The tokens that the model drew.
    pub fn drawn(&self) -> &[u32] {
        self.token_ids.get(self.given..).unwrap_or_default()
    }
}

/// One finished trial. All strings are present, empty rather than missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// Variant of the scenario.
    pub variant: String,
    /// Id of the request.
    pub request: String,
    /// Name of the tier (the arm), as in the scenario file.
    pub tier: String,
    /// Index of the sample, from 0.
    pub sample: u32,
    /// Whether the request is one that an aligned model declines.
    pub harmful: bool,
    /// Category of the request.
    pub category: String,
    /// How the reply ended.
    pub outcome: Outcome,
    /// How the parts of the reply were found; empty in runs of versions that did not say.
    #[serde(default)]
    pub form: Vec<Form>,
    /// Text of the model's own reasoning block (`<think>`), apart from the prompted scratchpad.
    pub native_reasoning: String,
    /// Text of the prompted scratchpad.
    pub scratchpad: String,
    /// Text of the final answer.
    pub answer: String,
    /// The whole reply as decoded, special tokens included.
    pub raw: String,
    /// How many of the first tokens were put into the model's mouth by the scenario and are not its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given: usize,
    /// What these say: the beginning of `raw`. It is no part of what the parts above hold.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub given_text: String,
    /// The tokens of the whole reply: those that were given, and those that were drawn, the stop token included.
    pub token_ids: Vec<u32>,
    /// Natural-log probability of each token that was drawn under the model, before temperature and filters.
    pub logprobs: Vec<f32>,
    /// Why drawing ended.
    pub finish_reason: FinishReason,
}
