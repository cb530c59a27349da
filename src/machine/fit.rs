//! The batch of replies that are drawn together, as large as the memory allows.

use super::loaded::Loaded;
use crate::engine::{MemoryNeeds, MemoryPlan};
use crate::error::Result;
use crate::events::Events;

/// The largest batch up to the one asked for that this machine has the memory for; `draft` says whether replies are
/// guessed ahead.
///
/// # Errors
/// Not even one reply fits.
pub(crate) fn fit_prompts(
    loaded: &Loaded,
    prompts: &[&[u32]],
    max_tokens: usize,
    batch: usize,
    draft: bool,
    talk: &dyn Events,
) -> Result<MemoryPlan> {
    let needs = MemoryNeeds::of(loaded.decoder.info(), prompts, max_tokens, draft)?;
    let fitted = needs.fit(batch, loaded.available.unwrap_or(usize::MAX))?;
    if fitted.batch < batch {
        talk.say(format!(
            "note: the batch is {} instead of {}, which would take {} MB of memory",
            fitted.batch,
            batch,
            mb(needs.plan(batch).total())
        ));
    }
    Ok(fitted)
}

fn mb(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
