//! Runs of one model: from plans to run folders that are sealed, judged and reported.

use std::collections::BTreeSet;
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::exchanges::arms;
use super::fit::fit;
use super::performance::{Performance, Try};
use super::stopping::enough;
use super::verdicts::judge_and_publish;
use crate::engine::MemoryPlan;
use crate::error::{Error, Kind, Result};
use crate::events::{Events, TrialEvents};
use crate::machine::{Loaded, with_decoder};
use crate::report::RunView;
use crate::run::{
    End, Folder, Making, Manifest, Pace, Plan, RunProgress, ShardPart, Watcher, departures, execute,
};
use crate::stats::Arms;
use crate::transcript::Transcript;

/// A run that is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) plan: Plan<'a>,
    /// The part of the run that is to be made, to which the plan was cut; none for a whole one.
    pub(crate) part: Option<ShardPart>,
    /// Its folder; none for the default place.
    pub(crate) out: Option<PathBuf>,
}

/// Makes runs of one model together, and gives the folder and view of each.
///
/// # Errors
/// Those of [`make`], and what went wrong with one of them, once the others are made.
pub(crate) fn experiments(
    loaded: &Loaded,
    wanted: &[Wanted<'_>],
    pace: Pace,
    talk: &dyn Events,
) -> Result<Vec<(PathBuf, RunView)>> {
    make_all(loaded, wanted, pace, talk, &|folder| {
        let view = judge_and_publish(folder.lock(), talk)?;
        Ok((folder.path().to_owned(), view))
    })
}

/// Makes runs of one model together, and gives what `finish` makes of each one's folder. Where a folder cannot be
/// opened none of them is begun.
///
/// # Errors
/// Those of [`make`], and what went wrong with one of them, once the others are made.
pub(crate) fn make_all<T>(
    loaded: &Loaded,
    wanted: &[Wanted<'_>],
    pace: Pace,
    talk: &dyn Events,
    finish: &dyn Fn(Folder) -> Result<T>,
) -> Result<Vec<T>> {
    let mut made: Vec<Option<Result<T>>> = wanted.iter().map(|_| None).collect();
    let mut bar = talk.trials(wanted.iter().map(|wanted| wanted.plan.trials.len()).sum());
    make(loaded, wanted, pace, &mut *bar, talk, &mut |number, folder| {
        let result = folder.and_then(finish);
        let flow = if result.is_ok() { Continue(()) } else { Break(()) };
        made[number] = Some(result);
        flow
    })?;
    made.into_iter().flatten().collect()
}

/// Takes the folder of a run by its place among those asked for, or what went wrong with it.
type Ended<'e> = dyn FnMut(usize, Result<Folder>) -> ControlFlow<()> + 'e;

/// Makes the transcripts of runs of one model together. `ended` takes each one's folder, sealed and still locked, or
/// what went wrong with it: once for each run, unless what stops all of them comes first. Until the first trial is
/// made it can end the others too.
///
/// # Errors
/// What stops all of them: interruption, or the model's own errors.
pub(crate) fn make(
    loaded: &Loaded,
    wanted: &[Wanted<'_>],
    pace: Pace,
    bar: &mut dyn TrialEvents,
    talk: &dyn Events,
    ended: &mut Ended<'_>,
) -> Result<()> {
    let stop = talk.stop()?;
    let plans: Vec<&Plan<'_>> = wanted.iter().map(|wanted| &wanted.plan).collect();
    let memory = match bar.suspend(|| fit(loaded, &plans, pace, talk)) {
        Ok(memory) => memory,
        Err(error) if wanted.len() == 1 => {
            _ = bar.suspend(|| ended(0, Err(error)));
            return Ok(());
        }
        // What does not fit together may fit alone.
        Err(_) => {
            let mut flow = Continue(());
            for (number, one) in wanted.iter().enumerate() {
                let one = std::slice::from_ref(one);
                make(loaded, one, pace, bar, talk, &mut |_, folder| {
                    flow = ended(number, folder);
                    flow
                })?;
                if flow.is_break() {
                    break;
                }
            }
            return Ok(());
        }
    };
    let mut notes: BTreeSet<&str> = BTreeSet::new();
    let (mut runs, mut open) = (Vec::new(), Vec::new());
    for (number, wanted) in wanted.iter().enumerate() {
        notes.extend(wanted.plan.notes.iter().map(String::as_str));
        match bar.suspend(|| begin(loaded, number, wanted, talk)) {
            Ok((run, opened)) => {
                runs.push(run);
                open.push(opened);
            }
            Err(error) => {
                if bar.suspend(|| ended(number, Err(error))).is_break() {
                    return Ok(());
                }
            }
        }
    }
    bar.suspend(|| notes.iter().for_each(|note| talk.say(format!("note: {note}"))));
    let pace = Pace { batch: memory.batch, ..pace };
    let started = Instant::now();
    let (excluded_time, last) = (Duration::ZERO, RunProgress::default());
    let warned = false;
    let mut watch =
        Watch { loaded, memory, open, started, excluded_time, last, bar, ended, talk, warned };
    let made = with_decoder!(&loaded.decoder, it => execute(it, runs, pace, stop, &mut watch));
    made.map_err(|error| match error.kind() {
        Kind::Interrupted => watch.interrupted(),
        _ => error,
    })
}

/// Opens the folder of a run.
fn begin<'a>(
    loaded: &Loaded,
    number: usize,
    wanted: &'a Wanted<'_>,
    talk: &dyn Events,
) -> Result<(Making<'a>, Open<'a>)> {
    let part = wanted.part.as_ref();
    let manifest = Manifest::new(&wanted.plan, loaded.decoder.info())?;
    if let Some(registered) = &manifest.settings.registered {
        for departure in departures(registered, &manifest) {
            talk.say(format!("note: not as registered: {departure}"));
        }
    }
    let path = folder_of(&manifest, wanted)?;
    let folder = Folder::open_part(&path, &manifest, part)?;
    if folder.set_aside > 0 {
        talk.say(format!(
            "note: {} bytes of an unfinished record were set aside in `{}`; its trials are made again",
            folder.set_aside,
            path.join("journal.cut").display()
        ));
    }
    let arms = arms(&manifest.scenario.tiers)?;
    let looks = manifest.settings.stopping.is_some().then_some(Looks { manifest, arms });
    Ok((Making::new(&wanted.plan, folder)?, Open { number, path, part, looks }))
}

/// What decides whether a run ends early.
struct Looks {
    manifest: Manifest,
    arms: Arms,
}

/// A run whose folder is open.
struct Open<'a> {
    /// Its place among those that were asked for.
    number: usize,
    path: PathBuf,
    part: Option<&'a ShardPart>,
    /// None for a run that is made to its end.
    looks: Option<Looks>,
}

/// Follows runs while they are made: shows how far they are, and notes what each took.
struct Watch<'a> {
    loaded: &'a Loaded,
    memory: MemoryPlan,
    open: Vec<Open<'a>>,
    started: Instant,
    /// What was not spent on trials: on verdicts and pages of runs that ended before the others.
    excluded_time: Duration,
    last: RunProgress,
    bar: &'a mut dyn TrialEvents,
    ended: &'a mut Ended<'a>,
    talk: &'a dyn Events,
    /// Whether the replies of the first full batch were looked at.
    warned: bool,
}

/// What is to be said of a first full batch most of whose replies say nothing: the rest will hardly be better.
fn lost(progress: &RunProgress) -> Vec<String> {
    let RunProgress { trials_made, trials_cut, trials_unanswered, .. } = *progress;
    let mut notes = Vec::new();
    if 2 * trials_cut > trials_made {
        notes.push(format!(
            "note: {trials_cut} of the first {trials_made} replies were cut at the token limit; a larger \
             `--max-tokens` lets them end"
        ));
    }
    if 2 * trials_unanswered > trials_made {
        notes.push(format!(
            "note: {trials_unanswered} of the first {trials_made} replies ended without an answer; `--variant \
             no-scratchpad` or a larger model may give some"
        ));
    }
    notes
}

impl Watcher for Watch<'_> {
    fn progress(&mut self, progress: RunProgress) {
        self.last = progress;
        self.bar.made(progress.trials_done, progress.tokens_drawn);
        if !self.warned && progress.trials_made >= self.memory.batch.max(4) {
            self.warned = true;
            let notes = lost(&progress);
            self.bar.suspend(|| notes.iter().for_each(|note| self.talk.say(note)));
        }
    }

    fn should_stop_early(&mut self, run: usize, look: usize, transcripts: &[Transcript]) -> bool {
        let looks = self.open[run].looks.as_ref();
        looks.is_some_and(|looks| enough(&looks.manifest, &looks.arms, look, transcripts))
    }

    fn ended(&mut self, run: usize, folder: Folder, end: End) {
        let recorded = match self.last.tokens_drawn {
            0 => Ok(()),
            _ => self.record(&folder, self.open[run].part),
        };
        // What stopped a run is told before what could not be noted about it.
        let result = match end {
            End::Sealed => recorded.map(|()| folder),
            End::Failed(error) => Err(error),
            End::Stopped => return,
        };
        let (number, ended) = (self.open[run].number, &mut self.ended);
        let began = Instant::now();
        _ = self.bar.suspend(|| ended(number, result));
        self.excluded_time += began.elapsed();
    }
}

impl Watch<'_> {
    fn interrupted(&self) -> Error {
        let RunProgress { trials_done, trials, .. } = self.last;
        let place = match &self.open[..] {
            [Open { path, .. }] => format!("`{}`", path.display()),
            _ => "the run folders".into(),
        };
        Error::interrupted(format!(
            "interrupted: {trials_done} of {trials} trials are recorded in {place}"
        ))
        .hint("run the same command again to go on from there")
    }

    /// Adds this try to the performance record of a run.
    fn record(&self, folder: &Folder, part: Option<&ShardPart>) -> Result<()> {
        let seconds = self.started.elapsed().saturating_sub(self.excluded_time).as_secs_f64();
        let info = self.loaded.decoder.info();
        let shard = part.map(|part| part.shard);
        let made = Try::new(shard, self.open.len(), self.last, seconds, &self.memory, info);
        Performance::add(folder.path(), &self.loaded.name, made)
    }
}

/// Where a run goes: its own folder, or the default one.
///
/// # Errors
/// Never in practice: those of the manifest's digest.
pub(crate) fn folder_of(manifest: &Manifest, wanted: &Wanted<'_>) -> Result<PathBuf> {
    match &wanted.out {
        Some(path) => Ok(path.clone()),
        None => default_folder(manifest, wanted.part.as_ref()),
    }
}

/// `runs/<model>-<scenario>-<digest>`, and for a shard which one.
fn default_folder(manifest: &Manifest, part: Option<&ShardPart>) -> Result<PathBuf> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let digest = manifest.digest()?;
    let mut name = format!("{}-{}-{}", manifest.model.label, manifest.scenario.name, &digest[..12]);
    if let Some(part) = part {
        name += &format!("-{}", part.shard.file_name());
    }
    Ok(Path::new("runs").join(name.chars().map(plain).collect::<String>()))
}
