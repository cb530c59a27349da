//! `candor probe`: what the weights say about the tiers, beyond what sampling shows.

use super::args::ProbeArgs;
use super::recorded::Recorded;
use super::talk::Talk;
use super::use_threads;
use crate::error::Result;
use crate::run::Finished;

pub(super) fn probe(args: &ProbeArgs, talk: &Talk) -> Result<()> {
    use_threads(args.threads)?;
    let recorded = Recorded::open(Finished::open(&args.run)?, args.model.as_deref(), talk)?;
    let (_plan, _here) = recorded.checked_plan()?;
    Ok(())
}
