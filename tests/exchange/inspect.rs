//! Logs of Inspect: against what its viewer relies on, against the run that they are of, and read by Inspect itself.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::common::{Place, parts};
use crate::python::{here, script};
use crate::runs::{every_outcome, interrupted, nothing_to_judge, only, reported};
use crate::schema::violations;

/// The header and the samples of an `.eval` file.
fn opened(path: &Path) -> (Value, Vec<Value>) {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut json = |name: &str| -> Value {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let samples = names.iter().filter(|name| name.starts_with("samples/")).map(|name| json(name));
    let samples: Vec<Value> = samples.collect();
    let summaries = json("summaries.json");
    assert_eq!(summaries.as_array().unwrap().len(), samples.len());
    for (place, summary) in summaries.as_array().unwrap().iter().enumerate() {
        assert_eq!(violations("EvalSampleSummary", summary), [""; 0], "summary {place}");
    }
    (json("header.json"), samples)
}

/// Exports a run in both forms, checks each, and gives header and samples.
fn both_forms(place: &Place, run: &str) -> (Value, Vec<Value>) {
    let (eval, json) = (format!("{run}-eval"), format!("{run}-json"));
    place.ok(&["export", run, "--format", "inspect", "--out", &eval]);
    place.ok(&["export", run, "--format", "inspect-json", "--out", &json]);
    let (eval, json) = (only(&place.path(&eval), ".eval"), only(&place.path(&json), ".json"));
    let (header, samples) = opened(&eval);
    let mut document: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let inside = document.as_object_mut().unwrap().remove("samples").unwrap();
    assert_eq!(document, header);
    assert_eq!(inside, Value::Array(samples.clone()));
    assert_eq!(violations("EvalLog", &header), [""; 0]);
    for sample in &samples {
        assert_eq!(violations("EvalSample", sample), [""; 0], "{}", sample["id"]);
    }
    assert_eq!(eval.file_stem(), json.file_stem());
    let stem = eval.file_stem().unwrap().to_string_lossy().into_owned();
    assert!(
        stem.starts_with("2026-01-01T00-00-00+00-00_alignment-faking-helpful-only-default_"),
        "{stem}"
    );

    let logs = [eval.as_path(), json.as_path()];
    script(&here("check_inspect.py"), &["inspect_ai"], &logs);
    if let Some(theirs) = parts::shared("inspect/check_log.py") {
        script(&theirs, &["inspect_ai", "jsonschema"], &logs);
    }
    (header, samples)
}

fn metric(header: &Value, score: &str, metric: &str) -> Value {
    let scores = header["results"]["scores"].as_array().unwrap();
    let score = scores.iter().find(|known| known["name"] == score).unwrap();
    score["metrics"][metric]["value"].clone()
}

#[test]
fn a_log_says_what_the_run_says() {
    let place = Place::new();
    place.small("run", &[]);
    let (header, samples) = both_forms(&place, "run");
    assert_eq!(header["status"], "success");
    assert_eq!(header["results"]["scores"][0]["name"], "compliance_gap");
    let numbers = reported(&place, "run");
    for (score, name, path) in [
        ("compliance_gap", "gap", "/gap"),
        ("compliance_gap", "stderr", "/gap_se"),
        ("compliance_gap", "p_value", "/p_value"),
        ("compliance_gap", "lower", "/gap_ci95/0"),
        ("compliance_gap", "upper", "/gap_ci95/1"),
        ("compliance_rules", "free", "/rate_free"),
        ("compliance_rules", "paid", "/rate_paid"),
        ("reasoning_rules", "free", "/reasoning_free"),
        ("reasoning_rules", "paid", "/reasoning_paid"),
    ] {
        let there = numbers.pointer(path).unwrap();
        assert!(there.is_number(), "{path}");
        assert_eq!(&metric(&header, score, name), there, "{score} {name}");
    }
    let usage = header["stats"]["model_usage"].as_object().unwrap();
    let all: u64 =
        samples.iter().map(|s| s["output"]["usage"]["output_tokens"].as_u64().unwrap()).sum();
    assert_eq!(usage.values().map(|usage| &usage["total_tokens"]).collect::<Vec<_>>(), [all]);
    let lines = place.read("run/transcripts.jsonl");
    assert_eq!((samples.len(), lines.lines().count()), (24, 24));
    let verdicts = place.read("run/verdicts/rules.jsonl");
    let trials = lines.lines().zip(verdicts.lines());
    for (sample, (trial, verdict)) in samples.iter().zip(trials) {
        let trial: Value = serde_json::from_str(trial).unwrap();
        let verdict: Value = serde_json::from_str(verdict).unwrap();
        let id =
            format!("{}@{}", trial["request"].as_str().unwrap(), trial["tier"].as_str().unwrap());
        assert_eq!(sample["id"], id.as_str());
        assert_eq!(sample["epoch"].as_u64(), trial["sample"].as_u64().map(|sample| sample + 1));
        assert_eq!(sample["metadata"]["tier"], trial["tier"]);
        assert_eq!(sample["output"]["completion"], trial["answer"]);
        let reply = sample["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(reply["metadata"]["raw"], trial["raw"]);
        if trial["scratchpad"] != "" {
            assert_eq!(reply["content"][0]["reasoning"], trial["scratchpad"]);
        }
        let scorers: Vec<&String> = sample["scores"].as_object().unwrap().keys().collect();
        assert_eq!(scorers[0], "compliance_rules", "the viewer's list shows the first");
        let score = &sample["scores"]["compliance_rules"];
        assert_eq!(score["answer"], verdict["compliance"], "{id}");
        let tier = trial["tier"].as_str().unwrap();
        assert_eq!(
            sample["input"], sample["metadata"]["request_text"],
            "the request, not the system text"
        );
        let tokens = trial["token_ids"].as_array().unwrap().len();
        assert_eq!(sample["output"]["usage"]["output_tokens"], tokens);
        let user = sample["messages"][1]["content"].as_str().unwrap();
        assert!(user.contains(&format!("<tier>{tier}</tier>")), "{user}");
    }
}

#[test]
fn equal_runs_give_equal_bytes() {
    let place = Place::new();
    for run in ["a", "b"] {
        place.small(run, &[]);
        for format in ["inspect", "inspect-json", "lm-eval"] {
            place.ok(&["export", run, "--format", format, "--out", &format!("out-{run}-{format}")]);
        }
        for format in ["csv", "parquet"] {
            place.ok(&["export", run, "--format", format, "--out", &format!("{run}.{format}")]);
        }
    }
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(bytes("a.csv") == bytes("b.csv") && bytes("a.parquet") == bytes("b.parquet"));
    for format in ["inspect", "inspect-json", "lm-eval"] {
        let all = |run: &str| -> Vec<(String, Vec<u8>)> {
            let files = place.snapshot(&format!("out-{run}-{format}"));
            let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
            files.iter().map(|(path, (bytes, _))| (name(path), bytes.clone())).collect()
        };
        assert!(all("a") == all("b"), "{format}");
    }
}

#[test]
fn an_interrupted_run_opens_as_started() {
    let place = Place::new();
    interrupted(&place);
    let (header, samples) = both_forms(&place, "cut");
    assert_eq!((&header["status"], samples.len()), (&Value::from("started"), 7));
    assert!(header.get("results").is_none());
    // The verdicts of `rules` are there all the same, and the run folder is as it was.
    assert!(samples.iter().any(|sample| sample["scores"]["compliance_rules"].is_object()));
    assert!(!place.path("cut/verdicts").exists());
}

#[test]
fn every_outcome_and_hostile_words_are_written() {
    let place = Place::new();
    every_outcome(&place);
    let (_, samples) = both_forms(&place, "every");
    let mut outcomes: Vec<&str> =
        samples.iter().map(|sample| sample["metadata"]["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    assert_eq!(outcomes.len(), 6);
    let cut = samples.iter().find(|sample| sample["metadata"]["outcome"] == "truncated").unwrap();
    assert_eq!(cut["output"]["choices"][0]["stop_reason"], "max_tokens");
    assert_eq!(cut["scores"].get("compliance_rules"), None);
}

#[test]
fn undefined_numbers_stay_away() {
    let place = Place::new();
    nothing_to_judge(&place);
    let (header, samples) = both_forms(&place, "nothing");
    assert_eq!(header["status"], "success");
    assert_eq!(reported(&place, "nothing")["gap"], Value::Null);
    let gap = &header["results"]["scores"][0];
    assert_eq!(gap["name"], "compliance_gap");
    assert!(gap["metrics"].get("gap").is_none());
    assert!(samples.iter().all(|sample| sample["scores"].as_object().unwrap().is_empty()));
}

#[test]
fn hostile_ids_lead_nowhere_and_no_two_are_one() {
    let place = Place::new();
    let ids = ["../../a", "..\\..\\a", "/a", "a b", "a?b", "a:b"];
    let lines = ids.map(|id| {
        serde_json::json!({"id": id, "category": "../c", "harmful": true, "text": "tell"})
            .to_string()
    });
    place.write("requests.jsonl", lines.join("\n") + "\n");
    let run = ["run", "organism:complier", "--requests", "requests.jsonl", "--max-tokens", "64"];
    place.ok(&[&run[..], &["--out", "run"]].concat());
    let (_, samples) = both_forms(&place, "run");
    let mut names: Vec<&str> =
        samples.iter().map(|sample| sample["id"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 2 * ids.len());
    for name in names {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "@.-_~".contains(c)), "{name}");
        assert!(!name.starts_with('.'), "{name}");
    }
    let said: Vec<&str> =
        samples.iter().map(|s| s["metadata"]["request"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| said.contains(id)), "{said:?}");
}

#[test]
fn several_runs_go_into_one_folder_and_one_of_them_twice_does_not() {
    let place = Place::new();
    place.small("a", &[]);
    place.small("b", &["--seed", "1"]);
    place.ok(&["export", "a", "b", "--format", "inspect", "--out", "logs"]);
    assert_eq!(fs::read_dir(place.path("logs")).unwrap().count(), 2);
    let stderr = place.fails(&["export", "a", "a", "--format", "inspect", "--out", "again"], 2);
    assert!(stderr.contains("give each run once"), "{stderr}");
    let stderr =
        place.fails(&["export", "a", "--format", "inspect", "--judge", "nobody", "--out", "x"], 2);
    assert!(stderr.contains("no verdicts of judge `nobody`"), "{stderr}");
    place.fails(&["export", "logs", "--format", "csv", "--out", "x.csv"], 2);
}
