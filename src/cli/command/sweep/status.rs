//! `candor sweep status`: how far each cell is, from the run folders and, where Slurm was asked, from `squeue`.

use std::path::Path;

use serde_json::json;

use crate::cli::args::StatusArgs;
use crate::cli::command::sweep::folder::folder;
use crate::cli::command::sweep::slurm;
use crate::cli::screen::talk::{print, show};
use crate::error::{Error, Result};
use crate::run::{State, TrialCount};
use crate::sweep::Sweep;

pub(in crate::cli) fn status(args: &StatusArgs) -> Result<()> {
    let sweep = Sweep::load(&args.file)?;
    let out = folder(&sweep, &args.file, args.out.as_deref());
    let shards = shards(&out.join("shards"))?;
    let mut rows = Vec::new();
    for cell in &sweep.cells {
        let trials = sweep.trials(cell, None)?;
        let place = out.join(&cell.place);
        let (state, done) = match State::of(&place) {
            Some(State::Sealed) => ("finished", trials),
            Some(State::Begun) => ("begun", TrialCount::of(&place).now()?),
            None => {
                let parts = shards.iter().map(|shard| shard.join(&cell.place));
                let parts: Vec<_> =
                    parts.filter_map(|part| State::of(&part).map(|state| (part, state))).collect();
                let done: Result<usize> =
                    parts.iter().map(|(part, _)| TrialCount::of(part).now()).sum();
                let done = done?;
                let all_sealed = parts.iter().all(|(_, state)| *state == State::Sealed);
                match parts.is_empty() {
                    true => ("waiting", 0),
                    false if all_sealed && done >= trials => ("to be merged", done),
                    false => ("begun", done),
                }
            }
        };
        rows.push((cell.place.display().to_string(), state, done, trials));
    }
    let jobs = slurm::jobs(&out)?;
    if args.json {
        let cells: Vec<_> = rows
            .iter()
            .map(|(cell, state, done, trials)| {
                json!({ "cell": cell, "state": state, "trials_done": done, "trials": trials })
            })
            .collect();
        let jobs: Vec<_> =
            jobs.iter().map(|(id, state)| json!({ "job": id, "state": state })).collect();
        return print(&format!("{:#}\n", json!({ "cells": cells, "jobs": jobs })));
    }
    let mut text = String::new();
    for (cell, state, done, trials) in &rows {
        text += &format!("{state:12} {done:>8} of {trials} trials  {cell}\n");
    }
    for (id, state) in &jobs {
        text += &format!("job {id}: {state}\n");
    }
    show(&text)
}

/// The folders of shards, sorted.
fn shards(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unread = |error| Error::read(folder, &error);
    let entries = std::fs::read_dir(folder).map_err(unread)?;
    let mut shards =
        entries.map(|entry| Ok(entry.map_err(unread)?.path())).collect::<Result<Vec<_>>>()?;
    shards.sort();
    Ok(shards)
}
