//! What some tests need beyond this folder (a browser, a Slurm, a Python, a model, `../shared`), and how they say that
//! they go without. A file of its own, so that the library's tests can take it in too.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Says that a test skips, and why; past the capture of the test runner, so that it can be counted. Where
/// `CANDOR_TEST_REQUIRED` lists the part, whoever runs the tests has brought it, and skipping is a failure.
///
/// # Panics
/// The part is required.
pub(crate) fn skipped(part: &str, why: impl std::fmt::Display) {
    let required = std::env::var("CANDOR_TEST_REQUIRED").unwrap_or_default();
    assert!(
        !required.split(',').any(|needed| needed == part),
        "the part `{part}` was brought, and this test skips: {why}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {part}: {why}");
}

/// What lies at this place in the folder `shared` beside the checkout, or in the one that `CANDOR_SHARED` names; says so
/// where it is not there.
///
/// # Panics
/// The part `shared` is required, and it is not there.
pub(crate) fn shared(place: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CANDOR_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = folder.join(place);
    match path.exists() {
        true => Some(path),
        false => {
            skipped("shared", format_args!("there is no {}", path.display()));
            None
        }
    }
}
