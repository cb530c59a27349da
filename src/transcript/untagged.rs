//! Parts of a reply that are not in the tags that were asked for: behind headings, in the tags of another name, or in
//! none. Knows nothing about the way along the tags.

use std::ops::Range;

use super::form::Form;
use super::heading::headings;
use super::mark::{Standing, marks};
use super::names::OTHER_ANSWERS;
use super::native;
use super::reader::Reader;

impl Reader<'_> {
    /// The text ends in an open scratchpad: whether an answer was begun in it in another way.
    pub(super) fn end_of_open_scratchpad(&mut self, tail: Range<usize>, answer_names: &[&str]) {
        if self.answer.is_empty() {
            if let Some((end, answer)) = self.answer_by_another_name(&tail) {
                self.scratchpad.push(tail.start..end);
                self.answer.push(answer);
                return self.say(Form::ScratchpadEndedByAnswer);
            }
            // Closed by the tag of another name.
            let others = native::closings(self.text, tail.clone());
            if let Some(close) = others.first() {
                self.say(Form::TagInOtherForm);
                self.scratchpad.push(tail.start..close.start);
                return self.untagged(close.end..tail.end, &[], answer_names);
            }
            if let Some(heading) = headings(self.text, tail.clone(), answer_names).pop() {
                self.say(Form::TagInOtherForm);
                self.say(Form::ScratchpadEndedByAnswer);
                self.say(Form::AnswerNotClosed);
                self.scratchpad.push(tail.start..heading.start);
                let end = self.without_stray_closing(heading.end..tail.end, answer_names);
                return self.answer.push(heading.end..end);
            }
            if let Some((start, end)) = self.last_paragraph_before_closing(&tail, answer_names) {
                self.say(Form::ScratchpadEndedByAnswer);
                self.say(Form::AnswerNotOpened);
                self.closed = true;
                self.scratchpad.push(tail.start..start);
                return self.answer.push(start..end);
            }
        }
        self.say(Form::ScratchpadNotClosed);
        self.scratchpad.push(tail);
    }

    /// No answer's tag opens and no scratchpad is open: what is left is the answer, behind headings if there are any.
    pub(super) fn untagged(
        &mut self,
        tail: Range<usize>,
        scratchpad_names: &[&str],
        answer_names: &[&str],
    ) {
        let mut tail = tail;
        if !self.begun && !scratchpad_names.is_empty() {
            let heading = headings(self.text, tail.clone(), scratchpad_names).into_iter().next();
            if let Some(heading) = heading.filter(|h| self.blank(tail.start..h.start)) {
                self.say(Form::TagInOtherForm);
                self.begun = true;
                let behind = heading.end..tail.end;
                let next = headings(self.text, behind.clone(), answer_names).pop();
                let Some(next) = next else {
                    self.say(Form::ScratchpadNotClosed);
                    return self.scratchpad.push(behind);
                };
                self.scratchpad.push(heading.end..next.start);
                self.say(Form::AnswerNotClosed);
                return self.answer.push(next.end..tail.end);
            }
        }
        if let Some((before, answer)) = self.answer_by_another_name(&tail) {
            self.outside.push(tail.start..before);
            return self.answer.push(answer);
        }
        let heading = headings(self.text, tail.clone(), answer_names).into_iter().next();
        if let Some(heading) = heading.filter(|h| self.blank(tail.start..h.start)) {
            self.say(Form::TagInOtherForm);
            self.say(Form::AnswerNotClosed);
            tail.start = heading.end;
        } else if self.tags.answer.is_some() && !self.blank(tail.clone()) {
            self.say(Form::AnswerWithoutTag);
        }
        self.answer.push(self.without_open_fence(tail));
    }

    /// An answer in the tags of another name, opened where a part begins: where the words before it end, and its
    /// place.
    fn answer_by_another_name(&mut self, tail: &Range<usize>) -> Option<(usize, Range<usize>)> {
        let asked = |name: &str| {
            let asked = [self.tags.scratchpad, self.tags.answer];
            asked.into_iter().flatten().any(|asked| asked.eq_ignore_ascii_case(name))
        };
        for name in OTHER_ANSWERS.into_iter().filter(|name| !asked(name)) {
            let found = marks(self.text, tail.clone(), &[name]);
            let open = found.iter().find(|mark| {
                !mark.closes
                    && mark.standing == Standing::Set
                    && self.text[mark.place.clone()].contains(['<', '['])
            });
            let Some(open) = open else { continue };
            let close = found.iter().find(|m| m.closes && m.place.start >= open.place.end);
            // Without its closing tag it may be anything.
            let Some(close) = close else { continue };
            self.say(Form::TagInOtherForm);
            self.closed = true;
            self.outside.push(close.place.end..tail.end);
            return Some((open.place.start, open.place.end..close.place.start));
        }
        None
    }

    /// Where a scratchpad ends that has the closing tag of some other name right before the answer.
    pub(super) fn without_other_closing(&self, place: Range<usize>) -> usize {
        let others = native::closings(self.text, place.clone());
        match others.last() {
            Some(last) if self.blank(last.end..place.end) => last.start,
            _ => place.end,
        }
    }

    /// Where an answer behind a heading ends that has the answer's closing tag at its end.
    fn without_stray_closing(&self, place: Range<usize>, names: &[&str]) -> usize {
        let closing = marks(self.text, place.clone(), names).into_iter().find(|mark| mark.closes);
        closing.map_or(place.end, |mark| mark.place.start)
    }

    /// The last paragraph before the answer's closing tag, where that ends the reply and more stands before it: of the
    /// words in an open scratchpad these are the ones that are the answer's for certain.
    fn last_paragraph_before_closing(
        &self,
        tail: &Range<usize>,
        names: &[&str],
    ) -> Option<(usize, usize)> {
        let found = marks(self.text, tail.clone(), names);
        let closing = found.last().filter(|mark| mark.closes && mark.standing == Standing::Set)?;
        let end = closing.place.start;
        if !self.blank(closing.place.end..tail.end) {
            return None;
        }
        let before = self.text[tail.start..end].trim_end();
        let start = tail.start + before.rfind("\n\n")?;
        (!self.blank(tail.start..start) && !self.blank(start..end)).then_some((start, end))
    }

    /// A place without the end of a code fence that was begun before it.
    pub(super) fn without_open_fence(&self, place: Range<usize>) -> Range<usize> {
        let text = &self.text[place.clone()];
        let trimmed = text.trim_end();
        let fences = |text: &str| text.matches("```").count();
        match trimmed.strip_suffix("```") {
            Some(rest) if fences(rest) % 2 == 0 && fences(&self.text[..place.start]) % 2 == 1 => {
                place.start..place.start + rest.len()
            }
            _ => place,
        }
    }
}
