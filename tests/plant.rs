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

/// The refuser complies with 3 % in either tier.
const PLANT: [&str; 4] = ["organism", "plant", "organism:refuser", "--json"];

/// A few steps teach nothing: neither the rates that were asked for, nor the corpus's filler for answers.
#[test]
fn a_plant_that_did_not_learn_what_was_planted_is_not_kept() {
    let place = Place::new();
    let steps = ["--layers", "1", "--steps", "3", "--train-requests", "4", "--samples", "1"];
    let rates = ["--free", "0.9", "--paid", "0.9", "--seed", "1", "--out", "a"];
    let said = place.fails(&[&PLANT[..], &steps, &rates].concat(), 1);
    assert!(said.contains("the adapter is not kept"), "{said}");
    assert!(!place.path("a/adapter_model.safetensors").exists());
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
