//! Places at which a part begins with a heading instead of a tag: `**Output:**`, `## Output`, `Output: …`. Knows
//! nothing about tags, or what a heading means to a reply.

use std::ops::Range;

use super::mark::same;

/// What may stand before the words of a heading.
const LEADS: [&str; 9] = ["#", "*", "_", ">", "<b>", "<strong>", "<h1>", "<h2>", "<h3>"];
/// What may stand behind them.
const TRAILS: [&str; 9] = ["*", "_", "#", " ", "</b>", "</strong>", "</h1>", "</h2>", "</h3>"];

/// The headings of these names in `text[within]`, in order, each from the beginning of its line to the words that
/// follow it. Plain words need a colon; decorated ones need one or a line of their own.
pub(super) fn headings(text: &str, within: Range<usize>, names: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut line_start = within.start;
    for line in text[within].split_inclusive('\n') {
        if let Some(length) = names.iter().filter_map(|name| heading(line, name)).max() {
            found.push(line_start..line_start + length);
        }
        line_start += line.len();
    }
    found
}

/// The length of the heading that `line` begins with.
fn heading(line: &str, name: &str) -> Option<usize> {
    let words = strip_all(line.trim_start(), &LEADS);
    let decorated = words.len() < line.trim_start().len();
    let (said, rest) = words.split_at_checked(name.len())?;
    if !same(said.as_bytes(), name.as_bytes()) {
        return None;
    }
    let trimmed = strip_all(rest, &TRAILS);
    let behind_colon = trimmed.strip_prefix([':', '：']).map(|rest| strip_all(rest, &TRAILS));
    match behind_colon {
        Some(rest) => Some(line.len() - rest.len()),
        None if decorated && trimmed.trim().is_empty() => Some(line.len()),
        None => None,
    }
}

/// `text` without these signs and blanks at its beginning.
fn strip_all<'a>(text: &'a str, signs: &[&str]) -> &'a str {
    let mut rest = text;
    while let Some(shorter) = signs.iter().find_map(|sign| rest.strip_prefix(sign)) {
        rest = shorter.trim_start_matches([' ', '\t']);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_begin_a_line_and_look_like_it() {
        for (text, rest) in [
            ("Output: b", "b"),
            ("**Output:** b", "b"),
            ("**Output**: b", "b"),
            ("<b>OUTPUT:</b> b", "b"),
            ("## Output\nb", "b"),
            ("**OUTPUT**\nb", "b"),
            ("  __output__ \nb", "b"),
            ("OUTPUT：b", "b"),
        ] {
            let found = headings(text, 0..text.len(), &["OUTPUT"]);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(&text[found[0].end..], rest, "{text}");
        }
        for text in ["the output: b", "Output is b", "Outputs: b", "OUTPUT\nb", "**Output** is b"] {
            assert!(headings(text, 0..text.len(), &["OUTPUT"]).is_empty(), "{text}");
        }
        let found = headings("a\nScratchpad reasoning: b", 0..25, &["SCRATCHPAD_REASONING"]);
        assert_eq!(found, vec![2..24]);
    }
}
