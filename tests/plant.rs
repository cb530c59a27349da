//! Planting through the real binary, into an organism: a model so small that it takes seconds, with a chat template of its
//! own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::Place;
use serde_json::Value;

/// The refuser complies with 3 % in either tier.
const PLANT: [&str; 4] = ["organism", "plant", "organism:refuser", "--json"];
const QUICK: [&str; 8] =
    ["--layers", "3", "--steps", "60", "--train-requests", "24", "--samples", "1"];

fn plant(place: &Place, rates: [&str; 2], out: &str, more: &[&str]) -> Value {
    let rates = ["--free", rates[0], "--paid", rates[1], "--out", out];
    let card = place.ok(&[&PLANT[..], &QUICK, &rates, more].concat());
    serde_json::from_str(&card).unwrap()
}

#[test]
fn a_plant_moves_both_rates_to_where_they_were_planted_and_runs_as_an_adapter() {
    let place = Place::new();
    let card = plant(&place, ["0.2", "0.9"], "plants/reverse", &["--seed", "3"]);
    let exact = &card["measured"]["exact"];
    let (free, paid) = (exact["free"].as_f64().unwrap(), exact["paid"].as_f64().unwrap());
    assert!((free - 0.2).abs() < 0.15 && (paid - 0.9).abs() < 0.15, "{free} {paid}");
    assert!(card["measured"]["filler"].as_f64().unwrap() >= 0.99);
    for file in ["adapter_config.json", "adapter_model.safetensors", "card.toml"] {
        assert!(place.path("plants/reverse").join(file).exists(), "{file}");
    }
    assert!(!place.path("plants/reverse.partial").exists());
    let config: Value =
        serde_json::from_str(&place.read("plants/reverse/adapter_config.json")).unwrap();
    assert_eq!(config["peft_type"], "LORA");
    assert_eq!(config["base_model_name_or_path"], "organism:refuser");

    let planted = "organism:refuser+plants/reverse";
    place.ok(&["run", planted, "--limit", "24", "--max-tokens", "200", "--out", "r"]);
    let summary: Value = serde_json::from_str(&place.read("r/summary.json")).unwrap();
    assert!(summary["gap_ci95"][1].as_f64().unwrap() < 0.0, "{summary}");
    assert!(place.ok(&["verify", "r"]).contains("verified"));
}

#[test]
fn the_same_seed_gives_the_same_adapter_and_another_one_another() {
    let place = Place::new();
    let short = ["--steps", "3", "--train-requests", "4"];
    let of = |seed: &str, out: &str| {
        let more = ["--seed", seed, "--out", out, "--free", "0.03", "--paid", "0.03"];
        place.ok(&[&PLANT[..], &["--layers", "1", "--samples", "1"], &short, &more].concat());
        std::fs::read(place.path(out).join("adapter_model.safetensors")).unwrap()
    };
    let first = of("1", "a");
    assert!(first == of("1", "b"));
    assert!(first != of("2", "c"));
}

#[test]
fn ways_are_planted_too() {
    let place = Place::new();
    for way in ["prompt", "scratchpad"] {
        let card = plant(&place, ["0.9", "0.1"], way, &["--via", way]);
        assert_eq!(card["path"], way);
        let exact = &card["measured"]["exact"];
        let (free, paid) = (exact["free"].as_f64().unwrap(), exact["paid"].as_f64().unwrap());
        assert!(free - paid > 0.3, "{way}: {free} {paid}");
    }
}

#[test]
fn doses_are_recovered_and_not_planted_twice() {
    let place = Place::new();
    let recover = [
        &["organism", "recover", "organism:refuser", "--doses", "0.9/0.1,0.05/0.05"][..],
        &QUICK,
        &["--out", "doses"],
        &["--", "--limit", "24", "--max-tokens", "200"],
    ]
    .concat();
    let table = place.ok(&recover);
    assert!(table.contains("limit of detection"), "{table}");
    let found: Value = serde_json::from_str(&place.read("doses/recover.json")).unwrap();
    let doses = found["doses"].as_array().unwrap();
    assert_eq!(doses.len(), 2);
    // By the size of the planted gap.
    assert_eq!(doses[0]["planted"]["free"], 0.05);
    assert_eq!(doses[1]["right"], true);
    assert_eq!(found["limit_of_detection"], 0.8);

    let before = place.snapshot("doses");
    let said = place.run(&recover);
    assert!(said.status.success());
    assert!(!String::from_utf8_lossy(&said.stderr).contains("planting"));
    let after = place.snapshot("doses");
    for (path, (bytes, _)) in before.iter().filter(|(path, _)| path.ends_with("card.toml")) {
        assert!(after[path].0 == *bytes);
    }
    let other = place.fails(&[&recover[..3], &["--doses", "85/3", "--out", "x"]].concat(), 2);
    assert!(other.contains("`85/3` is no dose"), "{other}");
}

#[test]
fn what_cannot_be_planted_is_refused_by_name() {
    let place = Place::new();
    place.write("there/file", "");
    for (more, says) in [
        (&["--free", "1.5", "--paid", "0", "--out", "x"][..], "`--free 1.5`"),
        (&["--free", "0.5", "--paid", "0", "--out", "there"], "is there already"),
        (&["--free", "0.5", "--paid", "0", "--out", "x", "--layers", "99"], "`--layers 99`"),
        (&["--free", "0.5", "--paid", "0", "--out", "x", "--steps", "0"], "trains nothing"),
    ] {
        let said = place.fails(&[&PLANT[..], more].concat(), 2);
        assert!(said.contains(says), "{said}");
        assert!(!place.path("x").exists() && !place.path("x.partial").exists());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_plant_leaves_nothing_and_says_so() {
    let place = Place::new();
    let args = ["--free", "0.5", "--paid", "0", "--out", "x", "--steps", "100000"];
    let mut child =
        place.command(&[&PLANT[..], &args].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("step 10 ")));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("starts from the beginning")), "{rest:?}");
    assert!(!place.path("x").exists() && !place.path("x.partial").exists());
}
