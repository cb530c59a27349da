//! Shards become the run folders that one machine would have made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::compare::compare_together;
use super::page::write_page;
use super::performance::Performance;
use super::verdicts::judge_and_publish;
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::report::RunView;
use crate::run::{Lock, Shard, merge as merge_runs, read_json};
use crate::sweep::Division;

/// Merges the shards of each run, by its place below the folders, and writes one page about them all. A run that
/// cannot be merged is told, and does not stop the others.
///
/// # Errors
/// The first of those that could not be merged.
pub(crate) fn merge_all(
    runs: &[(PathBuf, Vec<PathBuf>)],
    out: &Path,
    talk: &dyn Events,
) -> Result<Vec<RunView>> {
    let several = runs.iter().any(|(place, _)| !place.as_os_str().is_empty());
    let _lock = several.then(|| Lock::make(out)).transpose()?;
    let mut views = Vec::new();
    let mut failed: Option<Error> = None;
    for (place, shards) in runs {
        let path = if place.as_os_str().is_empty() { out.to_owned() } else { out.join(place) };
        let joined = merge_runs(shards, &path).and_then(|folder| {
            Performance::merge(shards, &path)?;
            judge_and_publish(folder.lock(), talk)
        });
        match joined {
            Ok(view) => {
                talk.say(format!("merged: {}", shown(&path)));
                views.push(view);
            }
            Err(error) if failed.is_none() => failed = Some(error),
            Err(error) => talk.error(&error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if several {
        compare_together(&mut views);
        write_page(&views, out, talk)?;
    }
    Ok(views)
}

/// Where the folders are those of a sweep's shards: all of them are there, of one division, with all their cells.
/// Gives the places of the cells, in their order; none where there is no sweep.
///
/// # Errors
/// Names the shards that are missing or differ, or the first cell that no shard has begun.
pub(crate) fn check_divisions(
    folders: &[PathBuf],
    runs: &BTreeMap<PathBuf, Vec<PathBuf>>,
) -> Result<Vec<PathBuf>> {
    let mut divisions: Vec<(&PathBuf, Division)> = Vec::new();
    for folder in folders {
        let at = folder.join(Division::FILE);
        if at.exists() {
            divisions.push((folder, read_json(&at)?));
        }
    }
    let Some((named, first)) = divisions.first() else { return Ok(Vec::new()) };
    for (other, division) in &divisions {
        let same = division.cells == first.cells && division.shard.count() == first.shard.count();
        if !same {
            return Err(Error::input(format!(
                "`{}` and `{}` are shards of different sweeps, or of different divisions of one",
                named.display(),
                other.display()
            ))
            .hint("merge the shards of one sweep: those whose file did not change meanwhile"));
        }
    }
    let missing: Vec<String> = Shard::all(first.shard.count())
        .filter(|shard| divisions.iter().all(|(_, division)| division.shard != *shard))
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Error::input(format!("missing: shard {} of the sweep", missing.join(", ")))
            .hint("make them with `candor sweep FILE --shard I/N`, then merge again"));
    }
    let unbegun = first.cells.iter().find(|(place, pairs)| *pairs > 0 && !runs.contains_key(place));
    match unbegun {
        Some((place, _)) => {
            Err(Error::input(format!("no shard holds anything of the cell `{}`", place.display()))
                .hint("run the shards again: each goes on from where it stopped"))
        }
        None => Ok(first.cells.iter().map(|(place, _)| place.clone()).collect()),
    }
}

/// The run folders in or below each of `folders`, by their place below it; where a folder is a run folder itself
/// the place is empty.
///
/// # Errors
/// A folder without any run, one that cannot be read, run folders beside folders of run folders.
pub(crate) fn by_place(folders: &[PathBuf]) -> Result<BTreeMap<PathBuf, Vec<PathBuf>>> {
    let mut runs: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for folder in folders {
        let real = fs::canonicalize(folder)
            .map_err(|error| Error::read(folder, &error).hint("name the folders of the shards"))?;
        if !seen.insert(real) {
            return Err(Error::input(format!("`{}` is named twice", folder.display()))
                .hint("name each shard once"));
        }
        let mut places = Vec::new();
        find_runs(folder, Path::new(""), &mut places)?;
        if places.is_empty() {
            return Err(Error::input(format!("there is no run folder in `{}`", folder.display()))
                .hint(
                    "name folders that `candor run --shard` or `candor sweep --shard` has made",
                ));
        }
        for place in places {
            let path =
                if place.as_os_str().is_empty() { folder.clone() } else { folder.join(&place) };
            runs.entry(place).or_default().push(path);
        }
    }
    if runs.len() > 1 && runs.contains_key(Path::new("")) {
        return Err(Error::input("some of the folders are run folders, and some hold run folders")
            .hint("merge the shards of one run, or the folders of one sweep"));
    }
    Ok(runs)
}

fn find_runs(root: &Path, place: &Path, places: &mut Vec<PathBuf>) -> Result<()> {
    let folder = root.join(place);
    if folder.join("manifest.json").is_file() {
        places.push(place.to_owned());
        return Ok(());
    }
    let unread = |error| Error::read(&folder, &error);
    for entry in fs::read_dir(&folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        // Links are not followed: what is merged lies in the folders that were named.
        if entry.file_type().map_err(unread)?.is_dir() {
            find_runs(root, &place.join(entry.file_name()), places)?;
        }
    }
    Ok(())
}
