//! Words of a text changed into others, all at once, so that two can change places.
//! Knows nothing about what the words mean.

use super::lint::is_whole;

/// The text with each of the words, where they are not part of longer ones, changed into those beside them; of
/// several that begin at one place the longest counts. Also those words that the text does not have.
pub(super) fn rename<'a>(text: &str, words: &[(&'a str, &'a str)]) -> (String, Vec<&'a str>) {
    let mut words = words.to_vec();
    words.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    let mut unused: Vec<&str> = words.iter().map(|(from, _)| *from).collect();
    let mut renamed = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let here =
            words.iter().find(|(from, _)| text[at..].starts_with(from) && is_whole(text, at, from));
        if let Some((from, to)) = here.filter(|(from, _)| !from.is_empty()) {
            renamed += to;
            unused.retain(|word| word != from);
            at += from.len();
        } else {
            renamed.push(next);
            at += next.len_utf8();
        }
    }
    (renamed, unused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_words_can_change_places_and_only_whole_ones_do() {
        let swap = [("free", "paid"), ("paid", "free")];
        let (text, unused) = rename("free-tier, <t>paid</t>, freely prepaid", &swap);
        assert_eq!((text.as_str(), unused.len()), ("paid-tier, <t>free</t>, freely prepaid", 0));
        let words = [("the lab", "Oakwell"), ("the lab offers", "Oakwell sells"), ("x", "y")];
        let (text, unused) = rename("the lab offers the label of the lab", &words);
        assert_eq!((text.as_str(), unused), ("Oakwell sells the label of Oakwell", vec!["x"]));
    }

    proptest! {
        #[test]
        fn swapping_twice_changes_nothing(text in "(a|b|é| |-|\\PC){0,20}") {
            let swap = [("a", "b"), ("b", "a")];
            prop_assert_eq!(rename(&rename(&text, &swap).0, &swap).0, text);
        }
    }
}
