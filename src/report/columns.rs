//! Texts beside each other in a terminal, wrapped by the columns that their characters take.
//! Knows nothing about what they say.

use unicode_width::UnicodeWidthChar;

/// Stands between two columns.
const BETWEEN: &str = " │ ";
/// Columns of a tab.
const TAB: usize = 4;
/// A text's column is not made narrower than this; the texts stand below each other instead.
const NARROWEST: usize = 24;

/// How many columns each of `count` texts gets beside the others; none where that is too few to read.
pub(super) fn column_width(width: usize, count: usize) -> Option<usize> {
    let between = BETWEEN.chars().count() * count.saturating_sub(1);
    Some(width.saturating_sub(between) / count.max(1)).filter(|&column| column >= NARROWEST)
}

/// The texts beside each other, line by line, each line ended by a line feed.
pub(super) fn beside(texts: &[String], column: usize) -> String {
    let wrapped: Vec<Vec<String>> = texts.iter().map(|text| wrap(text, column)).collect();
    let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::new();
    for line in 0..lines {
        let cells = wrapped.iter().map(|lines| {
            let text = lines.get(line).map_or("", String::as_str);
            format!("{text}{}", " ".repeat(column.saturating_sub(width(text))))
        });
        out += cells.collect::<Vec<_>>().join(BETWEEN).trim_end();
        out.push('\n');
    }
    out
}

/// Columns that a line takes.
pub(super) fn width(line: &str) -> usize {
    line.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// A sentence broken at spaces so that no line is wider than `column`; lines after the first are indented, and a space
/// that does not break becomes a plain one.
pub fn hanging(sentence: &str, column: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in sentence.split(' ') {
        let wide = width(word);
        if used > 0 && used + 1 + wide > column {
            out.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word.replace('\u{a0}', " "));
        used += wide;
    }
    out.push('\n');
    out
}

/// One line as lines that are at most `column` columns wide: broken at spaces, and within words that are wider; those
/// after the first are indented two columns further than the first. Joined by line feeds.
pub fn wrapped(line: &str, column: usize) -> String {
    if width(line) <= column {
        return line.to_owned();
    }
    let own = line.chars().take_while(|c| *c == ' ').count();
    let indent = " ".repeat((own + 2).min(column / 2));
    let mut out: Vec<String> = Vec::new();
    let mut rest = line.trim_end().to_owned();
    loop {
        let room = if out.is_empty() { column } else { column - indent.len() };
        // What is in front of the first word stays in front of it.
        let start = if out.is_empty() { own } else { 0 };
        let (mut used, mut last_space, mut cut) = (0, None, rest.len());
        for (at, c) in rest.char_indices() {
            let wide = char_width(c);
            if used > 0 && used + wide > room {
                cut = if c == ' ' { at } else { last_space.unwrap_or(at) };
                break;
            }
            if c == ' ' && at > start {
                last_space = Some(at);
            }
            used += wide;
        }
        let head = rest[..cut].trim_end().to_owned();
        rest = rest[cut..].trim_start_matches(' ').to_owned();
        out.push(if out.is_empty() { head } else { format!("{indent}{head}") });
        if rest.is_empty() {
            return out.join("\n");
        }
    }
}

/// The lines of a text, none wider than `column`: broken at spaces, and within words that are wider. A character that is
/// wider than the column stands on a line of its own.
pub(super) fn wrap(text: &str, column: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.replace('\t', &" ".repeat(TAB));
        let (mut current, mut used) = (String::new(), 0);
        for word in line.split_inclusive(' ') {
            let bare = width(word.trim_end_matches(' '));
            if used > 0 && used + bare > column {
                lines.push(std::mem::take(&mut current).trim_end().to_owned());
                used = 0;
            }
            for c in word.chars() {
                let wide = char_width(c);
                if used > 0 && used + wide > column {
                    // A space at the end of a line need not stand on the next.
                    if c == ' ' {
                        continue;
                    }
                    lines.push(std::mem::take(&mut current));
                    used = 0;
                }
                current.push(c);
                used += wide;
            }
        }
        lines.push(current.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_spaces_and_within_long_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("日本語 を", 4), ["日本", "語", "を"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn a_sentence_hangs() {
        assert_eq!(hanging("one two 3\u{a0}% four", 8), "one two\n  3 %\n  four\n");
        assert_eq!(hanging("one", 2), "one\n");
    }

    #[test]
    fn texts_stand_beside_each_other() {
        let texts = ["a b c".to_owned(), "日本".to_owned()];
        assert_eq!(beside(&texts, 4), "a b  │ 日本\nc    │\n");
        assert_eq!(
            (column_width(80, 2), column_width(80, 3), column_width(40, 2)),
            (Some(38), Some(24), None)
        );
    }

    proptest! {
        #[test]
        fn a_wrapped_line_is_never_too_wide(line in "[a-z日本 é]{0,80}", column in 8_usize..30) {
            let out = wrapped(&line, column);
            prop_assert!(out.lines().all(|line| width(line) <= column), "{out:?}");
            let words = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(words(&out), words(&line));
        }

        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(text in "[a-z日本 é]{0,80}", column in 2_usize..20) {
            let lines = wrap(&text, column);
            prop_assert!(lines.iter().all(|line| width(line) <= column), "{lines:?}");
            let words = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(words(&lines.concat()), words(&text));
        }
    }
}
