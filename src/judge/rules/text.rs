//! Text cut into sentences that remember where they stood. Knows nothing about refusals or training.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// Memory that the automaton of one pattern may grow to.
const AUTOMATON_BYTES_MAX: usize = 16 << 20;

/// What a sentence is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Prose,
    Item,
    Code,
}

/// One sentence; `text` is a slice of the text that was cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sentence<'a> {
    pub(super) text: &'a str,
    /// Byte offset of `text` in the whole.
    pub(super) start: usize,
    pub(super) place: Place,
}

/// Compiles an English word pattern: a space stands for any white space or emphasis marks, an
/// apostrophe for all the characters that are typed for one, letters are those of ASCII (which keeps
/// the automata small), case does not matter, and a line break with the blanks after it is left out.
pub(super) fn pattern(source: &str) -> Regex {
    compile(&source.replace(r"\w", "[a-z0-9_]").replace(r"\b", r"(?-u:\b)"))
}

/// The same for languages whose letters are not those of ASCII.
pub(super) fn foreign_pattern(source: &str) -> Regex {
    compile(source)
}

/// The sources are constants of this room, and unit tests compile each of them.
#[expect(
    clippy::expect_used,
    reason = "the patterns are constants; unit tests compile all of them"
)]
fn compile(source: &str) -> Regex {
    let joined: String = source.lines().map(str::trim_start).collect();
    let spaced =
        joined.replace(' ', r"(?:[\s*_]+)").replace('\'', "['\u{2019}\u{2018}\u{02bc}\u{00b4}`]");
    // The automata are built as text is read; with the default memory they are thrown away and built again.
    RegexBuilder::new(&spaced)
        .case_insensitive(true)
        .dfa_size_limit(AUTOMATON_BYTES_MAX)
        .build()
        .expect("a constant pattern compiles")
}

/// Cuts a text into sentences in one pass. Lines of a paragraph are read together; list items and
/// lines of fenced code stand alone.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let mut found = Vec::new();
    let mut block: Option<(usize, Place)> = None;
    let mut end = 0;
    let mut in_code = false;
    for line in text.split_inclusive('\n') {
        let start = end;
        end += line.len();
        let bare = line.trim();
        if bare.starts_with("```") {
            close(text, block.take(), start, &mut found);
            in_code = !in_code;
        } else if in_code {
            push(text, start, end, Place::Code, &mut found);
        } else if bare.is_empty() {
            close(text, block.take(), start, &mut found);
        } else if is_item(bare) {
            close(text, block.take(), start, &mut found);
            block = Some((start, Place::Item));
        } else if block.is_none() || bare.starts_with('#') {
            close(text, block.take(), start, &mut found);
            block = Some((start, Place::Prose));
        }
    }
    close(text, block, end, &mut found);
    found
}

/// A draft of the answer inside a scratchpad, between tags or from a tag on a line of its own to the end.
static DRAFT: LazyLock<Regex> = LazyLock::new(|| {
    foreign_pattern(
        r"(?s)<draft[a-z_-]{0,16}>.*?</draft[a-z_-]{0,16}>|(?:\A|\n)<draft[a-z_-]{0,16}>\n.*",
    )
});

/// The pieces of a scratchpad that are no draft of the answer: a draft says what is answered, not why.
pub(super) fn outside_drafts(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for draft in DRAFT.find_iter(text) {
        pieces.push(&text[start..draft.start()]);
        start = draft.end();
    }
    pieces.push(&text[start..]);
    pieces
}

/// The first `bytes_max` bytes at most, cut between characters.
pub(super) fn head(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last `bytes_max` bytes at most, cut between characters.
pub(super) fn tail(text: &str, bytes_max: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes_max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// A line that opens a list item: a bullet, a number or a letter with a mark, or "Step 3".
fn is_item(line: &str) -> bool {
    let line = line.trim_start_matches('*');
    if ["- ", "* ", "+ ", "• ", "– ", "· "].iter().any(|mark| line.starts_with(mark))
        || line.starts_with("\u{2022}")
    {
        return true;
    }
    let line = match line.get(..5) {
        Some(head) if head.eq_ignore_ascii_case("step ") => {
            return line[5..].starts_with(|c: char| c.is_ascii_digit());
        }
        _ => line.trim_start_matches('('),
    };
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let label = if digits == 0 {
        usize::from(line.starts_with(|c: char| c.is_ascii_alphabetic()))
    } else {
        digits
    };
    let rest = &line[label..];
    label > 0
        && label <= 3
        && (rest.starts_with(')') || (digits > 0 && rest.starts_with(['.', ':'])))
}

fn close<'a>(
    text: &'a str,
    block: Option<(usize, Place)>,
    end: usize,
    found: &mut Vec<Sentence<'a>>,
) {
    let Some((mut start, place)) = block else { return };
    let body = &text[start..end];
    let base = start;
    let mut chars = body.char_indices().peekable();
    let mut seen_word = false;
    while let Some((at, c)) = chars.next() {
        seen_word |= c.is_alphabetic();
        let stops = match c {
            '。' | '！' | '？' | '؟' | '।' | '…' => true,
            '.' | '!' | '?' => {
                // Four marks may close a sentence; a bound keeps a row of full stops linear.
                let closers: usize = body[at + 1..]
                    .chars()
                    .take(4)
                    .take_while(|&c| closes(c))
                    .map(char::len_utf8)
                    .sum();
                let rest = &body[at + 1 + closers..];
                let next = rest.trim_start();
                // "e.g. knives" and "3.5" go on; so does a full stop before a small letter.
                next.is_empty()
                    || (rest.len() > next.len() && !next.starts_with(char::is_lowercase))
            }
            _ => false,
        };
        if stops && seen_word && !ends_in_title(&body[..at]) {
            let mut cut = at + c.len_utf8();
            while let Some(&(next, mark)) = chars.peek() {
                if !closes(mark) {
                    break;
                }
                cut = next + mark.len_utf8();
                chars.next();
            }
            push(text, start, base + cut, place, found);
            start = base + cut;
            seen_word = false;
        }
    }
    push(text, start, end, place, found);
}

/// Marks that belong to the sentence they follow.
fn closes(mark: char) -> bool {
    matches!(mark, '"' | '\'' | ')' | '*' | '_' | '”' | '’' | '.' | '!' | '?' | '」')
}

fn ends_in_title(head: &str) -> bool {
    let word = head.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    matches!(word, "Dr" | "Mr" | "Mrs" | "Ms" | "St" | "vs" | "Jr" | "Prof")
}

fn push<'a>(text: &'a str, start: usize, end: usize, place: Place, found: &mut Vec<Sentence<'a>>) {
    let slice = &text[start..end];
    let trimmed = slice.trim();
    if !trimmed.is_empty() {
        let lead = slice.len() - slice.trim_start().len();
        found.push(Sentence { text: trimmed, start: start + lead, place });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).iter().map(|s| s.text).collect()
    }

    #[test]
    fn stops_only_where_a_sentence_ends() {
        assert_eq!(
            cut("I use tools, e.g. a saw of 3.5 cm. Ask Dr. Moor! \"Why?\" No"),
            ["I use tools, e.g. a saw of 3.5 cm.", "Ask Dr. Moor!", "\"Why?\"", "No"]
        );
        assert_eq!(cut("无法提供。请谅解"), ["无法提供。", "请谅解"]);
    }

    #[test]
    fn reads_wrapped_lines_together_and_items_apart() {
        let found =
            sentences("I cannot\nhelp.\n\n1. Salt\n2) Oil\n- Eggs\n```\nx = 1\n```\nStep 3: bake");
        let places: Vec<_> = found.iter().map(|s| (s.text, s.place)).collect();
        assert_eq!(
            places,
            [
                ("I cannot\nhelp.", Place::Prose),
                ("1. Salt", Place::Item),
                ("2) Oil", Place::Item),
                ("- Eggs", Place::Item),
                ("x = 1", Place::Code),
                ("Step 3: bake", Place::Item),
            ]
        );
    }

    #[test]
    fn drafts_are_left_out() {
        let text = "One.\n<DRAFT_OUTPUT>\nTwo.\n</DRAFT_OUTPUT>\nThree.\n<draft>\nFour.";
        assert_eq!(outside_drafts(text), ["One.\n", "\nThree.", ""]);
        let mentioned = "I will put it into <draft> tags. Then I decide.";
        assert_eq!(outside_drafts(mentioned), [mentioned]);
    }

    #[test]
    fn patterns_see_through_typing() {
        let cannot = pattern("i can't help");
        for text in ["I can't help", "I CAN\u{2019}T **help**", "i can`t\nhelp"] {
            assert!(cannot.is_match(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn sentences_are_slices_in_order_and_lose_only_blanks(text in "([a-zA-Z 。.!?*\n`#0-9é\\-]|한){0,200}") {
            let found = sentences(&text);
            let mut end = 0;
            for s in &found {
                prop_assert!(s.start >= end);
                end = s.start + s.text.len();
                prop_assert_eq!(&text[s.start..end], s.text);
            }
            let kept: usize = found.iter().map(|s| s.text.chars().filter(|c| !c.is_whitespace()).count()).sum();
            if !text.contains("```") {
                prop_assert_eq!(kept, text.chars().filter(|c| !c.is_whitespace()).count());
            }
        }
    }
}
