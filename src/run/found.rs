//! The run folders in and below a folder. Knows nothing about what is done with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::folder::{Finished, State};
use crate::error::{Error, Result};

/// A folder that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies.
    pub path: PathBuf,
    /// Why, in words that follow its name.
    pub why: String,
}

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whole runs, finished or not, in the order of their paths.
    pub runs: Vec<PathBuf>,
    /// Shards of runs, and folders that cannot be read.
    pub skipped: Vec<Skipped>,
}

/// Looks for runs in a folder and at any depth below it; what lies in a run folder is part of that run. A folder that
/// is reached on two ways, such as through a link, counts once.
///
/// # Errors
/// The folder itself cannot be read.
pub fn found(root: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    if State::of(root).is_none() {
        // What cannot be read at all is told as such, and not as a folder without runs.
        std::fs::read_dir(root).map_err(|error| Error::read(root, &error))?;
    }
    look(root, &mut seen, &mut found);
    Ok(found)
}

fn look(folder: &Path, seen: &mut BTreeSet<PathBuf>, found: &mut Found) {
    let mut skip = |why: String| found.skipped.push(Skipped { path: folder.to_owned(), why });
    match folder.canonicalize() {
        Ok(place) => {
            if !seen.insert(place) {
                return;
            }
        }
        Err(error) => return skip(format!("it cannot be read: {error}")),
    }
    if State::of(folder).is_some() {
        match Finished::part(folder) {
            Ok(None) => found.runs.push(folder.to_owned()),
            Ok(Some(part)) => skip(format!(
                "it holds shard {} of a run; `candor sweep merge` joins shards",
                part.shard
            )),
            Err(error) => skip(error.to_string()),
        }
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return skip(format!("it cannot be read: {error}")),
    };
    let mut below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    below.retain(|path| path.is_dir());
    below.sort();
    below.iter().for_each(|path| look(path, seen, found));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_at_any_depth_and_once() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let deep = "a/b/c/d/e/f/g/h/i/run";
        for run in [deep, "z", "shard"] {
            std::fs::create_dir_all(at(run)).unwrap();
            std::fs::write(at(run).join("manifest.json"), "{}").unwrap();
        }
        std::fs::create_dir_all(at("z/probe/inner")).unwrap();
        std::fs::write(at("z/probe/inner/manifest.json"), "{}").unwrap();
        std::fs::write(at("shard/shard.json"), "no JSON").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(place.path(), at("a/loop")).unwrap();
            std::os::unix::fs::symlink(at("z"), at("zz")).unwrap();
        }
        let there = found(place.path()).unwrap();
        assert_eq!(there.runs, [at(deep), at("z")]);
        let [skipped] = &there.skipped[..] else { panic!("{:?}", there.skipped) };
        assert_eq!(skipped.path, at("shard"));
        assert_eq!(found(&at("z")).unwrap().runs, [at("z")]);
        assert!(found(&at("nothing")).is_err());
    }
}
