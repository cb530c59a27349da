//! Untrusted text on its way to a reader: what a terminal or a browser would obey or hide is
//! spelled out. Knows nothing about HTML; escaping is the template's and the island's work.

/// First and last character of each range that is invisible, moves other text, or steers a
/// terminal: control characters, soft hyphen, fillers, zero-width and bidirectional marks, line and
/// paragraph separators, interlinear and musical format marks, tag characters and supplementary
/// variation selectors. The page's script receives the same list, so that there is one.
pub(super) const HIDDEN: [(char, char); 17] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is in [`HIDDEN`].
pub(super) fn is_hidden(c: char) -> bool {
    HIDDEN.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// A name on one line: every hidden character as `\u{…}`.
pub(super) fn name(text: &str) -> String {
    spell_out(text, |_| false)
}

/// A text of several lines: hidden characters as `\u{…}`, line feeds and tabs kept.
pub(crate) fn block(text: &str) -> String {
    spell_out(text, |c| matches!(c, '\n' | '\t'))
}

fn spell_out(text: &str, keep: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && !keep(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A name that takes at most `columns` terminal columns, shortened in the middle, where names of
/// models differ least. Every character outside ASCII counts as two columns: never too wide, at
/// worst too short.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    let width = |c: char| if c.is_ascii() { 1 } else { 2 };
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    // One column for the ellipsis; the head gets the odd one out.
    let room = columns.saturating_sub(1);
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        chars
            .take_while(|&c| {
                used += width(c);
                used <= room
            })
            .collect::<Vec<char>>()
    };
    let head = take(&mut text.chars(), room.div_ceil(2));
    let tail = take(&mut text.chars().rev(), room / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

/// Each text in three pieces: what all begin with, what is its own, and what all end with. Words
/// stay whole.
pub(super) fn cut_common<'a>(texts: &[&'a str]) -> Vec<[&'a str; 3]> {
    let Some((first, others)) = texts.split_first() else { return Vec::new() };
    if others.iter().all(|other| other == first) {
        return texts.iter().map(|&text| [text, "", ""]).collect();
    }
    let start = others.iter().map(|other| shared(first.chars(), other.chars())).min().unwrap_or(0);
    let start = first[..start].trim_end_matches(char::is_alphanumeric).len();
    // The end is looked for behind the start, so that the two never overlap in a short text.
    let own = &first[start..];
    let end = others
        .iter()
        .map(|other| shared(own.chars().rev(), other[start..].chars().rev()))
        .min()
        .unwrap_or(0);
    let end = own[own.len() - end..].trim_start_matches(char::is_alphanumeric).len();
    let cut =
        |text: &'a str| [&text[..start], &text[start..text.len() - end], &text[text.len() - end..]];
    texts.iter().map(|&text| cut(text)).collect()
}

/// Bytes of the characters that both begin with.
fn shared(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hidden_characters_are_spelled_out() {
        assert_eq!(name("a\u{1b}[31mb\u{202e}c\n"), r"a\u{1b}[31mb\u{202e}c\u{a}");
        assert_eq!(block("a\tb\r\n\u{200b}"), "a\tb\\u{d}\n\\u{200b}");
        assert_eq!(name("Qwen3-0.6B é 日本"), "Qwen3-0.6B é 日本");
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shorten("faker", 18), "faker");
        assert_eq!(shorten("organization/very-long-name-8B", 12), "organi…me-8B");
        assert_eq!(shorten("abc", 0), "…");
    }

    #[test]
    fn what_differs_is_cut_out_in_whole_words() {
        assert_eq!(
            cut_common(&["tier: free-tier\nHi", "tier: friend-tier\nHi"]),
            [["tier: ", "free", "-tier\nHi"], ["tier: ", "friend", "-tier\nHi"]]
        );
        assert_eq!(cut_common(&["same", "same"]), [["same", "", ""]; 2]);
        assert_eq!(cut_common(&["alone"]), [["alone", "", ""]]);
        assert!(cut_common(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_pieces_make_the_text(a in "[aé <]{0,12}", b in "[aé <]{0,12}", c in "[aé <]{0,12}") {
            let texts = [a.as_str(), b.as_str(), c.as_str()];
            for (text, pieces) in texts.iter().zip(cut_common(&texts)) {
                prop_assert_eq!(pieces.concat(), *text);
            }
        }

        #[test]
        fn no_hidden_character_survives(text in any::<String>()) {
            prop_assert!(!name(&text).chars().any(is_hidden));
        }

        #[test]
        fn shortened_names_fit(text in "\\PC{0,60}", columns in 1usize..40) {
            let short = shorten(&text, columns);
            let width: usize = short.chars().map(|c| if c.is_ascii() || c == '…' { 1 } else { 2 }).sum();
            prop_assert!(width <= columns || short == text);
        }
    }
}
