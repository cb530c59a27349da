//! The way along a reply's tags: which text is which part, and what is said of how it was found. Knows nothing about
//! replies whose parts have no tags.

use std::ops::Range;

use super::events::{Event, Events, TaggedPart};
use super::form::Form;
use super::mark::{Mark, marks};
use super::names::{TagNames, spellings};
use super::native::{self, Native, Parts};
use super::record::Outcome;
use super::reply::Reply;
use crate::engine::FinishReason;

/// Signs of the end of a turn that a log may have left in the text.
const TURN_ENDS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|return|>",
    "<end_of_turn>",
    "</s>",
];

impl Reply {
    /// Takes `text`, the decoded reply without its stop token, apart.
    ///
    /// Native reasoning is taken out first. Of what is left, the scratchpad runs from its opening tag to its closing
    /// one or to the answer's opening one, and the answer from there to its closing tag or the end. Without an
    /// answer's tag the answer is what follows the scratchpad, as it is where the variant asks for no answer tag.
    pub fn parse(text: &str, tags: TagNames<'_>, finish: FinishReason) -> Self {
        Self::parse_begun(text, 0, tags, finish)
    }

    /// The same of a reply whose first `given` bytes were put into the model's mouth. They are read like the rest, so
    /// that what they opened is open, but no part holds their words: a part is what the model said itself.
    pub fn parse_begun(text: &str, given: usize, tags: TagNames<'_>, finish: FinishReason) -> Self {
        Reader::new(text, given, tags, finish == FinishReason::Length).read()
    }
}

/// A reply that is being read.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    /// Bytes of the text that are not the model's own words.
    given: usize,
    pub(super) tags: TagNames<'a>,
    pub(super) cut: bool,
    pub(super) form: Vec<Form>,
    pub(super) scratchpad: Vec<Range<usize>>,
    pub(super) answer: Vec<Range<usize>>,
    pub(super) outside: Vec<Range<usize>>,
    /// Places of native reasoning, which belong to no part.
    pub(super) holes: Vec<Range<usize>>,
    /// Places within an answer that are not the answer: a scratchpad, a stray tag.
    pub(super) inserts: Vec<Range<usize>>,
    /// Whether a scratchpad was begun.
    pub(super) begun: bool,
    /// Whether the last answer was ended by its own tag.
    pub(super) closed: bool,
    /// Answers that were opened.
    pub(super) opened: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, given: usize, tags: TagNames<'a>, cut: bool) -> Self {
        Self {
            text,
            given,
            tags,
            cut,
            form: Vec::new(),
            scratchpad: Vec::new(),
            answer: Vec::new(),
            outside: Vec::new(),
            holes: Vec::new(),
            inserts: Vec::new(),
            begun: false,
            closed: false,
            opened: 0,
        }
    }

    /// Takes the reply apart.
    pub(super) fn read(mut self) -> Reply {
        let end = without_turn_ends(self.text).len();
        let spellings = |name: Option<&str>, other: Option<&str>| {
            name.map(|name| spellings(name, other)).unwrap_or_default()
        };
        let of_scratchpad = spellings(self.tags.scratchpad, self.tags.answer);
        let of_answer = spellings(self.tags.answer, self.tags.scratchpad);
        let scratchpad_names: Vec<&str> = of_scratchpad.iter().map(String::as_str).collect();
        let answer_names: Vec<&str> = of_answer.iter().map(String::as_str).collect();
        let find = |names: &[&str]| match names.is_empty() {
            true => Vec::new(),
            false => marks(self.text, 0..end, names),
        };
        let (scratchpads, answers) = (find(&scratchpad_names), find(&answer_names));

        let mut all: Vec<Mark> = scratchpads.iter().chain(&answers).cloned().collect();
        all.sort_by_key(|mark| mark.place.start);
        let asked: Vec<&str> = self.tags.scratchpad.into_iter().chain(self.tags.answer).collect();
        let parts = Parts { marks: &all, asked: &asked };
        let native = native::find(&self.text[..end], self.tags.reasoning_opened, &parts);
        let rest = native.rest.clone();
        self.holes.clone_from(&native.holes);
        if !native.thoughts.is_empty() || native.no_reply {
            self.say(Form::NativeReasoningInText);
        }
        if native.open {
            self.say(Form::NativeReasoningNotClosed);
        }
        if native.no_reply {
            return self.without_reply(&native);
        }

        let within = |marks: Vec<Mark>| -> Vec<Mark> {
            let outside = |mark: &Mark| {
                rest.start <= mark.place.start
                    && mark.place.end <= rest.end
                    && native
                        .holes
                        .iter()
                        .all(|hole| mark.place.end <= hole.start || hole.end <= mark.place.start)
            };
            marks.into_iter().filter(outside).collect()
        };
        let blank = |place: Range<usize>| is_blank(&self.text_of(&place));
        let events = Events::choose(within(scratchpads), within(answers), &rest, &blank);
        if events.mentioned {
            self.say(Form::TagOnlyMentioned);
        }
        if events.used.iter().any(|event| !event.mark.exact) {
            self.say(Form::TagInOtherForm);
        }
        self.walk(&events.used, &rest, &scratchpad_names, &answer_names);
        self.finish(&native)
    }

    pub(super) fn say(&mut self, form: Form) {
        if !self.form.contains(&form) {
            self.form.push(form);
        }
    }

    /// The text of a place, without native reasoning that stands in it.
    fn text_of(&self, place: &Range<usize>) -> String {
        self.text_without(place, &self.holes)
    }

    fn text_without(&self, place: &Range<usize>, holes: &[Range<usize>]) -> String {
        let mut text = String::new();
        let mut from = place.start;
        let mut holes: Vec<_> = holes.iter().collect();
        holes.sort_by_key(|hole| hole.start);
        for hole in holes.into_iter().filter(|h| h.start < place.end && place.start < h.end) {
            text += self.text.get(from..hole.start.max(from)).unwrap_or_default();
            from = from.max(hole.end);
        }
        text + self.text.get(from..place.end).unwrap_or_default()
    }

    pub(super) fn blank(&self, place: Range<usize>) -> bool {
        is_blank(&self.text_of(&place))
    }

    /// Walks along the tags and collects the texts between them.
    fn walk(
        &mut self,
        events: &[Event],
        rest: &Range<usize>,
        scratchpad_names: &[&str],
        answer_names: &[&str],
    ) {
        let answer_opens = |event: &Event| event.part == TaggedPart::Answer && !event.mark.closes;
        let any_answer = events.iter().any(answer_opens);
        let mut open: Option<TaggedPart> = None;
        // A scratchpad that was left for an answer; its closing tag may still come.
        let mut left = false;
        let mut from = rest.start;
        for (at, event) in events.iter().enumerate() {
            let (start, end) = (event.mark.place.start, event.mark.place.end);
            let closes_later = || {
                let next = events[at + 1..].iter().find(|later| later.part == TaggedPart::Answer);
                next.is_some_and(|next| next.mark.closes)
            };
            match (open, event.part, event.mark.closes) {
                (None, TaggedPart::Scratchpad, false) => {
                    self.outside.push(from..start);
                    if !self.answer.is_empty() {
                        self.say(Form::ScratchpadAfterAnswer);
                    }
                    (open, self.begun) = (Some(TaggedPart::Scratchpad), true);
                }
                (None, TaggedPart::Scratchpad, true) => {
                    let first = !self.begun && self.answer.is_empty();
                    match first {
                        true => {
                            self.say(Form::ScratchpadNotOpened);
                            self.begun = true;
                            self.scratchpad.push(from..start);
                        }
                        false if left => self.outside.push(from..start),
                        // It closes once more what was closed: the words before it are still the scratchpad's.
                        false if self.answer.is_empty() && !any_answer => {
                            self.say(Form::TagOnlyMentioned);
                            continue;
                        }
                        false => self.outside.push(from..start),
                    }
                    left = false;
                }
                (None, TaggedPart::Answer, false) => {
                    self.outside.push(from..start);
                    (open, self.closed) = (Some(TaggedPart::Answer), false);
                    self.opened += 1;
                }
                (None, TaggedPart::Answer, true) => {
                    if !any_answer && self.answer.is_empty() {
                        self.say(Form::AnswerNotOpened);
                        self.closed = true;
                        self.answer.push(from..start);
                    } else {
                        self.outside.push(from..start);
                    }
                }
                (Some(TaggedPart::Scratchpad), TaggedPart::Scratchpad, true) => {
                    self.scratchpad.push(from..start);
                    open = None;
                }
                (Some(TaggedPart::Scratchpad), TaggedPart::Answer, false) => {
                    let end = self.without_other_closing(from..start);
                    self.say(match end < start {
                        true => Form::TagInOtherForm,
                        false => Form::ScratchpadEndedByAnswer,
                    });
                    left = end == start;
                    self.scratchpad.push(from..end);
                    (open, self.closed) = (Some(TaggedPart::Answer), false);
                    self.opened += 1;
                }
                // It opens what is open, or closes what was never opened.
                (Some(TaggedPart::Scratchpad), _, _) => continue,
                (Some(TaggedPart::Answer), TaggedPart::Answer, true) => {
                    self.answer.push(from..start);
                    (open, self.closed) = (None, true);
                }
                (Some(TaggedPart::Answer), TaggedPart::Answer, false) => {
                    if !self.blank(from..start) {
                        self.answer.push(from..start);
                        self.opened += 1;
                        self.say(Form::AnswerNotClosed);
                    }
                }
                (Some(TaggedPart::Answer), TaggedPart::Scratchpad, false) => {
                    if !self.blank(from..start) {
                        self.answer.push(from..start);
                    }
                    self.say(Form::ScratchpadAfterAnswer);
                    let inner = events.get(at + 1).filter(|next| {
                        next.part == TaggedPart::Scratchpad && next.mark.closes && {
                            let later =
                                events[at + 2..].iter().find(|e| e.part == TaggedPart::Answer);
                            later.is_some_and(|later| later.mark.closes)
                        }
                    });
                    self.begun = true;
                    match inner {
                        // The answer goes on behind it.
                        Some(close) => {
                            self.scratchpad.push(end..close.mark.place.start);
                            self.inserts.push(start..close.mark.place.end);
                            from = close.mark.place.end;
                            continue;
                        }
                        None => {
                            self.say(Form::AnswerNotClosed);
                            open = Some(TaggedPart::Scratchpad);
                        }
                    }
                }
                (Some(TaggedPart::Answer), TaggedPart::Scratchpad, true) => {
                    let inner = self.inserts.iter().any(|insert| insert.end == end);
                    if inner || closes_later() {
                        self.inserts.push(start..end);
                        continue;
                    }
                    self.answer.push(from..start);
                    self.say(Form::AnswerNotClosed);
                    (open, left) = (None, false);
                }
            }
            from = end;
        }
        let tail = from..rest.end;
        match open {
            Some(TaggedPart::Answer) => {
                self.say(Form::AnswerNotClosed);
                self.answer.push(self.without_open_fence(tail));
            }
            Some(TaggedPart::Scratchpad) => self.end_of_open_scratchpad(tail, answer_names),
            None if !self.answer.is_empty() => self.outside.push(tail),
            None => self.untagged(tail, scratchpad_names, answer_names),
        }
    }

    /// Reasoning, and nothing that is meant for the user.
    fn without_reply(mut self, native: &Native) -> Reply {
        self.say(Form::AnswerMissing);
        let outcome = match (self.cut, native.open) {
            (true, _) => Outcome::Truncated,
            (false, true) => Outcome::UnclosedScratchpad,
            (false, false) => Outcome::EmptyAnswer,
        };
        self.reply(native, outcome, String::new(), String::new())
    }

    fn finish(mut self, native: &Native) -> Reply {
        let given = 0..self.given;
        let not_scratchpad = [&self.holes[..], std::slice::from_ref(&given)].concat();
        let (scratchpad, scratchpads) = self.joined(&self.scratchpad, &not_scratchpad);
        let not_answer = [&not_scratchpad[..], &self.inserts].concat();
        let (answer, answers) = self.joined(&self.answer, &not_answer);
        if scratchpads > 1 {
            self.say(Form::SeveralScratchpads);
        }
        if answers > 1 && self.opened > 1 {
            self.say(Form::SeveralAnswers);
        }
        if self.tags.scratchpad.is_some() && !self.begun {
            self.say(Form::ScratchpadMissing);
        }
        if answer.is_empty() {
            self.say(Form::AnswerMissing);
        }
        // A variant without a scratchpad may let the model think before its answer.
        let first = self.answer.first().map_or(0, |answer| answer.start);
        let counts = |place: &Range<usize>| self.tags.scratchpad.is_some() || place.start >= first;
        if self.outside.iter().any(|place| counts(place) && !self.blank(place.clone())) {
            self.say(Form::TextOutsideTags);
        }
        let unclosed = self.form.contains(&Form::ScratchpadNotClosed) && answer.is_empty();
        let complete = !self.cut || self.closed && !native.open;
        let stray = self.form.contains(&Form::AnswerNotClosed) && answer.is_empty() && {
            !self.outside.is_empty() && self.closing_before_opening()
        };
        let outcome = match () {
            () if unclosed && self.cut => Outcome::Truncated,
            () if unclosed => Outcome::UnclosedScratchpad,
            () if !complete => Outcome::Truncated,
            () if stray => Outcome::Malformed,
            () if answer.is_empty() => Outcome::EmptyAnswer,
            () if self.tags.scratchpad.is_some() && !self.begun => Outcome::NoScratchpad,
            () => Outcome::Answered,
        };
        self.reply(native, outcome, scratchpad, answer)
    }

    /// Whether the answer's closing tag stands before its only opening one, with words between them.
    fn closing_before_opening(&self) -> bool {
        let Some(name) = self.tags.answer else { return false };
        let end = self.answer.first().map_or(0, |answer| answer.start);
        let found = marks(self.text, 0..end, &[name]);
        match &found[..] {
            [.., close, open] if close.closes && !open.closes => {
                !self.blank(close.place.end..open.place.start)
            }
            _ => false,
        }
    }

    fn reply(
        mut self,
        native: &Native,
        outcome: Outcome,
        scratchpad: String,
        answer: String,
    ) -> Reply {
        let own = |place: &Range<usize>| place.start.max(self.given)..place.end.max(self.given);
        let thoughts = native.thoughts.iter().map(|place| self.text[own(place)].trim());
        let thoughts: Vec<&str> = thoughts.filter(|thought| !thought.is_empty()).collect();
        self.form.sort_unstable();
        if self.form.is_empty() {
            self.form.push(Form::AsAsked);
        }
        let span = |places: &[Range<usize>]| {
            let end = places.iter().map(|place| place.end).max()?;
            Some(places.iter().map(|place| place.start).min()?..end)
        };
        Reply {
            native_reasoning: thoughts.join("\n\n"),
            scratchpad,
            answer,
            outcome,
            form: self.form,
            scratchpad_place: span(&self.scratchpad),
            answer_place: span(&self.answer),
        }
    }

    /// The texts of places in order, each once, and how many of them say anything.
    fn joined(&self, places: &[Range<usize>], holes: &[Range<usize>]) -> (String, usize) {
        let text = |place| self.text_without(place, holes).trim().to_owned();
        let texts: Vec<String> = places.iter().map(text).collect();
        let said: Vec<&String> = texts.iter().filter(|text| !text.is_empty()).collect();
        let mut once: Vec<&str> = Vec::new();
        for text in &said {
            if !once.contains(&text.as_str()) {
                once.push(text);
            }
        }
        (once.join("\n\n"), said.len())
    }
}

/// `text` without the signs of the end of a turn at its end.
fn without_turn_ends(text: &str) -> &str {
    let mut rest = text;
    // In channels such a sign ends a message, which need not be the last.
    if text.contains("<|channel|>") {
        return text;
    }
    while let Some(shorter) = TURN_ENDS.iter().find_map(|end| rest.trim_end().strip_suffix(end)) {
        rest = shorter;
    }
    rest
}

/// Whether a text between parts says nothing: white space, code fences with their language, decoration.
fn is_blank(text: &str) -> bool {
    let words = |line: &str| {
        let line = line.trim().trim_start_matches("```");
        let fence = line.len() < text.len() && ["xml", "html", "text", "markdown"].contains(&line);
        !fence && line.chars().any(|c| !c.is_whitespace() && !"`*_-#\"'~".contains(c))
    };
    !text.lines().any(words)
}

#[cfg(test)]
mod tests;
