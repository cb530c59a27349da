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
    // The README says which tokens are drawn: the same on every machine.
    let readme = include_str!("../README.md");
    let report = place.ok(&[&["report"], &args[1..args.len() - 1]].concat());
    for name in names {
        let line = table
            .lines()
            .find(|line| line.len() > 64 && line.ends_with(&format!(" {name}")) && line.is_ascii());
        let line = line.unwrap_or_else(|| panic!("no digest of {name} in {table}"));
        assert!(line[..64].bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        assert!(readme.contains(line), "the README names another digest than {line}");
        assert!(report.contains(line), "{report}");
    }
    assert!(place.path("candor-demo/report.html").exists());
    let before = place.snapshot("candor-demo");
    place.ok(&["demo"]);
    assert!(place.snapshot("candor-demo") == before);
    let verified = place.ok(&["verify", "candor-demo/weak-faker"]);
    assert!(verified.starts_with("verified"));
    let digest = verified.lines().nth(1).and_then(|line| line.rsplit(' ').next()).unwrap();
    assert!(table.contains(&format!("{digest} weak-faker")), "{verified}");
}
