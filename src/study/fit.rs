//! The batch of runs that are made together, as large as the memory allows.

use crate::engine::MemoryPlan;
use crate::error::Result;
use crate::events::Events;
use crate::machine::{Loaded, fit_prompts};
use crate::run::{Pace, Plan};

/// The largest batch up to the one asked for that this machine has the memory for, when these are made together.
pub(crate) fn fit(
    loaded: &Loaded,
    plans: &[&Plan<'_>],
    pace: Pace,
    talk: &dyn Events,
) -> Result<MemoryPlan> {
    let mut read = Vec::new();
    for plan in plans {
        let samples = plan.settings.samples as usize;
        read.extend(plan.prompts().map(|prompt| (prompt.read(), samples)));
    }
    let prompts: Vec<&[u32]> =
        read.iter().flat_map(|(ids, samples)| std::iter::repeat_n(&ids[..], *samples)).collect();
    let max_tokens = plans.iter().map(|plan| plan.settings.max_tokens).max().unwrap_or(0);
    fit_prompts(loaded, &prompts, max_tokens, pace.batch, pace.draft, talk)
}
