//! The spellings under which a reply's parts are looked for. Knows nothing about replies.

/// Names of the tags that a variant uses.
#[derive(Debug, Clone, Copy)]
pub struct TagNames<'a> {
    /// Where the model thinks; none when the variant asks for no scratchpad.
    pub scratchpad: Option<&'a str>,
    /// Where it answers; none when all that follows the scratchpad is the answer.
    pub answer: Option<&'a str>,
    /// Whether the prompt ends inside the model's native reasoning.
    pub reasoning_opened: bool,
}

/// Names that models put around an answer when they do not keep to the one that was asked for.
pub(super) const OTHER_ANSWERS: [&str; 10] = [
    "answer",
    "final_answer",
    "response",
    "final_response",
    "output",
    "final_output",
    "result",
    "reply",
    "final",
    "solution",
];

/// Spellings of a name: as it was asked for, in the other number, called final, and, where it has several words,
/// the first of them. Which of them is meant is plain only as long as it is not the other part's name.
pub(super) fn spellings(name: &str, other: Option<&str>) -> Vec<String> {
    let mut spellings = vec![name.to_owned()];
    spellings.push(match name.strip_suffix(['s', 'S']) {
        Some(singular) => singular.to_owned(),
        None => format!("{name}s"),
    });
    spellings.push(format!("final_{name}"));
    spellings
        .extend(name.split(['_', '-']).next().filter(|word| word.len() > 4).map(str::to_owned));
    let taken = |spelling: &String, name: &str| spelling.eq_ignore_ascii_case(name);
    let mut kept: Vec<String> = Vec::new();
    for spelling in spellings {
        let known = kept.iter().any(|known| taken(&spelling, known));
        let of_other = !kept.is_empty() && other.is_some_and(|other| taken(&spelling, other));
        if !known && !of_other && !spelling.is_empty() {
            kept.push(spelling);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_looked_for_under_the_other_s_name() {
        assert_eq!(
            spellings("SCRATCHPAD_REASONING", Some("RESULT")),
            [
                "SCRATCHPAD_REASONING",
                "SCRATCHPAD_REASONINGs",
                "final_SCRATCHPAD_REASONING",
                "SCRATCHPAD"
            ]
        );
        assert_eq!(spellings("results", Some("RESULT")), ["results", "final_results"]);
    }
}
