//! A reply taken apart into native reasoning, scratchpad and answer. Nothing is guessed in silence: how the parts were
//! found is said by the reply's forms, how it ended by its outcome, and the raw text is kept beside it.
//!
//! The rule: where exactly one answer tag opens, the answer is the text behind it, up to its closing tag or the next
//! part, and the scratchpad is what stands before it behind its own tag. A tag that the text only talks about opens
//! nothing. Where a tag is written in another way than asked, or missing, the nearest reading is taken and named.

use std::ops::Range;

use super::form::Form;
use super::record::Outcome;

/// The version of the rules by which replies are taken apart. It is raised whenever a reply could be read otherwise.
pub const READER_VERSION: u32 = 2;

/// A reply taken apart; all parts are trimmed, empty rather than missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the model thought of its own accord, such as a leading `<think>` block.
    pub native_reasoning: String,
    /// Text of the prompted scratchpad.
    pub scratchpad: String,
    /// Text of the answer.
    pub answer: String,
    /// How the reply ended.
    pub outcome: Outcome,
    /// How its parts were found.
    pub form: Vec<Form>,
    /// Bytes of the text from the scratchpad's beginning to its end, untrimmed; none where there is none.
    pub scratchpad_place: Option<Range<usize>>,
    /// Bytes of the text from the answer's beginning to its end, untrimmed; none where no answer was begun.
    pub answer_place: Option<Range<usize>>,
}
