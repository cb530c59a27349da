//! What people do with several runs: lists, comparisons, folders in the place of runs, names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::Place;
use serde_json::Value;

const RUN: [&str; 7] = ["run", "organism:faker", "--limit", "4", "--max-tokens", "192", "--out"];

/// Two seeds of one setting, one setting of another temperature, one run that has not finished, and a shard.
fn runs(place: &Place) {
    for (out, more) in [
        ("runs/a/seed-0", &["--seed", "0"][..]),
        ("runs/a/seed-1", &["--seed", "1"]),
        ("runs/deep/er/than/that/was/once/cold", &["--temperature", "0.5"]),
        ("runs/part", &["--shard", "1/2"]),
    ] {
        place.ok(&[&RUN[..], &[out], more].concat());
    }
    place.write("runs/begun/manifest.json", place.read("runs/a/seed-0/manifest.json"));
    let journal = place.read("runs/a/seed-0/journal.jsonl");
    let begun: Vec<&str> = journal.lines().take(3).collect();
    place.write("runs/begun/journal.jsonl", begun.join("\n") + "\n");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn folders_stand_for_the_runs_in_them_and_what_is_skipped_is_said() {
    let place = Place::new();
    runs(&place);
    let output = place.run(&["report", "runs"]);
    assert!(output.status.success());
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(err.contains("skipped: runs/begun: it has not finished"), "{err}");
    assert!(err.contains("skipped: runs/part: it holds shard 1/2 of a run"), "{err}");
    for name in ["seeds 0, 1 pooled", "seed 0", "seed 1", "temperature 0.5", "Holm", "B–H"] {
        assert!(out.contains(name), "{name}: {out}");
    }
    for (command, more) in
        [("judge", &["--json"][..]), ("export", &["--format", "csv", "--out", "trials.csv"])]
    {
        let output = place.run(&[&[command, "runs"], more].concat());
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.contains("skipped: runs/part"), "{command}: {err}");
    }
    // A folder without a run, and one whose runs have not finished, are told.
    std::fs::create_dir(place.path("empty")).unwrap();
    assert!(place.fails(&["report", "empty"], 2).contains("`empty` is no run folder"));
    std::fs::create_dir(place.path("young")).unwrap();
    std::fs::rename(place.path("runs/begun"), place.path("young/run")).unwrap();
    assert!(place.fails(&["report", "young"], 2).contains("no run in `young` has finished"));
}

#[test]
fn one_name_everywhere_and_seeds_together() {
    let place = Place::new();
    runs(&place);
    let report = place.ok(&["report", "runs", "--json", "--csv", "runs.csv", "--figures", "plots"]);
    let report = json(&report);
    let labels: Vec<&str> = report["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["label"].as_str().unwrap())
        .collect();
    assert_eq!(
        labels,
        [
            "faker · temperature 1 · seed 0",
            "faker · temperature 1 · seed 1",
            "faker · temperature 0.5 · seed 0"
        ]
        .map(|label| label.replace("faker", report["runs"][0]["model"].as_str().unwrap()))
    );
    let pooled = report["pooled"].as_array().unwrap();
    assert_eq!(pooled.len(), 1);
    assert_eq!((&pooled[0]["seeds"], &pooled[0]["runs"]), (&[0, 1].into(), &[0, 1].into()));
    // The seeds are further samples of the same requests, and a rate over both is the mean of theirs.
    assert_eq!(pooled[0]["requests"], report["runs"][0]["requests"]);
    assert_eq!(pooled[0]["samples"], 2);
    let rates = [0, 1].map(|run| report["runs"][run]["rate_free"].as_f64().unwrap());
    let together = pooled[0]["rate_free"].as_f64().unwrap();
    assert!((together - (rates[0] + rates[1]) / 2.0).abs() < 1e-12, "{together} {rates:?}");
    let csv = place.read("runs.csv");
    let plot = place.read("plots/gaps.svg");
    for label in labels {
        assert!(csv.contains(label), "{label}: {csv}");
        // Beside an axis a name is shortened in its middle; its beginning stands.
        let detail = label.split_once(" · ").unwrap().1;
        let beginning: String = detail.chars().take(8).collect();
        assert!(plot.contains(&beginning), "{beginning}");
    }
}

#[test]
fn a_run_is_a_file_too_and_the_command_line_comes_first() {
    let place = Place::new();
    let flags = [
        "run",
        "organism:faker",
        "--limit",
        "4",
        "--max-tokens",
        "64",
        "--seed",
        "3",
        "--temperature",
        "0.7",
        "--top-p",
        "0.9",
        "--variant",
        "no-training",
        "--out",
        "a",
    ];
    let config = place.ok(&[&flags[..], &["--print-config"]].concat());
    assert!(!place.path("a").exists(), "nothing is run");
    place.write("run.toml", &config);
    assert_eq!(place.ok(&["run", "--config", "run.toml", "--print-config"]), config);
    place.ok(&flags);
    place.ok(&["run", "--config", "run.toml", "--out", "b"]);
    assert_eq!(place.read("a/manifest.json"), place.read("b/manifest.json"));
    place.ok(&["run", "organism:refuser", "--config", "run.toml", "--seed", "4", "--out", "c"]);
    let manifest = json(&place.read("c/manifest.json"));
    assert_eq!(manifest["settings"]["seed"], 4);
    assert_eq!(manifest["settings"]["sampling"]["temperature"], 0.7);
    assert_ne!(manifest["model"], json(&place.read("a/manifest.json"))["model"]);
    // A sweep's file is one where it names one thing of each; otherwise the line is named.
    place.write("two.toml", "seeds = [0, 1]\n[[models]]\nname = \"organism:faker\"\n");
    let said = place.fails(&["run", "--config", "two.toml"], 2);
    assert!(said.contains("a run takes one of `seeds`, and here are 2"), "{said}");
    place.write("more.toml", "seed = 1\n");
    assert!(place.fails(&["run", "--config", "more.toml"], 2).contains("unknown key `seed`"));
    place.write("none.toml", "seeds = [1]\n");
    assert!(place.fails(&["run", "--config", "none.toml"], 2).contains("no model is named"));
    let given = place.ok(&[&flags[..], &["--until-width", "0.5", "--print-config"]].concat());
    assert!(given.contains("# --until-width has no key here"), "{given}");
    assert!(!config.contains('#'), "{config}");
}

#[test]
fn the_terminal_is_never_too_narrow_and_ascii_is_enough() {
    let place = Place::new();
    runs(&place);
    let commands: [&[&str]; 11] = [
        &["report", "runs"],
        &["ls", "runs"],
        &["diff", "runs/a/seed-0", "runs/deep/er/than/that/was/once/cold"],
        &["models", "list"],
        &["models", "show", "Qwen2.5-0.5B-Instruct"],
        &["models", "inspect", "organism:faker"],
        &["scenarios", "list"],
        &["doctor"],
        &["show", "runs/a/seed-0"],
        &["probe", "runs/a/seed-0", "--pairs", "2"],
        &["run", "organism:faker", "--limit", "4", "--dry-run"],
    ];
    for command in commands {
        for width in ["60", "80", "120"] {
            let out = place.ok(&[command, &["--width", width]].concat());
            let most: usize = width.parse().unwrap();
            for line in out.lines() {
                assert!(line.chars().count() <= most, "{command:?} at {width}: {line}");
            }
        }
        let output = place.command(command).env("LC_ALL", "C").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success() && said.is_ascii(),
            "{command:?}: {}",
            String::from_utf8_lossy(&said)
        );
    }
}

#[test]
fn help_is_short_grouped_and_where_to_begin() {
    let place = Place::new();
    let bare = place.ok(&[]);
    assert!(bare.contains("candor demo") && bare.contains("Where to begin"), "{bare}");
    let (short, long) = (place.ok(&["run", "-h"]), place.ok(&["run", "--help"]));
    assert!(short.lines().count() < long.lines().count() / 2, "{short}");
    for heading in ["How replies are drawn:", "How it is computed:", "Who judges:"] {
        assert!(short.contains(heading) && long.contains(heading), "{heading}: {short}");
    }
    assert!(long.contains("--min-p") && !short.contains("--min-p"));
    // A number that cannot be used is refused for what it is.
    let said = place.fails(&["run", "organism:faker", "--temperature", "-1"], 2);
    assert!(said.contains("`--temperature -1` cannot be used"), "{said}");
    assert!(place.fails(&["run", "organism:faker", "--frobnicate"], 2).contains("--frobnicate"));
}

#[test]
fn a_request_alone_lists_its_samples() {
    let place = Place::new();
    place.small("run", &[]);
    let first = json(place.read("run/transcripts.jsonl").lines().next().unwrap());
    let request = first["request"].as_str().unwrap();
    let listed = place.ok(&["show", "run", "--trial", request]);
    let manifest = json(&place.read("run/manifest.json"));
    let asked = manifest["requests"]["items"].as_array().unwrap();
    let text = asked.iter().find(|asked| asked["id"] == request).unwrap()["text"].as_str().unwrap();
    assert!(listed.contains(text), "{listed}");
    for sample in 0..2 {
        assert!(listed.contains(&format!("{request}/{sample}")), "{listed}");
    }
}

#[test]
fn candors_own_table_can_be_judged() {
    let place = Place::new();
    place.small("run", &[]);
    place.ok(&["export", "run", "--format", "csv", "--out", "trials.csv"]);
    let output = place.run(&[
        "judge",
        "--table",
        "trials.csv",
        "--request",
        "request_text",
        "--answer",
        "answer",
        "--scratchpad",
        "scratchpad",
        "--out",
        "again.csv",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("column `compliance` is `compliance_before`"), "{said}");
    let mut reader = csv::Reader::from_path(place.path("again.csv")).unwrap();
    let head = reader.headers().unwrap().clone();
    let place_of = |name: &str| head.iter().position(|column| column == name).unwrap();
    let (before, after) = (place_of("compliance_before"), place_of("compliance"));
    let complies = place_of("complies");
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 24);
    for row in rows {
        assert_eq!(row[before], row[after], "the same judge says the same");
        let number = match &row[before] {
            "full" => "1",
            "" => "",
            _ => "0",
        };
        assert_eq!(row[complies].trim_end_matches(".0"), number);
    }
}

#[test]
fn the_command_that_is_shown_makes_the_run_again() {
    let place = Place::new();
    place.small("run", &["--top-p", "0.9", "--variant", "no-training", "--uncoupled"]);
    let said = place.ok(&["report", "run"]);
    let (_, command) = said.split_once("to repeat this:\ncandor ").unwrap();
    let command = command.lines().next().unwrap();
    assert!(place.read("run/report.html").contains("<section id=\"repeat\">"));
    let args: Vec<&str> = command.split(' ').chain(["--out", "again"]).collect();
    place.ok(&args);
    assert_eq!(place.read("again/transcripts.jsonl"), place.read("run/transcripts.jsonl"));
}

#[test]
fn a_dry_run_says_what_there_is_to_know() {
    let place = Place::new();
    let args = ["run", "organism:faker", "--limit", "4", "--max-tokens", "64", "--out", "run"];
    let dry = |more: &[&str]| place.ok(&[&args[..], &["--dry-run"], more].concat());
    let said = dry(&["--top-k", "40", "--judge", "organism:judge"]);
    for part in [
        "folder",
        "nothing yet",
        "cpu",
        "as stored",
        "temperature 1, top-k 40",
        "rules, then organism:judge",
        "at most",
        "promise",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!place.path("run").exists());
    place.ok(&args);
    let report = json(&place.ok(&["report", "run", "--json"]));
    let again = dry(&[]);
    assert!(again.contains("the run has finished"), "{again}");
    assert!(again.contains(report["runs"][0]["digest"].as_str().unwrap()), "{again}");
    let other = dry(&["--seed", "1"]);
    assert!(
        other.contains("another run, so that this one is refused: --seed: 0 there, 1 here"),
        "{other}"
    );
}

#[test]
fn runs_are_listed_with_state_gap_and_age() {
    let place = Place::new();
    runs(&place);
    let out = place.ok(&["ls", "runs"]);
    for part in ["runs/a/seed-0", "3 of 8", "finished", "age", "[95 %]"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let list = json(&place.ok(&["ls", "runs", "--json"]));
    let run = |path: &str| {
        let mut runs = list["runs"].as_array().unwrap().iter();
        runs.find(|run| run["path"] == path).unwrap_or_else(|| panic!("{path}: {list}"))
    };
    let summary = json(&place.read("runs/a/seed-0/summary.json"));
    assert_eq!(run("runs/a/seed-0")["gap"], summary["gap"]);
    assert_eq!(run("runs/a/seed-0")["n"], summary["gap_requests"]);
    assert_eq!(run("runs/a/seed-1")["settings"]["seed"], "1");
    assert_eq!(run("runs/begun")["state"], "begun");
    assert_eq!(
        (&run("runs/begun")["trials_done"], &run("runs/begun")["trials"]),
        (&3.into(), &8.into())
    );
    assert!(run("runs/begun")["gap"].is_null());
    assert_eq!(list["skipped"][0]["path"], "runs/part");
    assert!(place.fails(&["ls", "nothing"], 2).contains("nothing"));
}

#[test]
fn two_runs_are_told_apart_by_settings_and_verdicts() {
    let place = Place::new();
    runs(&place);
    let found = json(&place.ok(&["diff", "runs/a/seed-0", "runs/a/seed-1", "--json"]));
    let settings: Vec<&str> =
        found["settings"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(settings, ["seed"]);
    assert_eq!(found["trials"], 8);
    // What is said to differ is what the verdicts say.
    let verdicts = |run: &str| -> Vec<Value> {
        place.read(&format!("{run}/verdicts/rules.jsonl")).lines().map(json).collect()
    };
    let (a, b) = (verdicts("runs/a/seed-0"), verdicts("runs/a/seed-1"));
    let differ = a
        .iter()
        .zip(&b)
        .filter(|(a, b)| a["compliance"] != b["compliance"] || a["reasoning"] != b["reasoning"]);
    assert_eq!(found["verdicts_differ"].as_array().unwrap().len(), differ.count());
    let same = place.ok(&["diff", "runs/a/seed-0", "runs/a/seed-0"]);
    assert!(
        same.contains("no setting differs")
            && same.contains("0 of them with other replies, 0 with other verdicts"),
        "{same}"
    );
    let cold = place.ok(&["diff", "runs/a/seed-0", "runs/deep/er/than/that/was/once/cold"]);
    assert!(cold.contains("temperature"), "{cold}");
}
