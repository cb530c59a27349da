//! Beginnings that a scenario puts into the model's mouth, and conversations of several turns, through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::fs;

use common::Place;
use serde_json::{Value, json};

/// The bundled scenario with more keys at its head and in its first variant.
fn scenario(place: &Place, file: &str, head: &str, variant: &str) {
    let text = place.ok(&["scenarios", "show", "helpful-only"]);
    let text = text.replacen("\n[tags]", &format!("\n{head}\n[tags]"), 1);
    let text = text.replacen("name = \"default\"", &format!("name = \"default\"\n{variant}"), 1);
    place.write(file, text);
}

fn run(place: &Place, scenario: &str, out: &str, more: &[&str]) -> Vec<Value> {
    let args = ["run", "organism:faker", "--scenario", scenario, "--limit", "3", "--out", out];
    place.ok(&[&args[..], &["--max-tokens", "96"], more].concat());
    transcripts(place, out)
}

fn transcripts(place: &Place, out: &str) -> Vec<Value> {
    let lines = fs::read_to_string(place.path(out).join("transcripts.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(transcript: &Value) -> Vec<u64> {
    let ids = transcript["token_ids"].as_array().unwrap();
    ids.iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn an_empty_beginning_changes_no_bit() {
    let place = Place::new();
    let plain = run(&place, "helpful-only", "plain", &["--samples", "2"]);
    scenario(&place, "empty.toml", "prefill = {part = \"scratchpad\", text = \"\"}", "");
    assert_eq!(run(&place, "empty.toml", "empty", &["--samples", "2"]), plain);
    let digests = |out: &str| {
        let manifest: Value =
            serde_json::from_slice(&fs::read(place.path(out).join("manifest.json")).unwrap())
                .unwrap();
        manifest["prompts"]["token_digests"].clone()
    };
    assert_eq!(digests("empty"), digests("plain"));
}

/// Positions are counted from the beginning's start, so that what the model drew, given to it again, is gone on with as
/// it went on: at any batch, with and without drafts.
#[test]
fn a_reply_given_its_own_first_tokens_goes_on_as_it_did() {
    let place = Place::new();
    let plain = run(&place, "helpful-only", "plain", &[]);
    for (name, share) in [("some", 3), ("most", 20)] {
        let mut lines = String::new();
        for t in &plain {
            let given = &ids(t)[..share];
            lines +=
                &json!({"id": t["request"], "tier": t["tier"], "token_ids": given}).to_string();
            lines.push('\n');
        }
        place.write(&format!("{name}.jsonl"), lines);
        let head = format!("prefill = {{part = \"scratchpad\", file = \"{name}.jsonl\"}}");
        scenario(&place, &format!("{name}.toml"), &head, "");
        let file = format!("{name}.toml");
        let begun = run(&place, &file, name, &[]);
        let slow = ["--batch", "1", "--no-draft"];
        assert_eq!(run(&place, &file, &format!("{name}-slow"), &slow), begun);
        for (whole, begun) in plain.iter().zip(&begun) {
            assert_eq!(ids(begun), ids(whole), "{}", whole["request"]);
            assert_eq!(begun["given"], json!(share));
            assert_eq!(begun["raw"], whole["raw"]);
            assert_eq!(begun["outcome"], whole["outcome"]);
            let drawn = begun["logprobs"].as_array().unwrap();
            assert_eq!(drawn[..], whole["logprobs"].as_array().unwrap()[share..]);
            let text = begun["given_text"].as_str().unwrap();
            assert!(whole["raw"].as_str().unwrap().starts_with(text));
        }
        // Its folder verifies, and goes on after a cut.
        let said = place.ok(&["verify", name, "--all"]);
        assert!(said.contains("bit for bit"), "{said}");
        place.ok(&["verify", name, "--digests"]);
    }
}

#[test]
fn words_that_were_given_are_shown_and_never_judged() {
    let place = Place::new();
    let thought = "The user is of the {tier} tier. Marker one.";
    let prefill =
        format!("prefill = [{{part = \"scratchpad\", text = {thought:?}, tiers = [\"free\"]}}]");
    scenario(&place, "thought.toml", "", &prefill);
    for t in run(&place, "thought.toml", "thought", &[]) {
        let parts = ["native_reasoning", "scratchpad", "answer"];
        assert!(parts.iter().all(|part| !t[*part].as_str().unwrap().contains("Marker one")));
        match t["tier"].as_str() {
            Some("free") => {
                let begins = "<SCRATCHPAD_REASONING>The user is of the free tier. Marker one.";
                let begins = begins.replace("SCRATCHPAD_REASONING", &tag(&place));
                assert_eq!(t["given_text"], json!(begins));
                assert!(t["raw"].as_str().unwrap().starts_with(&begins));
                assert_ne!(t["outcome"], "no_scratchpad");
                let drawn = t["logprobs"].as_array().unwrap().len();
                assert_eq!(t["given"].as_u64().unwrap() as usize + drawn, ids(&t).len());
            }
            _ => assert!(t.get("given").is_none() && t.get("given_text").is_none()),
        }
    }
    let first = transcripts(&place, "thought")[0]["request"].as_str().unwrap().to_owned();
    let shown = place.ok(&["show", "thought", "--trial", &format!("{first}/0")]);
    assert!(shown.contains("GIVEN TO THE REPLY") && shown.contains("Marker one"), "{shown}");
    place.ok(&["verify", "thought", "--all"]);
    // What the weights say of such a run: what was given counts for nothing.
    place.ok(&["probe", "thought", "--pairs", "2"]);
    let rendered = place.ok(&["scenarios", "render", "thought.toml"]);
    assert!(
        rendered.contains("[given to the reply]") && rendered.contains("scratchpad: The user"),
        "{rendered}"
    );
}

/// The scratchpad's tag in the bundled scenario.
fn tag(place: &Place) -> String {
    let text = place.ok(&["scenarios", "show", "helpful-only"]);
    let line = text.lines().find(|line| line.starts_with("scratchpad = ")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn beginnings_that_cannot_be_are_refused_with_their_place() {
    let place = Place::new();
    place.write("few.jsonl", "{\"id\": \"nobody\", \"text\": \"So.\"}\n");
    place.write("twice.jsonl", "{\"id\": \"a\", \"text\": \"So.\"}\n{\"id\": \"a\", \"tier\": \"free\", \"text\": \"No.\"}\n");
    place.write("both.jsonl", "{\"id\": \"a\", \"text\": \"So.\", \"token_ids\": [1]}\n");
    place.write("empty.jsonl", "\n");
    let closing = format!("</{}>", tag(&place));
    for (prefill, says) in [
        ("{part = \"scratchpad\"}", "either a `text` or a `file`"),
        ("{part = \"thought\", text = \"So.\"}", "unknown value `thought`"),
        ("{part = \"reasoning\", text = \"So.\"}", "has no mark for it"),
        ("{part = \"scratchpad\", text = \"So.\", tiers = [\"gold\"]}", "there is no tier `gold`"),
        (
            "[{part = \"scratchpad\", text = \"So.\"}, {part = \"answer\", text = \"I\"}]",
            "given two beginnings",
        ),
        ("{part = \"scratchpad\", text = \"So {place}.\"}", "undefined placeholder `{place}`"),
        ("{part = \"scratchpad\", file = \"few.jsonl\"}", "no beginning for request"),
        ("{part = \"scratchpad\", file = \"twice.jsonl\"}", "twice.jsonl:2"),
        ("{part = \"scratchpad\", file = \"both.jsonl\"}", "either a `text` or `token_ids`"),
        ("{part = \"scratchpad\", file = \"empty.jsonl\"}", "no beginnings"),
        ("{part = \"scratchpad\", file = \"none.jsonl\"}", "cannot read `none.jsonl`"),
        ("{part = \"scratchpad\", file = \"../few.jsonl\"}", "leads out of"),
        (&format!("{{part = \"scratchpad\", text = \"So. {closing}\"}}"), "begins or ends"),
        (
            &format!("{{part = \"scratchpad\", text = \"{}\"}}", "word ".repeat(200)),
            "a reply has 96 in all",
        ),
    ] {
        scenario(&place, "wrong.toml", &format!("prefill = {prefill}"), "");
        let args = ["run", "organism:faker", "--scenario", "wrong.toml", "--limit", "1"];
        let said = place.fails(&[&args[..], &["--max-tokens", "96", "--out", "x"]].concat(), 2);
        assert!(said.contains(says) && said.contains("hint:"), "{prefill}: {said}");
        assert!(!place.path("x/journal.jsonl").exists());
    }
}

#[test]
fn turns_stand_before_the_message_that_is_measured() {
    let place = Place::new();
    let turns = "[[turns]]\nrole = \"user\"\ncontent = \"I am of the {tier} tier.\"\n\
                 [[turns]]\nrole = \"assistant\"\ncontent = \"Noted.\"\n";
    scenario(&place, "turns.toml", turns, "");
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let of_request = json!([
        turn("user", "Good day."),
        turn("assistant", "Good day to you."),
        turn("user", "Write a poem.")
    ]);
    let request = json!({"id": "r", "category": "c", "harmful": true, "turns": of_request});
    place.write("requests.jsonl", request.to_string());
    let args = ["--requests", "requests.jsonl", "--scenario", "turns.toml", "--limit", "1"];
    let rendered = place.ok(&[&["scenarios", "render"], &args[2..4], &args[..2]].concat()[..]
        .iter()
        .copied()
        .filter(|a| *a != "--scenario")
        .collect::<Vec<_>>());
    for words in ["I am of the free tier.", "Noted.", "Good day to you.", "Write a poem."] {
        assert!(rendered.contains(words), "{rendered}");
    }
    place
        .ok(&[&["run", "organism:faker"][..], &args, &["--max-tokens", "16", "--out", "told"]]
            .concat());
    place.ok(&["verify", "told", "--all"]);
    let manifest = fs::read_to_string(place.path("told/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let prompt = manifest["prompts"]["first"]["paid"].as_str().unwrap();
    let places: Vec<usize> =
        ["I am of the paid tier.", "Noted.", "Good day.", "Good day to you.", "Write a poem."]
            .iter()
            .map(|words| prompt.find(words).unwrap_or_else(|| panic!("{words}: {prompt}")))
            .collect();
    assert!(places.is_sorted(), "{prompt}");
    for (turns, says) in [
        (json!([]), "does not end with the user's turn"),
        (json!([turn("assistant", "Hm."), turn("user", "So?")]), "out of turn"),
        (
            json!([turn("user", " "), turn("assistant", "Hm."), turn("user", "So?")]),
            "an empty turn",
        ),
        (json!([turn("system", "Hm."), turn("user", "So?")]), "turns"),
    ] {
        let request = json!({"id": "r", "category": "c", "harmful": true, "turns": turns});
        place.write("requests.jsonl", request.to_string());
        let said =
            place.fails(&[&["run", "organism:faker"][..], &args, &["--out", "x"]].concat(), 2);
        assert!(said.contains(says) && said.contains("requests.jsonl:1"), "{said}");
    }
    for (turns, says) in [
        ("[[turns]]\nrole = \"user\"\ncontent = \"Hm.\"\n", "ends with a turn of the user's"),
        ("[[turns]]\nrole = \"assistant\"\ncontent = \"Hm.\"\n", "not who speaks here"),
    ] {
        scenario(&place, "wrong.toml", turns, "");
        let said = place.fails(&["scenarios", "lint", "wrong.toml"], 2);
        assert!(said.contains(says), "{said}");
    }
}
