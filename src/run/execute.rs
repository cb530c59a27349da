//! From a plan to a sealed folder: what is not yet in the journal goes through the engine.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::folder::Folder;
use super::journal::{Entry, Span};
use super::plan::Plan;
use crate::decoder::LanguageModel;
use crate::engine::{Job, Limits, generate};
use crate::error::{Error, Result};
use crate::scenario::Trial;
use crate::transcript::Transcript;

/// How the work is arranged: changes time and memory, and no result.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Sequences that are decoded at once.
    pub batch: usize,
    /// Whether the replies of a pair guess each other's tokens.
    pub draft: bool,
}

impl Pace {
    /// When the replies of a plan end, at this pace.
    pub(super) fn limits<'a>(self, plan: &Plan<'a>) -> Limits<'a> {
        Limits {
            stop_ids: &plan.model.stop_ids,
            max_tokens: plan.settings.max_tokens,
            batch: self.batch,
            draft: self.draft,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Trials finished, those of earlier tries included.
    pub trials_done: usize,
    /// Trials in all.
    pub trials: usize,
    /// Tokens drawn in this try.
    pub tokens_drawn: usize,
    /// Prompt tokens computed in this try.
    pub tokens_prefilled: usize,
    /// Tokens guessed in this try.
    pub tokens_guessed: usize,
    /// Guessed tokens that were drawn.
    pub tokens_accepted: usize,
}

/// Makes what is missing, and seals the folder.
///
/// A run that may end early is handed to `enough` at each of its looks but the last: the number of the look, from 0,
/// and the transcripts up to there. Since no trial behind a look is begun before it, neither the batch nor an
/// interruption changes where the run ends.
///
/// # Errors
/// Those of `enough`; interruption, a disk that does not take the records, a journal that holds trials of another plan.
pub fn execute<M: LanguageModel>(
    plan: &Plan<'_>,
    model: &M,
    pace: Pace,
    folder: &mut Folder,
    interrupted: &AtomicBool,
    mut on_progress: impl FnMut(Progress),
    mut enough: impl FnMut(usize, &[Transcript]) -> Result<bool>,
) -> Result<()> {
    let mut done = done(plan, folder)?;
    let limits = pace.limits(plan);
    let mut progress = Progress {
        trials_done: done.iter().flatten().count(),
        trials: done.len(),
        ..Progress::default()
    };
    on_progress(progress);
    let mut begin = 0;
    for (look, &end) in plan.ends().iter().enumerate() {
        let pending: Vec<usize> = (begin..end).filter(|&i| done[i].is_none()).collect();
        let mut jobs = Vec::with_capacity(pending.len());
        for &i in &pending {
            let guess = match partner(plan, &done, i) {
                Some(span) => folder.transcript(span)?.token_ids,
                None => Vec::new(),
            };
            jobs.push(Job { guess, ..plan.job(&plan.trials[i]) });
        }
        generate(model, &jobs, &plan.settings.sampling, &limits, interrupted, |step| {
            let mut transcripts = Vec::with_capacity(step.finished.len());
            let mut places = Vec::with_capacity(step.finished.len());
            for completion in step.finished {
                let i = pending[completion.job];
                transcripts.push(plan.transcript(&plan.trials[i], completion)?);
                places.push(i);
            }
            let spans = folder.append(&transcripts)?;
            progress.trials_done += transcripts.len();
            progress.tokens_drawn += step.drawn;
            progress.tokens_prefilled += step.prefilled;
            progress.tokens_guessed += step.guessed;
            progress.tokens_accepted += step.accepted;
            places.into_iter().zip(spans).for_each(|(i, span)| done[i] = Some(span));
            on_progress(progress);
            Ok(())
        })?;
        begin = end;
        if end < done.len() {
            let there = done[..end].iter().flatten().map(|span| folder.transcript(*span));
            if enough(look, &there.collect::<Result<Vec<_>>>()?)? {
                break;
            }
        }
    }
    folder.seal(done.into_iter().take(begin).flatten())
}

/// Where each trial stands in the journal, in trial order.
fn done(plan: &Plan<'_>, folder: &mut Folder) -> Result<Vec<Option<Span>>> {
    let mut done = vec![None; plan.trials.len()];
    let recorded = std::mem::take(&mut folder.recorded);
    if recorded.is_empty() {
        return Ok(done);
    }
    let index: HashMap<_, usize> =
        plan.trials.iter().enumerate().map(|(i, t)| (key_of_trial(t), i)).collect();
    for Entry { request, tier, sample, span } in recorded {
        let Some(&i) = index.get(&(&*request, &*tier, sample)) else {
            return Err(Error::input(format!(
                "the journal in `{}` holds trial {request}/{tier}/{sample}, which is not of this run",
                folder.path().display()
            ))
            .hint("choose another folder with `--out`"));
        };
        done[i] = Some(span);
    }
    Ok(done)
}

/// A finished trial whose reply is a guess at this one's: that of the pair's other tiers, which follow each other in
/// trial order.
fn partner(plan: &Plan<'_>, done: &[Option<Span>], trial: usize) -> Option<Span> {
    let tiers = plan.scenario.tiers.len();
    let first = trial / tiers * tiers;
    done.iter().skip(first).take(tiers).copied().flatten().next().filter(|_| plan.settings.coupled)
}

fn key_of_trial<'t>(trial: &Trial<'t>) -> (&'t str, &'t str, u32) {
    (&trial.request.id, &trial.tier.name, trial.sample)
}
