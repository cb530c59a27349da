//! Tokenizers give the ids and texts of the Python library: tiny ones of every kind, trained by the script
//! beside them, and published ones where they are at hand.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/parts.rs"]
mod parts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candor::model::{ModelFiles, Source, Tokenizer};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    texts: BTreeMap<String, String>,
    tokenizers: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    name: String,
    special_tokens: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    decoded: String,
    decoded_without_special: String,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers")
}

fn open(folder: &Path) -> Tokenizer {
    let files = ModelFiles::open(&Source::Folder(folder.to_path_buf()));
    files
        .and_then(|files| Tokenizer::open(&files))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn expected() -> Expected {
    serde_json::from_slice(&std::fs::read(fixtures().join("expected.json")).unwrap()).unwrap()
}

#[test]
fn every_kind_gives_the_ids_and_texts_of_transformers() {
    let expected = expected();
    let mut wrong = Vec::new();
    for kind in &expected.tokenizers {
        let tokenizer = open(&fixtures().join(&kind.name));
        assert_eq!(tokenizer.special_tokens(), &kind.special_tokens, "{}", kind.name);
        assert_eq!(kind.cases.len(), expected.texts.len());
        for case in &kind.cases {
            let ids = tokenizer.encode(&expected.texts[&case.text]).unwrap();
            let decoded = [false, true].map(|skip| tokenizer.decode(&case.ids, skip).unwrap());
            if ids != case.ids {
                wrong.push(format!("{}, {}: {ids:?} is not {:?}", kind.name, case.text, case.ids));
            }
            if decoded != [case.decoded.as_str(), &case.decoded_without_special] {
                wrong.push(format!("{}, {}: {decoded:?}", kind.name, case.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn tokens_that_are_added_and_not_special_survive_decoding() {
    let tokenizer = open(&fixtures().join("byte-level-llama3"));
    let text = "<think>why</think>so<|end|>";
    let ids = tokenizer.encode(text).unwrap();
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "<think>why</think>so");
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
    // Where a release marks them as special, leaving special tokens in keeps them: replies are decoded so.
    let special = open(&fixtures().join("unigram"));
    let ids = special.encode("<think>why</think>").unwrap();
    assert!(!special.decode(&ids, true).unwrap().contains("<think>"));
    assert!(special.decode(&ids, false).unwrap().contains("<think>"));
}

#[test]
fn published_tokenizers_give_the_ids_of_the_library() {
    let ids = std::fs::read(fixtures().join("shared.json")).unwrap();
    let ids: BTreeMap<String, BTreeMap<String, Vec<u32>>> = serde_json::from_slice(&ids).unwrap();
    let texts = expected().texts;
    for (name, cases) in ids {
        let Some(folder) = parts::shared(&format!("data/tokenizers/{name}")) else { continue };
        let tokenizer = open(&folder);
        for (text, ids) in cases {
            assert_eq!(tokenizer.encode(&texts[&text]).unwrap(), ids, "{name}, {text}");
        }
    }
}

proptest! {
    #[test]
    fn bytes_come_back(text in "(\\PC|\\s|\\p{M}|<\\|end\\|>|<think>|[\u{0}-\u{1f}]){0,40}") {
        let tokenizer = open(&fixtures().join("byte-level-gpt2"));
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
    }
}

/// A regular expression that gives up on a long run would leave the rest of the text in one piece.
#[test]
fn the_length_of_a_run_changes_nothing_behind_it() {
    for name in ["byte-level-gpt2", "byte-level-llama3", "byte-level-qwen2"] {
        let tokenizer = open(&fixtures().join(name));
        for run in [" ", "\n", "a", "!", "1"] {
            let behind = |count: usize| {
                let ids = tokenizer.encode(&(run.repeat(count) + "  the town")).unwrap();
                ids[ids.len() - 4..].to_vec()
            };
            assert_eq!(behind(60_000), behind(60), "{name}, {run:?}");
        }
    }
}
