//! argv to a typed command to work: `args` says what can be typed, `given` reads what was named, `command` does it and
//! `screen` shows it. No input or output while parsing.
//!
//! stdout carries data, stderr carries talk.

mod args;
mod command;
mod exit;
mod given;
mod interrupt;
mod screen;
mod threads;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::parser::ValueSource;

use crate::events::Events;
use args::{Cli, Command, environment, shape};
use screen::talk::{self, Talk};
use screen::terminal;

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
    match command::execute(cli, &talk) {
        Ok(code) => code,
        Err(error) => {
            talk.error(&error);
            exit::code(error.kind())
        }
    }
}

/// The arguments as the command that they make. What was given, and what is a default, is noted for `run`.
fn parsed(args: Vec<OsString>) -> std::result::Result<Cli, clap::Error> {
    let matches = environment::read_variables(shape::command()).try_get_matches_from(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let (Command::Run(run), Some((_, given))) = (&mut cli.command, matches.subcommand()) {
        let is_given = |id: &&str| {
            given.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue)
        };
        run.given = given.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect();
    }
    Ok(cli)
}
