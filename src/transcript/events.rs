//! Which of the tags in a reply begin and end its parts, and which are only talked about. Knows nothing about the
//! texts of the parts, or how a reply ended.

use std::ops::Range;

use super::mark::{Mark, Standing};

/// A part of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaggedPart {
    Scratchpad,
    Answer,
}

/// A tag that begins or ends a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) part: TaggedPart,
    pub(super) mark: Mark,
}

/// The tags in use, in order, and whether any was only talked about.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) used: Vec<Event>,
    pub(super) mentioned: bool,
}

impl Events {
    /// Chooses among the tags of a reply, all of which stand in `text[rest]`. `blank` says whether a place holds
    /// nothing that a model would say.
    pub(super) fn choose(
        scratchpad: Vec<Mark>,
        answer: Vec<Mark>,
        rest: &Range<usize>,
        blank: &dyn Fn(Range<usize>) -> bool,
    ) -> Self {
        let mut events = Self::default();
        let mut all: Vec<Event> = Vec::new();
        for (part, marks) in [(TaggedPart::Scratchpad, scratchpad), (TaggedPart::Answer, answer)] {
            let before = all.len() + marks.len();
            let used = marks.into_iter().filter(|mark| mark.standing != Standing::Talked);
            all.extend(used.map(|mark| Event { part, mark }));
            events.mentioned |= all.len() < before;
        }
        all.sort_by_key(|event| event.mark.place.start);
        // Two tags in a row may claim the same decoration.
        for at in 1..all.len() {
            let before = all[at - 1].mark.place.end;
            let place = &mut all[at].mark.place;
            place.start = place.start.max(before);
            place.end = place.end.max(place.start);
        }
        turn_slashes(&mut all, rest, blank);
        // A tag exactly as it was asked for wins over one that only resembles it.
        for part in [TaggedPart::Scratchpad, TaggedPart::Answer] {
            let opens = |event: &Event| event.part == part && !event.mark.closes;
            if all.iter().any(|event| opens(event) && event.mark.exact) {
                let before = all.len();
                all.retain(|event| !opens(event) || event.mark.exact);
                events.mentioned |= all.len() < before;
            }
        }
        // A closing tag of the answer that closes nothing is no talk about it.
        let telling = |events: &[Event]| {
            events.iter().filter(|e| e.part == TaggedPart::Scratchpad || !e.mark.closes).count()
        };
        let before = telling(&all);
        events.used = without_talk(all, rest, blank);
        events.mentioned |= telling(&events.used) < before;
        events
    }
}

/// An opening tag where only a closing one makes sense has the wrong slash: a second one of a part that is open, with
/// nothing behind it but the other part's opening tag or the end.
fn turn_slashes(all: &mut [Event], rest: &Range<usize>, blank: &dyn Fn(Range<usize>) -> bool) {
    let mut open = [false, false];
    for at in 0..all.len() {
        let Event { part, mark } = &all[at];
        let part = *part;
        let next = all.get(at + 1);
        let behind = mark.place.end..next.map_or(rest.end, |next| next.mark.place.start);
        let nothing = blank(behind);
        let wrong = !mark.closes
            && open[part as usize]
            && nothing
            && match next {
                None => true,
                Some(next) => next.part != part && !next.mark.closes,
            };
        if wrong {
            all[at].mark.closes = true;
            all[at].mark.exact = false;
        }
        open[part as usize] = !all[at].mark.closes;
    }
}

/// The tags without those that a part only talks about.
fn without_talk(
    all: Vec<Event>,
    rest: &Range<usize>,
    blank: &dyn Fn(Range<usize>) -> bool,
) -> Vec<Event> {
    let is = |event: &Event, part: TaggedPart, closes: bool| {
        event.part == part && event.mark.closes == closes
    };
    let mut used: Vec<Event> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let event = &all[at];
        if is(event, TaggedPart::Scratchpad, false) {
            let (close, answer) = transition(&all, at, rest, blank);
            used.push(event.clone());
            used.extend(close.map(|close| all[close].clone()));
            at = match (close, answer) {
                (_, Some(answer)) => answer,
                (Some(close), None) => close + 1,
                // Nothing ends it; what stands in it is talk.
                (None, None) => break,
            };
            let Some(answer) = answer else { continue };
            used.push(all[answer].clone());
            at = answer + 1;
            continue;
        }
        if is(event, TaggedPart::Answer, false) && event.mark.standing == Standing::Inline {
            // In an answer that is open, or before one that is set or has its closing tag, it is talk.
            let inside = used.last().is_some_and(|last| is(last, TaggedPart::Answer, false));
            let paired =
                |at: usize| all.get(at + 1).is_some_and(|next| is(next, TaggedPart::Answer, true));
            let better = all[at + 1..].iter().enumerate().any(|(ahead, later)| {
                is(later, TaggedPart::Answer, false)
                    && (later.mark.standing == Standing::Set || paired(at + 1 + ahead))
            });
            if inside || !paired(at) && better {
                at += 1;
                continue;
            }
        }
        used.push(event.clone());
        at += 1;
    }
    used
}

/// Where the scratchpad that is opened by `all[open]` ends, and where the answer behind it begins: the places of its
/// closing tag and of the answer's opening one.
fn transition(
    all: &[Event],
    open: usize,
    rest: &Range<usize>,
    blank: &dyn Fn(Range<usize>) -> bool,
) -> (Option<usize>, Option<usize>) {
    let behind = || open + 1..all.len();
    let closing = |at: &usize| all[*at].part == TaggedPart::Scratchpad && all[*at].mark.closes;
    let opening = |at: &usize| all[*at].part == TaggedPart::Answer && !all[*at].mark.closes;
    let set = |at: &usize| all[*at].mark.standing == Standing::Set;
    let paired = |at: &usize| {
        all.get(at + 1).is_some_and(|next| next.part == TaggedPart::Answer && next.mark.closes)
            && !blank(all[*at].mark.place.end..all[at + 1].mark.place.start)
    };
    // 1. A closing tag with the answer's opening one right behind it.
    let direct = behind().filter(closing).find(|close| {
        let next = all.get(close + 1);
        next.is_some_and(|_| opening(&(close + 1)))
            && blank(all[*close].mark.place.end..all[close + 1].mark.place.start)
    });
    if let Some(close) = direct {
        return (Some(close), Some(close + 1));
    }
    // 2. A closing tag, set apart if there is one.
    let first_closing = behind().filter(closing).find(set).or_else(|| behind().find(closing));
    if let Some(close) = first_closing {
        let after = || (close + 1..all.len()).filter(opening);
        if let Some(answer) = after().find(set).or_else(|| after().next()) {
            // A scratchpad that opens in between is one of its own.
            let again = (close + 1..answer)
                .find(|at| all[*at].part == TaggedPart::Scratchpad && !all[*at].mark.closes);
            return (Some(close), again.is_none().then_some(answer));
        }
        let within = || (open + 1..close).filter(opening);
        let last_word = blank(all[close].mark.place.end..rest.end);
        let real = within().find(|at| set(at) || paired(at));
        return match real.or_else(|| within().next().filter(|_| last_word)) {
            Some(answer) => (None, Some(answer)),
            None => (Some(close), None),
        };
    }
    // 3. The answer's opening tag alone.
    let answers = || behind().filter(opening);
    let best = answers().find(|at| set(at) || paired(at)).or_else(|| answers().next_back());
    (None, best)
}
