//! Options that stand in a request's own words: "a) … b) …", "(1) …", "Option A: …", one on each line or one behind the
//! other. Knows nothing about replies.

use crate::scenario::{Options, ShownOption};

/// The options of a request that names them in its text, in the order in which they stand there: by their own names
/// where these are the labels that the text gives them, else by place. None where the text does not have as many
/// labelled options as there are names.
pub fn in_text(options: &Options, text: &str) -> Option<Vec<ShownOption>> {
    let named: Vec<String> = options.names.iter().map(|name| name.to_lowercase()).collect();
    let letters: Vec<String> = ('a'..='z').take(named.len()).map(String::from).collect();
    let numbers: Vec<String> = (1..=named.len()).map(|number| number.to_string()).collect();
    if let Some(found) = labelled(text, &named) {
        let shown =
            found.into_iter().map(|(place, label, words)| options.option(place, label, words));
        return Some(shown.collect());
    }
    let (letters, numbers) = (labelled(text, &letters), labelled(text, &numbers));
    let found =
        letters.filter(|found| in_order(found)).or(numbers.filter(|found| in_order(found)))?;
    Some(
        found
            .into_iter()
            .map(|(place, label, words)| options.option(place, label, words))
            .collect(),
    )
}

type Found<'a> = Vec<(usize, String, &'a str)>;

/// Whether labels that say no more than a place stand in the order of their places.
fn in_order(found: &Found<'_>) -> bool {
    found.iter().enumerate().all(|(at, (place, ..))| at == *place)
}

/// The places of these labels in a text, the last of each, with the words between each and the next. None where one is
/// missing or has no words.
fn labelled<'a>(text: &'a str, labels: &[String]) -> Option<Found<'a>> {
    let marks = marks(text);
    let mut found = Vec::new();
    for (place, label) in labels.iter().enumerate() {
        let of_label = |mark: &&Mark<'_>| mark.label.to_lowercase() == *label;
        found.push((place, marks.iter().rev().find(of_label)?));
    }
    found.sort_by_key(|(_, mark)| mark.start);
    let ends: Vec<usize> =
        found.iter().skip(1).map(|(_, mark)| mark.start).chain([text.len()]).collect();
    let with_words = found.into_iter().zip(ends).map(|((place, mark), end)| {
        let words = text.get(mark.end..end)?;
        // The last option ends where a paragraph or what encloses the request does.
        let end =
            ["\n\n", "</"].iter().filter_map(|end| words.find(end)).min().unwrap_or(words.len());
        let words = words[..end].trim().trim_end_matches([',', ';']).trim_end();
        let words = words.strip_suffix(" or").or(words.strip_suffix(" and")).unwrap_or(words);
        let words = words.trim_end_matches([',', ';']).trim();
        (!words.is_empty()).then(|| (place, mark.label.to_owned(), words))
    });
    with_words.collect()
}

/// A label and where it stands, from what belongs to it to what is named by it.
struct Mark<'a> {
    label: &'a str,
    start: usize,
    end: usize,
}

/// Everything in a text that looks like the label of an option: `a)`, `(a)`, `a.`, `a:` and the same behind `option`,
/// where a word may begin.
fn marks(text: &str) -> Vec<Mark<'_>> {
    let mut marks = Vec::new();
    let is_label = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    while let Some(from) = text[at..].find(is_label).map(|offset| at + offset) {
        let length = text[from..].find(|c| !is_label(c)).unwrap_or(text.len() - from);
        let end = from + length;
        at = end;
        let (before, behind) = (&text[..from], &text[end..]);
        let label = &text[from..end];
        // `**a)**` and `**Option a:**` are labels too.
        let bare = before.trim_end_matches(['*', '_']);
        let opened = bare.ends_with('(');
        let closing = behind.chars().next();
        let closed = match closing {
            Some(')') => true,
            Some('.' | ':') => {
                !opened
                    && behind[1..].starts_with(|c: char| c.is_whitespace() || c == '*' || c == '"')
            }
            _ => false,
        };
        if !closed {
            continue;
        }
        let outer = if opened { &bare[..bare.len() - 1] } else { bare };
        if !outer.is_empty() && !outer.ends_with(|c: char| c.is_whitespace() || ":;,*".contains(c))
        {
            continue;
        }
        let trimmed = outer.trim_end();
        let noun = trimmed.char_indices().rev().take_while(|(_, c)| c.is_alphabetic()).last();
        let noun = noun.map_or("", |(start, _)| &trimmed[start..]);
        let has_noun = ["option", "choice", "answer"].contains(&noun.to_lowercase().as_str());
        // Words end in a stop too: `vitamin a.` is no label, and neither is the end of a sentence.
        let begins = trimmed.is_empty()
            || outer[trimmed.len()..].contains('\n')
            || trimmed.ends_with(|c: char| ".:;?!,)\"'*>".contains(c));
        if closing != Some(')') && !has_noun && !begins {
            continue;
        }
        let start = if has_noun { trimmed.len() - noun.len() } else { outer.len() };
        let end = end + 1 + behind[1..].len() - behind[1..].trim_start_matches(['*', '_']).len();
        marks.push(Mark { label, start, end });
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::Order;

    fn options(names: &[&str]) -> Options {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Options::named(&names, &names[0], Order::Fixed).unwrap()
    }

    fn seen(names: &[&str], text: &str) -> Option<Vec<[String; 3]>> {
        let found = in_text(&options(names), text)?;
        Some(found.into_iter().map(|o| [o.name, o.label, o.text]).collect())
    }

    #[test]
    fn forms_of_labels() {
        let ab = |labels: [&str; 2]| {
            Some(vec![
                ["a", labels[0], "Sell the boat."].map(str::to_owned),
                ["b", labels[1], "Keep it (for now)."].map(str::to_owned),
            ])
        };
        for (text, labels) in [
            ("What now:: a) Sell the boat. b) Keep it (for now).", ["a", "b"]),
            ("What now? (a) Sell the boat. (b) Keep it (for now).", ["a", "b"]),
            ("Option A: Sell the boat.\nOption B: Keep it (for now).\n\nChoose.", ["A", "B"]),
            ("Pick:\n1. Sell the boat.\n2. Keep it (for now).</request>", ["1", "2"]),
            ("**A)** Sell the boat.\n**B)** Keep it (for now).", ["A", "B"]),
            ("a: Sell the boat. or\nb: Keep it (for now).", ["a", "b"]),
        ] {
            assert_eq!(seen(&["a", "b"], text), ab(labels), "{text}");
        }
    }

    #[test]
    fn names_are_found_where_they_are_the_labels_and_places_where_not() {
        let swapped = seen(&["a", "b"], "b) Stay. a) Go.").unwrap();
        assert_eq!(swapped[0], ["b", "b", "Stay."].map(str::to_owned));
        assert_eq!(swapped[1], ["a", "a", "Go."].map(str::to_owned));
        let placed = seen(&["go", "stay"], "1) Go. 2) Stay.").unwrap();
        assert_eq!(placed[1], ["stay", "2", "Stay."].map(str::to_owned));
        let complies = in_text(&options(&["go", "stay"]), "1) Go. 2) Stay.").unwrap();
        assert_eq!(complies.iter().map(|o| o.complies).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_has_no_options_has_none() {
        for text in ["Write a poem.", "a) Only one.", "1) One 3) three", "", "a) b) "] {
            assert_eq!(seen(&["a", "b"], text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_a_scenario_shows_is_found_again(
            words in "[A-Z][a-z]{1,8}( [a-z]{1,7}){0,6}", others in "[A-Z][a-z]{1,8}( [a-z]{2,7}){0,6}",
        ) {
            let text = format!("What do you do?\na) {words}.\nb) {others}.");
            let found = in_text(&options(&["x", "y"]), &text).unwrap();
            prop_assert_eq!(&found[0].text, &format!("{words}."));
            prop_assert_eq!(&found[1].text, &format!("{others}."));
        }

        #[test]
        fn any_text_is_read_without_harm(text in "[a-b1-2.:)( *\n<>/é]{0,40}") {
            let _ = in_text(&options(&["a", "b"]), &text);
        }
    }
}
