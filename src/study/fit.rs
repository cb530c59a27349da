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
    let mut prompts: Vec<&[u32]> = Vec::new();
    for plan in plans {
        let samples = plan.settings.samples as usize;
        prompts.extend(
            plan.prompts().flat_map(|prompt| std::iter::repeat_n(&prompt.ids[..], samples)),
        );
    }
    let max_tokens = plans.iter().map(|plan| plan.settings.max_tokens).max().unwrap_or(0);
    fit_prompts(loaded, &prompts, max_tokens, pace.batch, pace.draft, talk)
}
