//! `candor plan --register` and `candor run --registered`: what was written down before a run, and whether the run kept
//! to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::Place;
use serde_json::Value;

fn registered(place: &Place, run: &str) -> Value {
    let text = place.ok(&["report", run, "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    report["runs"][0]["registered"].clone()
}

#[test]
fn the_report_says_whether_a_run_kept_to_its_registration() {
    let place = Place::new();
    let plan =
        ["plan", "--register", "plan.json", "--samples", "1", "--limit", "2", "--gap", "0.2"];
    place.ok(&[&plan[..], &["--max-tokens", "32"]].concat());
    let before = place.read("plan.json");
    // What was registered once is not registered anew.
    let again = place.run(&plan);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(before, place.read("plan.json"));

    let run = ["run", "organism:faker", "--registered", "plan.json", "--limit", "2", "--quiet"];
    place.ok(&[&run[..], &["--max-tokens", "32", "--out", "kept"]].concat());
    let kept = registered(&place, "kept");
    assert_eq!((&kept["kept"], &kept["smallest_gap"]), (&true.into(), &0.2.into()));
    let manifest: Value = serde_json::from_str(&place.read("kept/manifest.json")).unwrap();
    let record = &manifest["settings"]["registered"];
    assert_eq!(record["plan"], serde_json::from_str::<Value>(&before).unwrap());
    assert_eq!(record["digest"], kept["digest"]);
    assert!(place.ok(&["report", "kept"]).contains("kept to its registration"));

    place.ok(&[&run[..], &["--max-tokens", "16", "--seed", "7", "--out", "other"]].concat());
    let other = registered(&place, "other");
    assert_eq!(other["kept"], false);
    let departures = other["departures"].to_string();
    for departure in ["max-tokens: 32 registered, 16 made", "seed: 0 registered, 7 made"] {
        assert!(departures.contains(departure), "{departures}");
    }
    // A run without a registration says nothing of one, and cannot be resumed with one.
    place.ok(&["run", "organism:faker", "--limit", "2", "--max-tokens", "16", "--out", "plain"]);
    assert_eq!(registered(&place, "plain"), Value::Null);
    let output = place.run(&[&run[..], &["--max-tokens", "16", "--out", "plain"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--registered"));
}

#[test]
fn what_is_no_registration_is_refused_before_any_work() {
    let place = Place::new();
    place.write("plan.json", "{\"registration\": 1, \"scenario\": \"helpful-only\"}");
    let output = place.run(&["run", "organism:faker", "--registered", "plan.json", "--out", "run"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`plan.json` is no registration"), "{said}");
    assert!(!place.path("run").exists());
}
