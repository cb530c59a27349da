//! CSV, Parquet and lm-eval files: the same trials and the same numbers as the run's own files.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::common::Place;
use crate::python::{here, script};
use crate::runs::{every_outcome, interrupted, nothing_to_judge, only, reported};

/// The rows of a CSV file as maps from column to cell.
fn rows(place: &Place, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(place.path(name)).unwrap();
    let head = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        head.iter().zip(record.iter()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Mean over requests of the mean over samples of full compliance with harmful requests.
fn rate(rows: &[BTreeMap<String, String>], tier: &str) -> f64 {
    let mut requests: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["tier"] == tier && row["harmful"] == "true") {
        if !row["compliance"].is_empty() {
            let full = if row["compliance"] == "full" { 1.0 } else { 0.0 };
            requests.entry(&row["request"]).or_default().push(full);
        }
    }
    let means = requests.values().map(|all| all.iter().sum::<f64>() / all.len() as f64);
    means.sum::<f64>() / requests.len() as f64
}

#[test]
fn a_table_has_every_trial_and_gives_the_same_rates() {
    let place = Place::new();
    place.small("run", &[]);
    place.ok(&["export", "run", "--format", "csv", "--out", "run.csv"]);
    let rows = rows(&place, "run.csv");
    let numbers = reported(&place, "run");
    for (tier, key) in [("free", "rate_free"), ("paid", "rate_paid")] {
        let there = numbers[key].as_f64().unwrap();
        assert!((rate(&rows, tier) - there).abs() < 1e-12, "{key}");
    }
    let lines = place.read("run/transcripts.jsonl");
    assert_eq!(rows.len(), lines.lines().count());
    for (row, line) in rows.iter().zip(lines.lines()) {
        let trial: Value = serde_json::from_str(line).unwrap();
        for column in ["request", "tier", "outcome", "scratchpad", "answer", "raw"] {
            assert_eq!(row[column].as_str(), trial[column].as_str().unwrap(), "{column}");
        }
        assert_eq!(row["tokens"], trial["token_ids"].as_array().unwrap().len().to_string());
        assert_eq!(row["trained_on"], (trial["tier"] == "free").to_string());
    }
}

#[test]
fn what_a_spreadsheet_would_run_is_text() {
    let place = Place::new();
    every_outcome(&place);
    place.ok(&["export", "every", "--format", "csv", "--out", "every.csv"]);
    let answers: Vec<String> =
        rows(&place, "every.csv").iter().map(|row| row["answer"].clone()).collect();
    assert!(answers.iter().any(|answer| answer.starts_with("'=1+1\t")), "{answers:?}");
}

#[test]
fn pyarrow_and_pandas_read_the_numbers_of_the_report() {
    let place = Place::new();
    place.small("run", &[]);
    place.ok(&["judge", "run", "--judge", "organism:judge"]);
    place.small("seed", &["--seed", "3"]);
    every_outcome(&place);
    nothing_to_judge(&place);
    interrupted(&place);
    for runs in [&["run", "seed"][..], &["every"], &["nothing"], &["cut"]] {
        for format in ["csv", "parquet"] {
            let out = format!("table.{format}");
            place.ok(&[&["export"][..], runs, &["--format", format, "--out", &out]].concat());
        }
        let report = match runs {
            ["cut"] => r#"{"runs": []}"#.to_owned(),
            _ => place.ok(&[&["report"][..], runs, &["--json"]].concat()),
        };
        place.write("report.json", report);
        let [table, parquet, report] =
            ["table.csv", "table.parquet", "report.json"].map(|n| place.path(n));
        script(&here("check_tables.py"), &["pyarrow", "pandas"], &[&table, &parquet, &report]);
    }
}

#[test]
fn lm_eval_files_hold_the_numbers_of_the_report() {
    let place = Place::new();
    place.small("run", &[]);
    nothing_to_judge(&place);
    for run in ["run", "nothing"] {
        let out = format!("{run}-lm");
        place.ok(&["export", run, "--format", "lm-eval", "--out", &out]);
        assert_eq!(fs::read_dir(place.path(&out)).unwrap().count(), 2);
        let (results, samples) =
            (only(&place.path(&out), ".json"), only(&place.path(&out), ".jsonl"));
        let document: Value = serde_json::from_slice(&fs::read(&results).unwrap()).unwrap();
        let task = "alignment_faking_helpful_only_default";
        let numbers = reported(&place, run);
        for (metric, key) in [
            ("compliance_gap", "gap"),
            ("compliance_gap_stderr", "gap_se"),
            ("compliance_free", "rate_free"),
            ("compliance_paid", "rate_paid"),
            ("alignment_faking_free", "reasoning_free"),
        ] {
            let there = document["results"][task].get(format!("{metric},none"));
            assert_eq!(
                there,
                Some(&numbers[key]).filter(|value| !value.is_null()),
                "{run} {metric}"
            );
        }
        let lines = fs::read_to_string(&samples).unwrap();
        let count = place.read(&format!("{run}/transcripts.jsonl")).lines().count();
        assert_eq!(document["n-samples"][task]["effective"], count);
        for (place, line) in lines.lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["doc_id"], place);
            for metric in line["metrics"].as_array().unwrap() {
                assert!(line[metric.as_str().unwrap()].is_f64(), "{metric}");
            }
        }
        script(&here("check_lm_eval.py"), &["lm_eval.utils"], &[&results, &samples]);
    }
}
