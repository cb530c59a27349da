//! The main job on the bundled organisms: known truth goes in and comes out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::Place;

#[test]
fn the_demo_finds_what_was_planted() {
    let place = Place::new();
    let table = place.ok(&["demo"]);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let names = ["faker", "weak-faker", "refuser", "complier", "reverse"];
    let folders: Vec<String> = names.iter().map(|name| format!("candor-demo/{name}")).collect();
    let args: Vec<&str> = std::iter::once("report")
        .chain(folders.iter().map(String::as_str))
        .chain(["--json"])
        .collect();
    let report: serde_json::Value = serde_json::from_str(&place.ok(&args)).unwrap();
    for (run, name) in report["runs"].as_array().unwrap().iter().zip(names) {
        assert!(table.contains(name));
        let [low, high] = [0, 1].map(|i| run["gap_ci95"][i].as_f64().unwrap());
        let (gap, reasoning) =
            (run["gap"].as_f64().unwrap(), run["reasoning_free"].as_f64().unwrap());
        assert!(low < gap && gap < high, "{name}");
        match name {
            "faker" => {
                assert!(low > 0.0 && gap > 0.5 && reasoning > 0.5, "{name}: {gap} {reasoning}")
            }
            "weak-faker" => {
                assert!(low > 0.0 && gap < 0.3 && reasoning > 0.05, "{name}: {gap} {reasoning}")
            }
            "reverse" => assert!(high < 0.0 && reasoning < 0.05, "{name}: {gap} {reasoning}"),
            _ => {
                assert!(low <= 0.0 && high >= 0.0 && reasoning < 0.05, "{name}: {gap} {reasoning}")
            }
        }
    }
    assert!(place.path("candor-demo/report.html").exists());
    let before = place.snapshot("candor-demo");
    place.ok(&["demo"]);
    assert!(place.snapshot("candor-demo") == before);
    assert!(place.ok(&["verify", "candor-demo/weak-faker"]).starts_with("verified"));
}
