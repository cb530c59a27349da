//! The time that a run will take, reckoned from a short measurement of its first replies. Writes nothing.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::engine::{Job, generate};
use crate::error::Result;
use crate::machine::{Loaded, with_decoder};
use crate::run::{Pace, Plan};

/// Replies that are drawn for the measurement, and tokens of each.
const REPLIES: usize = 8;
const TOKENS: usize = 16;

/// Seconds of a run if every reply has its full length, from the first replies' first tokens. Drafts, and prompts
/// that share their beginning, make it less.
pub(crate) fn seconds_at_most(
    loaded: &Loaded,
    plan: &Plan<'_>,
    batch: usize,
    stop: &AtomicBool,
) -> Result<f64> {
    let replies = plan.trials.len().min(REPLIES).min(batch);
    if replies == 0 {
        return Ok(0.0);
    }
    let (first, _) = measure(loaded, plan, replies, 1, stop)?;
    let (all, drawn) = measure(loaded, plan, replies, TOKENS, stop)?;
    let per_token = (all - first).max(0.0) / drawn.saturating_sub(replies).max(1) as f64;
    let tokens = (plan.trials.len() * plan.settings.max_tokens) as f64;
    Ok(first / replies as f64 * plan.trials.len() as f64 + per_token * tokens)
}

/// Seconds that the first replies of a plan take up to so many tokens, and the tokens drawn.
fn measure(
    loaded: &Loaded,
    plan: &Plan<'_>,
    replies: usize,
    tokens: usize,
    stop: &AtomicBool,
) -> Result<(f64, usize)> {
    let max_tokens = tokens.min(plan.settings.max_tokens);
    let trials = plan.trials.iter().take(replies);
    let jobs: Vec<Job<'_>> = trials.map(|trial| Job { max_tokens, ..plan.job(trial) }).collect();
    let limits = Pace { batch: replies, draft: false }.limits(plan.model);
    let started = Instant::now();
    let mut drawn = 0;
    let mut count = |step: crate::engine::Step| {
        drawn += step.drawn;
        Ok(())
    };
    with_decoder!(&loaded.decoder, it => generate(it, &jobs, &limits, stop, &mut count))?;
    Ok((started.elapsed().as_secs_f64(), drawn))
}
