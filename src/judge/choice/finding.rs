//! Cues among words: where a list of them has one. Knows no list.

use super::words::Word;

/// The length in words of the cue of this list that begins at a place, the longest if several do.
pub(super) fn at(words: &[Word], place: usize, cues: &[&str]) -> Option<usize> {
    let fits = |cue: &&&str| {
        let mut count = 0;
        let whole = cue.split(' ').enumerate().all(|(offset, part)| {
            count += 1;
            words.get(place + offset).is_some_and(|word| match part.strip_suffix('*') {
                Some(front) => word.text.starts_with(front),
                None => word.text == part,
            })
        });
        whole.then_some(count)
    };
    cues.iter().filter_map(|cue| fits(&cue)).max()
}

/// Whether a cue of this list stands anywhere among the words.
pub(super) fn any(words: &[Word], cues: &[&str]) -> bool {
    (0..words.len()).any(|place| at(words, place, cues).is_some())
}

/// How many places among the words begin a cue of this list.
pub(super) fn count(words: &[Word], cues: &[&str]) -> usize {
    (0..words.len()).filter(|&place| at(words, place, cues).is_some()).count()
}
