//! `candor sweep`: many models through many scenarios. Everything is checked before the first model's weights are
//! read, and a cell that fails does not stop the others.

mod devices;
mod dry;
mod folder;
mod merge;
mod slurm;
mod status;

use std::process::ExitCode;

use crate::cli::args::{Launcher, SweepArgs, SweepCommand};
use crate::cli::command::report::summary;
use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, show};
use crate::cli::threads::use_threads;
use crate::error::{Error, Result};
use crate::run::{Lock, write_json};
use crate::study::compare::compare_together;
use crate::study::page::write_page;
use crate::study::sweep_work::Work;
use crate::sweep::{Division, Sweep};
use devices::run_on;
use folder::folder;
use merge::merge;

pub(in crate::cli) fn sweep(args: &SweepArgs, talk: &Talk) -> Result<ExitCode> {
    match &args.command {
        Some(SweepCommand::Merge(args)) => merge(args, talk).map(|()| ExitCode::SUCCESS),
        Some(SweepCommand::Status(args)) => status::status(args).map(|()| ExitCode::SUCCESS),
        None => sweep_file(args, talk),
    }
}

fn sweep_file(args: &SweepArgs, talk: &Talk) -> Result<ExitCode> {
    let file = args.file.as_deref().ok_or_else(|| Error::input("no sweep file is named"))?;
    if args.launcher == Launcher::Slurm && args.shard.is_some() {
        return Err(Error::input("`--launcher slurm` divides the sweep itself")
            .hint("leave `--shard` out; the key `slurm.shards` says into how many parts"));
    }
    if args.while_stdin {
        interrupt::when_stdin_closes();
    }
    use_threads(args.threads)?;
    let sweep = Sweep::load(file)?;
    let out = folder(&sweep, file, args.out.as_deref());
    let share = args.share();
    let work = Work::new(&sweep, &out, &share)?;
    work.check(talk)?;
    if args.dry_run {
        return dry::dry_run(&work, talk).map(|()| ExitCode::SUCCESS);
    }
    if args.launcher == Launcher::Slurm {
        return slurm::submit(&work, file, talk).map(|()| ExitCode::SUCCESS);
    }
    // Processes that make one model each share the folder of the sweep.
    let _lock = args.only.is_none().then(|| Lock::make(&work.folder)).transpose()?;
    if let Some(division) = &work.division {
        write_json(&work.folder.join(Division::FILE), division)?;
    }
    let one_process = args.shard.is_some() || args.only.is_some() || args.device.is_some();
    let (mut views, failed) = match &sweep.devices[..] {
        devices @ [_, _, ..] if !one_process => run_on(devices, &work, file, args.threads, talk)?,
        _ => work.run(talk)?,
    };
    if work.division.is_none() && args.only.is_none() && !views.is_empty() {
        compare_together(&mut views);
        write_page(&views, &work.folder, talk)?;
        show(&summary(&views))?;
    }
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::failed(format!("{failed} of {} cells failed, as told above", work.cells().count()))
        .hint("run the same command again: what is finished stays, and the rest goes on"))
}
