//! Chat templates render as in transformers: the cases of `fixtures/templates/cases.json` character by
//! character, and templates of published models without an error.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candor::model::{ChatTemplate, Json, Message, RenderOptions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    /// The moment that the cases took for now.
    now: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    messages: Vec<Json>,
    special_tokens: BTreeMap<String, String>,
    add_generation_prompt: bool,
    kwargs: BTreeMap<String, Json>,
    expected: Option<String>,
    /// What `raise_exception` said.
    error: Option<String>,
}

/// What no published template is known to do: `center`, `zfill` and their like, and filters such as
/// `wordcount`, which are refused by name; floats from 1e16 on or below 1e-4, printed with all digits; the
/// control characters 0x1c to 0x1f, which Python strips as white space.
const KNOWN_DIFFERENCES: [&str; 4] = [
    "rare: other string methods",
    "rare: filters",
    "rare: numbers, tuples and chained comparison",
    "rare: trim and split on Unicode space",
];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn cases_render_as_in_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates/cases.json");
    let fixtures: Fixtures = serde_json::from_str(&read(&path)).unwrap();
    let mut wrong = Vec::new();
    for case in &fixtures.cases {
        let options = RenderOptions {
            add_generation_prompt: case.add_generation_prompt,
            date: fixtures.now.parse().unwrap(),
            args: case.kwargs.clone(),
        };
        let rendered = ChatTemplate::new(&case.template, &case.special_tokens)
            .and_then(|template| template.render_json(&case.messages, &options));
        let same = match (&rendered, &case.expected, &case.error) {
            (Ok(text), Some(expected), None) => text == expected,
            (Err(error), None, Some(raised)) => {
                error.to_string().ends_with(&format!("refuses these messages: {raised}"))
            }
            _ => false,
        };
        if KNOWN_DIFFERENCES.contains(&case.name.as_str()) {
            assert!(!same, "`{}` does not differ any more: take it off the list", case.name);
        } else if !same {
            wrong.push(format!(
                "{}\n     got {rendered:?}\nexpected {:?} {:?}",
                case.name, case.expected, case.error
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases differ:\n\n{}",
        wrong.len(),
        fixtures.cases.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn published_templates_render() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("CANDOR_SHARED").map_or(beside, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(shared.join("data/chat-templates")) else {
        println!("skipped: there are no published templates in {}", shared.display());
        return;
    };
    let special = BTreeMap::from([
        ("bos_token".to_owned(), "<s>".to_owned()),
        ("eos_token".to_owned(), "</s>".to_owned()),
    ]);
    let message =
        |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let messages = [
        message("system", "The system speaks."),
        message("user", "First question?"),
        message("assistant", "First answer."),
        message("user", "Second question?"),
    ];
    let mut rendered = 0;
    for path in entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "jinja"))
    {
        let template = ChatTemplate::new(&read(&path), &special)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = template.render(&messages, &RenderOptions::default());
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for message in &messages {
            assert!(
                text.contains(&message.content),
                "{}: no `{}` in {text}",
                path.display(),
                message.content
            );
        }
        rendered += 1;
    }
    assert!(rendered > 0);
}
