//! A sweep on several devices of one machine: a process for each, which makes one model after the other, the largest
//! first. The run folders are all that they share.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::sweep::Work;
use super::talk::Talk;
use super::{interrupt, model, verdicts};
use crate::error::{Error, Result};
use crate::judge::rules;
use crate::report::RunView;
use crate::run::State;

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Makes all cells, and gives the views of those that are finished and how many are not.
///
/// # Errors
/// The user interrupted it; a process cannot be started.
pub(super) fn run_on(
    devices: &[String],
    work: &Work<'_>,
    file: &Path,
    threads: Option<usize>,
    talk: &Talk,
) -> Result<(Vec<RunView>, usize)> {
    let stop = interrupt::flag()?;
    let mut queue = queue(work, talk)?;
    let mut working: Vec<Option<Child>> = devices.iter().map(|_| None).collect();
    loop {
        for (device, slot) in devices.iter().zip(&mut working) {
            if let Some(child) = slot {
                match child.try_wait() {
                    Ok(None) => continue,
                    // What went wrong it has said itself, and its folders show.
                    Ok(Some(_)) | Err(_) => *slot = None,
                }
            }
            if !stop.load(Ordering::Relaxed)
                && let Some(name) = queue.pop()
            {
                talk.say(format!("{device}: {name}"));
                *slot =
                    Some(start(work, file, &name, device, threads_on(device, devices, threads))?);
            }
        }
        if working.iter().all(Option::is_none) {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
        if stop.load(Ordering::Relaxed) {
            end(&mut working);
            return Err(Error::interrupted(
                "interrupted: what is done is recorded in the run folders",
            )
            .hint("run the same command again to go on from there"));
        }
    }
    let (mut views, mut failed) = (Vec::new(), 0);
    for (cell, _) in work.cells() {
        let path = work.out.join(&cell.place);
        match State::of(&path) {
            Some(State::Sealed) => views.push(verdicts::view(&path, rules::NAME)?),
            _ => failed += 1,
        }
    }
    Ok((views, failed))
}

/// The models by size, the largest last.
fn queue(work: &Work<'_>, talk: &Talk) -> Result<Vec<String>> {
    let mut sizes = Vec::new();
    for (name, entry, _) in work.models() {
        let bytes = model::open(&entry.name, talk)?.weights()?.bytes(None);
        sizes.push((bytes, name.to_owned()));
    }
    // Those of one size in the order of the file.
    sizes.reverse();
    sizes.sort_by_key(|(bytes, _)| *bytes);
    Ok(sizes.into_iter().map(|(_, name)| name).collect())
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

fn start(
    work: &Work<'_>,
    file: &Path,
    model: &str,
    device: &str,
    threads: Option<usize>,
) -> Result<Child> {
    let failed = |error| Error::failed(format!("candor cannot start itself: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("sweep").arg(file).arg("--out").arg(work.out);
    command.args(["--only", model, "--device", device]);
    if let Some(threads) = threads {
        command.args(["--threads", &threads.to_string()]);
    }
    // Ctrl-C is for this process, which passes it on: a second one would end a step in the middle.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(failed)
}

/// Asks the processes to finish their step, and waits for them.
fn end(working: &mut [Option<Child>]) {
    for child in working.iter_mut().flatten() {
        #[cfg(unix)]
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        #[cfg(not(unix))]
        let _ = child.kill();
    }
    for child in working.iter_mut().flatten() {
        let _ = child.wait();
    }
}
