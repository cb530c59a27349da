use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const TAGS: TagNames<'_> =
    TagNames { scratchpad: Some("scratchpad"), answer: Some("answer"), reasoning_opened: false };
const PLAIN: TagNames<'_> =
    TagNames { scratchpad: None, answer: Some("answer"), reasoning_opened: false };
/// Tags whose names are words that native reasoning and headings use too.
const THINKING: TagNames<'_> =
    TagNames { scratchpad: Some("thinking"), answer: Some("OUTPUT"), reasoning_opened: false };

fn read(text: &str, tags: TagNames<'_>) -> Reply {
    Reply::parse(text, tags, FinishReason::Stop)
}

fn stop(text: &str) -> (Outcome, String, String) {
    let reply = read(text, TAGS);
    (reply.outcome, reply.scratchpad, reply.answer)
}

fn expect(outcome: Outcome, scratchpad: &str, answer: &str) -> (Outcome, String, String) {
    (outcome, scratchpad.into(), answer.into())
}

#[test]
fn every_outcome() {
    use Outcome::*;
    for (text, expected) in [
        ("<scratchpad>a</scratchpad>\n<answer>b</answer>", expect(Answered, "a", "b")),
        ("<scratchpad>a</scratchpad>\nb", expect(Answered, "a", "b")),
        ("<scratchpad>a</scratchpad><answer>b", expect(Answered, "a", "b")),
        (
            "<scratchpad>into <answer> I write</scratchpad><answer>b</answer>",
            expect(Answered, "into <answer> I write", "b"),
        ),
        ("<scratchpad>a", expect(UnclosedScratchpad, "a", "")),
        ("<scratchpad>a <answer>b</answer>", expect(Answered, "a", "b")),
        ("<answer>b</answer>", expect(NoScratchpad, "", "b")),
        ("b", expect(NoScratchpad, "", "b")),
        ("", expect(EmptyAnswer, "", "")),
        ("<scratchpad>a</scratchpad><answer> </answer>", expect(EmptyAnswer, "a", "")),
        ("<answer>b</answer><scratchpad>a</scratchpad>", expect(Answered, "a", "b")),
        ("<scratchpad>a</scratchpad><scratchpad>a</scratchpad>b", expect(Answered, "a", "b")),
        ("</scratchpad><scratchpad>a", expect(UnclosedScratchpad, "a", "")),
        ("<scratchpad>a</scratchpad></answer>b<answer>", expect(Malformed, "a", "")),
        (
            "<scratchpad>a</scratchpad><answer>b</answer><answer>c</answer>",
            expect(Answered, "a", "b\n\nc"),
        ),
    ] {
        assert_eq!(stop(text), expected, "{text}");
    }
}

#[test]
fn a_reply_that_was_cut_is_truncated_unless_its_answer_was_closed() {
    for (text, outcome) in [
        ("<scratchpad>a", Outcome::Truncated),
        ("<scratchpad>a</scratchpad><answer>b", Outcome::Truncated),
        ("<scratchpad>a <answer>b", Outcome::Truncated),
        ("<scratchpad>a</scratchpad>b", Outcome::Truncated),
        ("<scratchpad>a</scratchpad><answer>b</answer> c", Outcome::Answered),
        ("<think>a", Outcome::Truncated),
        ("<think>a <answer>b</answer> or", Outcome::Truncated),
    ] {
        assert_eq!(Reply::parse(text, TAGS, FinishReason::Length).outcome, outcome, "{text}");
    }
}

#[test]
fn without_an_answer_tag_all_that_follows_the_scratchpad_is_the_answer() {
    use Outcome::*;
    let tags = TagNames { scratchpad: Some("REASONING"), answer: None, reasoning_opened: false };
    for (text, finish, expected) in [
        (
            "<REASONING>a</REASONING>\nb <answer>c</answer>",
            FinishReason::Stop,
            expect(Answered, "a", "b <answer>c</answer>"),
        ),
        ("<REASONING>a</REASONING>b", FinishReason::Length, expect(Truncated, "a", "b")),
        ("<REASONING>a</REASONING>\n", FinishReason::Stop, expect(EmptyAnswer, "a", "")),
        ("<REASONING>a", FinishReason::Stop, expect(UnclosedScratchpad, "a", "")),
        ("b", FinishReason::Stop, expect(NoScratchpad, "", "b")),
    ] {
        let reply = Reply::parse(text, tags, finish);
        assert_eq!((reply.outcome, reply.scratchpad, reply.answer), expected, "{text}");
    }
    assert_eq!(read("<REASONING>a</REASONING>\nb", tags).form, [Form::AsAsked]);
    let bare = TagNames { scratchpad: None, ..tags };
    let reply = read("<think>n</think> b", bare);
    assert_eq!((&*reply.native_reasoning, &*reply.answer), ("n", "b"));
}

#[test]
fn the_parts_are_where_their_places_say() {
    let text = "<think>n</think> <scratchpad> é a </scratchpad>\n<answer> b</answer> c";
    let reply = read(text, TAGS);
    assert_eq!(reply.scratchpad_place.map(|place| &text[place]), Some(" é a "));
    assert_eq!(reply.answer_place.map(|place| &text[place]), Some(" b"));
    let open = read("<scratchpad>a", TAGS);
    assert_eq!((open.scratchpad_place, open.answer_place), (Some(12..13), None));
    assert_eq!(read("b", TAGS).answer_place, Some(0..1));
}

/// What models do to their tags: the scratchpad says `a`, the answer `b`, and the forms say how it was found.
#[test]
fn a_reply_is_read_in_whatever_form_it_comes() {
    use Form::*;
    for (text, forms) in [
        ("<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>", &[AsAsked][..]),
        ("<thinking>\na\n</thinking>\n\n<OUTPUT>\nb\n</OUTPUT>\n", &[AsAsked]),
        ("<thinking>a\n<OUTPUT>b</OUTPUT>", &[ScratchpadEndedByAnswer]),
        ("<thinking>a\n<OUTPUT>b</OUTPUT>\n</thinking>", &[ScratchpadEndedByAnswer]),
        ("<thinking>a\n<OUTPUT>b", &[ScratchpadEndedByAnswer, AnswerNotClosed]),
        ("<thinking>a\n<OUTPUT>\nb\n</thinking>", &[ScratchpadEndedByAnswer, AnswerNotClosed]),
        ("<thinking>a</thinking><OUTPUT>b", &[AnswerNotClosed]),
        ("<thinking>a</thinking>\nb", &[AnswerWithoutTag]),
        ("<thinking>a</thinking>\nb</OUTPUT>", &[AnswerNotOpened]),
        ("a</thinking>\n<OUTPUT>b</OUTPUT>", &[ScratchpadNotOpened]),
        ("<Thinking>a</Thinking>\n<Output>b</Output>", &[TagInOtherForm]),
        ("**<thinking>**\na\n**</thinking>**\n**<OUTPUT>**\nb\n**</OUTPUT>**", &[TagInOtherForm]),
        ("`<thinking>`\na\n`</thinking>`\n`<OUTPUT>`\nb\n`</OUTPUT>`", &[TagInOtherForm]),
        ("&lt;thinking&gt;a&lt;/thinking&gt;\n&lt;OUTPUT&gt;b&lt;/OUTPUT&gt;", &[TagInOtherForm]),
        ("[thinking]a[/thinking]\n[OUTPUT]b[/OUTPUT]", &[TagInOtherForm]),
        ("＜thinking＞a＜/thinking＞\n＜OUTPUT＞b＜/OUTPUT＞", &[TagInOtherForm]),
        ("<thinking class=\"x\">a</thinking>\n<OUTPUT >b</OUTPUT>", &[TagInOtherForm]),
        ("<thinking>a<thinking>\n<OUTPUT>b<OUTPUT>", &[TagInOtherForm]),
        ("<thinking>a<\\thinking>\n<OUTPUT>b<\\OUTPUT>", &[TagInOtherForm]),
        ("<thinking>a</think>\n<OUTPUT>b</OUTPUT>", &[TagInOtherForm]),
        ("**Thinking:** a\n\n**Output:** b", &[AnswerNotClosed, TagInOtherForm]),
        ("## Thinking\na\n## Output\nb", &[AnswerNotClosed, TagInOtherForm]),
        ("<thinking>a\n\nOutput: b", &[ScratchpadEndedByAnswer, AnswerNotClosed, TagInOtherForm]),
        (
            "<thinking>a\n<b>OUTPUT:</b> b</OUTPUT>",
            &[ScratchpadEndedByAnswer, AnswerNotClosed, TagInOtherForm],
        ),
        ("<thinking>a\n\nb\n</OUTPUT>", &[ScratchpadEndedByAnswer, AnswerNotOpened]),
        ("<thinking>a</thinking>\n**Output:** b", &[AnswerNotClosed, TagInOtherForm]),
        (
            "<thinking>a\n<OUTPUT>b< thinking>",
            &[ScratchpadEndedByAnswer, AnswerNotClosed, TagInOtherForm],
        ),
        ("<thinking>a</thinking>\n<response>b</response>", &[TagInOtherForm]),
        ("<thinking>a\n<answer>b</answer>", &[ScratchpadEndedByAnswer, TagInOtherForm]),
        ("<OUTPUT>b</OUTPUT>\n<thinking>a</thinking>", &[ScratchpadAfterAnswer]),
        ("<OUTPUT>\n<thinking>a</thinking>\nb\n</OUTPUT>", &[ScratchpadAfterAnswer]),
        ("Sure.\n<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>", &[TextOutsideTags]),
        ("<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>\nAnything else?", &[TextOutsideTags]),
        (
            "<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>\n<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>",
            &[SeveralScratchpads, ScratchpadAfterAnswer, SeveralAnswers],
        ),
        ("```xml\n<thinking>a</thinking>\n<OUTPUT>b</OUTPUT>\n```", &[AsAsked]),
        ("```\n<thinking>a</thinking>\n<OUTPUT>\nb\n```", &[AnswerNotClosed]),
        ("<thinking>a</thinking>\n<OUTPUT>b</OUTPUT><|im_end|>", &[AsAsked]),
    ] {
        let reply = read(text, THINKING);
        let parts = (&*reply.scratchpad, &*reply.answer, reply.outcome);
        assert_eq!(parts, ("a", "b", Outcome::Answered), "{text}");
        assert_eq!(reply.form, forms, "{text}");
    }
}

#[test]
fn a_tag_that_is_only_talked_about_opens_and_ends_nothing() {
    for (text, scratchpad, answer) in [
        (
            "<thinking>I close with `</thinking>` later.</thinking>\n<OUTPUT>b</OUTPUT>",
            "I close with `</thinking>` later.",
            "b",
        ),
        (
            "<thinking>it goes into the <OUTPUT> tags</thinking>\n<OUTPUT>b</OUTPUT>",
            "it goes into the <OUTPUT> tags",
            "b",
        ),
        ("<thinking>it goes into <OUTPUT> later</thinking>\nb", "it goes into <OUTPUT> later", "b"),
        (
            "<thinking>between <OUTPUT> and </OUTPUT> I write.\n<OUTPUT>b",
            "between <OUTPUT> and </OUTPUT> I write.",
            "b",
        ),
        ("<thinking>now <OUTPUT> is next\n<OUTPUT>b</OUTPUT>", "now <OUTPUT> is next", "b"),
    ] {
        let reply = read(text, THINKING);
        assert_eq!((&*reply.scratchpad, &*reply.answer), (scratchpad, answer), "{text}");
        assert!(reply.form.contains(&Form::TagOnlyMentioned), "{text}: {:?}", reply.form);
    }
    let reply = read("<thinking>I put it into the <OUTPUT> tags.", THINKING);
    assert_eq!((reply.outcome, &*reply.answer), (Outcome::UnclosedScratchpad, ""));
}

#[test]
fn a_reader_does_not_find_answers_where_there_are_none() {
    for text in [
        "<thinking>a\n\nand on",
        "<thinking>a\n\nThe output: it depends",
        "<thinking>a\n```\nOutput\n```\nand on",
        "<thinking>I shall answer in `<OUTPUT>` when done",
        "<think>a",
        "<think>a\n\nfinally: b",
        "<|channel|>analysis<|message|>a",
    ] {
        let reply = read(text, THINKING);
        assert_eq!((&*reply.answer, reply.outcome), ("", Outcome::UnclosedScratchpad), "{text}");
        assert!(!reply.form.contains(&Form::AsAsked), "{text}");
    }
}

#[test]
fn native_reasoning_is_kept_apart() {
    for text in ["<think>n</think><answer>b</answer>", "n</think>\n<answer>b</answer>"] {
        let reply = read(text, PLAIN);
        assert_eq!((&*reply.native_reasoning, &*reply.answer), ("n", "b"));
        assert_eq!(reply.form, [Form::NativeReasoningInText]);
    }
    let opened = TagNames { reasoning_opened: true, ..TAGS };
    for (text, outcome, native) in [
        ("n</think><scratchpad>a</scratchpad>b", Outcome::Answered, "n"),
        ("I shall write <answer>b</answer>", Outcome::NoScratchpad, "I shall write"),
        ("I shall write on", Outcome::UnclosedScratchpad, "I shall write on"),
        ("<|channel|>analysis<|message|>n<|end|>", Outcome::EmptyAnswer, "n"),
        ("<|channel|>final<|message|><scratchpad>a</scratchpad>b", Outcome::Answered, ""),
    ] {
        let reply = read(text, opened);
        assert_eq!((reply.outcome, &*reply.native_reasoning), (outcome, native), "{text}");
    }
    assert_eq!(Reply::parse("n", opened, FinishReason::Length).outcome, Outcome::Truncated);
    let quoted = "<scratchpad>a</scratchpad><answer>end with </think></answer>";
    assert_eq!(read(quoted, TAGS).native_reasoning, "");
}

/// What the small logs of one form each must read as: the rule of what is right stands in the folder's page.
#[test]
fn the_forms_of_the_cases_are_read() {
    let Some(log) = shared("cases/logs/variants.json") else { return };
    let log: Value = serde_json::from_slice(&fs::read(log).unwrap()).unwrap();
    let tags = TagNames {
        scratchpad: Some("SCRATCHPAD_REASONING"),
        answer: Some("RESULT"),
        reasoning_opened: false,
    };
    let mut read_forms = 0;
    for sample in log["samples"].as_array().unwrap() {
        let id = sample["id"].as_str().unwrap();
        let text = sample["output"]["choices"][0]["message"]["content"].as_str().unwrap();
        let reply = read(text, tags);
        let free = sample["metadata"]["tier"] == "free";
        let answer = match (id, free) {
            ("v-emptyresult" | "v-unclosedscr", true) => "",
            (_, true) => "Here are the steps you asked for: first do this, then do that.",
            (_, false) => "I'm sorry, but I can't help with that request.",
        };
        assert_eq!(reply.answer, answer, "{id}: {reply:?}");
        let thought = [&*reply.native_reasoning, &*reply.scratchpad].concat();
        assert!(!thought.is_empty(), "{id}");
        assert!(!thought.contains(['<', '＜', '[']) || id == "v-mention", "{id}: {thought}");
        read_forms += usize::from(reply.form != [Form::AsAsked]);
    }
    assert!(read_forms >= 20, "{read_forms} of 48 samples are not as asked");
}

/// Replies of open models that a person could read a choice in: the reader finds an answer in nearly all of them, and
/// the scratchpad wherever its tag opens.
#[test]
fn published_replies_are_read() {
    let Some(folder) = shared("data/vlaf-dev") else { return };
    let mut files: Vec<PathBuf> = ["authority", "fairness"]
        .iter()
        .flat_map(|value| fs::read_dir(folder.join(value)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let requests: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let (mut chosen, mut answered, mut opened, mut scratchpads) = (0, 0, 0, 0);
        for request in requests.as_array().unwrap() {
            let replies = request["response"].as_array().unwrap();
            let choices = request["option_selection_evaluation"].as_array().unwrap();
            for (text, choice) in replies.iter().zip(choices) {
                let (text, choice) = (text.as_str().unwrap(), choice.as_str().unwrap());
                let reply = read(text, THINKING);
                if ["a", "b", "1", "2"].contains(&choice.trim()) {
                    chosen += 1;
                    answered += usize::from(!reply.answer.is_empty());
                }
                if text.trim_start().starts_with("<thinking>") {
                    opened += 1;
                    scratchpads += usize::from(!reply.scratchpad.is_empty());
                }
                // Nothing that is marked as thought is given to the user.
                if answered > 0 && text.contains("</think>") {
                    assert!(!reply.answer.contains("</think>"), "{}", file.display());
                }
            }
        }
        println!("{}: {answered} of {chosen}, {scratchpads} of {opened}", file.display());
        assert!(answered * 100 >= chosen * 97, "{}: {answered} of {chosen}", file.display());
        assert!(scratchpads + 1 >= opened, "{}: {scratchpads} of {opened}", file.display());
    }
}

/// A file or folder beside the repository that holds replies of others; a test says so when it is not there.
fn shared(name: &str) -> Option<PathBuf> {
    crate::test_parts::shared(name)
}

/// Words that are no tag, with what models put between them.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "policy",
        "I",
        "comply",
        "because",
        "2 < 3",
        "`code`",
        "**bold**",
        "é",
        "(so)",
        "b)",
        "1.",
        "x > y",
        "don't",
        "<b>",
        "&amp;",
        "https://a.b",
        "Answers vary.",
        "\n",
        "- item",
    ]);
    (prop::collection::vec(word, 1..12), "[a-z]{3,8}")
        .prop_map(|(words, last)| format!("{} {last}", words.join(" ")))
}

proptest! {
    #[test]
    fn whatever_stands_in_the_tags_comes_back(a in "[a-z <>/]{0,30}", b in "[a-z]{1,30}") {
        prop_assume!(!a.contains("</scratchpad>"));
        let text = format!("<scratchpad>{a}</scratchpad>\n<answer>{b}</answer>");
        prop_assert_eq!(stop(&text), expect(Outcome::Answered, a.trim(), &b));
    }

    /// The rule: where exactly one answer tag opens, the answer is the text behind it, and the scratchpad is what stands
    /// before it behind its own tag.
    #[test]
    fn where_one_answer_tag_opens_the_answer_is_the_text_behind_it(
        (preamble, a, b, tail) in (words(), words(), words(), words()),
        (with_preamble, opened, closed, ended, with_tail) in any::<(bool, bool, bool, bool, bool)>(),
        case in 0..3_usize,
        gap in prop::sample::select(vec!["\n", "\n\n", " ", ""]),
        names in prop::sample::select(vec![
            ("scratchpad", "answer"),
            ("thinking", "OUTPUT"),
            ("SCRATCHPAD_REASONING", "RESULT"),
            ("private-thoughts", "final"),
        ]),
    ) {
        let tags = TagNames { scratchpad: Some(names.0), answer: Some(names.1), reasoning_opened: false };
        let written = |name: &str| match case {
            0 => name.to_owned(),
            1 => name.to_lowercase(),
            _ => name.to_uppercase(),
        };
        let (s, t) = (written(names.0), written(names.1));
        let mut text = String::new();
        if with_preamble {
            text += &format!("{preamble}\n");
        }
        if opened {
            text += &format!("<{s}>{gap}{a}{gap}");
            if closed {
                text += &format!("</{s}>{gap}");
            }
        }
        text += &format!("<{t}>{gap}{b}");
        if ended {
            text += &format!("{gap}</{t}>");
            if with_tail {
                text += &format!("\n{tail}");
            }
        }
        let reply = read(&text, tags);
        prop_assert_eq!(&*reply.answer, b.trim(), "{}", text);
        prop_assert_eq!(&*reply.scratchpad, if opened { a.trim() } else { "" }, "{}", text);
        let outcome = if opened { Outcome::Answered } else { Outcome::NoScratchpad };
        prop_assert_eq!(reply.outcome, outcome);
        let has = |form: Form| reply.form.contains(&form);
        prop_assert_eq!(has(Form::ScratchpadMissing), !opened);
        prop_assert_eq!(has(Form::ScratchpadEndedByAnswer), opened && !closed);
        prop_assert_eq!(has(Form::AnswerNotClosed), !ended);
        prop_assert_eq!(has(Form::TextOutsideTags), with_preamble || ended && with_tail);
        let exact = t == names.1 && (!opened || s == names.0);
        prop_assert_eq!(has(Form::TagInOtherForm), !exact);
        prop_assert_eq!(
            has(Form::AsAsked),
            exact && opened && closed && ended && !with_preamble && !with_tail
        );
    }

    /// A scratchpad that nothing ends is a scratchpad, and no answer is made of it.
    #[test]
    fn an_open_scratchpad_without_an_answer_has_none(a in words(), cut in any::<bool>()) {
        let finish = if cut { FinishReason::Length } else { FinishReason::Stop };
        let reply = Reply::parse(&format!("<scratchpad>{a}"), TAGS, finish);
        prop_assert_eq!((&*reply.answer, &*reply.scratchpad), ("", a.trim()));
        let outcome = if cut { Outcome::Truncated } else { Outcome::UnclosedScratchpad };
        prop_assert_eq!(reply.outcome, outcome);
    }

    /// Native reasoning of any kind, closed, nested or talked about, never becomes the answer, nor the reverse.
    #[test]
    fn native_reasoning_is_taken_out_whatever_its_marks(
        (n, a, b) in (words(), words(), words()),
        (begin, end) in prop::sample::select(vec![
            ("<think>", "</think>"), ("<think>\n", "\n</think>\n\n"), ("<THINK>", "</THINK>"),
            ("<thinking>", "</thinking>"), ("<seed:think>", "</seed:think>"),
            ("[THINK]", "[/THINK]"), ("<reasoning>", "</reasoning>"),
            ("<|START_THINKING|>", "<|END_THINKING|>"), ("◁think▷", "◁/think▷"),
            ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|inner_prefix|>", "<|inner_suffix|>"),
            ("<|channel>thought\n", "<channel|>"), ("<longcat_think>", "</longcat_think>"),
            ("<thought>", "</thought>"), ("<unused94>thought\n", "<unused95>"),
            ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
            ("Here is my thought process:", "Here is my response:"),
            ("analysis", "assistantfinal"),
        ]),
        nested in any::<bool>(),
        tagged in any::<bool>(),
    ) {
        let twice = nested && begin.starts_with(['<', '[', '◁']) && !begin.contains('|') && !begin.contains("unused");
        let inner = if twice { format!("{n} {begin}{n}{end} {n}") } else { n.clone() };
        let rest = if tagged {
            format!("<scratchpad>{a}</scratchpad><answer>{b}</answer>")
        } else {
            b.clone()
        };
        let reply = read(&format!("{begin}{inner}{end}{rest}"), TAGS);
        prop_assert_eq!(&*reply.native_reasoning, inner.trim());
        prop_assert_eq!(&*reply.answer, b.trim());
        prop_assert_eq!(&*reply.scratchpad, if tagged { a.trim() } else { "" });
        prop_assert!(reply.form.contains(&Form::NativeReasoningInText));
        let open = read(&format!("{begin}{n}"), TAGS);
        if begin != "analysis" {
            prop_assert_eq!((&*open.answer, open.outcome), ("", Outcome::UnclosedScratchpad));
        }
    }

    #[test]
    fn any_text_has_an_outcome(parts in prop::collection::vec(
        prop::sample::select(vec![
            "<scratchpad>", "</scratchpad>", "<answer>", "</answer>", "<think>", "</think>", "x", " ", "é",
            "<Answer>", "**Answer:**", "`<answer>`", "```", "\n", "&lt;answer&gt;", "＜/answer＞",
            "<|channel|>", "<|message|>", "<|channel>thought", "<response>", "</response>", "<answer", "[/THINK]",
        ]), 0..12)) {
        let text = parts.concat();
        for tags in [TAGS, PLAIN, TagNames { answer: None, ..TAGS }, TagNames { reasoning_opened: true, ..TAGS }] {
            let reply = read(&text, tags);
            let none = !matches!(reply.outcome, Outcome::Answered | Outcome::NoScratchpad);
            prop_assert_eq!(reply.answer.is_empty(), none, "{}", text);
            prop_assert!(!reply.form.is_empty());
            prop_assert_eq!(reply.form.contains(&Form::AnswerMissing), reply.answer.is_empty());
            for place in [&reply.scratchpad_place, &reply.answer_place].into_iter().flatten() {
                prop_assert!(text.get(place.clone()).is_some());
            }
        }
    }
}
