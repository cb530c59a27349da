//! What a model thinks of its own accord, in the form that it was trained on, apart from its reply. Knows
//! nothing about scratchpads that a prompt asks for.

/// Tags between which models think.
const TAGS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<|START_THINKING|>", "<|END_THINKING|>")];

/// A reply with its native reasoning taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Native<'a> {
    /// There is none.
    Absent,
    /// The reasoning, and the reply after it.
    Closed(String, &'a str),
    /// Reasoning that never ends.
    Open(String),
    /// Reasoning that ends, and nothing that is meant as a reply.
    NoReply(String),
}

/// Whether a prompt ends inside such tags, so that only the closing one will stand in the reply.
pub fn opens_reasoning(prompt: &str) -> bool {
    TAGS.iter().any(|(open, _)| prompt.trim_end().ends_with(open))
}

/// Takes the reasoning out of `text`, which begins inside of it if the prompt has `opened` it. A closing tag
/// alone counts only before any of the `marks`, which belong to the reply.
pub(super) fn split<'a>(text: &'a str, opened: bool, marks: &[String]) -> Native<'a> {
    if let Some(messages) = text.trim_start().strip_prefix(CHANNEL) {
        return channels(messages);
    }
    for (open, close) in TAGS {
        // What the prompt asks for by this name is no native reasoning.
        if marks.iter().any(|mark| mark == open) {
            return Native::Absent;
        }
        if let Some(inner) = text.trim_start().strip_prefix(open) {
            return match inner.split_once(close) {
                Some((reasoning, rest)) => Native::Closed(reasoning.into(), rest),
                None => Native::Open(inner.into()),
            };
        }
    }
    let first_mark = marks.iter().filter_map(|mark| text.find(mark)).min();
    let closed = TAGS.iter().filter_map(|(_, close)| text.split_once(close));
    let first = closed.min_by_key(|(reasoning, _)| reasoning.len());
    match first.filter(|(reasoning, _)| opened || first_mark.is_none_or(|at| reasoning.len() < at))
    {
        Some((reasoning, rest)) => Native::Closed(reasoning.into(), rest),
        None if opened => Native::Open(text.into()),
        None => Native::Absent,
    }
}

/// A message of the harmony form is `<|channel|>NAME<|message|>WORDS` and ends with `<|end|>`, or `<|call|>`;
/// the next one starts with `<|start|>ROLE`. Only the channel `final` is for the user.
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
const ENDS: [&str; 2] = ["<|end|>", "<|call|>"];

/// `rest` begins behind the first [`CHANNEL`].
fn channels(mut rest: &str) -> Native<'_> {
    let mut thoughts: Vec<&str> = Vec::new();
    loop {
        let Some((header, words)) = rest.split_once(MESSAGE) else {
            return Native::Open(thoughts.join("\n"));
        };
        if header.split_whitespace().next() == Some("final") {
            return Native::Closed(thoughts.join("\n"), words);
        }
        let end = ENDS.iter().filter_map(|end| Some((words.find(end)?, end.len()))).min();
        let Some((at, length)) = end else {
            thoughts.push(words);
            return Native::Open(thoughts.join("\n"));
        };
        thoughts.push(words[..at].trim());
        match words[at + length..].split_once(CHANNEL) {
            Some((_, next)) => rest = next,
            None => return Native::NoReply(thoughts.join("\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed<'a>(reasoning: &str, rest: &'a str) -> Native<'a> {
        Native::Closed(reasoning.into(), rest)
    }

    fn free(text: &str) -> Native<'_> {
        split(text, false, &["<answer>".to_owned()])
    }

    #[test]
    fn each_form_is_taken_apart() {
        assert_eq!(free("\n<think>a</think>b"), closed("a", "b"));
        assert_eq!(free("[THINK]a[/THINK]b"), closed("a", "b"));
        assert_eq!(free("<|START_THINKING|>a<|END_THINKING|>b"), closed("a", "b"));
        assert_eq!(free("<think>\n\n</think>\n\nb"), closed("\n\n", "\n\nb"));
        assert_eq!(free("<think>a"), Native::Open("a".into()));
        assert_eq!(free("b"), Native::Absent);
    }

    #[test]
    fn a_closing_tag_alone_counts_before_the_reply_begins() {
        assert_eq!(free("a</think>b"), closed("a", "b"));
        assert_eq!(free("<answer>a</think>b"), Native::Absent);
    }

    #[test]
    fn a_prompt_may_open_the_reasoning() {
        for (prompt, opened) in [
            ("x<think>\n", true),
            ("x[THINK]", true),
            ("<think>\n\n</think>\n\n", false),
            ("", false),
        ] {
            assert_eq!(opens_reasoning(prompt), opened, "{prompt}");
        }
        let marks = ["<answer>".to_owned()];
        assert_eq!(
            split("so <answer> is the tag</think>b", true, &marks),
            closed("so <answer> is the tag", "b")
        );
        assert_eq!(split("on and on", true, &marks), Native::Open("on and on".into()));
        // A model that opens it again all the same.
        assert_eq!(split("<think>a</think>b", true, &marks), closed("a", "b"));
    }

    #[test]
    fn a_tag_that_the_prompt_asks_for_is_no_native_reasoning() {
        assert_eq!(split("<think>a</think>b", false, &["<think>".to_owned()]), Native::Absent);
    }

    #[test]
    fn of_the_channels_only_the_final_one_is_the_reply() {
        let analysis = "<|channel|>analysis<|message|>a<|end|>";
        let last = "<|start|>assistant<|channel|>final<|message|>b";
        let call =
            "<|start|>assistant<|channel|>commentary to=f <|constrain|>json<|message|>{}<|call|>";
        assert_eq!(free(&format!("{analysis}{last}")), closed("a", "b"));
        assert_eq!(free(&format!("{analysis}{call}{last}")), closed("a\n{}", "b"));
        assert_eq!(free("<|channel|>final<|message|>b"), closed("", "b"));
        assert_eq!(free(analysis), Native::NoReply("a".into()));
        assert_eq!(free(&format!("{analysis}{call}")), Native::NoReply("a\n{}".into()));
        assert_eq!(free("<|channel|>analysis<|message|>a"), Native::Open("a".into()));
        assert_eq!(free("<|channel|>ana"), Native::Open(String::new()));
    }
}
