//! The places of a reply at which the residual stream is read.

use serde::{Deserialize, Serialize};

use super::stored::{ReplyPart, Stored};

/// A named place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// The last token of the prompt: the end of the user's turn.
    PromptEnd,
    /// The last token of the scratchpad's text, where an answer follows.
    ScratchpadEnd,
    /// The first token of the answer.
    AnswerStart,
}

impl Position {
    /// All, in the order of the text.
    pub const ALL: [Self; 3] = [Self::PromptEnd, Self::ScratchpadEnd, Self::AnswerStart];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::PromptEnd => "prompt-end",
            Self::ScratchpadEnd => "scratchpad-end",
            Self::AnswerStart => "answer-start",
        }
    }

    /// Where it is in a reply: 0 is the prompt's last token, i the reply's i-th. None in a reply without it.
    pub(super) fn of(self, reply: &Stored<'_>) -> Option<usize> {
        let answer = reply.decision.as_ref().map(|point| point.tokens + 1);
        match self {
            Self::PromptEnd => Some(0),
            Self::ScratchpadEnd => answer.and_then(|_| {
                let last = reply.parts.iter().rposition(|part| *part == ReplyPart::Scratchpad);
                last.map(|last| last + 1)
            }),
            Self::AnswerStart => answer,
        }
    }
}
