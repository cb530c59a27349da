//! What is known of the terminal: how wide it is, and which letters it can show. Knows nothing about what is written.

use std::sync::OnceLock;

use crate::report::wrapped;

/// Columns where nobody says how many there are.
const COLUMNS: usize = 80;
/// Fewer columns than this are not written in.
const COLUMNS_MIN: usize = 20;
/// Columns that the user asked for.
static WANTED: OnceLock<Option<u16>> = OnceLock::new();

/// What text for people is written with where only ASCII can be shown.
const PLAIN: [(char, &str); 33] = [
    ('─', "-"),
    ('│', "|"),
    ('–', "-"),
    ('—', "-"),
    ('−', "-"),
    ('‐', "-"),
    ('…', "..."),
    ('·', "-"),
    ('×', "x"),
    ('±', "+-"),
    ('≤', "<="),
    ('≥', ">="),
    ('→', "->"),
    ('●', "*"),
    ('◐', "/"),
    ('○', "o"),
    ('◇', "o"),
    ('▲', "^"),
    ('▼', "v"),
    ('◀', "<"),
    ('▶', ">"),
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('‘', "'"),
    ('’', "'"),
    ('\u{a0}', " "),
    ('\u{202f}', " "),
    ('µ', "u"),
    ('█', "#"),
    ('░', "."),
    ('┄', "-"),
    ('✓', "ok"),
];

/// Takes what the user said of the width.
pub(in crate::cli) fn want(columns: Option<u16>) {
    _ = WANTED.set(columns);
}

/// How many columns to write in: what the user said, or what the terminal has; none where stdout is no terminal.
pub(in crate::cli) fn columns() -> Option<usize> {
    let wanted = WANTED.get().copied().flatten().map(usize::from);
    let found = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    wanted.or_else(found).map(|columns| columns.max(COLUMNS_MIN))
}

/// The same, and 80 where stdout is no terminal.
pub(in crate::cli) fn columns_or_default() -> usize {
    columns().unwrap_or(COLUMNS)
}

/// Text for people with no line wider than the terminal: what is wider goes on below, indented. Lines with color are
/// left alone: who colors has seen to their width.
pub(in crate::cli) fn fitted(text: &str) -> String {
    match columns() {
        Some(width) => within(text, width),
        None => text.to_owned(),
    }
}

fn within(text: &str, width: usize) -> String {
    if text.split('\n').all(|line| line.chars().count() <= width / 2) {
        return text.to_owned();
    }
    let fit = |line: &str| match line.contains('\u{1b}') {
        true => line.to_owned(),
        false => wrapped(line, width),
    };
    text.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

/// Whether the user's locale says that only ASCII can be shown. A locale that is not set says nothing.
pub(in crate::cli) fn is_ascii() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(set)
        .is_some_and(|locale| !speaks_unicode(&locale))
}

fn speaks_unicode(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Text for people as the terminal can show it. What has no likeness in ASCII is spelled out.
pub(in crate::cli) fn showable(text: &str) -> String {
    match is_ascii() {
        true => in_ascii(text),
        false => text.to_owned(),
    }
}

fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match PLAIN.iter().find(|(there, _)| *there == c) {
            _ if c.is_ascii() => out.push(c),
            Some((_, plain)) => out += plain,
            None => out.extend(c.escape_unicode()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_locale_without_unicode_asks_for_ascii() {
        assert!(speaks_unicode("C.UTF-8") && speaks_unicode("de_DE.utf8"));
        assert!(
            !speaks_unicode("C") && !speaks_unicode("POSIX") && !speaks_unicode("de_DE.ISO-8859-1")
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = "a table that fits\n  1  words that go on and on and on\n日本語日本語日本語\n";
        let out = within(text, 20);
        assert_eq!(
            out,
            "a table that fits\n  1  words that go\n    on and on and on\n日本語日本語日本語\n"
        );
        assert_eq!(within("\u{1b}[1m0123456789\u{1b}[0m", 8), "\u{1b}[1m0123456789\u{1b}[0m");
        assert_eq!(within("0123456789", 8), "01234567\n  89");
    }

    #[test]
    fn every_letter_becomes_ascii() {
        assert_eq!(in_ascii("2 × 3 – “a” ± 1 %… é"), r#"2 x 3 - "a" +- 1 %... \u{e9}"#);
        assert!(PLAIN.iter().all(|(_, plain)| plain.is_ascii()));
    }
}
