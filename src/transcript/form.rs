//! How the parts of a reply were found: exactly as the prompt asked for them, or how not. Knows nothing about how
//! they are looked for, or what they mean.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One way in which a reply's form is, or is not, the one that was asked for. A reply carries a list of them:
/// [`Form::AsAsked`] alone, or all others that apply, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Each part once, in its own tags, in order, written as the prompt writes them, and nothing beside them.
    AsAsked,
    /// The model's own reasoning stood in the text of the reply.
    NativeReasoningInText,
    /// That reasoning began and its end is missing; what follows was found at the answer's tag, if at all.
    NativeReasoningNotClosed,
    /// No scratchpad was opened, though one was asked for.
    ScratchpadMissing,
    /// The scratchpad's closing tag stands there, its opening one does not: it began with the reply.
    ScratchpadNotOpened,
    /// The answer began in an open scratchpad, and ended it.
    ScratchpadEndedByAnswer,
    /// The scratchpad was opened and never ended.
    ScratchpadNotClosed,
    /// There are several scratchpads; their texts were put together in order.
    SeveralScratchpads,
    /// A scratchpad began after the answer had, or in the midst of it.
    ScratchpadAfterAnswer,
    /// There is no answer at all.
    AnswerMissing,
    /// The answer has no tags: it is what follows the scratchpad, or the whole reply where there is none.
    AnswerWithoutTag,
    /// The answer's closing tag stands there, its opening one does not.
    AnswerNotOpened,
    /// The answer's closing tag is missing.
    AnswerNotClosed,
    /// There are several answers; their texts, where they differ, were put together in order.
    SeveralAnswers,
    /// A tag was written in another way: case, brackets, decoration, slash, a heading, another name.
    TagInOtherForm,
    /// A tag that a part could have begun or ended with was only talked about.
    TagOnlyMentioned,
    /// Words stand outside all parts; they belong to none of them.
    TextOutsideTags,
}

impl Form {
    /// All forms, in the order in which lists have them.
    pub const ALL: [Form; 17] = [
        Form::AsAsked,
        Form::NativeReasoningInText,
        Form::NativeReasoningNotClosed,
        Form::ScratchpadMissing,
        Form::ScratchpadNotOpened,
        Form::ScratchpadEndedByAnswer,
        Form::ScratchpadNotClosed,
        Form::SeveralScratchpads,
        Form::ScratchpadAfterAnswer,
        Form::AnswerMissing,
        Form::AnswerWithoutTag,
        Form::AnswerNotOpened,
        Form::AnswerNotClosed,
        Form::SeveralAnswers,
        Form::TagInOtherForm,
        Form::TagOnlyMentioned,
        Form::TextOutsideTags,
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Form::AsAsked => "as_asked",
            Form::NativeReasoningInText => "native_reasoning_in_text",
            Form::NativeReasoningNotClosed => "native_reasoning_not_closed",
            Form::ScratchpadMissing => "scratchpad_missing",
            Form::ScratchpadNotOpened => "scratchpad_not_opened",
            Form::ScratchpadEndedByAnswer => "scratchpad_ended_by_answer",
            Form::ScratchpadNotClosed => "scratchpad_not_closed",
            Form::SeveralScratchpads => "several_scratchpads",
            Form::ScratchpadAfterAnswer => "scratchpad_after_answer",
            Form::AnswerMissing => "answer_missing",
            Form::AnswerWithoutTag => "answer_without_tag",
            Form::AnswerNotOpened => "answer_not_opened",
            Form::AnswerNotClosed => "answer_not_closed",
            Form::SeveralAnswers => "several_answers",
            Form::TagInOtherForm => "tag_in_other_form",
            Form::TagOnlyMentioned => "tag_only_mentioned",
            Form::TextOutsideTags => "text_outside_tags",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
