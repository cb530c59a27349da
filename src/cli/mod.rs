//! argv to a typed command to work. One file per command; no input or output while parsing.
//!
//! stdout carries data, stderr carries talk. Exit codes: 0 done, 1 failed, 2 usage or bad input, 3 not
//! comparable here (`verify`), 130 interrupted.

mod args;
mod bench;
mod bounds;
mod demo;
mod doctor;
mod environment;
mod export;
mod http;
mod import;
mod input;
mod inspect;
mod interrupt;
mod judge;
mod judge_table;
mod json_lines;
mod label;
mod label_file;
mod logits_file;
mod memory_table;
mod merge;
mod model_sizes;
mod models;
mod organism;
mod plan;
mod probe;
mod probe_table;
mod recipes;
mod reference;
mod render;
mod report;
mod run;
mod scenarios;
mod score;
mod show;
mod show_run;
mod sweep;
mod sweep_devices;
mod sweep_dry;
mod sweep_folder;
mod sweep_slurm;
mod sweep_status;
mod table;
mod talk;
mod token_digests;
mod tokenize;
mod training;
mod verify;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::error::{Error, Kind, Result};
use crate::events::Events;
use args::{Cli, Command};
use talk::Talk;

/// Exit code where results cannot be compared: they come from another version, or their bits from another machine.
const NOT_COMPARABLE: u8 = 3;

/// Parses the arguments, does what they say, and gives the exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let command = environment::settle(Cli::command());
    let matches = command.try_get_matches_from(args);
    let cli = match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows whether this is help (stdout, 0) or a usage error (stderr, 2).
            let code = if error.use_stderr() { 2 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    let talk = Talk::new(cli.quiet, cli.offline);
    interrupt::let_writes_fail();
    match dispatch(cli, &talk) {
        Ok(code) => code,
        Err(error) => {
            talk.error(&error);
            ExitCode::from(match error.kind() {
                Kind::Failed => 1,
                Kind::Input => 2,
                Kind::Incomparable => NOT_COMPARABLE,
                Kind::Interrupted => 130,
            })
        }
    }
}

fn dispatch(cli: Cli, talk: &Talk) -> Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::demo(&args, talk),
        Command::Run(args) => run::run(&args, talk),
        Command::Sweep(args) => return sweep::sweep(&args, talk),
        Command::Judge(args) => judge::judge(&args, talk),
        Command::Label(args) => label::label(&args, talk),
        Command::Report(args) => report::report(&args, talk),
        Command::View(args) => view::view(&args, talk),
        Command::Show(args) => show_run::show(&args, talk),
        Command::Export(args) => export::export(&args, talk),
        Command::Import(args) => import::import(&args, talk),
        Command::Verify(args) => return verify::verify(&args, talk),
        Command::Probe(args) => probe::probe(&args, talk),
        Command::Plan(args) => plan::plan(&args),
        Command::Bench(args) => bench::bench(&args, talk),
        Command::Score(args) => score::score(&args, talk),
        Command::Tokenize(args) => tokenize::tokenize(&args, talk),
        Command::Render(args) => render::render(&args, talk),
        Command::Models(args) => models::models(&args, talk),
        Command::Doctor(args) => return doctor::doctor(&args),
        Command::Completions(args) => reference::completions(&args),
        Command::Man(args) => reference::man(&args, talk),
        Command::Scenarios(args) => scenarios::scenarios(&args, talk),
        Command::Organism(args) => return organism::organism(&args, talk),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Sets how many threads compute. Must come before anything computes.
fn use_threads(threads: Option<usize>) -> Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    bounds::check_count("threads", threads as u64, bounds::threads_max())?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Error::failed(format!("{threads} threads cannot be started: {error}")))
}
