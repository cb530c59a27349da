//! The other tools themselves, where a Python that has them is named in `CANDOR_TEST_PYTHON`.

use std::path::Path;
use std::process::Command;

use super::common::parts;

/// Runs a script of this folder, or one by its path; false where there is no such Python or it lacks a module.
pub(crate) fn script(script: &Path, modules: &[&str], args: &[&Path]) -> bool {
    let Ok(python) = std::env::var("CANDOR_TEST_PYTHON") else {
        let why = format!("{} (CANDOR_TEST_PYTHON names no Python)", script.display());
        parts::skipped("python", why);
        return false;
    };
    for module in modules {
        let found =
            Command::new(&python).args(["-c", &format!("import {module}")]).output().unwrap();
        if !found.status.success() {
            let why = format!("{} ({python} has no {module})", script.display());
            parts::skipped("python", why);
            return false;
        }
    }
    let output =
        Command::new(&python).arg(script).args(args).env("PYTHONUTF8", "1").output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{}: {said}", script.display());
    true
}

/// A script beside this file.
pub(crate) fn here(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange").join(name)
}
