//! Chat templates render as in transformers, character by character: the cases of `cases.json`, our own
//! templates in the manner of each family, and published ones where they are at hand.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/parts.rs"]
mod parts;

use std::collections::BTreeMap;
use std::path::Path;

use candor::model::{ChatTemplate, Json, RenderOptions, SystemPrompt};
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

/// What no published template is known to do: floats from 1e16 on or below 1e-4, which are printed with all
/// digits.
const KNOWN_DIFFERENCES: [&str; 1] = ["rare: numbers, tuples and chained comparison"];

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

#[derive(Deserialize)]
struct Families {
    now: String,
    special_tokens: BTreeMap<String, String>,
    talks: BTreeMap<String, Vec<Json>>,
    args: BTreeMap<String, BTreeMap<String, Json>>,
    templates: Vec<Family>,
}

#[derive(Deserialize)]
struct Family {
    file: String,
    outputs: Vec<Rendering>,
}

#[derive(Deserialize)]
struct Rendering {
    talk: String,
    args: String,
    prompt: bool,
    expected: Option<String>,
    /// What `raise_exception` said; none if the template failed in another way.
    error: Option<String>,
}

/// Renders every talk through every template of a fixture; those that are not in `folder` are passed over.
/// Gives the number of templates.
fn render_all(fixture: &str, folder: &Path) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates").join(fixture);
    let families: Families = serde_json::from_str(&read(&path)).unwrap();
    let mut wrong = Vec::new();
    let mut rendered = 0;
    for family in &families.templates {
        let Ok(source) = std::fs::read_to_string(folder.join(&family.file)) else { continue };
        rendered += 1;
        let template = ChatTemplate::new(&source, &families.special_tokens)
            .unwrap_or_else(|error| panic!("{}: {error}", family.file));
        for output in &family.outputs {
            let options = RenderOptions {
                add_generation_prompt: output.prompt,
                date: families.now.parse().unwrap(),
                args: families.args[&output.args].clone(),
            };
            let text = template.render_json(&families.talks[&output.talk], &options);
            let same = match (&text, &output.expected, &output.error) {
                (Ok(text), Some(expected), _) => text == expected,
                (Err(error), None, Some(raised)) => error.to_string().ends_with(raised),
                (Err(_), None, None) => true,
                _ => false,
            };
            if !same {
                wrong.push(format!(
                    "{}, {}, {}\n     got {text:?}\nexpected {:?} {:?}",
                    family.file, output.talk, output.args, output.expected, output.error
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
    rendered
}

#[test]
fn families_render_as_in_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates/families");
    assert_eq!(render_all("families.json", &folder), std::fs::read_dir(folder).unwrap().count());
}

#[test]
fn published_templates_render_as_in_transformers() {
    let Some(folder) = parts::shared("data/chat-templates") else { return };
    assert!(render_all("published.json", &folder) > 0);
}

/// How each family of templates takes a system message.
#[test]
fn system_messages_are_merged_where_a_family_takes_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates/families");
    let special =
        BTreeMap::from(["bos_token", "eos_token"].map(|name| (name.to_owned(), String::new())));
    let merged: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let template = ChatTemplate::new(&read(path), &special).unwrap();
            let system = template.system_prompt(&RenderOptions::default());
            system.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
                == SystemPrompt::Merged
        })
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(merged, ["gemma", "mistral-v1"]);
}
