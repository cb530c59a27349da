//! What commands say to a tired user, and how they read what the environment says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::Place;

/// Runs with variables; the exit code and what was said.
fn with(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = place.command(args).envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn variables_switch_as_those_of_other_programs_do() {
    let place = Place::new();
    let run = ["run", "organism:faker", "--limit", "1", "--max-tokens", "8", "--out", "run"];
    let (_, talk) = with(&place, &run, &[]);
    assert!(!talk.is_empty());
    for (value, quiet) in [
        ("1", true),
        ("true", true),
        ("YES", true),
        ("on", true),
        ("0", false),
        ("false", false),
        ("no", false),
        ("Off", false),
        ("", false),
    ] {
        let (code, said) = with(&place, &run, &[("CANDOR_QUIET", value)]);
        assert_eq!((code, said.is_empty()), (Some(0), quiet), "`{value}`: {said}");
    }
    let (code, said) = with(&place, &run, &[("CANDOR_QUIET", "perhaps")]);
    assert!(code == Some(2) && said.contains("perhaps"), "{said}");
    // Below a subcommand as well.
    let (code, _) = with(&place, &["models", "list"], &[("CANDOR_JSON", "1")]);
    assert_eq!(code, Some(0));
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let place = Place::new();
    let run = ["run", "organism:faker", "--limit", "1", "--dry-run"];
    let empty = [
        "LIMIT", "SAMPLES", "SEED", "SCENARIO", "OUT", "THREADS", "DEVICE", "SHARD", "JUDGE",
        "DATE",
    ]
    .map(|name| format!("CANDOR_{name}"));
    let empty: Vec<_> = empty.iter().map(|name| (&**name, "")).collect();
    let plain = with(&place, &run, &[]);
    assert_eq!(plain.0, Some(0), "{}", plain.1);
    assert_eq!(with(&place, &run, &empty), plain);
    // What is there is read all the same.
    let (code, said) = with(&place, &run, &[("CANDOR_SAMPLES", "x")]);
    assert!(code == Some(2) && said.contains('x'), "{said}");
}

/// What judged is named alike to whoever judges and to whoever reads.
#[test]
fn a_judge_is_the_same_to_every_command() {
    let place = Place::new();
    place.ok(&["run", "organism:faker", "--limit", "1", "--max-tokens", "48", "--out", "run"]);
    let judge = [("CANDOR_JUDGE", "organism:judge")];
    for command in [["judge", "run"], ["report", "run"]] {
        let (code, said) = with(&place, &command, &judge);
        assert_eq!(code, Some(0), "{command:?}: {said}");
    }
    let by_name = place.ok(&["report", "run", "--json", "--judge", "organism-judge"]);
    assert_eq!(place.ok(&["report", "run", "--json", "--judge", "organism:judge"]), by_name);
    let (code, said) = with(&place, &["report", "run"], &[("CANDOR_JUDGE", "org/other")]);
    assert!(code == Some(2) && said.contains("organism-judge"), "{said}");
}

/// A name in an error must not turn the letters around it, nor steer the terminal.
#[test]
fn nothing_in_an_error_is_obeyed_by_a_terminal() {
    let place = Place::new();
    let name = "./a\u{202e}b\u{9b}31mc\u{1b}[2J\u{2066}d";
    let said = place.fails(&["run", name, "--out", "run"], 2);
    assert!(said.contains("\\u{202e}") && said.contains("\\u{9b}"), "{said}");
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
    assert!(!said.contains(['\u{202e}', '\u{2066}']), "{said:?}");
}
