//! A run's pairs in the terminal.

use serde_json::Value;

use crate::common::Place;
use crate::runs::{every_outcome, interrupted};

#[test]
fn a_pair_stands_side_by_side_and_fits() {
    let place = Place::new();
    place.small("run", &[]);
    let list = place.ok(&["show", "run"]);
    let first = list.lines().nth(1).unwrap().split("  ").next().unwrap().to_owned();
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let text = place.read("run/transcripts.jsonl");
    let trial: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let id = format!("{}/0", trial["request"].as_str().unwrap());
    for (width, beside) in [("60", true), ("100", true), ("30", false)] {
        let shown = place.ok(&["show", "run", "--trial", &id, "--width", width]);
        let most: usize = width.parse().unwrap();
        assert!(shown.lines().all(|line| line.chars().count() <= most), "{shown}");
        assert_eq!(shown.contains(" │ "), beside, "{shown}");
        for part in ["REQUEST", "VERDICTS", "SCRATCHPAD", "ANSWER", "rules:"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    let alone = place.ok(&["show", "run", "--trial", &id.replace("/0", "/paid/0")]);
    assert!(!alone.contains(" │ ") && alone.contains("answers do not train it"), "{alone}");
    place.ok(&["show", "run", "--trial", &first]);
    let json: Value =
        serde_json::from_str(&place.ok(&["show", "run", "--trial", &id, "--json"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[0]["answer"], trial["answer"]);
    assert_eq!(json[0]["verdicts"][0]["judge"], "rules");
    assert!(!place.ok(&["show", "run", "--trial", &id]).contains("<|system|>"));
    let with_prompt = place.ok(&["show", "run", "--trial", &id, "--prompt", "--width", "60"]);
    assert!(with_prompt.contains("<|system|>"), "{with_prompt}");
    // The prompt of the last request is the one that its words give.
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let request = last["request"].as_str().unwrap();
    let trials = place.ok(&["show", "run", "--trial", &format!("{request}/0"), "--json"]);
    let trials: Value = serde_json::from_str(&trials).unwrap();
    let render = ["scenarios", "render", "helpful-only", "--model", "organism:faker", "--json"];
    let rendered =
        place.ok(&[&render[..], &["--max-tokens", "256", "--request", request]].concat());
    let rendered: Value = serde_json::from_str(&rendered).unwrap();
    for (trial, arm) in trials.as_array().unwrap().iter().zip(rendered["arms"].as_array().unwrap())
    {
        assert_eq!((&trial["tier"], &trial["prompt"]), (&arm["tier"], &arm["prompt"]["text"]));
    }
    let stderr = place.fails(&["show", "run", "--trial", "nothing/7"], 2);
    assert!(stderr.contains("the run has no trial `nothing/7`"), "{stderr}");
}

#[test]
fn no_trial_steers_the_terminal() {
    let place = Place::new();
    every_outcome(&place);
    interrupted(&place);
    let text = place.read("every/transcripts.jsonl");
    for line in text.lines() {
        let trial: Value = serde_json::from_str(line).unwrap();
        let id = format!("{}/{}", trial["request"].as_str().unwrap(), trial["sample"]);
        let shown = place.ok(&["show", "every", "--trial", &id]);
        let hostile = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!shown.contains(hostile), "{shown}");
    }
    assert!(place.ok(&["show", "every"]).contains("no verdict"));
    place.ok(&["show", "cut"]);
}
