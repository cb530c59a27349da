//! `candor sweep merge`: shards become the run folders that one machine would have made.

use super::args::MergeArgs;
use super::report::summary;
use super::talk::{Talk, show};
use crate::error::Result;
use crate::study::merge::{by_place, check_divisions, merge_all};

pub(super) fn merge(args: &MergeArgs, talk: &Talk) -> Result<()> {
    let runs = by_place(&args.shards)?;
    let cells = check_divisions(&args.shards, &runs)?;
    let mut runs: Vec<_> = runs.into_iter().collect();
    // The page shows them in the order of the sweep, as the page of one machine does.
    runs.sort_by_key(|(place, _)| cells.iter().position(|cell| cell == place));
    let views = merge_all(&runs, &args.out, talk)?;
    show(&summary(&views))
}
