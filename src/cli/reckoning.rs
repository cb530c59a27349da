//! The time that a run will take, reckoned from a short measurement of its first replies. Writes nothing.

use std::time::Instant;

use super::interrupt;
use crate::engine::{Job, generate};
use crate::error::Result;
use crate::machine::{Decoder, Loaded};
use crate::run::{Pace, Plan};

/// Replies that are drawn for the measurement, and tokens of each.
const REPLIES: usize = 8;
const TOKENS: usize = 16;

/// Seconds of a run if every reply has its full length, from the first replies' first tokens. Drafts, and prompts
/// that share their beginning, make it less.
pub(super) fn seconds_at_most(loaded: &Loaded, plan: &Plan<'_>, batch: usize) -> Result<f64> {
    let replies = plan.trials.len().min(REPLIES).min(batch);
    if replies == 0 {
        return Ok(0.0);
    }
    let (first, _) = measure(loaded, plan, replies, 1)?;
    let (all, drawn) = measure(loaded, plan, replies, TOKENS)?;
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
) -> Result<(f64, usize)> {
    let max_tokens = tokens.min(plan.settings.max_tokens);
    let trials = plan.trials.iter().take(replies);
    let jobs: Vec<Job<'_>> = trials.map(|trial| Job { max_tokens, ..plan.job(trial) }).collect();
    let limits = Pace { batch: replies, draft: false }.limits(plan.model);
    let stop = interrupt::flag()?;
    let started = Instant::now();
    let mut drawn = 0;
    let mut count = |step: crate::engine::Step| {
        drawn += step.drawn;
        Ok(())
    };
    match &loaded.decoder {
        Decoder::Cpu(decoder) => generate(&**decoder, &jobs, &limits, stop, &mut count),
        Decoder::Tensor(decoder) => generate(&**decoder, &jobs, &limits, stop, &mut count),
    }?;
    Ok((started.elapsed().as_secs_f64(), drawn))
}

/// A time for people, in one unit.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
