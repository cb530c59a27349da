//! A run made in parts, joined: the run folder that one machine would have made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::{Place, SMALL};

/// What must equal a run made in one go, byte for byte.
const SAME: [&str; 7] = [
    "manifest.json",
    "transcripts.jsonl",
    "seal.json",
    "summary.json",
    "report.html",
    "verdicts/rules.jsonl",
    "verdicts/rules.json",
];

fn shard(place: &Place, shard: &str, out: &str, more: &[&str]) {
    place.ok(&[&SMALL[..], &["--shard", shard, "--out", out], more].concat());
}

fn assert_same(place: &Place, merged: &str, whole: &str) {
    for file in SAME {
        let [a, b] = [merged, whole].map(|run| place.read(&format!("{run}/{file}")));
        assert!(a == b, "{merged}/{file}");
    }
}

#[test]
fn shards_merge_into_the_run_of_one_machine() {
    let place = Place::new();
    place.small("whole", &[]);
    // More shards than pairs too: some of them are empty.
    for count in [1, 3, 5, 15] {
        let folders: Vec<String> = (1..=count).map(|i| format!("{count}/part-{i}")).collect();
        for (i, folder) in (1..).zip(&folders) {
            shard(&place, &format!("{i}/{count}"), folder, &["--batch", &(i + 1).to_string()]);
        }
        let lines: usize = folders
            .iter()
            .map(|f| place.read(&format!("{f}/transcripts.jsonl")).lines().count())
            .sum();
        assert_eq!(lines, 24);
        // The order in which they are named does not matter.
        let out = format!("merged-{count}");
        let mut args = vec!["sweep", "merge", "--out", &out];
        args.extend(folders.iter().rev().map(String::as_str));
        assert!(place.ok(&args).contains("faker"));
        assert_same(&place, &out, "whole");
        // Once more changes nothing.
        let before = place.read(&format!("{out}/journal.jsonl"));
        place.ok(&args);
        assert!(place.read(&format!("{out}/journal.jsonl")) == before);
    }
    assert!(place.ok(&["verify", "merged-3"]).starts_with("verified: seal intact, 20 of 24"));
    assert!(place.ok(&["verify", "merged-5", "--all"]).contains("24 of 24 trials"));
    assert!(place.ok(&["verify", "3/part-2", "--all"]).contains("8 of 8 trials"));
    let performance: serde_json::Value =
        serde_json::from_str(&place.read("merged-3/performance.json")).unwrap();
    let shards: Vec<_> =
        performance["tries"].as_array().unwrap().iter().map(|t| t["shard"].clone()).collect();
    assert_eq!(shards, ["3/3", "2/3", "1/3"]);
}

#[test]
fn a_shard_is_interrupted_and_goes_on() {
    let place = Place::new();
    place.small("whole", &[]);
    shard(&place, "1/2", "a", &[]);
    shard(&place, "2/2", "b", &[]);
    let journal = place.read("b/journal.jsonl");
    for file in ["seal.json", "transcripts.jsonl"] {
        std::fs::remove_file(place.path("b").join(file)).unwrap();
    }
    place.write("b/journal.jsonl", &journal[..journal.len() / 2]);
    let stderr = place.fails(&["sweep", "merge", "a", "b", "--out", "merged"], 2);
    assert!(stderr.contains("`b` has not finished"), "{stderr}");
    shard(&place, "2/2", "b", &["--batch", "3"]);
    place.ok(&["sweep", "merge", "a", "b", "--out", "merged"]);
    assert_same(&place, "merged", "whole");
}

#[test]
fn several_variants_merge_at_once() {
    let place = Place::new();
    let more = ["--variant", "default,no-training"];
    place.ok(&[&SMALL[..], &more, &["--out", "whole"]].concat());
    shard(&place, "1/2", "a", &more);
    shard(&place, "2/2", "b", &more);
    place.ok(&["sweep", "merge", "a", "b", "--out", "merged"]);
    for variant in ["default", "no-training"] {
        assert_same(&place, &format!("merged/{variant}"), &format!("whole/{variant}"));
    }
    assert!(place.read("merged/report.html").contains("no-training"));
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let place = Place::new();
    for (name, number, more) in [
        ("a", "1/3", &[][..]),
        ("b", "2/3", &[]),
        ("c", "3/3", &[]),
        ("other-seed", "2/3", &["--seed", "1"]),
        ("half", "1/2", &[]),
    ] {
        shard(&place, number, name, more);
    }
    let refused = |shards: &[&str], out: &str| {
        place.fails(&[&["sweep", "merge"], shards, &["--out", out]].concat(), 2)
    };
    let has = |stderr: String, parts: &[&str]| {
        for part in parts {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
        assert!(stderr.contains("hint: "), "{stderr}");
        assert!(!place.path("m").exists());
    };
    has(
        refused(&["a", "other-seed", "c"], "m"),
        &["`a` and `other-seed`", "--seed: 0 in the first, 1 in the second"],
    );
    has(refused(&["a", "c"], "m"), &["pairs 4 to 7", "shard 2/3"]);
    has(refused(&["b", "c"], "m"), &["pairs 0 to 3", "shard 1/3"]);
    has(refused(&["a", "b"], "m"), &["pairs 8 to 11", "shard 3/3"]);
    has(refused(&["a", "half"], "m"), &["`a` is shard 1/3 and `half` is shard 1/2"]);
    has(refused(&["a", "./a", "b", "c"], "m"), &["`./a` is named twice"]);
    shard(&place, "2/3", "b-again", &[]);
    has(refused(&["a", "b", "b-again", "c"], "m"), &["overlap", "`b` (shard 2/3)", "`b-again`"]);
    place.small("whole", &[]);
    has(refused(&["a", "b", "c", "whole"], "m"), &["`whole` is no shard"]);
    has(refused(&["a", "nothing"], "m"), &["cannot read `nothing`"]);

    let text = place.read("b/transcripts.jsonl");
    place.write("b/transcripts.jsonl", text.replacen("the", "teh", 1));
    has(refused(&["a", "b", "c"], "m"), &["`b` is not as it was sealed", "line 1"]);
    place.write("b/transcripts.jsonl", text);

    // Only what `shard.json` says was changed: the trials tell.
    let record = place.read("b/shard.json");
    place.write("b/shard.json", record.replace("\"first\": 4", "\"first\": 3"));
    has(refused(&["a", "b", "c"], "m"), &["overlap"]);
    place.write("b/shard.json", record);

    // A folder of another run, and one of a shard, are not overwritten.
    let before = place.snapshot("whole");
    place.ok(&["sweep", "merge", "a", "b", "c", "--out", "whole"]);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        place.snapshot("whole").keys().collect::<Vec<_>>()
    );
    refused(&["a", "b", "c"], "other-seed");
    has(
        refused(&["a", "b", "c"], "half"),
        &["`half` holds pairs 0 to 6 of 12 (shard 1/2), and not a whole run"],
    );
}

#[test]
fn a_shard_is_no_run() {
    let place = Place::new();
    shard(&place, "1/2", "a", &[]);
    let stderr = place.fails(&["report", "a"], 2);
    assert!(stderr.contains("`a` holds shard 1/2 of a run only"), "{stderr}");
    assert!(stderr.contains("candor sweep merge"), "{stderr}");
    let again = [&SMALL[..], &["--out", "a"]].concat();
    assert!(place.fails(&again, 2).contains("shard 1/2"));
    let other = [&SMALL[..], &["--out", "a", "--shard", "2/2"]].concat();
    assert!(place.fails(&other, 2).contains("pairs 0 to 6 of 12"));
    for bad in ["0/2", "3/2", "1", "1/x"] {
        let args = [&SMALL[..], &["--out", "b", "--shard", bad]].concat();
        assert!(place.fails(&args, 2).contains("no shard"), "{bad}");
    }
    let judged =
        [&SMALL[..], &["--out", "b", "--shard", "1/2", "--judge", "organism:judge"]].concat();
    assert!(place.fails(&judged, 2).contains("a shard is not judged"));
    let args = [&SMALL[..], &["--out", "b", "--shard", "1/2", "--dry-run"]].concat();
    assert!(place.ok(&args).contains("12 trials"));
}
