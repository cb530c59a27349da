//! The parts of a reply and its outcome. Nothing is repaired: what does not follow the form gets an outcome
//! that says so, and the raw text is kept beside it.

use std::ops::Range;

use super::native::{self, Native};
use super::record::Outcome;
use crate::engine::FinishReason;

/// Tag names that a variant uses.
#[derive(Debug, Clone, Copy)]
pub struct TagNames<'a> {
    /// Where the model thinks; none when the variant asks for no scratchpad.
    pub scratchpad: Option<&'a str>,
    /// Where it answers; none when all that follows the scratchpad is the answer.
    pub answer: Option<&'a str>,
    /// Whether the prompt ends inside the model's native reasoning.
    pub reasoning_opened: bool,
}

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
    /// Bytes of the text that are scratchpad, untrimmed; none where there is no scratchpad.
    pub scratchpad_place: Option<Range<usize>>,
    /// Bytes of the text that are the answer, untrimmed; none where no answer was begun.
    pub answer_place: Option<Range<usize>>,
}

impl Reply {
    /// Takes `text`, the decoded reply without its stop token, apart.
    ///
    /// The scratchpad runs from its first opening to the next closing tag, and whatever stands in it is
    /// scratchpad, tags included. The answer is what stands in the answer's tags; without them, what follows
    /// the scratchpad, and so it is where the variant asks for no answer tag. A second pair of either, or one in the wrong order, is `malformed`.
    pub fn parse(text: &str, tags: TagNames<'_>, finish: FinishReason) -> Self {
        let cut = finish == FinishReason::Length;
        let unclosed = if cut { Outcome::Truncated } else { Outcome::UnclosedScratchpad };
        let mut reply = Self {
            native_reasoning: String::new(),
            scratchpad: String::new(),
            answer: String::new(),
            outcome: Outcome::Answered,
            scratchpad_place: None,
            answer_place: None,
        };

        let marks = tags.scratchpad.into_iter().chain(tags.answer);
        let marks: Vec<String> = marks.map(|name| format!("<{name}>")).collect();
        let (reasoning, rest) = match native::split(text, tags.reasoning_opened, &marks) {
            Native::Absent => (String::new(), Ok(text)),
            Native::Closed(reasoning, rest) => (reasoning, Ok(rest)),
            Native::Open(reasoning) => (reasoning, Err(unclosed)),
            Native::NoReply(reasoning) if cut => (reasoning, Err(Outcome::Truncated)),
            Native::NoReply(reasoning) => (reasoning, Err(Outcome::EmptyAnswer)),
        };
        reply.native_reasoning = reasoning.trim().into();
        let rest = match rest {
            Ok(rest) => rest,
            Err(outcome) => return Self { outcome, ..reply },
        };

        let mut missing = false;
        let rest = match tags.scratchpad {
            None => rest,
            Some(name) => match split_tag(rest, name) {
                Tagged::Absent => {
                    missing = true;
                    rest
                }
                Tagged::Open(inner) => {
                    reply.scratchpad = inner.trim().into();
                    reply.scratchpad_place = Some(place(text, inner));
                    return Self { outcome: unclosed, ..reply };
                }
                Tagged::Disordered => return Self { outcome: Outcome::Malformed, ..reply },
                Tagged::Closed { before, inner, after } => {
                    let again = after.contains(&format!("<{name}>"))
                        || after.contains(&format!("</{name}>"));
                    let early = |name: &str| before.contains(&format!("<{name}>"));
                    if again || tags.answer.is_some_and(early) {
                        return Self { outcome: Outcome::Malformed, ..reply };
                    }
                    reply.scratchpad = inner.trim().into();
                    reply.scratchpad_place = Some(place(text, inner));
                    after
                }
            },
        };

        let (answer, complete) = match tags.answer {
            None => (rest, !cut),
            Some(name) => match answer_in(rest, name) {
                Some((answer, closed)) => (answer, closed || !cut),
                None => return Self { outcome: Outcome::Malformed, ..reply },
            },
        };
        reply.answer = answer.trim().into();
        reply.answer_place = Some(place(text, answer));
        reply.outcome = match (complete, reply.answer.is_empty()) {
            (false, _) => Outcome::Truncated,
            (true, true) => Outcome::EmptyAnswer,
            (true, false) if missing => Outcome::NoScratchpad,
            (true, false) => Outcome::Answered,
        };
        reply
    }
}

/// Where `part`, a piece of `text`, stands in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// What stands in the answer's tags, or all of the text without them, and whether the tags were closed. None if
/// they do not nest or come twice.
fn answer_in<'a>(rest: &'a str, name: &str) -> Option<(&'a str, bool)> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    match split_tag(rest, name) {
        Tagged::Absent => Some((rest, false)),
        Tagged::Open(inner) if !inner.contains(&open) => Some((inner, false)),
        Tagged::Closed { inner, after, .. }
            if !inner.contains(&open) && !after.contains(&open) && !after.contains(&close) =>
        {
            Some((inner, true))
        }
        _ => None,
    }
}

enum Tagged<'a> {
    Absent,
    Open(&'a str),
    Closed {
        before: &'a str,
        inner: &'a str,
        after: &'a str,
    },
    /// A closing tag with no opening one before it.
    Disordered,
}

fn split_tag<'a>(text: &'a str, name: &str) -> Tagged<'a> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    match (text.split_once(&open), text.find(&close)) {
        (None, None) => Tagged::Absent,
        (None, Some(_)) => Tagged::Disordered,
        (Some((before, _)), Some(at)) if at < before.len() => Tagged::Disordered,
        (Some((before, rest)), _) => match rest.split_once(&close) {
            Some((inner, after)) => Tagged::Closed { before, inner, after },
            None => Tagged::Open(rest),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAGS: TagNames<'_> = TagNames {
        scratchpad: Some("scratchpad"),
        answer: Some("answer"),
        reasoning_opened: false,
    };
    const PLAIN: TagNames<'_> =
        TagNames { scratchpad: None, answer: Some("answer"), reasoning_opened: false };

    fn stop(text: &str) -> (Outcome, String, String) {
        let reply = Reply::parse(text, TAGS, FinishReason::Stop);
        (reply.outcome, reply.scratchpad, reply.answer)
    }

    fn expect(outcome: Outcome, scratchpad: &str, answer: &str) -> (Outcome, String, String) {
        (outcome, scratchpad.into(), answer.into())
    }

    #[test]
    fn every_outcome() {
        use Outcome::*;
        for (text, expected) in [
            ("<scratchpad>a</scratchpad>\n<answer>b</answer>", expect(Answered, "a", "b")),
            ("<scratchpad>a</scratchpad>\nb", expect(Answered, "a", "b")),
            ("<scratchpad>a</scratchpad><answer>b", expect(Answered, "a", "b")),
            (
                "<scratchpad>into <answer> I write</scratchpad><answer>b</answer>",
                expect(Answered, "into <answer> I write", "b"),
            ),
            ("<scratchpad>a", expect(UnclosedScratchpad, "a", "")),
            (
                "<scratchpad>a <answer>b</answer>",
                expect(UnclosedScratchpad, "a <answer>b</answer>", ""),
            ),
            ("<answer>b</answer>", expect(NoScratchpad, "", "b")),
            ("b", expect(NoScratchpad, "", "b")),
            ("", expect(EmptyAnswer, "", "")),
            ("<scratchpad>a</scratchpad><answer> </answer>", expect(EmptyAnswer, "a", "")),
            ("<answer>b</answer><scratchpad>a</scratchpad>", expect(Malformed, "", "")),
            ("<scratchpad>a</scratchpad><scratchpad>a</scratchpad>b", expect(Malformed, "", "")),
            ("</scratchpad><scratchpad>a", expect(Malformed, "", "")),
            ("<scratchpad>a</scratchpad></answer>b<answer>", expect(Malformed, "a", "")),
            (
                "<scratchpad>a</scratchpad><answer>b</answer><answer>c</answer>",
                expect(Malformed, "a", ""),
            ),
        ] {
            assert_eq!(stop(text), expected, "{text}");
        }
    }

    #[test]
    fn a_reply_that_was_cut_is_truncated_unless_its_answer_was_closed() {
        for (text, outcome) in [
            ("<scratchpad>a", Outcome::Truncated),
            ("<scratchpad>a</scratchpad><answer>b", Outcome::Truncated),
            ("<scratchpad>a</scratchpad>b", Outcome::Truncated),
            ("<scratchpad>a</scratchpad><answer>b</answer> c", Outcome::Answered),
            ("<think>a", Outcome::Truncated),
        ] {
            assert_eq!(Reply::parse(text, TAGS, FinishReason::Length).outcome, outcome, "{text}");
        }
    }

    #[test]
    fn without_an_answer_tag_all_that_follows_the_scratchpad_is_the_answer() {
        use Outcome::*;
        let tags =
            TagNames { scratchpad: Some("REASONING"), answer: None, reasoning_opened: false };
        for (text, finish, expected) in [
            (
                "<REASONING>a</REASONING>\nb <answer>c</answer>",
                FinishReason::Stop,
                expect(Answered, "a", "b <answer>c</answer>"),
            ),
            ("<REASONING>a</REASONING>b", FinishReason::Length, expect(Truncated, "a", "b")),
            ("<REASONING>a</REASONING>\n", FinishReason::Stop, expect(EmptyAnswer, "a", "")),
            ("<REASONING>a", FinishReason::Stop, expect(UnclosedScratchpad, "a", "")),
            ("b", FinishReason::Stop, expect(NoScratchpad, "", "b")),
            (
                "x<REASONING>a</REASONING>b<REASONING>",
                FinishReason::Stop,
                expect(Malformed, "", ""),
            ),
        ] {
            let reply = Reply::parse(text, tags, finish);
            assert_eq!((reply.outcome, reply.scratchpad, reply.answer), expected, "{text}");
        }
        let bare = TagNames { scratchpad: None, ..tags };
        let reply = Reply::parse("<think>n</think> b", bare, FinishReason::Stop);
        assert_eq!((&*reply.native_reasoning, &*reply.answer), ("n", "b"));
    }

    #[test]
    fn the_parts_are_where_their_places_say() {
        let text = "<think>n</think> <scratchpad> é a </scratchpad>\n<answer> b</answer> c";
        let reply = Reply::parse(text, TAGS, FinishReason::Stop);
        assert_eq!(reply.scratchpad_place.map(|place| &text[place]), Some(" é a "));
        assert_eq!(reply.answer_place.map(|place| &text[place]), Some(" b"));
        let open = Reply::parse("<scratchpad>a", TAGS, FinishReason::Stop);
        assert_eq!((open.scratchpad_place, open.answer_place), (Some(12..13), None));
        assert_eq!(Reply::parse("b", TAGS, FinishReason::Stop).answer_place, Some(0..1));
    }

    #[test]
    fn native_reasoning_is_kept_apart() {
        for text in ["<think>n</think><answer>b</answer>", "n</think>\n<answer>b</answer>"] {
            let reply = Reply::parse(text, PLAIN, FinishReason::Stop);
            assert_eq!((&*reply.native_reasoning, &*reply.answer), ("n", "b"));
        }
        let opened = TagNames { reasoning_opened: true, ..TAGS };
        for (text, outcome, native) in [
            ("n</think><scratchpad>a</scratchpad>b", Outcome::Answered, "n"),
            (
                "I shall write <answer>b</answer>",
                Outcome::UnclosedScratchpad,
                "I shall write <answer>b</answer>",
            ),
            ("<|channel|>analysis<|message|>n<|end|>", Outcome::EmptyAnswer, "n"),
            ("<|channel|>final<|message|><scratchpad>a</scratchpad>b", Outcome::Answered, ""),
        ] {
            let reply = Reply::parse(text, opened, FinishReason::Stop);
            assert_eq!((reply.outcome, &*reply.native_reasoning), (outcome, native), "{text}");
        }
        assert_eq!(Reply::parse("n", opened, FinishReason::Length).outcome, Outcome::Truncated);
        let quoted = "<scratchpad>a</scratchpad><answer>end with </think></answer>";
        assert_eq!(Reply::parse(quoted, TAGS, FinishReason::Stop).native_reasoning, "");
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_tags_comes_back(a in "[a-z <>/]{0,30}", b in "[a-z]{1,30}") {
            prop_assume!(!a.contains("</scratchpad>"));
            let text = format!("<scratchpad>{a}</scratchpad>\n<answer>{b}</answer>");
            prop_assert_eq!(stop(&text), expect(Outcome::Answered, a.trim(), &b));
        }

        #[test]
        fn any_text_has_an_outcome(parts in prop::collection::vec(
            prop::sample::select(vec!["<scratchpad>", "</scratchpad>", "<answer>", "</answer>", "<think>", "</think>", "x", " ", "é"]), 0..12)) {
            let text = parts.concat();
            let reply = Reply::parse(&text, TAGS, FinishReason::Stop);
            prop_assert_eq!(reply.answer.is_empty(), !matches!(reply.outcome, Outcome::Answered | Outcome::NoScratchpad));
        }
    }
}
