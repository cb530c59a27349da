//! argv to a typed command to work. One file per command; no input or output while parsing.
//!
//! stdout carries data, stderr carries talk. Exit codes: 0 done, 1 failed, 2 usage or bad input, 3 not
//! comparable here (`verify`), 130 interrupted.

mod args;
mod bench;
mod bounds;
mod demo;
mod diff;
mod doctor;
mod environment;
mod export;
mod folders;
mod http;
mod import;
mod input;
mod inspect;
mod interrupt;
mod judge;
mod judge_fit;
mod judge_table;
mod json_lines;
mod label;
mod label_file;
mod logits_file;
mod ls;
mod memory_table;
mod merge;
mod model_sizes;
mod models;
mod organism;
mod plan;
mod plant;
mod probe;
mod probe_table;
mod recipes;
mod recover;
mod reference;
mod render;
mod register;
mod report;
mod reckoning;
mod run;
mod run_config;
mod run_dry;
mod scenarios;
mod schema;
mod score;
mod shape;
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
mod terminal;
mod token_digests;
mod tokenize;
mod training;
mod verify;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::parser::ValueSource;

use crate::error::{Error, Kind, Result};
use crate::events::Events;
use args::{Cli, Command};
use talk::Talk;

/// Exit code where results cannot be compared: they come from another version, or their bits from another machine.
const NOT_COMPARABLE: u8 = 3;

/// Parses the arguments, does what they say, and gives the exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if args.len() < 2 {
        return match talk::show(shape::BEGIN) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let cli = match parsed(args) {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows whether this is help (stdout, 0) or a usage error (stderr, 2).
            let code = if error.use_stderr() { 2 } else { 0 };
            let printed = match terminal::is_ascii() {
                true if code == 0 => talk::show(&error.render().to_string()).is_ok(),
                true => {
                    eprint!("{}", terminal::showable(&error.render().to_string()));
                    true
                }
                false => error.print().is_ok(),
            };
            return match printed {
                true => ExitCode::from(code),
                false => ExitCode::FAILURE,
            };
        }
    };
    terminal::want(cli.width);
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

/// The arguments as the command that they make. What was given, and what is a default, is noted for `run`.
fn parsed(args: Vec<OsString>) -> std::result::Result<Cli, clap::Error> {
    let matches = environment::settle(shape::command()).try_get_matches_from(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let (Command::Run(run), Some((_, given))) = (&mut cli.command, matches.subcommand()) {
        let is_given = |id: &&str| {
            given.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue)
        };
        run.given = given.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect();
    }
    Ok(cli)
}

fn dispatch(cli: Cli, talk: &Talk) -> Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => demo::demo(&args, talk),
        Command::Run(mut args) => run::run(&mut args, talk),
        Command::Sweep(args) => return sweep::sweep(&args, talk),
        Command::Judge(args) => judge::judge(&args, talk),
        Command::Label(args) => label::label(&args, talk),
        Command::Report(args) => report::report(&args, talk),
        Command::Ls(args) => ls::ls(&args, talk),
        Command::Diff(args) => diff::diff(&args, talk),
        Command::View(args) => view::view(&args, talk),
        Command::Show(args) => show_run::show(&args, talk),
        Command::Export(args) => export::export(&args, talk),
        Command::Import(args) => import::import(&args, talk),
        Command::Verify(args) => return verify::verify(&args, talk),
        Command::Probe(args) => probe::probe(&args, talk),
        Command::Plan(args) => plan::plan(&args, talk),
        Command::Bench(args) => bench::bench(&args, talk),
        Command::Score(args) => score::score(&args, talk),
        Command::Tokenize(args) => tokenize::tokenize(&args, talk),
        Command::Render(args) => render::render(&args, talk),
        Command::Models(args) => models::models(&args, talk),
        Command::Doctor(args) => return doctor::doctor(&args),
        Command::Schema(args) => schema::schema(&args),
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
