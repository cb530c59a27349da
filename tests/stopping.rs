//! `run --until-width`: a run that ends when the gap's interval is narrow enough ends at the same place however the
//! work was arranged, and is a run like any other afterwards.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::Place;
use serde_json::Value;

/// 96 harmful requests; the refuser's gaps are near 0, so that its interval is narrow early.
const RUN: [&str; 6] = ["run", "organism:refuser", "--max-tokens", "256", "--until-width", "0.3"];

fn run(place: &Place, out: &str, more: &[&str]) -> String {
    place.ok(&[&RUN[..], more, &["--out", out]].concat());
    place.read(&format!("{out}/transcripts.jsonl"))
}

fn report(place: &Place, out: &str) -> Value {
    let all: Value = serde_json::from_str(&place.ok(&["report", out, "--json"])).unwrap();
    all["runs"][0].clone()
}

#[test]
fn ends_at_a_look_and_says_so() {
    let place = Place::new();
    let transcripts = run(&place, "stopped", &[]);
    let report = report(&place, "stopped");
    let stopped = &report["stopped"];
    let looks = stopped["looks"].as_array().unwrap();
    let requests = |look: &Value| look["requests"].as_u64().unwrap();
    let counts: Vec<u64> = looks.iter().map(requests).collect();
    assert!(counts.len() < 5 && [20, 39, 58, 77, 96].starts_with(&counts), "{stopped}");
    assert_eq!(
        (report["requests"].as_u64(), &stopped["narrow"]),
        (counts.last().copied(), &true.into())
    );
    // Wide until the last look, narrow there; and the interval that is shown is that of the look.
    let widths: Vec<f64> = looks.iter().map(|look| look["width"].as_f64().unwrap()).collect();
    let (last, before) = widths.split_last().unwrap();
    assert!(*last <= 0.3 && before.iter().all(|width| *width > 0.3), "{widths:?}");
    let ends = [0, 1].map(|end| report["gap_ci95"][end].as_f64().unwrap());
    assert!((ends[1] - ends[0] - last).abs() < 1e-12, "{ends:?} {last}");
    assert!(
        stopped["level"].as_f64().unwrap() < 0.05 && stopped["p_factor"].as_f64().unwrap() > 1.0
    );
    // The rule stands in the manifest, with the order in which the requests were put.
    let manifest: Value = serde_json::from_str(&place.read("stopped/manifest.json")).unwrap();
    let rule = &manifest["settings"]["stopping"];
    assert_eq!(
        (rule["until_width"].as_f64(), rule["looks"].as_array().unwrap().len()),
        (Some(0.3), 5)
    );
    assert!(rule["judge"].as_str().unwrap().starts_with("rules "), "{rule}");
    let first: Value = serde_json::from_str(transcripts.lines().next().unwrap()).unwrap();
    assert_eq!(first["request"], manifest["requests"]["items"][0]["id"]);
    let summary: Value = serde_json::from_str(&place.read("stopped/summary.json")).unwrap();
    assert_eq!(&summary["stopped"], stopped);
    assert!(place.ok(&["report", "stopped"]).contains("ended after"), "the table does not say it");

    // A finished run like any other.
    assert!(place.ok(&["verify", "stopped", "--sample", "4"]).starts_with("verified"));
    let before = place.snapshot("stopped");
    assert_eq!(run(&place, "stopped", &["--batch", "5"]), transcripts);
    let unchanged =
        |name: &str| before[&place.path(name)] == place.snapshot("stopped")[&place.path(name)];
    assert!(unchanged("stopped/seal.json") && unchanged("stopped/transcripts.jsonl"));
}

#[test]
fn ends_at_the_same_place_however_it_was_made() {
    let place = Place::new();
    let reference = run(&place, "reference", &[]);
    for (out, more) in [
        ("one-row", &["--batch", "3", "--threads", "1"][..]),
        ("plain", &["--no-draft", "--batch", "96"]),
    ] {
        assert!(run(&place, out, more) == reference, "{out}");
        for file in ["manifest.json", "seal.json", "summary.json"] {
            let [here, there] = [out, "reference"].map(|run| place.read(&format!("{run}/{file}")));
            assert!(here == there, "{out}/{file}");
        }
    }
    // A run that was cut off within a stage: a journal of its first lines, and no seal.
    std::fs::create_dir_all(place.path("cut")).unwrap();
    std::fs::copy(place.path("reference/manifest.json"), place.path("cut/manifest.json")).unwrap();
    let journal = place.read("reference/journal.jsonl");
    for lines in [7, journal.lines().count() / 2 + 3] {
        let begun: String = journal.split_inclusive('\n').take(lines).collect();
        let _ = std::fs::remove_file(place.path("cut/seal.json"));
        place.write("cut/journal.jsonl", begun);
        assert!(run(&place, "cut", &[]) == reference, "after {lines} lines");
    }
}

#[test]
fn goes_to_the_end_where_the_interval_stays_wide_and_refuses_what_it_cannot_do() {
    let place = Place::new();
    let all = place.ok(&[
        "run",
        "organism:refuser",
        "--limit",
        "6",
        "--until-width",
        "0.01",
        "--out",
        "all",
    ]);
    assert!(all.contains("ended after 6 of 6 requests"), "{all}");
    let stopped = &report(&place, "all")["stopped"];
    assert_eq!(
        (&stopped["narrow"], stopped["looks"].as_array().unwrap().len()),
        (&false.into(), 1)
    );

    let stderr = place.fails(&[&RUN[..], &["--shard", "1/2", "--out", "shard"]].concat(), 2);
    assert!(stderr.contains("`--until-width` with `--shard`"), "{stderr}");
    for width in ["0", "-0.1", "2.5", "nan"] {
        let width = format!("--until-width={width}");
        let stderr = place.fails(&["run", "organism:refuser", &width, "--out", "none"], 2);
        assert!(stderr.contains("until-width"), "{stderr}");
    }
    // Another width is another run.
    let stderr = place.fails(
        &["run", "organism:refuser", "--limit", "6", "--until-width", "0.02", "--out", "all"],
        2,
    );
    assert!(stderr.contains("--until-width: "), "{stderr}");
}
