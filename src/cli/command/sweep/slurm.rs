//! The Slurm launcher: hands a sweep to `sbatch` as an array and a job that merges. Run folders on the file system
//! that the nodes share are the only state.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::run::{read_json, write_json};
use crate::study::sweep_work::Work;
use crate::sweep::{Submission, array_script, merge_script, sbatch_arguments};

const SUBMISSION: &str = "slurm/submission.json";

/// Submits the array and the merge.
///
/// # Errors
/// No `[slurm]` in the file, jobs of an earlier submission that are not done, `sbatch` is not there or refuses.
pub(in crate::cli) fn submit(work: &Work<'_>, file: &Path, talk: &Talk) -> Result<()> {
    let entry = work.sweep.slurm.as_ref().ok_or_else(|| {
        Error::input(format!("`{}` has no `[slurm]`", file.display()))
            .hint("`[slurm]` with `shards = 6` says into how many parts; `partition`, `time`, `gres` and others go with it")
    })?;
    if let Some((id, state)) = jobs(work.out)?.first() {
        return Err(Error::input(format!("job {id} of this sweep is not done: {state}"))
            .hint("wait for it, or `scancel` it first"));
    }
    let logs = work.out.join("slurm");
    std::fs::create_dir_all(&logs).map_err(|error| Error::write(&logs, &error))?;
    let candor = std::env::current_exe()
        .map_err(|error| Error::failed(format!("the path of candor itself is unknown: {error}")))?;
    let (candor, file, out) = (text(&candor)?, text(file)?, text(work.out)?);
    let logs = text(&logs)?;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let flags = talk.flags().map(str::to_owned);
    let task: Vec<String> =
        words(&[&candor, "sweep", &file, "--out", &out]).into_iter().chain(flags).collect();
    let array = sbatch(&sbatch_arguments(entry, &logs, None), &array_script(entry, &task))?;
    let mut join = words(&[&candor, "sweep", "merge", "--out", &out]);
    for shard in crate::run::Shard::all(entry.shards) {
        join.push(text(&work.out.join("shards").join(shard.file_name()))?);
    }
    let merge = sbatch(&sbatch_arguments(entry, &logs, Some(&array)), &merge_script(entry, &join))?;
    let submission = Submission { array, merge, shards: entry.shards };
    write_json(&work.out.join(SUBMISSION), &submission)?;
    talk.say(format!("logs: {logs}"));
    talk.say(format!("how far it is: candor sweep status {file} --out {out}"));
    print(&format!("{} {}\n", submission.array, submission.merge))
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::input(format!("the path `{}` is not UTF-8", path.display()))
            .hint("a job's script can name UTF-8 paths only")
    })
}

/// Hands a script to `sbatch`, and gives the job's id.
fn sbatch(arguments: &[String], script: &str) -> Result<String> {
    let failed = |error: std::io::Error| {
        Error::input(format!("`sbatch` cannot be started: {error}"))
            .hint("run this where Slurm's commands are, or use `--shard I/N` under another engine")
    };
    // What the environment sets for this command is not meant for the tasks.
    let mut command = Command::new("sbatch");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CANDOR_")) {
            command.env_remove(&name);
        }
    }
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A refusal closes the pipe early, and says why below.
        let _ = stdin.write_all(script.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::failed(format!("`sbatch` refused: {}", said.trim()))
            .hint("the keys of `[slurm]` are its options"));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    // `id` or `id;cluster`.
    Ok(said.trim().split(';').next().unwrap_or_default().to_owned())
}

/// The jobs of the last submission that `squeue` still knows, each with its state; none where Slurm was not asked
/// or cannot tell.
pub(in crate::cli) fn jobs(out: &Path) -> Result<Vec<(String, String)>> {
    let at: PathBuf = out.join(SUBMISSION);
    if !at.exists() {
        return Ok(Vec::new());
    }
    let submission: Submission = read_json(&at)?;
    let mut jobs = Vec::new();
    // One by one: `squeue` refuses a list with an id that it has forgotten.
    for id in [&submission.array, &submission.merge] {
        let output = Command::new("squeue")
            .args(["--noheader", "--format=%i %T", "--jobs", id])
            .stdin(Stdio::null())
            .output();
        let Ok(output) = output else { return Ok(Vec::new()) };
        let said = String::from_utf8_lossy(&output.stdout);
        let known = said.lines().filter_map(|line| line.trim().split_once(' '));
        jobs.extend(
            known
                .filter(|(_, state)| {
                    !["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"].contains(state)
                })
                .map(|(id, state)| (id.to_owned(), state.to_owned())),
        );
    }
    Ok(jobs)
}
