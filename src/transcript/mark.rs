//! Places in a text at which a tag stands, in whatever way a model wrote it, and whether it is used there or only
//! talked about. Knows nothing about what the tags mean to a reply.

use std::ops::Range;

/// What a tag is doing where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It stands where a part begins or ends: at the edge of a line, behind a sentence or another tag.
    Set,
    /// It stands in the midst of a line.
    Inline,
    /// The text talks about it.
    Talked,
}

/// A tag in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its bytes, with the decoration (bold, backticks) that stands around it alone.
    pub(super) place: Range<usize>,
    /// Whether it is a closing tag.
    pub(super) closes: bool,
    /// Whether it is written exactly as `<name>` or `</name>`.
    pub(super) exact: bool,
    /// What it is doing there.
    pub(super) standing: Standing,
}

/// Pairs of brackets in which models write tags. The first of each pair opens.
const BRACKETS: [[&str; 2]; 13] = [
    ["<", ">"],
    ["&lt;", "&gt;"],
    ["\\u003c", "\\u003e"],
    ["\\<", "\\>"],
    ["＜", "＞"],
    ["〈", "〉"],
    ["《", "》"],
    ["⟨", "⟩"],
    ["‹", "›"],
    ["[", "]"],
    ["［", "］"],
    ["【", "】"],
    ["◁", "▷"],
];
/// What may stand between bracket and name in a closing tag.
const SLASHES: [&str; 5] = ["/", "\\", "／", "⁄", "∕"];
/// Bars with which special tokens surround their name.
const BARS: [&str; 2] = ["|", "｜"];
/// What may stand around a tag to show it off.
const DECORATION: [&str; 8] = ["```", "**", "__", "*", "`", "\"", "'", "_"];
/// Words behind a tag that is talked about.
const TAG_WORDS: [&str; 16] = [
    "tag",
    "tags",
    "section",
    "sections",
    "block",
    "blocks",
    "element",
    "elements",
    "field",
    "markers",
    "marker",
    "brackets",
    "format",
    "delimiters",
    "delimiter",
    "part",
];
/// Bytes that attributes of a tag may take.
const ATTRIBUTES_MAX: usize = 200;

/// The tags of one name in `text[within]`, in order. `names` are spellings of the name: the first is the one that was
/// asked for. Case does not matter, nor which of ` `, `_` and `-` joins words.
pub(super) fn marks(text: &str, within: Range<usize>, names: &[&str]) -> Vec<Mark> {
    let mut found: Vec<Mark> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = within.start;
    while at < within.end {
        let here = names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                let end = at + name.len();
                (end <= within.end && same(&bytes[at..end], name.as_bytes()))
                    .then(|| mark(text, &within, at..end, name, index == 0))?
            })
            .max_by_key(|mark| mark.place.len());
        match here {
            Some(mark) if found.last().is_none_or(|last| last.place.end <= mark.place.start) => {
                at = mark.place.end.max(at + 1);
                found.push(mark);
            }
            _ => at += 1,
        }
    }
    pairs_without_words(text, &mut found);
    found
}

/// Whether bytes spell a name.
pub(super) fn same(bytes: &[u8], name: &[u8]) -> bool {
    let joint = |byte: u8| matches!(byte, b'_' | b'-' | b' ');
    bytes.iter().zip(name).all(|(&byte, &letter)| {
        byte.eq_ignore_ascii_case(&letter) || (joint(byte) && joint(letter))
    })
}

/// The tag whose name stands at `name_place`, if there is one.
fn mark(
    text: &str,
    within: &Range<usize>,
    name_place: Range<usize>,
    name: &str,
    asked: bool,
) -> Option<Mark> {
    let (mut left, mut right) =
        (text.get(within.start..name_place.start)?, text.get(name_place.end..within.end)?);
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if right.starts_with(joins) {
        return None;
    }
    let mut closes = false;
    left = left.trim_end_matches([' ', '\t', '-', '!', '#', '*']);
    while let Some(before) = strip_end(left, &SLASHES).or_else(|| strip_end(left, &BARS)) {
        closes |= !BARS.iter().any(|bar| left.ends_with(bar));
        left = before.trim_end_matches([' ', '\t']);
    }
    let bracket = BRACKETS.iter().rev().find(|[open, _]| left.ends_with(open));
    let opened = bracket.map(|[open, _]| &left[..left.len() - open.len()]);
    // Without its bracket a tag counts at the start of a line only.
    let bare = opened.is_none() && (left.is_empty() || left.ends_with('\n'));
    if opened.is_none() && !bare {
        return None;
    }
    left = opened.unwrap_or(left);

    let close = bracket.map_or(">", |[_, close]| close);
    let (end, closed_itself) = closing_bracket(right, close, bare)?;
    closes |= closed_itself;
    right = &right[end..];

    // `<<name>>`
    while let (Some(before), Some(behind)) = (left.strip_suffix('<'), right.strip_prefix('>')) {
        (left, right) = (before, behind);
    }
    let core = within.start + left.len()..within.end - right.len();
    let expected = if closes { format!("</{name}>") } else { format!("<{name}>") };
    let mut exact = asked && text[core] == expected;
    let mut quoted = false;
    while let Some(sign) =
        DECORATION.iter().find(|sign| left.ends_with(**sign) && right.starts_with(**sign))
    {
        left = &left[..left.len() - sign.len()];
        right = &right[sign.len()..];
        quoted |= !sign.starts_with(['*', '_']) && *sign != "```";
        exact = false;
    }
    for [open, close] in [["“", "”"], ["‘", "’"], ["(", ")"]] {
        if let (Some(before), Some(behind)) = (left.strip_suffix(open), right.strip_prefix(close)) {
            (left, right, quoted, exact) = (before, behind, true, false);
        }
    }
    Some(Mark {
        place: within.start + left.len()..within.end - right.len(),
        closes,
        exact,
        standing: standing(left, right, closes, quoted),
    })
}

/// Where the tag ends behind its name, and whether a slash there closes it.
fn closing_bracket<'t>(right: &'t str, close: &str, bare: bool) -> Option<(usize, bool)> {
    let at_bracket = |rest: &'t str| {
        let rest = rest.trim_start();
        let after_bar = strip_start(rest, &BARS).unwrap_or(rest);
        let bracket = |rest: &'t str| {
            let other = || BRACKETS.iter().find_map(|[_, other]| rest.strip_prefix(other));
            rest.strip_prefix(close).or_else(other)
        };
        if let Some(behind) = bracket(after_bar) {
            return Some((right.len() - behind.len(), false));
        }
        let behind = bracket(strip_start(after_bar, &SLASHES)?.trim_start())?;
        Some((right.len() - behind.len(), true))
    };
    let rest = right.strip_prefix(':').unwrap_or(right);
    if let Some(found) = at_bracket(rest) {
        return Some(found);
    }
    if bare {
        return None;
    }
    // Attributes.
    let mut end = right.len().min(ATTRIBUTES_MAX);
    while !right.is_char_boundary(end) {
        end -= 1;
    }
    let attributes = right[..end].find(close).map(|at| &right[..at]);
    if let Some(attributes) = attributes
        && attributes.starts_with(char::is_whitespace)
        && attributes.contains('=')
        && !attributes.contains('<')
    {
        let closed_itself = attributes.trim_end().ends_with('/');
        return Some((attributes.len() + close.len(), closed_itself));
    }
    // The bracket was forgotten at the end of a line.
    let line = rest.trim_start_matches([' ', '\t']);
    (close == ">" && (line.starts_with('\n') || line.is_empty()))
        .then(|| (right.len() - line.len(), false))
}

fn strip_end<'a>(text: &'a str, signs: &[&str]) -> Option<&'a str> {
    signs.iter().find_map(|sign| text.strip_suffix(sign))
}

fn strip_start<'a>(text: &'a str, signs: &[&str]) -> Option<&'a str> {
    signs.iter().find_map(|sign| text.strip_prefix(sign))
}

/// What a tag between `left` and `right` is doing.
fn standing(left: &str, right: &str, closes: bool, quoted: bool) -> Standing {
    let before = left.rsplit('\n').next().unwrap_or("").trim();
    let after = right.split('\n').next().unwrap_or("").trim();
    let ornament = |c: char| "*_`#>-•\"' \t".contains(c);
    let first = before.trim_start_matches(ornament).is_empty();
    let last = after.trim_end_matches(ornament).is_empty();
    let behind_tag = before.ends_with(['>', ']', '＞']);
    if !first && !behind_tag {
        let next: String = after.chars().take_while(|c| c.is_alphanumeric()).collect();
        let next = next.to_lowercase();
        let listed = TAG_WORDS.contains(&next.as_str());
        let punctuated = !closes && after.starts_with(['.', ',', ';', ')', '?', '!']);
        let both = !closes && (after.starts_with("and <") || after.starts_with("and `"));
        if quoted || listed || punctuated && !after.starts_with("...") || both {
            return Standing::Talked;
        }
    }
    let set = if closes {
        last || first || after.starts_with(['<', '[', '&', '＜'])
    } else {
        first || before.ends_with(['.', '!', '?', ':', ';', '…', '>', ']', '＞', '*', ')', '。'])
    };
    if set { Standing::Set } else { Standing::Inline }
}

/// `<name></name>`, `<name>...</name>` and `<name> and </name>` in the midst of a line are talk.
fn pairs_without_words(text: &str, marks: &mut [Mark]) {
    for at in 1..marks.len() {
        let [open, close] = [&marks[at - 1], &marks[at]];
        let set = open.standing == Standing::Set && close.standing != Standing::Talked;
        if open.closes || !close.closes || set {
            continue;
        }
        let between = text[open.place.end..close.place.start].trim();
        let empty = between.chars().all(|c| !c.is_alphanumeric());
        if empty && between.len() < 8 || ["and", "or"].contains(&between) {
            marks[at - 1].standing = Standing::Talked;
            marks[at].standing = Standing::Talked;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<(&str, bool, bool, Standing)> {
        marks(text, 0..text.len(), &["OUTPUT"])
            .into_iter()
            .map(|mark| (&text[mark.place], mark.closes, mark.exact, mark.standing))
            .collect()
    }

    #[test]
    fn a_tag_is_found_however_it_is_written() {
        assert_eq!(one("a\n<OUTPUT>"), [("<OUTPUT>", false, true, Standing::Set)]);
        assert_eq!(one("a\n</OUTPUT>"), [("</OUTPUT>", true, true, Standing::Set)]);
        for (text, closes) in [
            ("<output>", false),
            ("< OUTPUT >", false),
            ("<OUTPUT\n>", false),
            ("<OUTPUT type=\"x\">", false),
            ("<OUTPUT:>", false),
            ("**<OUTPUT>**", false),
            ("`<OUTPUT>`", false),
            ("&lt;OUTPUT&gt;", false),
            ("\\<OUTPUT\\>", false),
            ("\\u003cOUTPUT\\u003e", false),
            ("[OUTPUT]", false),
            ("【OUTPUT】", false),
            ("＜OUTPUT＞", false),
            ("<|OUTPUT|>", false),
            ("<<OUTPUT>>", false),
            ("<-output>", false),
            ("<OUTPUT\n", false),
            ("OUTPUT>", false),
            ("</output>", true),
            ("< / OUTPUT>", true),
            ("<\\OUTPUT>", true),
            ("<OUTPUT/>", true),
            ("＜/OUTPUT＞", true),
            ("[/OUTPUT]", true),
            ("</-output>", true),
        ] {
            let found = one(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].0.trim(), found[0].1, found[0].2), (text.trim(), closes, false));
            assert_eq!(found[0].3, Standing::Set, "{text}");
        }
    }

    #[test]
    fn what_is_no_tag_is_not_found() {
        for text in ["OUTPUT", "output: b", "<OUTPUTTING>", "the OUTPUT>", "<an OUTPUT>", "a[1]"] {
            assert_eq!(one(text), [], "{text}");
        }
    }

    #[test]
    fn a_tag_that_is_talked_about_is_told_from_one_that_is_used() {
        for text in [
            "I write in `<OUTPUT>` later",
            "inside \"<OUTPUT>\" then",
            "in the <OUTPUT> tags",
            "in the <OUTPUT> section",
            "in the <OUTPUT>.",
            "between <OUTPUT> and </OUTPUT> I write",
            "in <OUTPUT></OUTPUT> then",
            "in <OUTPUT>...</OUTPUT> then",
        ] {
            assert_eq!(one(text)[0].3, Standing::Talked, "{text}");
        }
        for text in ["I choose <OUTPUT>b</OUTPUT>. It is", "here is my <OUTPUT> response: b"] {
            assert_eq!(one(text)[0].3, Standing::Inline, "{text}");
        }
        for text in [
            "so it is.<OUTPUT>b",
            "\n<OUTPUT> Tags are b",
            "</thinking><OUTPUT>.",
            "<OUTPUT></OUTPUT>",
        ] {
            assert_eq!(one(text)[0].3, Standing::Set, "{text}");
        }
    }
}
