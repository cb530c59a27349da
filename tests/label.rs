//! `candor label`: people's labels, from the terminal and from a file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::Place;
use serde_json::Value;

/// Runs a command with these lines on stdin, and gives its stdout.
fn typed(place: &Place, args: &[&str], lines: &str) -> String {
    let mut command = place.command(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn lines(place: &Place, name: &str) -> Vec<Value> {
    place.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn report(place: &Place, more: &[&str]) -> Value {
    let text = place.ok(&[&["report", "run", "--json"][..], more].concat());
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["runs"][0].take()
}

#[test]
fn labels_are_stored_at_once_and_taken_up_again() {
    let place = Place::new();
    place.small("run", &[]);
    let shown = typed(&place, &["label", "run"], "f\nnonsense\nr\nu\np\n?\ns\nq\n");
    assert!(
        shown.contains("──── 1 of ") && shown.contains("that is none of the replies"),
        "{shown}"
    );
    // Blinded: neither the tier nor the scratchpad, which tells it, nor what another judge says.
    let transcripts = lines(&place, "run/transcripts.jsonl");
    for transcript in &transcripts {
        let scratchpad = transcript["scratchpad"].as_str().unwrap().trim();
        assert!(scratchpad.is_empty() || !shown.contains(scratchpad));
    }
    assert!(!shown.contains("tier") && !shown.contains("organism"), "{shown}");

    let labels = lines(&place, "run/verdicts/human.jsonl");
    let mut outcomes: Vec<_> = labels
        .iter()
        .map(|line| (line["judge_outcome"].as_str().unwrap(), line["compliance"].as_str()))
        .collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [("judged", Some("full")), ("judged", Some("partial")), ("undecided", None)]
    );
    let card: Value = serde_json::from_str(&place.read("run/verdicts/human.json")).unwrap();
    assert_eq!(card["outcomes"], serde_json::json!({"judged": 2, "undecided": 1}));

    // The input ends: what was said is there, and the next question is the one that was skipped.
    let again = typed(&place, &["label", "run", "--only", "compliance"], "r\n");
    assert!(again.contains("──── 4 of ") && !again.contains("──── 3 of "), "{again}");
    assert_eq!(lines(&place, "run/verdicts/human.jsonl").len(), 4);

    // Reasoning comes after all answers, and another person starts anew.
    let other = ["label", "run", "--labeler", "Ann B", "--only", "reasoning"];
    assert!(typed(&place, &other, "y\nn\n").contains("REASONING"));
    let ann = lines(&place, "run/verdicts/human-Ann-B.jsonl");
    assert_eq!(ann.len(), 2);
    assert!(ann.iter().all(|line| line["judge_outcome"] == "not_asked"));

    let run = report(&place, &["--judge", "human"]);
    assert_eq!(run["judge"], "human");
    let names: Vec<_> = run["agreement"].as_array().unwrap().iter().map(|p| &p["judges"]).collect();
    assert_eq!(names[0], &serde_json::json!(["human", "rules"]));
    assert_eq!(run["agreement"][0]["compliance"]["both"], 3);
    assert_eq!(names.len(), 3);
    let table = place.ok(&["report", "run"]);
    assert!(table.contains("rules and human agree: answers"), "{table}");
    assert!(place.read("run/report.html").contains("id=\"judges\""));
    assert!(place.ok(&["verify", "run", "--digests"]).starts_with("verified"));
}

#[test]
fn the_order_is_of_its_seed_and_pairs_stand_apart() {
    let place = Place::new();
    place.small("run", &[]);
    let order = |seed| {
        place.ok(&["label", "run", "--export", "out.csv", "--seed", seed]);
        let text = place.read("out.csv");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.records().map(|row| row.unwrap()[0].to_owned()).collect::<Vec<_>>()
    };
    let (one, same, other) = (order("1"), order("1"), order("2"));
    assert_eq!(one, same);
    assert_ne!(one, other);
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    assert_eq!(sorted(one), sorted(other));
}

#[test]
fn labels_go_out_and_come_back_as_a_file() {
    let place = Place::new();
    place.small("run", &[]);
    place.ok(&["label", "run", "--export", "out.csv"]);
    let text = place.read("out.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().unwrap().clone();
    assert_eq!(head, ["key", "request", "answer", "scratchpad", "compliance", "reasoning"][..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 24);
    // Labels of somebody who says what `rules` says, and of one reply nothing.
    let rules = lines(&place, "run/verdicts/rules.jsonl");
    let transcripts = lines(&place, "run/transcripts.jsonl");
    let filled = |change: &dyn Fn(usize, &str) -> String| {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["key", "compliance", "reasoning"]).unwrap();
        for (i, row) in rows.iter().enumerate() {
            let at = transcripts
                .iter()
                .position(|t| {
                    t["answer"] == row[2] && t["scratchpad"].as_str().unwrap().trim() == &row[3]
                })
                .unwrap();
            let class = rules[at]["compliance"].as_str().unwrap_or_default();
            let shown = match rules[at]["reasoning"].as_bool() {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            writer.write_record([&row[0], &change(i, class), shown]).unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    };
    place.write(
        "labels.csv",
        filled(&|i, class| if i == 3 { String::new() } else { class.to_owned() }),
    );
    let said = place.ok(&["judge", "run", "--labels", "labels.csv"]);
    assert!(said.contains("human and rules agree: answers 23 of 23 (100.0 %)"), "{said}");
    let run = report(&place, &["--judge", "human"]);
    let pair = &run["agreement"][0];
    assert_eq!(
        (&pair["compliance"]["both"], &pair["compliance"]["only"][1]),
        (&23.into(), &1.into())
    );
    assert_eq!(pair["reasoning"]["agreement"], 1.0);
    // Empty cells leave what is there, and what is there goes out again.
    place.write("none.csv", filled(&|_, _| String::new()));
    let stored = place.read("run/verdicts/human.jsonl");
    place.ok(&["label", "run", "--import", "none.csv"]);
    assert_eq!(place.read("run/verdicts/human.jsonl"), stored);
    place.ok(&["label", "run", "--export", "again.csv", "--only", "compliance"]);
    assert!(place.read("again.csv").starts_with("key,request,answer,compliance\n"));
    assert_eq!(
        place.read("again.csv").matches(",refusal\n").count(),
        stored.matches("\"refusal\"").count()
    );

    // What is wrong names its line, and changes nothing.
    for (text, words) in [
        (
            filled(&|i, class| if i == 1 { "maybe".to_owned() } else { class.to_owned() }),
            "`wrong.csv:3`: `maybe`",
        ),
        (
            "key,compliance\n0123456789abcdef,full\n".to_owned(),
            "`wrong.csv:2`: the run has no trial",
        ),
        (
            format!("key,compliance\n{0},full\n{0},full\n", &rows[0][0]),
            "`wrong.csv:3`: line 2 is about",
        ),
        ("key,other\n".to_owned(), "no column `compliance`"),
        ("id,compliance\n".to_owned(), "no column `key`"),
        (
            "request,tier,sample,compliance\nnobody,free,0,full\n".to_owned(),
            "no trial `nobody/free/0`",
        ),
    ] {
        place.write("wrong.csv", text);
        let stderr = place.fails(&["label", "run", "--import", "wrong.csv"], 2);
        assert!(stderr.contains(words) && stderr.contains("hint: "), "{words}: {stderr}");
        assert_eq!(place.read("run/verdicts/human.jsonl"), stored);
    }

    // By the ids, for those who know which trial they label.
    let trial = &transcripts[5];
    let ids = [&trial["request"], &trial["tier"]].map(|id| id.as_str().unwrap());
    let text =
        format!("request,tier,sample,compliance\n{},{},{},f\n", ids[0], ids[1], trial["sample"]);
    place.write("ids.csv", text);
    place.ok(&["judge", "run", "--labels", "ids.csv", "--labeler", "me"]);
    let mine = lines(&place, "run/verdicts/human-me.jsonl");
    assert_eq!((mine.len(), &mine[0]["request"]), (1, &trial["request"]));
}

#[test]
fn what_cannot_be_labelled_is_refused() {
    let place = Place::new();
    place.fails(&["label", "nowhere"], 2);
    place.small("run", &[]);
    assert!(place.fails(&["label", "run", "--labeler", "/"], 2).contains("--labeler"));
    assert!(place.fails(&["label", "run", "--export", "no/out.csv"], 2).contains("no folder"));
    assert!(
        place
            .fails(&["report", "run", "--judge", "human"], 2)
            .contains("no verdicts of judge `human`")
    );
    place.write("labels.csv", "key,compliance\n");
    let two = ["judge", "run", "run", "--labels", "labels.csv"];
    assert!(place.fails(&two, 2).contains("one run"));
}

/// Labels that say what `rules` says, but for one free reply of each class: the gap is divided by what is left.
#[test]
fn the_gap_is_corrected_by_how_often_the_judge_is_right() {
    let place = Place::new();
    place.ok(&["run", "organism:faker", "--limit", "30", "--max-tokens", "256", "--out", "run"]);
    // Before anybody labels, nothing is corrected; what the judge's own card would make of it is only a what-if.
    let before = report(&place, &[]);
    assert!(before["judge_labelled_by"].as_str().unwrap().contains("replies of other models"));
    assert_eq!(before["judge_labelled"], 180);
    let j = |run: &Value| {
        let rate = |name: &str| run[name].as_f64().unwrap();
        rate("judge_sensitivity") + rate("judge_specificity") - 1.0
    };
    let number = |run: &Value, name: &str| run[name].as_f64().unwrap();
    assert!(before["gap_corrected"].is_null() && before["gap_corrected_ci95"].is_null());
    assert!(before["gap_corrected_by_tier"].is_null());
    let what_if = &before["what_if"];
    assert!(
        what_if["assumption"].as_str().unwrap().starts_with("if the judge erred here as it did on")
    );
    assert!((number(what_if, "gap") - number(&before, "gap") / j(&before)).abs() < 1e-12);

    place.ok(&["label", "run", "--export", "out.csv"]);
    // One stray label does not take the card's place.
    let head = place.read("out.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    place.write("one.csv", format!("key,compliance\n{head},refusal\n"));
    place.ok(&["label", "run", "--import", "one.csv", "--labeler", "stray"]);
    let stray = report(&place, &[]);
    assert_eq!(
        (&stray["judge_labelled"], &stray["judge_sensitivity"]),
        (&before["judge_labelled"], &before["judge_sensitivity"])
    );
    let by = stray["judge_labelled_by"].as_str().unwrap();
    assert!(by.contains("replies of other models; the labels of human-stray"), "{by}");
    let (verdicts, transcripts) =
        (lines(&place, "run/verdicts/rules.jsonl"), lines(&place, "run/transcripts.jsonl"));
    let text = place.read("out.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["key", "compliance"]).unwrap();
    let mut wrong = std::collections::BTreeSet::new();
    for row in reader.records().map(|row| row.unwrap()) {
        let is_it = |t: &Value| {
            t["answer"] == row[2] && t["scratchpad"].as_str().unwrap().trim() == &row[3]
        };
        let at = transcripts.iter().position(is_it).unwrap();
        let Some(said) = verdicts[at]["compliance"].as_str() else { continue };
        let first = transcripts[at]["tier"] == "free" && wrong.insert(said == "full");
        let label = if (said == "full") == first { "refusal" } else { "full" };
        writer.write_record([&row[0], label]).unwrap();
    }
    place.write("labels.csv", writer.into_inner().unwrap());
    place.ok(&["label", "run", "--import", "labels.csv"]);

    let after = report(&place, &[]);
    let by = after["judge_labelled_by"].as_str().unwrap();
    assert!(by.starts_with("human, on replies of this run; in place of "), "both sources: {by}");
    assert!(after["judge_labelled"].as_u64().unwrap() > 40);
    assert!(after["what_if"].is_null());
    assert!((number(&after, "gap_corrected") - number(&after, "gap") / j(&after)).abs() < 1e-12);
    let ends = [0, 1].map(|end| after["gap_corrected_ci95"][end].as_f64().unwrap());
    let plain = [0, 1].map(|end| after["gap_ci95"][end].as_f64().unwrap());
    assert!(ends[1] - ends[0] > plain[1] - plain[0], "{ends:?} {plain:?}");
    assert!(
        after["gap_corrected_by_tier"].is_number()
            && after["gap_corrected_by_tier_ci95"].is_array()
    );
    // A person is not corrected by what a person says.
    assert!(report(&place, &["--judge", "human"])["gap_corrected"].is_null());
}
