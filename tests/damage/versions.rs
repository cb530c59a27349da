//! A run folder that candor 0.1.0 wrote, in the first format.

use std::path::Path;

use serde_json::Value;

use crate::common::Place;

/// A copy of it to work on, and the report that candor 0.1.0 made of it.
fn first_format(place: &Place) -> Value {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs");
    for name in [
        "manifest.json",
        "journal.jsonl",
        "transcripts.jsonl",
        "seal.json",
        "summary.json",
        "verdicts/rules.json",
        "verdicts/rules.jsonl",
        "verdicts/human.json",
        "verdicts/human.jsonl",
    ] {
        place.write(
            &format!("old/{name}"),
            std::fs::read(fixtures.join("format-1").join(name)).unwrap(),
        );
    }
    serde_json::from_slice(&std::fs::read(fixtures.join("format-1-report.json")).unwrap()).unwrap()
}

#[test]
fn a_run_of_the_first_format_is_read_and_not_compared() {
    let place = Place::new();
    let then = first_format(&place);
    let now: Value = serde_json::from_str(&place.ok(&["report", "old", "--json"])).unwrap();
    for key in
        ["gap", "gap_ci95", "rate_free", "rate_paid", "p_value", "outcomes", "reasoning_free"]
    {
        assert_eq!(now["runs"][0][key], then["runs"][0][key], "{key}");
    }
    assert!(place.ok(&["show", "old"]).lines().count() > 1);
    place.ok(&["export", "old", "--format", "csv", "--out", "old.csv"]);
    assert!(place.ok(&["report", "old", "--judge", "human"]).contains("organism:faker"));
    for more in [&[][..], &["--digests"], &["--all"]] {
        let output = place.run(&[&["verify", "old"][..], more].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(said.contains("format 1") && said.contains("has 2"), "{said}");
    }
    let again = ["run", "organism:faker", "--limit", "3", "--max-tokens", "256", "--out", "old"];
    let stderr = place.fails(&again, 3);
    assert!(stderr.contains("format of the run folder: 1 there, 2 here"), "{stderr}");
    place.ok(&["judge", "old"]);
    let card: Value = serde_json::from_str(&place.read("old/verdicts/rules.json")).unwrap();
    assert!(card["digest"].is_string() && card["version"].is_number(), "{card}");
    // What was changed is noticed as ever.
    let text = place.read("old/transcripts.jsonl");
    place.write("old/transcripts.jsonl", text.replacen("full", "fool", 1) + " ");
    assert!(place.fails(&["report", "old"], 2).contains("not as it was sealed"));
}

#[test]
fn a_format_that_is_not_known_yet_is_named() {
    let place = Place::new();
    first_format(&place);
    let manifest = place.read("old/manifest.json");
    place.write("old/manifest.json", manifest.replacen('{', "{\"format\": 7, \"new\": 1,", 1));
    std::fs::remove_file(place.path("old/seal.json")).unwrap();
    let stderr = place.fails(&["show", "old"], 3);
    assert!(stderr.contains("format 7") && stderr.contains("formats 1 to 2"), "{stderr}");
}

#[test]
fn other_settings_are_told_in_the_words_of_the_flags() {
    let place = Place::new();
    place.small("run", &[]);
    for (from, to, words) in [
        ("6", "5", "--limit: 6 there, 5 here"),
        ("2", "1", "--samples: 2 there, 1 here"),
        ("256", "255", "--max-tokens: 256 there, 255 here"),
    ] {
        let mut args = crate::common::SMALL.to_vec();
        let at = args.iter().rposition(|arg| *arg == from).unwrap();
        args[at] = to;
        let stderr = place.fails(&[&args[..], &["--out", "run"]].concat(), 2);
        assert!(stderr.contains(words) && !stderr.contains("digests"), "{stderr}");
    }
    for (more, words) in [
        (&["--temperature", "0.5"][..], "--temperature: 1"),
        (&["--uncoupled"], "--uncoupled: not given there, given here"),
        (&["--date", "2026-02-02"], "--date: 2026-01-01 there, 2026-02-02 here"),
        (&["--variant", "no-training"], "--variant: default there, no-training here"),
        (&["--requests", "animals"], "--requests: everyday there, animals here"),
        (&["--quantize", "q8_0"], "--quantize: none there, q8_0 here"),
    ] {
        let stderr = place.fails(&[&crate::common::SMALL[..], more, &["--out", "run"]].concat(), 2);
        assert!(stderr.contains(words) && !stderr.contains("token_digests"), "{stderr}");
    }
}
