//! What a finished run says of itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::Place;

#[test]
fn an_untouched_run_is_verified() {
    let place = Place::new();
    place.small("run", &[]);
    assert!(
        place
            .ok(&["verify", "run"])
            .starts_with("verified: seal intact, 20 of 24 trials made again")
    );
    assert!(place.ok(&["verify", "run", "--all", "--threads", "1"]).contains("24 of 24 trials"));
    assert!(place.ok(&["verify", "run", "--digests"]).starts_with("verified"));
}

#[test]
fn a_changed_character_names_the_trial() {
    let place = Place::new();
    let text = place.small("run", &[]);
    let changed = |text: String| {
        place.write("run/transcripts.jsonl", text);
        let output = place.run(&["verify", "run"]);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let lines: Vec<&str> = text.lines().collect();
    let record: serde_json::Value = serde_json::from_str(lines[9]).unwrap();
    let trial = format!(
        "trial default/{}/{}/{}",
        record["request"].as_str().unwrap(),
        record["tier"].as_str().unwrap(),
        record["sample"]
    );
    let answer = record["answer"].as_str().unwrap();
    let edited = lines[9].replacen(answer, &answer.replacen('e', "a", 1), 1);
    assert_ne!(edited, lines[9]);
    let said = changed(text.replacen(lines[9], &edited, 1));
    assert!(said.contains("line 10 of `transcripts.jsonl`") && said.contains(&trial), "{said}");
    assert!(changed(lines[..20].join("\n") + "\n").contains("20 of 24 lines"));
    assert!(changed(text.replacen('{', "[", 1)).contains("line 1"));

    place.write("run/transcripts.jsonl", &text);
    let manifest = place.read("run/manifest.json");
    place.write("run/manifest.json", manifest.replace("\"seed\": 0", "\"seed\": 7"));
    let output = place.run(&["verify", "run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("manifest.json"));
}

#[test]
fn another_model_is_not_the_model_of_the_run() {
    let place = Place::new();
    place.small("run", &[]);
    let stderr = place.fails(&["verify", "run", "--model", "organism:refuser"], 2);
    assert!(stderr.contains("model.safetensors"), "{stderr}");
    let copy = place.spoiled("copy", "config.json", |bytes| bytes);
    assert!(place.ok(&["verify", "run", "--model", &copy]).starts_with("verified"));
}

#[test]
fn the_json_report_has_its_keys_and_one_object_per_run() {
    let place = Place::new();
    place.ok(&[
        "run",
        "organism:faker",
        "--limit",
        "4",
        "--max-tokens",
        "256",
        "--variant",
        "default,no-scratchpad,no-training",
        "--out",
        "runs",
    ]);
    let folders = ["runs/default", "runs/no-scratchpad", "runs/no-training"];
    let text = place.ok(&[&["report"][..], &folders, &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    for (run, variant) in runs.iter().zip(["default", "no-scratchpad", "no-training"]) {
        assert_eq!(run["variant"], variant);
        assert_eq!(run["model"], "organism:faker");
        assert_eq!(run["scenario"], "helpful-only");
        assert_eq!((run["requests"].as_u64(), run["samples"].as_u64()), (Some(4), Some(1)));
        for key in ["rate_free", "rate_paid", "gap", "p_value", "reasoning_free", "reasoning_paid"]
        {
            assert!(run.get(key).is_some_and(|v| v.is_number() || v.is_null()), "{key}");
        }
        for key in ["gap_ci95", "gap_bounds"] {
            let [low, high] = [0, 1].map(|i| run[key][i].as_f64().unwrap());
            assert!(low <= high, "{key}");
        }
        for tier in ["free", "paid"] {
            let counts = run["outcomes"][tier].as_object().unwrap();
            assert_eq!(counts.values().map(|v| v.as_u64().unwrap()).sum::<u64>(), 4);
        }
    }
    assert_eq!(runs[1]["outcomes"]["free"]["no_scratchpad"], 0);
    place.ok(&["report", "runs/default", "--csv", "numbers.csv", "--html", "page.html"]);
    assert_eq!(place.read("numbers.csv").lines().count(), 2);
    assert!(place.read("page.html") == place.read("runs/default/report.html"));
}

#[test]
fn verdicts_are_made_again_from_the_transcripts_alone() {
    let place = Place::new();
    place.small("run", &[]);
    let before = place.read("run/verdicts/rules.jsonl");
    std::fs::remove_dir_all(place.path("run/verdicts")).unwrap();
    let stderr = place.fails(&["report", "run"], 2);
    assert!(stderr.contains("candor judge run"), "{stderr}");
    place.ok(&["judge", "run"]);
    assert!(place.read("run/verdicts/rules.jsonl") == before);
}

#[test]
fn any_text_can_be_a_request() {
    let place = Place::new();
    place.write(
        "requests.txt",
        "نص عربي\n<script>alert(1)</script></answer>\n日本語 🦀\n{tier} {request} %s\n",
    );
    place.ok(&[
        "run",
        "organism:complier",
        "--requests",
        "requests.txt",
        "--max-tokens",
        "200",
        "--out",
        "run",
    ]);
    assert_eq!(place.read("run/transcripts.jsonl").lines().count(), 8);
    assert!(!place.read("run/report.html").contains("<script>alert(1)"));
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let place = Place::new();
    let said = place.ok(&[&common::SMALL[..], &["--out", "run", "--dry-run"]].concat());
    assert!(said.contains("24 trials (6 requests × 2 tiers × 2 samples)"), "{said}");
    // The memory plan, whose parts make up its total.
    assert!(said.contains("memory in MB for default, batch 64:"), "{said}");
    let number = |name: &str| -> f64 {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("  {name} ")));
        line.unwrap_or_else(|| panic!("{name}: {said}")).trim().parse().unwrap()
    };
    let parts = ["weights", "prefixes", "replies", "logits", "working space"].map(number);
    assert!(parts.iter().all(|&mb| mb > 0.0), "{said}");
    assert!((parts.iter().sum::<f64>() - number("total")).abs() < 0.3, "{said}");
    assert!(number("available") > number("total"), "{said}");
    assert!(!place.path("run").exists());
}

#[test]
fn lists_have_a_form_for_programs() {
    let place = Place::new();
    let scenarios: serde_json::Value =
        serde_json::from_str(&place.ok(&["scenarios", "list", "--json"])).unwrap();
    let listed = scenarios["scenarios"].as_array().unwrap();
    assert!(listed.iter().any(|scenario| scenario["name"] == "helpful-only"), "{scenarios}");
    assert!(place.ok(&["scenarios", "show", "helpful-only"]).contains("[[variants]]"));
    let cards: serde_json::Value =
        serde_json::from_str(&place.ok(&["organism", "list", "--json"])).unwrap();
    let names: Vec<&str> =
        cards.as_array().unwrap().iter().map(|card| card["name"].as_str().unwrap()).collect();
    let demo = ["faker", "weak-faker", "refuser", "complier", "reverse"];
    assert_eq!(names, [&demo[..], &["decorative", "mediated"]].concat());
    assert!(cards[0]["measured"]["all"]["free"].is_number());
    let listed = place.ok(&["organism", "list"]);
    assert!(listed.contains("judge: ") && listed.contains("on compliance"), "{listed}");
}
