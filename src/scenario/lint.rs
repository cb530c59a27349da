//! What must be true of every name and text of a scenario file. Every failure names file, line and key. Knows nothing
//! about what the texts are for.

use std::collections::HashSet;

use super::file::Text;
use super::source::{Source, list};
use crate::error::Result;

/// A name goes into file names, tables and comma-separated flags.
pub(super) fn name(source: &Source, key: &str, name: &Text) -> Result<()> {
    if is_name(name.get_ref()) {
        return Ok(());
    }
    let message = format!("key `{key}`: {:?} cannot be a name", name.get_ref());
    Err(source.error_at(name.span().start, message).hint("use letters, digits, `-` and `_`"))
}

/// Whether a text is letters, digits, `-` and `_`, at least one.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(fits)
}

/// A text has something in it, and no control characters but line breaks and tabs.
pub(super) fn text(source: &Source, key: &str, text: &Text) -> Result<()> {
    let (message, hint) = if text.get_ref().trim().is_empty() {
        (format!("key `{key}` is empty"), "write the text, or leave the entry out")
    } else if text.get_ref().contains('\r') {
        (format!("key `{key}` has a carriage return"), "save the file with Unix line ends")
    } else if text.get_ref().chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        (format!("key `{key}` has a control character"), "remove it")
    } else {
        return Ok(());
    };
    Err(source.error_at(text.span().start, message).hint(hint))
}

/// Whether a path leads to nowhere but below the folder that it is seen from: whoever shares a scenario must not
/// have others' files read.
pub(super) fn stays_below(path: &str) -> bool {
    use std::path::{Component, Path};
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(path).components().all(inside)
}

/// A part that lies in a file of its own is used as it is, carriage returns included: it may be a prompt that
/// others used.
pub(super) fn file_text(source: &Source, name: &Text, path: &Text, text: &str) -> Result<()> {
    let place = format!("key `files.{}`: `{}`", name.get_ref(), path.get_ref());
    let (message, hint) = if text.trim().is_empty() {
        (format!("{place} is empty"), "write the text, or leave the entry out")
    } else if text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)) {
        (format!("{place} has a control character"), "remove it")
    } else {
        return Ok(());
    };
    Err(source.error_at(path.span().start, message).hint(hint))
}

/// Parts are used word for word: a placeholder in one would reach the model as it stands. `shows_tier` says
/// whether a variant shows the tier in it.
pub(super) fn part(
    source: &Source,
    key: &str,
    at: usize,
    part: &str,
    shows_tier: bool,
) -> Result<()> {
    for placeholder in ["{tier}", "{request}"] {
        if part.contains(placeholder) && !(shows_tier && placeholder == TIER) {
            let message = format!("key `{key}`: `{placeholder}` is not filled in here");
            return Err(source.error_at(at, message).hint(
                "the system text is the same in all tiers; placeholders belong into `user`, or `{tier}` into a \
                 part that a variant names as its `tier_part`",
            ));
        }
    }
    Ok(())
}

/// What stands for the tier's label.
pub(super) const TIER: &str = "{tier}";

/// Every part is there for some variant.
pub(super) fn unused<'a>(
    source: &Source,
    parts: impl Iterator<Item = &'a Text>,
    used: &HashSet<&Text>,
) -> Result<()> {
    let unused: Vec<&Text> = parts.filter(|part| !used.contains(part)).collect();
    let Some(first) = unused.iter().min_by_key(|part| part.span().start) else { return Ok(()) };
    let message =
        format!("key `parts`: no variant uses {}", list(unused.iter().map(|part| part.get_ref())));
    Err(source
        .error_at(first.span().start, message)
        .hint("name it in `system` or in a variant's `replace`, or remove it"))
}

/// Whether the label stands in the text as a word of its own.
pub(super) fn mentions(text: &str, label: &str) -> bool {
    text.match_indices(label).any(|(at, _)| is_whole(text, at, label))
}

/// Whether the words that stand at `at` in the text are not the middle of a longer word.
pub(super) fn is_whole(text: &str, at: usize, words: &str) -> bool {
    let inside_word = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    let (before, after) = (&text[..at], &text[at + words.len()..]);
    !inside_word(before.chars().next_back(), words.chars().next())
        && !inside_word(after.chars().next(), words.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_mentioned_as_a_word_of_its_own() {
        assert!(mentions("users of the free-tier", "free"));
        assert!(mentions("freely given, <tier>free</tier>", "free"));
        assert!(!mentions("freedom is carefree", "free"));
        assert!(mentions("é<x>é", "<x>"));
        assert!(!mentions("Free users", "free"));
    }
}
