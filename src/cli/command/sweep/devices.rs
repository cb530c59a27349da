//! A sweep on several devices of one machine: a process on each for one model after the other, the largest work first.
//! Where devices would stand idle the cells of a model are divided among some. The run folders are all that the
//! processes share.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, TrialBar};
use crate::error::{Error, Result};
use crate::events::{Events, TrialEvents};
use crate::judge::rules;
use crate::machine::open_model;
use crate::report::RunView;
use crate::run::{Shard, State, TrialCount};
use crate::study::JudgedRun;
use crate::study::sweep_work::Work;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);

/// Makes all cells, and gives the views of those that are finished and how many are not.
///
/// # Errors
/// The user interrupted it; a process cannot be started.
pub(in crate::cli) fn run_on(
    devices: &[String],
    work: &Work<'_>,
    file: &Path,
    threads: Option<usize>,
    talk: &Talk,
) -> Result<(Vec<RunView>, usize)> {
    let mut bar = talk.trial_bar(work.trials()?);
    bar.begin(&format!("{} devices", devices.len()), 0);
    let mut workers = Workers { work, file, threads, talk, bar, stderr_forwarders: Vec::new() };
    let mut working: Vec<Option<Worker>> = devices.iter().map(|_| None).collect();
    let made = workers.work_off(devices, &mut working);
    if made.is_err() {
        end(&mut working);
    }
    for forwarder in workers.stderr_forwarders {
        let _ = forwarder.join();
    }
    made?;
    let (mut views, mut failed) = (Vec::new(), 0);
    for (cell, _) in work.cells() {
        let path = work.out.join(&cell.place);
        match State::of(&path) {
            Some(State::Sealed) => views.push(JudgedRun::open(&path, rules::NAME)?.view()?),
            _ => failed += 1,
        }
    }
    Ok((views, failed))
}

/// A process and what it makes.
struct Worker {
    task: Task,
    process: Child,
}

/// What the processes of all devices have in common.
struct Workers<'a> {
    work: &'a Work<'a>,
    file: &'a Path,
    threads: Option<usize>,
    talk: &'a Talk,
    bar: TrialBar,
    /// What passes on what they say.
    stderr_forwarders: Vec<JoinHandle<()>>,
}

impl Workers<'_> {
    fn work_off(&mut self, devices: &[String], working: &mut [Option<Worker>]) -> Result<()> {
        let stop = interrupt::flag()?;
        let mut queue = queue(self.work, devices.len(), self.talk)?;
        let cells = self.work.cells();
        let mut counts: Vec<TrialCount> =
            cells.map(|(cell, _)| TrialCount::of(&self.work.out.join(&cell.place))).collect();
        let mut counted: Option<Instant> = None;
        loop {
            for (device, slot) in devices.iter().zip(&mut *working) {
                if slot.as_mut().is_some_and(|worker| self.is_at_work(worker)) {
                    continue;
                }
                *slot = match queue.pop() {
                    Some(task) => Some(self.start(task, device, devices)?),
                    None => None,
                };
            }
            if working.iter().all(Option::is_none) {
                return Ok(());
            }
            if counted.is_none_or(|then| then.elapsed() >= BETWEEN_COUNTS) {
                counted = Some(Instant::now());
                // For show: what cannot be read now is counted later.
                self.bar.trials_done(counts.iter_mut().filter_map(|count| count.now().ok()).sum());
            }
            std::thread::sleep(BETWEEN_LOOKS);
            if stop.load(Ordering::Relaxed) {
                return Err(Error::interrupted(
                    "interrupted: what is done is recorded in the run folders",
                )
                .hint("run the same command again to go on from there"));
            }
        }
    }

    /// Whether a process has not ended. What went wrong it has said itself, unless it was killed.
    fn is_at_work(&self, worker: &mut Worker) -> bool {
        match worker.process.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.code().is_none() => {
                let error = Error::failed(format!(
                    "the process that made {} was killed: {status}",
                    worker.task
                ))
                .hint("where memory is short the system does that");
                self.bar.suspend(|| self.talk.error(&error));
                false
            }
            Ok(Some(_)) | Err(_) => false,
        }
    }

    fn start(&mut self, task: Task, device: &str, devices: &[String]) -> Result<Worker> {
        self.bar.suspend(|| self.talk.say(format!("{device}: {task}")));
        let failed = |error| Error::failed(format!("candor cannot start itself: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("sweep").arg(self.file).arg("--out").arg(self.work.out);
        command.args(["--only", &task.model, "--device", device, "--while-stdin"]);
        command.args(self.talk.flags());
        if let Some(part) = task.part {
            command.args(["--cells", &part.to_string()]);
        }
        if let Some(threads) = threads_on(device, devices, self.threads) {
            command.args(["--threads", &threads.to_string()]);
        }
        // Ctrl-C is for this process, which passes it on: a second one would end a step in the middle.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // Its stdin is closed when this process is gone, and tells it to stop.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(failed)?;
        self.stderr_forwarders.extend(process.stderr.take().map(|said| self.bar.pass_on(said)));
        Ok(Worker { task, process })
    }
}

/// What one process makes: the cells of a model, or a part of them.
#[derive(Debug, Clone)]
struct Task {
    model: String,
    part: Option<Shard>,
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.model)?;
        self.part.map_or(Ok(()), |part| write!(f, ", part {part} of its cells"))
    }
}

/// What is to be made, the largest last.
fn queue(work: &Work<'_>, devices: usize, talk: &Talk) -> Result<Vec<Task>> {
    let mut models = Vec::new();
    for (name, entry, cells) in work.models() {
        let bytes = open_model(&entry.name, talk)?.weights()?.bytes(None);
        let cost = bytes as f64 * work.trials_of(&cells)? as f64;
        models.push((name, cells.len(), cost));
    }
    let all: f64 = models.iter().map(|(.., cost)| cost).sum();
    let mut tasks = Vec::new();
    for (name, cells, cost) in models {
        let parts = divided(cost / all * devices as f64, cells);
        for part in Shard::all(parts) {
            let task = Task { model: name.to_owned(), part: (parts > 1).then_some(part) };
            tasks.push((cost / parts as f64, task));
        }
    }
    // Those of one size in the order of the file.
    tasks.reverse();
    tasks.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    Ok(tasks.into_iter().map(|(_, task)| task).collect())
}

/// Into how many parts the cells of a model are divided, whose share of the work would keep so many devices busy. Each
/// part loads the model again: there are no more than that.
fn divided(devices: f64, cells: usize) -> usize {
    // A share of the work is finite and not negative.
    (devices.round() as usize).clamp(1, cells.max(1))
}

/// Processes on one processor share its threads.
fn threads_on(device: &str, devices: &[String], threads: Option<usize>) -> Option<usize> {
    let sharing = devices.iter().filter(|other| *other == "cpu").count();
    match threads {
        None if device == "cpu" && sharing > 1 => {
            let all = std::thread::available_parallelism().map_or(1, usize::from);
            Some((all / sharing).max(1))
        }
        threads => threads,
    }
}

/// Asks the processes to finish their step, and waits for them.
fn end(working: &mut [Option<Worker>]) {
    for worker in working.iter_mut().flatten() {
        #[cfg(unix)]
        let _ = Command::new("kill").args(["-TERM", &worker.process.id().to_string()]).status();
        #[cfg(not(unix))]
        let _ = worker.process.kill();
    }
    for worker in working.iter_mut().flatten() {
        let _ = worker.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_divided_where_devices_would_stand_idle() {
        // One model on four devices; two equal ones on two; one that is nine tenths of the work.
        assert_eq!(
            [(4.0, 8), (1.0, 8), (1.8, 8), (0.2, 8)].map(|(d, c)| divided(d, c)),
            [4, 1, 2, 1]
        );
        // A cell is not divided.
        assert_eq!([(4.0, 3), (8.0, 1), (0.0, 0)].map(|(d, c)| divided(d, c)), [3, 1, 1]);
    }
}
