//! What a model thinks of its own accord, in the form that it was trained on, apart from its reply. Knows nothing
//! about what the parts of the reply are; it is told where they begin.
//!
//! The markers are those of the models' chat templates and of the parsers that serve them (vLLM, SGLang, llama.cpp):
//! `<think>` (DeepSeek, Qwen, GLM, Kimi-K2, Hunyuan, OLMo-3, Granite 3.3 …), `<seed:think>` (Seed-OSS),
//! `<longcat_think>` (LongCat), `[THINK]` (Magistral), `◁think▷` (Kimi-VL), `<|START_THINKING|>` (Command A),
//! `<|begin_of_thought|>` (Sky-T1, OpenThinker), `<|inner_prefix|>` (Apertus), `<|channel>thought` (Gemma 4),
//! `<unused94>thought` (MedGemma), `<|im_start|>think` (s1), `Here is my thought process:` (Granite 3.2), and the
//! channels of gpt-oss.

use std::ops::Range;

use super::mark::{Mark, Standing, marks};

/// Names in brackets between which models think.
const NAMES: [&str; 21] = [
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reasoning_content",
    "reflection",
    "seed:think",
    "longcat_think",
    "think:opensource",
    "analysis",
    "rationale",
    "deliberation",
    "scratchpad",
    "scratchpad_reasoning",
    "internal_monologue",
    "inner_monologue",
    "internal_thoughts",
    "chain_of_thought",
    "antthinking",
    "mm:think",
];
/// Names of brackets that begin and end reasoning, where the two differ by more than a slash.
const NAME_PAIRS: [[&str; 2]; 8] = [
    ["start_thinking", "end_thinking"],
    ["begin_of_thought", "end_of_thought"],
    ["begin_of_reasoning", "end_of_reasoning"],
    ["inner_prefix", "inner_suffix"],
    ["think_start", "think_end"],
    ["thinking_start", "thinking_end"],
    ["reasoning_start", "reasoning_end"],
    ["begin_of_think", "end_of_think"],
];
/// Texts that begin and end reasoning, compared without case.
const TEXT_PAIRS: [[&str; 2]; 7] = [
    ["<|channel>thought", "<channel|>"],
    ["<|channel>analysis", "<channel|>"],
    ["<unused94>thought", "<unused95>"],
    ["<|im_start|>think", "<|im_start|>answer"],
    ["here is my thought process:", "here is my response:"],
    ["here's my thought process:", "here's my response:"],
    ["here is my thought process:", "here's my response:"],
];
/// Brackets that some models put around what follows their reasoning.
const REPLY_NAMES: [&str; 2] = ["response", "answer"];
/// The same, where the two differ by more than a slash.
const REPLY_PAIRS: [[&str; 2]; 4] = [
    ["start_response", "end_response"],
    ["begin_of_solution", "end_of_solution"],
    ["answer_prefix", "answer_suffix"],
    ["start_text", "end_text"],
];
/// What may stand before a reply's first word: how a template begins the model's turn.
const TURNS: [&str; 6] = [
    "<|im_start|>assistant",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<|start|>assistant",
    "<start_of_turn>model",
    "<|turn>model",
    "<|assistant|>",
];
/// Blocks of reasoning that are taken out of one reply.
const BLOCKS_MAX: usize = 64;

/// Whether a prompt ends inside such brackets, so that only the closing one will stand in the reply.
pub fn opens_reasoning(prompt: &str) -> bool {
    let prompt = prompt.trim_end();
    let tail = prompt.len().saturating_sub(64);
    let tail = (tail..prompt.len()).find(|at| prompt.is_char_boundary(*at)).unwrap_or(0);
    let ends = |mark: &Mark| !mark.closes && mark.place.end == prompt.len();
    kinds().any(|kind| kind.find(prompt, tail..prompt.len()).iter().any(ends))
}

/// The texts that open reasoning in the chat templates of models that reason.
const OPENING: [&str; 9] = [
    "<think>",
    "<seed:think>",
    "<longcat_think>",
    "[THINK]",
    "<|START_THINKING|>",
    "<|begin_of_thought|>",
    "<|inner_prefix|>",
    "<|channel>thought",
    "<|channel|>analysis<|message|>",
];

/// What a model whose chat template this is writes before it reasons, with the line break that its template shows
/// behind it; none where the template knows no reasoning.
pub fn reasoning_mark(template: &str) -> Option<String> {
    let (at, mark) = OPENING.iter().filter_map(|mark| Some((template.find(mark)?, *mark))).min()?;
    let behind = &template[at + mark.len()..];
    let breaks = behind.starts_with('\n') || behind.starts_with("\\n");
    Some(format!("{mark}{}", if breaks { "\n" } else { "" }))
}

/// The closing marks of any reasoning in `text[within]`, in order: what a scratchpad of another name may end with.
pub(super) fn closings(text: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = kinds()
        .flat_map(|kind| kind.find(text, within.clone()))
        .filter(|mark| mark.closes && mark.standing != Standing::Talked)
        .map(|mark| mark.place)
        .collect();
    found.sort_by_key(|place| place.start);
    found
}

/// A way of marking reasoning.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Name(&'static str),
    Names([&'static str; 2]),
    Texts([&'static str; 2]),
}

fn kinds() -> impl Iterator<Item = Kind> {
    let names = NAMES.into_iter().map(Kind::Name);
    let pairs = NAME_PAIRS.into_iter().map(Kind::Names);
    names.chain(pairs).chain(TEXT_PAIRS.into_iter().map(Kind::Texts))
}

impl Kind {
    /// Its marks in `text[within]`, in order.
    fn find(self, text: &str, within: Range<usize>) -> Vec<Mark> {
        match self {
            Kind::Name(name) => marks(text, within, &[name]),
            Kind::Names([open, close]) => {
                let mut found = marks(text, within.clone(), &[open]);
                found.retain(|mark| !mark.closes);
                let closing = marks(text, within, &[close]);
                found.extend(closing.into_iter().map(|mark| Mark { closes: true, ..mark }));
                found.sort_by_key(|mark| mark.place.start);
                found
            }
            Kind::Texts(pair) => {
                let mut found = Vec::new();
                for (sign, closes) in pair.into_iter().zip([false, true]) {
                    let bytes = &text.as_bytes()[within.clone()];
                    let at = bytes
                        .windows(sign.len())
                        .enumerate()
                        .filter(|(_, window)| window.eq_ignore_ascii_case(sign.as_bytes()));
                    found.extend(at.map(|(at, _)| Mark {
                        place: within.start + at..within.start + at + sign.len(),
                        closes,
                        exact: true,
                        standing: Standing::Set,
                    }));
                }
                found.sort_by_key(|mark| mark.place.start);
                found
            }
        }
    }
}

/// What was found of reasoning in a reply's text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Native {
    /// The blocks of reasoning, without their marks, in order.
    pub(super) thoughts: Vec<Range<usize>>,
    /// The same places with their marks: they belong to no part of the reply.
    pub(super) holes: Vec<Range<usize>>,
    /// What is left for the reply at the text's beginning and end.
    pub(super) rest: Range<usize>,
    /// Whether a block began and its end is missing.
    pub(super) open: bool,
    /// Whether the reply never began: reasoning without an end, or nothing meant for the user behind it.
    pub(super) no_reply: bool,
}

/// Where the parts of the reply may begin, and which names they have.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The tags of scratchpad and answer in all of the text, in order.
    pub(super) marks: &'a [Mark],
    /// Names that the prompt asks for: what stands in them is no native reasoning.
    pub(super) asked: &'a [&'a str],
}

/// Finds the reasoning in `text`, which begins inside of it if the prompt has `opened` it.
pub(super) fn find(text: &str, opened: bool, parts: &Parts<'_>) -> Native {
    let mut native = Native { rest: 0..text.len(), ..Native::default() };
    native.rest.start = text.len() - behind_turn(text).len();
    if let Some(channels) = channels(text, native.rest.start) {
        return channels;
    }
    let asked = |kind: &Kind| match kind {
        Kind::Name(name) => parts.asked.iter().any(|asked| asked.eq_ignore_ascii_case(name)),
        _ => false,
    };
    let mut found: Vec<(usize, Mark)> = Vec::new();
    for (index, kind) in kinds().enumerate().filter(|(_, kind)| !asked(kind)) {
        found.extend(kind.find(text, native.rest.clone()).into_iter().map(|mark| (index, mark)));
    }
    // Of two kinds that find the same place the first stays.
    found.sort_by_key(|(index, mark)| (mark.place.start, *index));
    found.dedup_by(|next, kept| next.1.place.start < kept.1.place.end);
    found.retain(|(_, mark)| {
        mark.standing != Standing::Talked
            && parts.marks.iter().all(|part| {
                part.place.end <= mark.place.start || mark.place.end <= part.place.start
            })
    });

    let mut opened = opened;
    while native.thoughts.len() < BLOCKS_MAX {
        let start = native.rest.start;
        let gap = |place: usize| text[start..place].trim().is_empty();
        let leading = found
            .iter()
            .find(|(_, mark)| mark.place.start >= start)
            .filter(|(_, mark)| !mark.closes && gap(mark.place.start));
        let (kind, begin) = match leading {
            Some((kind, mark)) => (Some(*kind), mark.place.end),
            None if opened => (None, start),
            None => break,
        };
        opened = false;
        match end_of_block(&found, kind, begin, parts) {
            Some(end) => native.take(start, begin..end.start, end.end),
            None => {
                let opening = |standing: Standing| {
                    parts.marks.iter().find(move |mark| {
                        mark.place.start >= begin && !mark.closes && mark.standing == standing
                    })
                };
                let reply = opening(Standing::Set).or_else(|| opening(Standing::Inline));
                // Ended by the scratchpad's own closing tag: it was the scratchpad, under another name.
                let until = reply.map_or(text.len(), |mark| mark.place.start);
                let inside = begin..until;
                if parts.marks.iter().any(|m| m.closes && inside.contains(&m.place.start)) {
                    native.holes.push(start..begin);
                    native.rest.start = begin;
                    break;
                }
                let end = reply.map_or(text.len(), |mark| mark.place.start);
                native.open = true;
                native.no_reply = reply.is_none();
                native.take(start, begin..end, end);
                return native;
            }
        }
    }
    if native.thoughts.is_empty()
        && let Some(end) = closed_only(&found, parts)
    {
        native.take(native.rest.start, native.rest.start..end.start, end.end);
    }
    native.within(text, &found, parts);
    if !native.thoughts.is_empty() {
        native.unwrap_reply(text, parts);
    }
    native
}

impl Native {
    /// Takes a block at the beginning out.
    fn take(&mut self, start: usize, thought: Range<usize>, end: usize) {
        self.thoughts.push(thought);
        self.holes.push(start..end);
        self.rest.start = end;
    }

    /// Takes the blocks out that stand before, between or right at the beginning of the parts.
    fn within(&mut self, text: &str, found: &[(usize, Mark)], parts: &Parts<'_>) {
        for (kind, open) in found {
            let begin = open.place.end;
            if open.closes || open.standing != Standing::Set || open.place.start < self.rest.start {
                continue;
            }
            if self.holes.iter().any(|hole| open.place.start < hole.end) {
                continue;
            }
            let before = parts.marks.iter().rev().find(|mark| mark.place.end <= open.place.start);
            let at_edge = match before {
                None => true,
                Some(mark) if mark.closes => true,
                Some(mark) => text[mark.place.end..open.place.start].trim().is_empty(),
            };
            // In an answer that has already ended, or behind all parts, it is the user's to read.
            let parts_follow = parts.marks.iter().any(|mark| mark.place.start >= begin);
            if !at_edge || !parts_follow || self.holes.len() >= BLOCKS_MAX {
                continue;
            }
            if let Some(end) = end_of_block(found, Some(*kind), begin, parts) {
                self.thoughts.push(begin..end.start);
                self.holes.push(open.place.start..end.end);
            }
        }
    }

    /// Takes the brackets off that some models put around all of their reply.
    fn unwrap_reply(&mut self, text: &str, parts: &Parts<'_>) {
        let rest = self.rest.clone();
        let names = REPLY_NAMES.into_iter().map(|name| [name, name]);
        for [open, close] in names.chain(REPLY_PAIRS) {
            if parts.asked.iter().any(|asked| asked.eq_ignore_ascii_case(open)) {
                continue;
            }
            let opening = marks(text, rest.clone(), &[open]).into_iter().next();
            let Some(opening) = opening.filter(|mark| {
                !mark.closes && text[rest.start..mark.place.start].trim().is_empty()
            }) else {
                continue;
            };
            self.rest.start = opening.place.end;
            let closing = marks(text, self.rest.clone(), &[close]);
            let differ = open != close;
            if let Some(closing) = closing.into_iter().rev().find(|mark| mark.closes || differ) {
                self.rest.end = closing.place.start;
            }
            return;
        }
    }
}

/// The mark that ends the block that begins at `begin`: where as many were closed as were opened, else the last one
/// before the reply. One in the midst of a line gives way to a later one that is set. None if it never ends.
fn end_of_block(
    found: &[(usize, Mark)],
    kind: Option<usize>,
    begin: usize,
    parts: &Parts<'_>,
) -> Option<Range<usize>> {
    let ours = |of: usize| kind.is_none_or(|kind| kind == of);
    let mut inside: Vec<&Mark> = found
        .iter()
        .filter(|(of, mark)| ours(*of) && mark.place.start >= begin)
        .map(|(_, mark)| mark)
        .collect();
    if !inside.iter().any(|mark| mark.closes) {
        // Closed by the name of another kind, as `<think>` by `</thinking>`.
        inside = found.iter().filter(|(_, m)| m.place.start >= begin).map(|(_, m)| m).collect();
    }
    // Behind the reply's first part nothing ends it any more.
    let reply = |after: usize| {
        let set = |mark: &&Mark| {
            mark.place.start >= after && !mark.closes && mark.standing == Standing::Set
        };
        parts.marks.iter().find(set).map_or(usize::MAX, |mark| mark.place.start)
    };
    let mut depth = 1_u32;
    let mut balanced = None;
    for (at, mark) in inside.iter().enumerate() {
        depth = if mark.closes { depth - 1 } else { depth + 1 };
        if depth == 0 {
            balanced = Some(at);
            break;
        }
    }
    let Some(at) = balanced else {
        let first = inside.iter().find(|mark| mark.closes)?;
        let until = reply(first.place.end);
        let last = inside.iter().rev().find(|mark| mark.closes && mark.place.start < until);
        return last.map(|mark| mark.place.clone());
    };
    let first = inside[at];
    if first.standing == Standing::Set {
        return Some(first.place.clone());
    }
    let until = reply(first.place.end);
    let later = inside[at + 1..].iter().take_while(|mark| mark.closes && mark.place.start < until);
    let set = later.into_iter().find(|mark| mark.standing == Standing::Set);
    Some(set.unwrap_or(&first).place.clone())
}

/// The closing mark of reasoning whose opening one stood in the prompt: before any part begins in earnest.
fn closed_only(found: &[(usize, Mark)], parts: &Parts<'_>) -> Option<Range<usize>> {
    let (_, mark) = found.first().filter(|(_, mark)| mark.closes)?;
    let begun = |standing: Standing| {
        parts.marks.iter().any(|part| {
            part.place.start < mark.place.start && !part.closes && part.standing == standing
        })
    };
    let follows = parts.marks.iter().any(|part| {
        part.place.start >= mark.place.end && !part.closes && part.standing == Standing::Set
    });
    let before = begun(Standing::Set) || begun(Standing::Inline) && !follows;
    (!before).then(|| mark.place.clone())
}

/// The text behind the words with which a template begins the model's turn.
fn behind_turn(text: &str) -> &str {
    let trimmed = text.trim_start();
    let channel = |rest: &str| rest.trim_start().starts_with("<|channel|>");
    TURNS
        .iter()
        .find_map(|turn| trimmed.strip_prefix(turn))
        .filter(|rest| !channel(rest))
        .unwrap_or(text)
}

/// A message of the harmony form is `<|channel|>NAME<|message|>WORDS` and ends with `<|end|>`, or `<|call|>`; the
/// next one starts with `<|start|>ROLE`. Only the channel `final` is for the user. Without the special tokens, as
/// some programs store it, it is `analysisWORDSassistantfinalWORDS`.
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
const ENDS: [&str; 4] = ["<|end|>", "<|call|>", "<|return|>", "<|start|>"];

/// The messages of a reply in channels; none if it is in no channels.
fn channels(text: &str, start: usize) -> Option<Native> {
    let mut native = Native { rest: start..text.len(), ..Native::default() };
    let reply = text[start..].trim_start();
    let reply = reply.strip_prefix("<|start|>assistant").unwrap_or(reply);
    let place = |part: &str| text.len() - part.len();
    let Some(mut rest) = reply.strip_prefix(CHANNEL) else {
        return stripped_channels(text, start);
    };
    loop {
        let closed = |native: &mut Native, end: usize| {
            native.holes = std::iter::once(start..end).collect();
            native.rest.start = end;
        };
        let Some((header, words)) = rest.split_once(MESSAGE) else {
            (native.open, native.no_reply) = (true, true);
            closed(&mut native, text.len());
            return Some(native);
        };
        let end = ENDS.iter().filter_map(|end| Some((words.find(end)?, end.len()))).min();
        if header.split_whitespace().next() == Some("final") {
            closed(&mut native, place(words));
            if let Some((at, _)) = end {
                native.rest.end = place(words) + at;
            }
            return Some(native);
        }
        let Some((at, length)) = end else {
            native.thoughts.push(place(words)..text.len());
            (native.open, native.no_reply) = (true, true);
            closed(&mut native, text.len());
            return Some(native);
        };
        native.thoughts.push(place(words)..place(words) + at);
        match words[at + length..].split_once(CHANNEL) {
            Some((_, next)) => rest = next,
            None => {
                native.no_reply = true;
                closed(&mut native, text.len());
                return Some(native);
            }
        }
    }
}

/// Channels without their special tokens.
fn stripped_channels(text: &str, start: usize) -> Option<Native> {
    const FINAL: &str = "assistantfinal";
    let words = text[start..].trim_start().strip_prefix("analysis")?;
    let begin = text.len() - words.len();
    let at = begin + words.find(FINAL)?;
    Some(Native {
        thoughts: std::iter::once(begin..at).collect(),
        holes: std::iter::once(start..at + FINAL.len()).collect(),
        rest: at + FINAL.len()..text.len(),
        ..Native::default()
    })
}
