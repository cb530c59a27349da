//! From a plan to a sealed folder: what is not yet in the journal goes through the engine.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::folder::Folder;
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

/// Makes what is missing, seals the folder, and returns all transcripts in trial order.
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
    mut folder: Folder,
    interrupted: &AtomicBool,
    mut on_progress: impl FnMut(Progress),
    mut enough: impl FnMut(usize, &[Transcript]) -> Result<bool>,
) -> Result<Vec<Transcript>> {
    let index: HashMap<_, usize> =
        plan.trials.iter().enumerate().map(|(i, t)| (key_of_trial(t), i)).collect();
    let mut done: Vec<Option<Transcript>> = vec![None; plan.trials.len()];
    for transcript in std::mem::take(&mut folder.done) {
        let key = (transcript.request.as_str(), transcript.tier.as_str(), transcript.sample);
        let Some(&i) = index.get(&key) else {
            let (request, tier, sample) = key;
            return Err(Error::input(format!(
                "the journal in `{}` holds trial {request}/{tier}/{sample}, which is not of this run",
                folder.path().display()
            ))
            .hint("choose another folder with `--out`"));
        };
        done[i] = Some(transcript);
    }

    let limits = pace.limits(plan);
    let mut progress = Progress {
        trials_done: done.iter().flatten().count(),
        trials: done.len(),
        ..Progress::default()
    };
    on_progress(progress);
    let mut begin = 0;
    let mut transcripts: Vec<Transcript> = Vec::with_capacity(done.len());
    for (look, &end) in plan.ends().iter().enumerate() {
        let pending: Vec<usize> = (begin..end).filter(|&i| done[i].is_none()).collect();
        let jobs = jobs(plan, &done, &pending);
        generate(model, &jobs, &plan.settings.sampling, &limits, interrupted, |step| {
            let mut made = Vec::with_capacity(step.finished.len());
            let mut places = Vec::with_capacity(step.finished.len());
            for completion in step.finished {
                let i = pending[completion.job];
                made.push(plan.transcript(&plan.trials[i], completion)?);
                places.push(i);
            }
            folder.append(&made)?;
            progress.trials_done += made.len();
            progress.tokens_drawn += step.drawn;
            progress.tokens_prefilled += step.prefilled;
            progress.tokens_guessed += step.guessed;
            progress.tokens_accepted += step.accepted;
            places.into_iter().zip(made).for_each(|(i, transcript)| done[i] = Some(transcript));
            on_progress(progress);
            Ok(())
        })?;
        transcripts.extend(done[begin..end].iter_mut().filter_map(Option::take));
        if end < done.len() && enough(look, &transcripts)? {
            break;
        }
        begin = end;
    }
    folder.seal(&transcripts)?;
    Ok(transcripts)
}

/// What the engine is to do for these trials. The replies on record in the other tier are guesses.
fn jobs(plan: &Plan<'_>, done: &[Option<Transcript>], pending: &[usize]) -> Vec<Job> {
    let mut partners: HashMap<(&str, u32), &[u32]> = HashMap::new();
    if plan.settings.coupled {
        let known = done.iter().flatten().map(|t| ((&*t.request, t.sample), &t.token_ids[..]));
        partners.extend(known);
    }
    let job = |&i: &usize| {
        let trial = &plan.trials[i];
        let partner = partners.get(&(&*trial.request.id, trial.sample));
        Job { guess: partner.map(|ids| ids.to_vec()).unwrap_or_default(), ..plan.job(trial) }
    };
    pending.iter().map(job).collect()
}

fn key_of_trial<'t>(trial: &Trial<'t>) -> (&'t str, &'t str, u32) {
    (&trial.request.id, &trial.tier.name, trial.sample)
}
