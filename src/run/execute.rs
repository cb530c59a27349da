//! From plans to sealed folders: what the runs of a model lack goes through the engine together. They share the
//! prefixes of their prompts, and where one has no more work the rows of another fill the batch.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::folder::Folder;
use super::making::Making;
use crate::decoder::LanguageModel;
use crate::engine::{Completion, Job, Limits, Step, generate};
use crate::error::{Error, Result};
use crate::model::Model;
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
    /// What all replies of a model share, at this pace.
    pub fn limits(self, model: &Model) -> Limits<'_> {
        Limits { stop_ids: &model.stop_ids, batch: self.batch, draft: self.draft }
    }
}

/// How far the runs that are made together are.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunProgress {
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
    /// Trials finished in this try.
    pub trials_made: usize,
    /// Those of them whose reply was cut at the token limit.
    pub trials_cut: usize,
    /// Those of them whose reply ended without an answer.
    pub trials_unanswered: usize,
}

/// Who follows the making of runs.
pub trait Watcher {
    /// Is told how far they are, before the first step and after each.
    fn progress(&mut self, progress: RunProgress);

    /// Whether a run that may end early ends at this look, from 0, given its transcripts up to there.
    fn should_stop_early(&mut self, run: usize, look: usize, transcripts: &[Transcript]) -> bool;

    /// Takes the folder of a run, still locked; once for each.
    fn ended(&mut self, run: usize, folder: Folder, end: End);
}

/// How the making of a run ended.
#[derive(Debug)]
pub enum End {
    /// All that it asks for is there, and sealed.
    Sealed,
    /// It cannot go on; the others do.
    Failed(Error),
    /// It was stopped together with the others.
    Stopped,
}

/// Makes what is missing of runs of one model, and seals their folders.
///
/// # Errors
/// What stops all of them: interruption, or the model's own errors.
pub fn execute<M: LanguageModel>(
    model: &M,
    runs: Vec<Making<'_>>,
    pace: Pace,
    interrupted: &AtomicBool,
    watcher: &mut impl Watcher,
) -> Result<()> {
    let Some(limits) = runs.first().map(|run| pace.limits(run.plan.model)) else { return Ok(()) };
    let mut work = Work::new(runs, watcher);
    loop {
        let mut places = Vec::new();
        let mut jobs = Vec::new();
        for run in 0..work.runs.len() {
            for (trial, job) in work.jobs(run) {
                places.push((run, trial));
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return Ok(());
        }
        work.lost_one = false;
        let drawn = generate(model, &jobs, &limits, interrupted, |step| work.record(&places, step));
        // Rows of a run that failed would be drawn for nothing: the others begin theirs again.
        if let Err(error) = drawn
            && !work.lost_one
        {
            work.stop();
            return Err(error);
        }
    }
}

/// Runs that are made together.
struct Work<'a, 'w, W> {
    /// None for one that has ended.
    runs: Vec<Option<Making<'a>>>,
    progress: RunProgress,
    /// Whether a run has failed since the engine was started.
    lost_one: bool,
    watcher: &'w mut W,
}

impl<'a, 'w, W: Watcher> Work<'a, 'w, W> {
    fn new(runs: Vec<Making<'a>>, watcher: &'w mut W) -> Self {
        let progress = RunProgress {
            trials_done: runs.iter().map(Making::trials_done).sum(),
            trials: runs.iter().map(Making::trials).sum(),
            ..RunProgress::default()
        };
        watcher.progress(progress);
        Self { runs: runs.into_iter().map(Some).collect(), progress, lost_one: false, watcher }
    }

    /// What a run lacks before its next look.
    fn jobs(&mut self, run: usize) -> Vec<(usize, Job<'a>)> {
        self.go_on(run);
        let jobs = self.runs[run].as_mut().map_or(Ok(Vec::new()), Making::jobs);
        jobs.unwrap_or_else(|error| {
            self.end(run, End::Failed(error));
            Vec::new()
        })
    }

    /// Puts the finished trials of a step on record, each in its run's folder.
    fn record(&mut self, places: &[(usize, usize)], step: Step) -> Result<()> {
        let mut finished: BTreeMap<usize, Vec<(usize, Completion)>> = BTreeMap::new();
        for completion in step.finished {
            let (run, trial) = places[completion.job];
            finished.entry(run).or_default().push((trial, completion));
        }
        self.progress.tokens_drawn += step.drawn;
        self.progress.tokens_prefilled += step.prefilled;
        self.progress.tokens_guessed += step.guessed;
        self.progress.tokens_accepted += step.accepted;
        let mut recorded = Vec::new();
        for (run, finished) in finished {
            let Some(making) = &mut self.runs[run] else { continue };
            let trials = finished.len();
            match making.record(finished) {
                Ok([cut, unanswered]) => {
                    self.progress.trials_done += trials;
                    self.progress.trials_made += trials;
                    self.progress.trials_cut += cut;
                    self.progress.trials_unanswered += unanswered;
                    recorded.push(run);
                }
                Err(error) => self.end(run, End::Failed(error)),
            }
        }
        // The finished trials of this step are on record before the run of one that cannot be drawn ends: there is
        // no outcome for a reply that the model could not make, and a run without it would not be the one asked for.
        for broken in step.broken {
            let (run, trial) = places[broken.job];
            let Some(making) = &self.runs[run] else { continue };
            let error = broken.error(format_args!("trial `{}`", making.plan.trials[trial]));
            self.end(run, End::Failed(error));
        }
        self.watcher.progress(self.progress);
        recorded.into_iter().for_each(|run| self.go_on(run));
        match self.lost_one {
            true => Err(Error::failed("a run has failed")),
            false => Ok(()),
        }
    }

    /// Lets a run at whose next look nothing is missing go on, or end.
    fn go_on(&mut self, run: usize) {
        let Some(making) = &mut self.runs[run] else { return };
        let watcher = &mut *self.watcher;
        match making.go_on(|look, transcripts| watcher.should_stop_early(run, look, transcripts)) {
            Ok(false) => {}
            Ok(true) => self.end(run, End::Sealed),
            Err(error) => self.end(run, End::Failed(error)),
        }
    }

    fn end(&mut self, run: usize, end: End) {
        self.lost_one |= matches!(end, End::Failed(_));
        if let Some(making) = self.runs[run].take() {
            self.watcher.ended(run, making.folder, end);
        }
    }

    fn stop(&mut self) {
        for run in 0..self.runs.len() {
            self.end(run, End::Stopped);
        }
    }
}
