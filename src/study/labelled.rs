//! A finished run that a person labels: what there is to read, and what was said of it so far.

use std::path::{Path, PathBuf};

use super::exchanges::exchanges;
use super::judged_run::JudgedRun;
use super::verdicts::{add, judge_and_publish};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::judge::{Exchange, Label, Labels, Verdicts};
use crate::report::RunView;
use crate::run::{Finished, Lock};
use crate::transcript::Transcript;

/// A run and the labels of one person.
pub(crate) struct Labelled {
    run: Finished,
    digest: String,
    pub(crate) labels: Labels,
    _lock: Option<Lock>,
}

/// A trial with what can be read of it.
pub(crate) type Read<'a> = (&'a Transcript, Exchange<'a>);

impl Labelled {
    /// Opens a run to label it: nobody else writes to it meanwhile.
    ///
    /// # Errors
    /// It is no finished run, another process writes to it, or its verdicts are damaged.
    pub(crate) fn open(path: &Path, labeler: Option<&str>, talk: &dyn Events) -> Result<Self> {
        Finished::check_sealed(path)?;
        let lock = Lock::take(path)?;
        // The page shows the labels beside the verdicts of `rules`.
        judge_and_publish(&lock, talk)?;
        Ok(Self { _lock: Some(lock), ..Self::read(path, labeler)? })
    }

    /// Reads a run and its labels.
    ///
    /// # Errors
    /// It is no finished run, or its verdicts are damaged.
    pub(crate) fn read(path: &Path, labeler: Option<&str>) -> Result<Self> {
        let judge = Labels::judge(labeler).ok_or_else(|| {
            Error::input("the name given with `--labeler` has no letter and no digit")
                .hint("use a name that can stand in a file name")
        })?;
        let run = Finished::open(path)?;
        let digest = Finished::transcripts_digest(path)?;
        let labels = match Verdicts::card(path, &judge)? {
            Some(_) => Labels::of(&Verdicts::of_run(&run, &judge)?, &run.transcripts),
            None => Labels::none(&judge, run.transcripts.len()),
        };
        Ok(Self { run, digest, labels, _lock: None })
    }

    /// Digest of the run's transcripts.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Every trial, in the order of the labels.
    pub(crate) fn exchanges(&self) -> Vec<Read<'_>> {
        exchanges(&self.run.record, &self.run.transcripts).collect()
    }

    /// The trials for reading and the labels for writing.
    pub(crate) fn parts(&mut self) -> (Vec<Read<'_>>, Paper<'_>) {
        let Self { run, digest, labels, .. } = self;
        (
            exchanges(&run.record, &run.transcripts).collect(),
            Paper { path: run.path.clone(), digest, labels },
        )
    }

    /// Writes the labels, and summary and page anew; gives the run as this person sees it.
    pub(crate) fn publish(self) -> Result<RunView> {
        let Self { run, labels, _lock, .. } = self;
        let verdicts =
            labels.verdicts(&exchanges(&run.record, &run.transcripts).collect::<Vec<_>>());
        let path = run.path.clone();
        add(run, verdicts)?;
        JudgedRun::open(&path, &labels.judge)?.view()
    }
}

/// Where labels are written.
pub(crate) struct Paper<'a> {
    path: PathBuf,
    digest: &'a str,
    labels: &'a mut Labels,
}

impl Paper<'_> {
    /// The label of a trial as it is now.
    pub(crate) fn label(&self, place: usize) -> Label {
        self.labels.of_trials[place]
    }

    /// Changes the label of a trial; when this returns, the change survives a crash.
    pub(crate) fn set(&mut self, place: usize, label: Label, exchanges: &[Read<'_>]) -> Result<()> {
        self.labels.of_trials[place] = label;
        self.labels.verdicts(exchanges).about(self.digest).write(&self.path)
    }
}
