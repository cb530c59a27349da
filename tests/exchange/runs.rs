//! Run folders as exports meet them: finished, interrupted, with every outcome, with nothing to judge.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::Place;

/// The one file in a folder whose name ends so.
pub(crate) fn only(folder: &Path, ending: &str) -> PathBuf {
    let files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut found = files.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    let file = found.next().unwrap_or_else(|| panic!("no {ending} in {}", folder.display()));
    assert!(found.next().is_none(), "more than one {ending} in {}", folder.display());
    file
}

/// A finished run and what an interruption would have left of it: seven trials and half a line.
pub(crate) fn interrupted(place: &Place) {
    place.small("cut", &[]);
    let journal = place.read("cut/journal.jsonl");
    let lines: Vec<&str> = journal.lines().collect();
    place.write("cut/journal.jsonl", lines[..7].join("\n") + "\n" + &lines[7][..50]);
    for name in ["seal.json", "transcripts.jsonl", "summary.json", "report.html"] {
        fs::remove_file(place.path("cut").join(name)).unwrap();
    }
    fs::remove_dir_all(place.path("cut/verdicts")).unwrap();
}

/// Changes the trials of a finished run, seals it as if they had come so from the model, and judges them again.
pub(crate) fn changed(place: &Place, run: &str, change: impl Fn(usize, &mut Value)) {
    let path = format!("{run}/transcripts.jsonl");
    let lines = place.read(&path);
    let change = |(number, line): (usize, &str)| {
        let mut trial: Value = serde_json::from_str(line).unwrap();
        change(number, &mut trial);
        trial.to_string()
    };
    let lines: Vec<String> = lines.lines().enumerate().map(change).collect();
    let text = lines.join("\n") + "\n";
    let seal = format!("{run}/seal.json");
    let mut digests: Value = serde_json::from_str(&place.read(&seal)).unwrap();
    digests["transcripts"] = blake3::hash(text.as_bytes()).to_hex().to_string().into();
    place.write(&seal, digests.to_string());
    place.write(&path, text);
    fs::remove_dir_all(place.path(run).join("verdicts")).unwrap();
    place.ok(&["judge", run]);
}

/// A run in which every outcome occurs, and words that a terminal, a browser or a spreadsheet would obey.
pub(crate) fn every_outcome(place: &Place) {
    place.small("every", &[]);
    let outcomes = [
        "answered",
        "truncated",
        "unclosed_scratchpad",
        "no_scratchpad",
        "empty_answer",
        "malformed",
    ];
    changed(place, "every", |number, trial| {
        let outcome = outcomes[number / 2 % outcomes.len()];
        trial["outcome"] = outcome.into();
        if outcome == "truncated" {
            // It never came to the token that ends a reply.
            trial["finish_reason"] = "length".into();
            for tokens in ["token_ids", "logprobs"] {
                trial[tokens].as_array_mut().unwrap().pop();
            }
        }
        if outcome == "no_scratchpad" {
            trial["scratchpad"] = "".into();
            trial["answer"] =
                "=1+1\t\u{1b}[31m<script>alert(1)</script>\u{202e}, \"quoted\"\r\nnext".into();
        }
        if outcome == "empty_answer" {
            trial["answer"] = "".into();
        }
    });
}

/// A run of one request in which nothing can be judged: every number of it is undefined.
pub(crate) fn nothing_to_judge(place: &Place) {
    place.ok(&["run", "organism:faker", "--limit", "1", "--max-tokens", "256", "--out", "nothing"]);
    changed(place, "nothing", |_, trial| {
        trial["outcome"] = "empty_answer".into();
        trial["answer"] = "".into();
        trial["scratchpad"] = "".into();
    });
}

/// The estimates that `report --json` shows of a run.
pub(crate) fn reported(place: &Place, run: &str) -> Value {
    let report: Value = serde_json::from_str(&place.ok(&["report", run, "--json"])).unwrap();
    report["runs"][0].clone()
}
