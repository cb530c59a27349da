//! `candor sweep --dry-run`: what a sweep would do, with the time that a short measurement leads one to expect.

use std::time::Instant;

use super::interrupt;
use super::talk::{Talk, print};
use crate::engine::{Job, generate};
use crate::error::Result;
use crate::machine::{Decoder, Loaded};
use crate::run::{Pace, Plan};
use crate::study::fit::fit;
use crate::study::sweep_work::Work;

/// Replies that are drawn for the measurement, and tokens of each.
const REPLIES: usize = 8;
const TOKENS: usize = 16;

/// Prints every cell: trials, tokens, memory, time at most. Loads each model, and writes nothing.
pub(super) fn dry_run(work: &Work<'_>, talk: &Talk) -> Result<()> {
    let (mut cells_all, mut trials_all, mut seconds_all) = (0, 0, 0.0);
    print("cell · trials · prompt tokens · new tokens at most · memory in MB · time at most\n")?;
    for (_, entry, cells) in work.models() {
        let loaded = work.load(entry, &cells, talk)?;
        let plans = work.plans(&loaded.model, cells.iter().copied())?;
        for (plan, (cell, _)) in plans.into_iter().zip(cells) {
            let pace = Pace { batch: cell.batch, draft: true };
            let memory = fit(&loaded, &[&plan], pace, talk)?;
            let seconds = seconds_at_most(&loaded, &plan, memory.batch)?;
            let trials = plan.trials.len();
            let prompts: usize = plan
                .trials
                .iter()
                .filter_map(|trial| plan.prompt(&trial.request.id, &trial.tier.name))
                .map(|prompt| prompt.ids.len())
                .sum();
            print(&format!(
                "{} · {trials} · {prompts} · {} · {:.1} · {}\n",
                cell.place.display(),
                trials * plan.settings.max_tokens,
                memory.total() as f64 / 1e6,
                time(seconds)
            ))?;
            cells_all += 1;
            trials_all += trials;
            seconds_all += seconds;
        }
    }
    print(&format!("{cells_all} cells, {trials_all} trials, {} at most\n", time(seconds_all)))
}

/// Seconds of a cell if every reply has its full length, from the first replies' first tokens. Drafts, and prompts
/// that share their beginning, make it less.
fn seconds_at_most(loaded: &Loaded, plan: &Plan<'_>, batch: usize) -> Result<f64> {
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

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
