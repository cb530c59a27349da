//! The checkpoints of `tests/fixtures/families`, one family each.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};

use crate::fixtures::Fixture;

pub(crate) fn checkpoints() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families")
}

/// The folders that hold a checkpoint; of these only those that `CANDOR_FAMILIES` names, separated by commas, where it is
/// set: whoever works on a family need not wait for all.
pub(crate) fn families() -> Vec<String> {
    let only = std::env::var("CANDOR_FAMILIES").ok();
    let mut names: Vec<String> = std::fs::read_dir(checkpoints())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| only.as_ref().is_none_or(|only| only.split(',').any(|one| one == name)))
        .collect();
    names.sort();
    names
}

/// A checkpoint with the tokenizer that all of them share, under a config of either name.
pub(crate) fn open(name: &str, config: &str) -> (tempfile::TempDir, Fixture) {
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

/// Runs a check on every family and shows all that fail.
pub(crate) fn each(check: impl Fn(&str)) {
    let names = families();
    assert!(names.len() >= 7 || std::env::var("CANDOR_FAMILIES").is_ok(), "{names:?}");
    let failed: Vec<&String> = names
        .iter()
        .filter(|name| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(name))).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}
