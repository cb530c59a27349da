//! Edits of every file of a finished run, at every level of digests made anew: either the numbers are those of the
//! original, or the answer is no.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Place, SMALL};

/// The files that numbers come from.
const FILES: [&str; 8] = [
    "manifest.json",
    "transcripts.jsonl",
    "seal.json",
    "journal.jsonl",
    "verdicts/rules.jsonl",
    "verdicts/rules.json",
    "verdicts/human.jsonl",
    "verdicts/human.json",
];

/// Whose digests whoever edits makes anew.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Remade {
    Nothing,
    Seal,
    SealAndCard,
}

/// A generator of Knuth's; its upper bits are good enough for this.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % count.max(1)
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(place: &Place, run: &str) -> Files {
    place.snapshot(run).into_iter().map(|(path, (bytes, _))| (path, bytes)).collect()
}

fn restore(place: &Place, original: &Files) {
    std::fs::remove_dir_all(place.path("run")).unwrap();
    for (path, bytes) in original {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Changes a file's bytes, and says how; none where it is removed.
fn edit(bytes: &[u8], other: &[u8], draw: &mut Draw) -> (Option<Vec<u8>>, String) {
    let mut lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (one, two) = (draw.below(lines.len()), draw.below(lines.len()));
    let story = match draw.below(9) {
        0 => {
            let (at, bit) = (draw.below(bytes.len()), draw.below(8));
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << bit;
            return (Some(bytes), format!("bit {bit} of byte {at} flipped"));
        }
        1 => return (None, "removed".into()),
        2 => return (Some(Vec::new()), "emptied".into()),
        3 => return (Some(bytes[..draw.below(bytes.len())].to_vec()), "cut".into()),
        4 => return (Some(other.to_vec()), "that of another run".into()),
        5 => {
            lines.remove(one);
            format!("line {one} removed")
        }
        6 => {
            lines.insert(two, lines[one].clone());
            format!("line {one} doubled")
        }
        7 => {
            lines.swap(one, two);
            format!("lines {one} and {two} swapped")
        }
        _ => {
            let words = [
                ("full", "refusal"),
                ("refusal", "full"),
                ("true", "false"),
                ("false", "true"),
                ("answered", "truncated"),
                ("free", "paid"),
                (" the ", " a "),
                ("0", "1"),
            ];
            let (from, to) = words[draw.below(words.len())];
            let text = String::from_utf8_lossy(&lines[one]).replacen(from, to, 1 + draw.below(3));
            lines[one] = text.into_bytes();
            format!("{from} is {to} on line {one}")
        }
    };
    (Some(lines.concat()), story)
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Makes digests anew as whoever knows the formats could.
fn remake(place: &Place, remade: Remade) {
    let read = |name: &str| std::fs::read(place.path("run").join(name)).ok();
    let (Some(manifest), Some(transcripts)) = (read("manifest.json"), read("transcripts.jsonl"))
    else {
        return;
    };
    if remade == Remade::Nothing {
        return;
    }
    let seal =
        serde_json::json!({"manifest": digest(&manifest), "transcripts": digest(&transcripts)});
    place.write("run/seal.json", serde_json::to_string_pretty(&seal).unwrap() + "\n");
    if remade == Remade::Seal {
        return;
    }
    for judge in ["rules", "human"] {
        let (Some(lines), Some(card)) =
            (read(&format!("verdicts/{judge}.jsonl")), read(&format!("verdicts/{judge}.json")))
        else {
            continue;
        };
        let Ok(mut card) = serde_json::from_slice::<Value>(&card) else { continue };
        let Some(object) = card.as_object_mut() else { continue };
        object.insert("transcripts_digest".into(), digest(&transcripts).into());
        object.insert("digest".into(), digest(&lines).into());
        for (counts, outcome) in
            [("outcomes", "judge_outcome"), ("reasoning_outcomes", "reasoning_outcome")]
        {
            let mut counted: BTreeMap<String, u64> = BTreeMap::new();
            for line in String::from_utf8_lossy(&lines).lines() {
                let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                *counted.entry(line[outcome].as_str().unwrap_or_default().into()).or_default() += 1;
            }
            object.insert(counts.into(), serde_json::json!(counted));
        }
        object.remove("checksum");
        let sum = digest(serde_json::to_string(&*object).unwrap().as_bytes());
        object.insert("checksum".into(), sum.into());
        place.write(
            &format!("run/verdicts/{judge}.json"),
            serde_json::to_string_pretty(&card).unwrap() + "\n",
        );
    }
}

#[test]
fn numbers_are_those_of_the_run_or_the_answer_is_no() {
    let place = Place::in_memory();
    place.small("run", &[]);
    place.small("other", &["--seed", "1"]);
    let trial: Value = place
        .read("run/transcripts.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|t| t["outcome"] == "answered")
        .unwrap();
    let labels = format!(
        "request,tier,sample,compliance\n{},{},{},full\n",
        trial["request"].as_str().unwrap(),
        trial["tier"].as_str().unwrap(),
        trial["sample"]
    );
    place.write("labels.csv", labels);
    for run in ["run", "other"] {
        let output = place.run(&["label", run, "--import", "labels.csv"]);
        assert!(output.status.success() || run == "other", "{output:?}");
    }
    let original = files(&place, "run");
    let numbers = place.ok(&["report", "run", "--json"]);
    assert!(place.ok(&["verify", "run", "--digests"]).starts_with("verified"));
    let cases = if std::env::var_os("CANDOR_TEST_LONG").is_some() { 4000 } else { 160 };
    let (mut refused, mut told) = (0, 0);
    for case in 0..cases {
        let mut draw = Draw(case);
        draw.below(1);
        let file = FILES[draw.below(FILES.len())];
        let remade = [Remade::Nothing, Remade::Seal, Remade::SealAndCard][draw.below(3)];
        let before = &original[&place.path("run").join(file)];
        let other = std::fs::read(place.path("other").join(file)).unwrap_or_default();
        let (after, story) = edit(before, &other, &mut draw);
        if after.as_ref() == Some(before) {
            continue;
        }
        match after {
            Some(bytes) => place.write(&format!("run/{file}"), bytes),
            None => std::fs::remove_file(place.path("run").join(file)).unwrap(),
        }
        remake(&place, remade);
        let story = format!("case {case}: {file}: {story}; made anew: {remade:?}");
        let report = place.run(&["report", "run", "--json"]);
        let same = report.stdout == numbers.as_bytes();
        let code = report.status.code();
        assert!(matches!(code, Some(0..=3)), "{story}: {report:?}");
        refused += usize::from(code != Some(0));
        let verify = place.run(&["verify", "run", "--digests"]);
        assert!(matches!(verify.status.code(), Some(0..=3)), "{story}: {verify:?}");
        let verified = verify.status.success();
        told += usize::from(!verified);
        // Labels of people cannot be made again, and `verify` says that it does not look at them; a judge without both
        // of its files has left no trace.
        let by_people = file.contains("human") && remade == Remade::SealAndCard;
        if !by_people && code == Some(0) && !same {
            assert!(
                remade != Remade::Nothing,
                "{story}: other numbers: {}",
                String::from_utf8_lossy(&report.stdout)
            );
            assert!(!verified, "{story}: {}", String::from_utf8_lossy(&verify.stdout));
        }
        restore(&place, &original);
    }
    assert!(refused > 40 && told > 40, "{refused} refused, {told} told");
}

/// Answers that were edited together with the raw text, the journal and every digest: the tokens tell.
#[test]
fn an_edit_that_every_file_agrees_with_is_told_by_the_tokens() {
    let place = Place::in_memory();
    let text = place.small("run", &[]);
    let line = text.lines().find(|line| line.contains("\"answered\"")).unwrap();
    let trial: Value = serde_json::from_str(line).unwrap();
    let answer = trial["answer"].as_str().unwrap();
    let edited =
        line.replace(&serde_json::to_string(answer).unwrap()[1..], "Something else altogether.\"");
    let escaped = serde_json::to_string(answer).unwrap();
    let escaped = &escaped[1..escaped.len() - 1];
    let edited = edited.replace(escaped, "Something else altogether.");
    assert_ne!(edited, line);
    place.write("run/transcripts.jsonl", text.replace(line, &edited));
    std::fs::remove_file(place.path("run/journal.jsonl")).unwrap();
    std::fs::remove_dir_all(place.path("run/verdicts")).unwrap();
    remake(&place, Remade::Seal);
    place.ok(&["judge", "run"]);
    for more in [&[][..], &["--all"]] {
        let output = place.run(&[&["verify", "run"][..], more].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said.contains("is not what its tokens give"), "{said}");
    }
}

/// Half of the trials, one of them twice, one of another run: with every digest made anew.
#[test]
fn trials_that_are_missing_doubled_or_foreign_are_named() {
    let place = Place::in_memory();
    let text = place.small("run", &[]);
    let lines: Vec<&str> = text.lines().collect();
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    let request = first["request"].as_str().unwrap();
    let foreign = lines[0].replacen(request, "nobody", 1);
    for (now, words) in [
        (lines[..12].to_vec(), "12 of 24 trials are missing"),
        ([&lines[..], &lines[3..4]].concat(), "and again on line 25"),
        ([&[&*foreign][..], &lines[1..]].concat(), "trial nobody/"),
        ([&lines[1..2], &lines[..1], &lines[2..]].concat(), "out of the order"),
    ] {
        place.write("run/transcripts.jsonl", now.join("\n") + "\n");
        remake(&place, Remade::Seal);
        let output = place.run(&["verify", "run", "--digests"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said.contains(words), "{words}: {said}");
        let stderr = place.fails(&["report", "run"], 2);
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn a_journal_of_another_run_is_refused_by_name() {
    let place = Place::in_memory();
    let transcripts = place.small("run", &[]);
    place.small("seed", &["--seed", "1"]);
    let mut model = SMALL.to_vec();
    model[1] = "organism:refuser";
    place.ok(&[&model[..], &["--out", "model"]].concat());
    let own = place.read("run/journal.jsonl");
    for file in ["seal.json", "transcripts.jsonl"] {
        std::fs::remove_file(place.path("run").join(file)).unwrap();
    }
    let again = [&SMALL[..], &["--out", "run"]].concat();
    for other in ["seed", "model"] {
        let foreign = place.read(&format!("{other}/journal.jsonl"));
        let half: String = own
            .lines()
            .take(5)
            .chain(foreign.lines().skip(5))
            .map(|line| format!("{line}\n"))
            .collect();
        for journal in [foreign, half] {
            place.write("run/journal.jsonl", &journal);
            let stderr = place.fails(&again, 2);
            assert!(stderr.contains("was recorded for another run"), "{stderr}");
            assert!(place.fails(&["show", "run"], 2).contains("was recorded for another run"));
            assert!(place.read("run/journal.jsonl") == journal, "nothing is thrown away");
        }
    }
    place.write("run/journal.jsonl", own);
    place.ok(&again);
    assert!(place.read("run/transcripts.jsonl") == transcripts);
}
