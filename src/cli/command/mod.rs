//! What each command does: one file or folder per command, each of which reads its arguments, calls the rooms in order
//! and says on the screen what came of it. Knows no statistics, no formats and no weights.

mod bench;
mod demo;
mod diff;
mod doctor;
mod export;
mod import;
mod judge;
mod label;
mod ls;
mod models;
mod organism;
mod plan;
mod probe;
mod reference;
mod render;
mod report;
mod run;
mod scenarios;
mod schema;
mod score;
mod show;
mod sweep;
mod tokenize;
mod verify;
mod view;

use std::process::ExitCode;

use crate::cli::args::{Cli, Command};
use crate::cli::screen::talk::Talk;
use crate::error::Result;

/// Does what a command says, and gives the exit code.
///
/// # Errors
/// What the command meets; nothing that was on disk before is lost.
pub(in crate::cli) fn execute(cli: Cli, talk: &Talk) -> Result<ExitCode> {
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
        Command::Show(args) => show::show(&args, talk),
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
        Command::Doctor(args) => return doctor::doctor(&args, talk),
        Command::Schema(args) => schema::schema(&args),
        Command::Completions(args) => reference::completions(&args),
        Command::Man(args) => reference::man(&args, talk),
        Command::Scenarios(args) => scenarios::scenarios(&args, talk),
        Command::Organism(args) => return organism::organism(&args, talk),
    }?;
    Ok(ExitCode::SUCCESS)
}
