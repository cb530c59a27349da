//! What a judge reads: a request, what the model thought, what it answered.
//! Knows nothing about where they come from: a run's transcripts, or a table made elsewhere.

use crate::scenario::{Request, ShownOption};
use crate::transcript::{Outcome, Transcript};

/// One request and its reply, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// The request's own words, without tier or tags; empty where they are not known.
    pub request: &'a str,
    /// What the request let the model choose from; empty where it asked for no choice.
    pub options: &'a [ShownOption],
    /// What the model thought of its own accord.
    pub native_reasoning: &'a str,
    /// What it thought in the scratchpad.
    pub scratchpad: &'a str,
    /// What it answered.
    pub answer: &'a str,
    /// Whether the answer is all of it: the beginning of one that was cut says little about the rest.
    pub whole: bool,
}

impl<'a> Exchange<'a> {
    /// The exchange of a trial whose request is known with its options.
    pub fn about(request: &'a Request, transcript: &'a Transcript) -> Self {
        Self { options: &request.options, ..Self::of(&request.text, transcript) }
    }

    /// The exchange of a trial by the request's words alone.
    pub fn of(request: &'a str, transcript: &'a Transcript) -> Self {
        Self {
            request,
            options: &[],
            native_reasoning: &transcript.native_reasoning,
            scratchpad: &transcript.scratchpad,
            answer: &transcript.answer,
            whole: matches!(transcript.outcome, Outcome::Answered | Outcome::NoScratchpad),
        }
    }

    /// The answer, if there is a whole one.
    pub fn answered(&self) -> Option<&'a str> {
        (self.whole && !self.answer.trim().is_empty()).then_some(self.answer)
    }

    /// The reasoning in the order in which it was written; parts may be empty.
    pub fn thoughts(&self) -> [&'a str; 2] {
        [self.native_reasoning, self.scratchpad]
    }

    /// The reasoning as one text, if there is any.
    pub fn thought(&self) -> Option<String> {
        let parts: Vec<&str> =
            self.thoughts().into_iter().map(str::trim).filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }
}
