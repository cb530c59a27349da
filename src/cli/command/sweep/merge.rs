//! `candor sweep merge`: shards become the run folders that one machine would have made.

use crate::cli::args::MergeArgs;
use crate::cli::command::report::summary;
use crate::cli::screen::talk::{Talk, show};
use crate::error::Result;
use crate::study::merge::{by_place, check_divisions, merge_all};

pub(in crate::cli) fn merge(args: &MergeArgs, talk: &Talk) -> Result<()> {
    let runs = by_place(&args.shards)?;
    let cells = check_divisions(&args.shards, &runs)?;
    let mut runs: Vec<_> = runs.into_iter().collect();
    // The page shows them in the order of the sweep, as the page of one machine does.
    runs.sort_by_key(|(place, _)| cells.iter().position(|cell| cell == place));
    let views = merge_all(&runs, &args.out, talk)?;
    show(&summary(&views))
}
