//! The runs that a user means by naming folders: run folders, and folders that hold runs at any depth. What is passed
//! over is said.

use std::path::{Path, PathBuf};

use crate::cli::screen::talk::Talk;
use crate::error::{Error, Result};
use crate::events::shown;
use crate::run::{Skipped, State, found};

/// Runs that a page or a comparison takes at most.
const MOST_RUNS: usize = 1000;

/// Which runs of a folder are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Want {
    /// Those that have finished.
    Finished,
    /// All that were begun.
    Any,
}

/// The runs in or below these folders. A folder that is a run itself is taken as it is, so that whoever opens it says
/// what is wrong with it; so is one that holds no run.
///
/// # Errors
/// There are too many.
pub(in crate::cli) fn runs(named: &[PathBuf], want: Want, talk: &Talk) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for root in named {
        if State::of(root).is_some() || !root.is_dir() {
            runs.push(root.clone());
            continue;
        }
        let (taken, skipped) = within(root, want)?;
        tell(&skipped, talk);
        match taken.is_empty() && skipped.is_empty() {
            true => runs.push(root.clone()),
            false => runs.extend(taken.into_iter().filter(|run| !named.contains(run))),
        }
    }
    if runs.is_empty() {
        let names: Vec<String> = named.iter().map(|root| format!("`{}`", shown(root))).collect();
        return Err(Error::input(format!("no run in {} has finished", names.join(", ")))
            .hint("`candor ls` says how far each of them is"));
    }
    if runs.len() > MOST_RUNS {
        return Err(Error::input(format!("{} runs are too many at once", runs.len()))
            .hint(format!("name folders with {MOST_RUNS} runs or fewer")));
    }
    Ok(runs)
}

/// The wanted runs in or below one folder, and what is passed over.
pub(in crate::cli) fn within(root: &Path, want: Want) -> Result<(Vec<PathBuf>, Vec<Skipped>)> {
    let there = found(root)?;
    let mut skipped = there.skipped;
    let mut taken = Vec::new();
    for run in there.runs {
        match want == Want::Any || State::of(&run) == Some(State::Sealed) {
            true => taken.push(run),
            false => skipped.push(Skipped { path: run, why: "it has not finished".to_owned() }),
        }
    }
    Ok((taken, skipped))
}

/// Says what is passed over.
pub(in crate::cli) fn tell(skipped: &[Skipped], talk: &Talk) {
    for Skipped { path, why } in skipped {
        talk.say(format!("skipped: {}: {why}", shown(path)));
    }
}
