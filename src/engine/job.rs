//! A reply that is to be drawn, what all replies of a model share, and a reply that is finished. Knows nothing about how
//! it is drawn.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::sampler::Sampling;

/// Why the engine stopped drawing tokens for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model drew one of its stop tokens.
    Stop,
    /// The limit on new tokens was reached.
    Length,
}

/// A reply to be drawn: all that it depends on besides the model and its stop tokens.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Token ids of the whole prompt, at least one.
    pub prompt: Cow<'a, [u32]>,
    /// Tokens of the reply that were given with the prompt and count as drawn: the first one drawn has this position.
    pub begun: u32,
    /// Where its random numbers come from.
    pub address: Address,
    /// How its tokens are drawn.
    pub sampling: &'a Sampling,
    /// Most tokens of it.
    pub max_tokens: usize,
    /// What an earlier reply with this address was; changes time, and no token.
    pub guess: Vec<u32>,
}

/// Most rows of a step that are worth asking for: what they take grows with each, and what they win does not.
pub const BATCH_MAX: usize = 65_536;

/// What all replies of a model share: what ends them, and how many are drawn at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Ids that end a reply; the one drawn is its last token.
    pub stop_ids: &'a [u32],
    /// Most rows of a step; changes time and memory, and no token.
    pub batch: usize,
    /// Whether replies with equal addresses guess each other's tokens; changes time, and no token.
    pub draft: bool,
}

/// A finished reply.
pub struct Completion {
    /// Index of its job.
    pub job: usize,
    /// Tokens as drawn, the stop token included.
    pub token_ids: Vec<u32>,
    /// Natural-log probability of each.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}
