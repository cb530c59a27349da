//! Every family of models against transformers: logits at all positions, greedy continuations, and the same
//! bits however the work is arranged. See `tests/fixtures/README.md` for the checkpoints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use std::path::{Path, PathBuf};

use candor::decoder::{CpuDecoder, LanguageModel, Row};

use fixtures::{Fixture, all_logits, bits, distance, greedy};

/// How far logits may be from those of transformers, as a part of the largest.
const TOLERANCE: f32 = 1e-4;

/// Tokens of the text that is looked at on its own.
const SHORT: usize = 24;

fn checkpoints() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families")
}

/// The folders that hold a checkpoint.
fn families() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(checkpoints())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// A checkpoint with the tokenizer that all of them share, under a config of either name.
fn open(name: &str, config: &str) -> (tempfile::TempDir, Fixture) {
    let joined = tempfile::tempdir().unwrap();
    for from in ["tokenizer", name] {
        for entry in std::fs::read_dir(checkpoints().join(from)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap();
            if path.is_file() && !file.to_str().unwrap().starts_with("config") {
                std::fs::copy(&path, joined.path().join(file)).unwrap();
            }
        }
    }
    std::fs::copy(checkpoints().join(name).join(config), joined.path().join("config.json"))
        .unwrap();
    let fixture = Fixture::at(joined.path());
    (joined, fixture)
}

/// The decoder for texts of up to `tokens` tokens.
fn decoder(fixture: &Fixture, tokens: usize) -> CpuDecoder {
    let spec = fixture.model.spec.for_texts_of(tokens);
    CpuDecoder::load(&spec, &fixture.model.weights().unwrap(), None).unwrap()
}

fn reference(fixture: &Fixture, name: &str) -> Vec<f32> {
    fixture.reference[name].flatten_all().unwrap().to_vec1().unwrap()
}

/// Runs a check on every family and shows all that fail.
fn each(check: impl Fn(&str)) {
    let names = families();
    assert!(names.len() >= 7, "{names:?}");
    let failed: Vec<&String> = names
        .iter()
        .filter(|name| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(name))).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn logits_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let long = all_logits(&decoder(&fixture, ids.len()), &ids, 0, &[ids.len()]);
        let far = distance(&long, &reference(&fixture, "logits"));
        let short = all_logits(&decoder(&fixture, SHORT), &ids[..SHORT], 0, &[SHORT]);
        let near = distance(&short, &reference(&fixture, "short"));
        println!("{name}: {far:.1e} over {} positions, {near:.1e} over {SHORT}", ids.len());
        assert!(far < TOLERANCE && near < TOLERANCE, "{name}");
    });
}

#[test]
fn greedy_continuations_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let (ids, theirs) = (fixture.ids("ids"), fixture.ids("greedy"));
        assert_eq!(theirs.len(), 64);
        let ours = greedy(&decoder(&fixture, 20 + theirs.len()), &ids[..20], theirs.len());
        assert_eq!(ours, theirs, "{name}");
    });
}

#[test]
fn a_config_of_the_original_release_says_the_same() {
    each(|name| {
        if !checkpoints().join(name).join("config.published.json").exists() {
            return;
        }
        let spec = |config| open(name, config).1.model.spec;
        assert_eq!(spec("config.json"), spec("config.published.json"), "{name}");
    });
}

#[test]
fn prefixes_pieces_and_neighbors_change_no_bit() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let decoder = decoder(&fixture, ids.len());
        let fresh = all_logits(&decoder, &ids, 0, &[ids.len()]);
        let v = fixture.model.spec.vocab_size;
        for (prefix, pieces) in [(0, &[1, 70][..]), (37, &[5, 1]), (130, &[90])] {
            let forked = all_logits(&decoder, &ids, prefix, pieces);
            assert_eq!(bits(&forked), bits(&fresh[prefix * v..]), "{name}: prefix {prefix}");
        }
        // Nine rows of one step, each at another position of the text.
        let starts = [1, 20, 33, 64, 100, 129, 200, 257, 299];
        let mut sequences: Vec<_> = starts
            .iter()
            .map(|&n| decoder.fork(&decoder.prefill(None, &ids[..n]).unwrap()))
            .collect();
        let mut rows: Vec<_> = sequences
            .iter_mut()
            .zip(&starts)
            .map(|(sequence, &n)| Row { sequence, tokens: &ids[n..=n], logits: 1 })
            .collect();
        let together = decoder.step(&mut rows).unwrap();
        for (i, &n) in starts.iter().enumerate() {
            assert_eq!(bits(together.row(i)), bits(&fresh[n * v..(n + 1) * v]), "{name}: row {i}");
        }
    });
}
