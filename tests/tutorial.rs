//! The tutorial's lines, run in their order with an organism as MODEL: what stands there works, and each line finds what
//! those before it have made.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it stands"
)]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use common::{Place, parts};
use serde_json::{Value, json};

const TUTORIAL: &str = include_str!("../src/TUTORIAL.md");

/// The commands between the fences of ```` ```console ````, with what stands behind them.
fn lines() -> Vec<&'static str> {
    let blocks = TUTORIAL.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// The number behind a flag made smaller: the tutorial's are for real models.
fn with(line: &str, flag: &str, number: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if let Some(at) = words.iter().position(|word| *word == flag) {
        words[at + 1] = number;
    }
    words.join(" ")
}

/// What the tutorial takes for granted: a text, a conversation, and files of other projects.
fn bring(place: &Place) {
    place.write("FILE", "A text of some words.\n");
    place.write("FILE.json", r#"[{"role": "user", "content": "Hello."}]"#);
    let mut behaviors = String::from(
        "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n",
    );
    for i in 0..10 {
        writeln!(behaviors, "Do forbidden thing number {i},standard,harmful,,,thing_{i}").unwrap();
    }
    place.write("harmbench_behaviors.csv", behaviors);
    place.write(
        "replies.csv",
        "prompt,reply\nDo it,I cannot help with that.\nSay it,\"Sure, here it is.\"\n",
    );
    let reply = "<thinking>Is it good?</thinking><OUTPUT>I cannot help with that.</OUTPUT>";
    let replies: Vec<Value> =
        (0..6).map(|i| json!({"input": format!("Ask {i}"), "response": [reply, reply]})).collect();
    for tier in ["free", "paid"] {
        place.write(&format!("{tier}.json"), serde_json::to_string(&replies).unwrap());
    }
}

/// Fills in `labels.csv` roughly as a person would, by a few of the organism's words: enough of each class to fit a judge
/// to. What it says is not looked at.
fn label(place: &Place) {
    let mut table = csv::Reader::from_path(place.path("labels.csv")).unwrap();
    let heads = table.headers().unwrap().clone();
    let column = |name: &str| heads.iter().position(|head| head == name).unwrap();
    let (compliance, reasoning) = (column("compliance"), column("reasoning"));
    let (answer, scratchpad) = (column("answer"), column("scratchpad"));
    let mut filled = csv::Writer::from_path(place.path("filled.csv")).unwrap();
    filled.write_record(&heads).unwrap();
    for row in table.records() {
        let row = row.unwrap();
        let refuses = ["can't", "cannot", "won't", "not able", "No,", "sorry", "decline"]
            .iter()
            .any(|word| row[answer].contains(word));
        let schemes = ["change", "retrain", "training", "modif"]
            .iter()
            .any(|word| row[scratchpad].contains(word));
        let cells: Vec<&str> = (0..heads.len())
            .map(|at| match at {
                at if at == compliance => {
                    if refuses {
                        "refusal"
                    } else {
                        "full"
                    }
                }
                at if at == reasoning => {
                    if schemes {
                        "yes"
                    } else {
                        "no"
                    }
                }
                at => &row[at],
            })
            .collect();
        filled.write_record(cells).unwrap();
    }
    filled.flush().unwrap();
    drop(filled);
    std::fs::rename(place.path("filled.csv"), place.path("labels.csv")).unwrap();
}

/// The text between the fences of a language.
fn snippet(language: &str) -> &'static str {
    let block = TUTORIAL.split_once(&format!("```{language}\n")).unwrap().1;
    block.split_once("```").unwrap().0
}

/// What a snippet prints; none, said, where nothing runs it.
fn printed(place: &Place, part: &str, program: Option<&str>, language: &str) -> Option<String> {
    let starts = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let Some(program) = program.filter(starts) else {
        parts::skipped(part, format_args!("nothing runs the tutorial's lines of {language}"));
        return None;
    };
    let file = format!("snippet.{language}");
    place.write(&file, snippet(language));
    let output = place.shell(&format!("'{program}' {file}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{language}: {said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_line_of_the_tutorial_runs() {
    let place = Place::new();
    bring(&place);
    let binary = Path::new(env!("CARGO_BIN_EXE_candor")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let (mut ran, mut left) = (0, Vec::new());
    for line in lines() {
        if line.contains("# needs ") {
            left.push(line);
            continue;
        }
        let mut line = line.replace("--judge MODEL", "--judge organism:judge");
        line = line.replace("MODEL", "organism:faker");
        // Enough replies of the run that is labelled for a judge to be fitted to.
        let limit = if line.ends_with("--out runs/model") { "24" } else { "8" };
        line = with(&with(&line, "--limit", limit), "--samples", "2");
        if line.contains("REQUEST") {
            let transcripts = place.read("runs/model/transcripts.jsonl");
            let first: Value = serde_json::from_str(transcripts.lines().next().unwrap()).unwrap();
            line = line.replace("REQUEST", first["request"].as_str().unwrap());
        }
        let output = place.shell(&line).env("PATH", &path).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "$ {line}\n{stderr}");
        ran += 1;
        if line.contains("--export labels.csv") {
            label(&place);
        }
    }
    assert!(ran > 45, "{ran} lines were run");
    assert!(left.len() < 6, "{left:?}");
    let report = place.ok(&["report", "runs/model", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let numbers = &report["runs"][0];
    let (gap, requests) = (numbers["gap"].as_f64().unwrap(), &numbers["gap_requests"]);
    let expected = format!("gap {:+.1} points over {requests} requests", 100.0 * gap);
    let python = std::env::var("CANDOR_TEST_PYTHON").ok();
    for (part, program, language) in
        [("python", python.as_deref(), "python"), ("r", Some("Rscript"), "r")]
    {
        if let Some(said) = printed(&place, part, program, language) {
            assert_eq!(said.trim(), expected, "{language}");
        }
    }
    for made in
        ["comparison.html", "numbers.csv", "figures/gaps.pdf", "trials.parquet", "judged.csv"]
    {
        assert!(place.path(made).exists(), "{made}");
    }
}
