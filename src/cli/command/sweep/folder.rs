//! Where the runs of a sweep lie.

use std::path::{Path, PathBuf};

use crate::sweep::Sweep;

/// `--out`, else the file's `out`, else `runs/` and the file's name.
pub(in crate::cli) fn folder(sweep: &Sweep, file: &Path, out: Option<&Path>) -> PathBuf {
    out.map(Path::to_owned).or_else(|| sweep.out.clone()).unwrap_or_else(|| {
        Path::new("runs").join(file.file_stem().unwrap_or_else(|| "sweep".as_ref()))
    })
}
