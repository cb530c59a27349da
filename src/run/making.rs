//! A run in the making: what it asks for, where it is recorded, and what of it is on record.
//! Knows nothing about other runs.

use std::collections::HashMap;

use super::folder::Folder;
use super::journal::{Entry, Span};
use super::plan::Plan;
use crate::engine::{Completion, Job};
use crate::error::{Error, Result};
use crate::scenario::Trial;
use crate::transcript::{Outcome, Transcript};

/// A run that is being made.
pub struct Making<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) folder: Folder,
    /// Where each trial stands in the journal, in trial order; none for one that is to be made.
    done: Vec<Option<Span>>,
    /// Numbers of trials after which it is looked at, and at last sealed.
    ends: Vec<usize>,
    /// The look that comes next, from 0.
    look: usize,
    /// Trials before that look that are to be made.
    missing: usize,
}

impl<'a> Making<'a> {
    /// A run as far as its folder has it.
    ///
    /// # Errors
    /// The journal holds trials of another plan.
    pub fn new(plan: &'a Plan<'a>, mut folder: Folder) -> Result<Self> {
        let done = done(plan, &mut folder)?;
        let mut run = Self { plan, folder, done, ends: plan.ends(), look: 0, missing: 0 };
        run.missing = run.to_be_made().count();
        Ok(run)
    }

    /// Trials in all.
    pub(super) fn trials(&self) -> usize {
        self.done.len()
    }

    /// Trials on record.
    pub(super) fn trials_done(&self) -> usize {
        self.done.iter().flatten().count()
    }

    /// The trials that are missing before the next look, each with what the engine needs for it. No trial behind a look
    /// is begun before it, so that neither the batch nor an interruption changes where a run ends.
    ///
    /// # Errors
    /// The journal was changed since it was opened.
    pub(super) fn jobs(&mut self) -> Result<Vec<(usize, Job<'a>)>> {
        let plan = self.plan;
        let missing: Vec<usize> = self.to_be_made().collect();
        let mut jobs = Vec::with_capacity(missing.len());
        for trial in missing {
            let guess = match self.partner(trial) {
                Some(span) => self.folder.transcript(span)?.drawn().to_vec(),
                None => Vec::new(),
            };
            jobs.push((trial, Job { guess, ..plan.job(&plan.trials[trial]) }));
        }
        Ok(jobs)
    }

    /// Puts finished trials on record, and counts those that were cut and those that ended without an answer.
    ///
    /// # Errors
    /// The disk does not take them; their tokens cannot be decoded.
    pub(super) fn record(&mut self, finished: Vec<(usize, Completion)>) -> Result<[usize; 2]> {
        let mut places = Vec::with_capacity(finished.len());
        let mut transcripts = Vec::with_capacity(finished.len());
        for (trial, completion) in finished {
            places.push(trial);
            transcripts.push(self.plan.transcript(&self.plan.trials[trial], completion)?);
        }
        let spans = self.folder.append(&transcripts)?;
        self.missing -= spans.len();
        places.into_iter().zip(spans).for_each(|(trial, span)| self.done[trial] = Some(span));
        let count = |is: fn(Outcome) -> bool| transcripts.iter().filter(|t| is(t.outcome)).count();
        Ok([
            count(|outcome| outcome == Outcome::Truncated),
            count(|outcome| {
                !matches!(outcome, Outcome::Truncated | Outcome::Answered | Outcome::NoScratchpad)
            }),
        ])
    }

    /// Goes on to the next look at which something is missing, or to the end, and tells whether it is at its end and
    /// sealed. `enough` is told the number of a look and the transcripts up to there, at each look but the last.
    ///
    /// # Errors
    /// The disk does not take transcripts and seal.
    pub(super) fn go_on(
        &mut self,
        mut enough: impl FnMut(usize, &[Transcript]) -> bool,
    ) -> Result<bool> {
        while self.missing == 0 {
            let end = self.ends[self.look];
            let ends = self.look + 1 == self.ends.len() || {
                let there = self.done[..end].iter().flatten();
                let there: Result<Vec<_>> =
                    there.map(|span| self.folder.transcript(*span)).collect();
                enough(self.look, &there?)
            };
            if ends {
                self.folder.seal(self.done[..end].iter().flatten().copied())?;
                return Ok(true);
            }
            self.look += 1;
            self.missing = self.to_be_made().count();
        }
        Ok(false)
    }

    fn to_be_made(&self) -> impl Iterator<Item = usize> {
        let end = self.ends[self.look];
        (0..end).filter(|&trial| self.done[trial].is_none())
    }

    /// A finished trial whose reply is a guess at this one's: that of the pair's other tiers, which follow each other
    /// in trial order.
    fn partner(&self, trial: usize) -> Option<Span> {
        let tiers = self.plan.scenario.tiers.len();
        let pair = self.done.iter().skip(trial / tiers * tiers).take(tiers);
        pair.copied().flatten().next().filter(|_| self.plan.settings.coupled)
    }
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
        match done[i] {
            None => done[i] = Some(span),
            Some(first) => folder.check_same(first, span)?,
        }
    }
    Ok(done)
}

fn key_of_trial<'t>(trial: &Trial<'t>) -> (&'t str, &'t str, u32) {
    (&trial.request.id, &trial.tier.name, trial.sample)
}
