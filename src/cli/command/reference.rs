//! `candor completions` and `candor man`: what the command line itself knows, for shells, for `man`, and as one page
//! of Markdown. All of it comes from the definitions in `cli/args`.

use std::fmt::Write as _;
use std::fs;

use clap::{Arg, Command};

use crate::cli::args::shape;
use crate::cli::args::{CompletionsArgs, ManArgs};
use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::shown;

const NAME: &str = "candor";

/// Stands above the page.
const PREFACE: &str = "# Commands\n\n\
    Written by `candor man --reference`; a test holds this copy to it. Every flag can also be set by the environment \
    variable that stands beside it, and the flag wins. Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 \
    failed, 2 usage or bad input, 3 not comparable here (`verify`), 130 interrupted.\n";

pub(in crate::cli) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shape::command(), NAME, &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(in crate::cli) fn man(args: &ManArgs, talk: &Talk) -> Result<()> {
    let mut command = shape::command();
    command.build();
    if args.reference {
        return print(&reference(&command));
    }
    let Some(out) = &args.out else {
        return print(&String::from_utf8_lossy(&page(&command)?));
    };
    fs::create_dir_all(out).map_err(|error| Error::write(out, &error))?;
    clap_mangen::generate_to(shape::command(), out).map_err(|error| Error::write(out, &error))?;
    talk.say(format!("written: {}", shown(out)));
    Ok(())
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Error::failed(format!("the manual page cannot be written: {error}")))?;
    Ok(page)
}

/// The commands below this one, without the one that prints help.
fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| sub.get_name() != "help")
}

/// All commands on one page.
fn reference(command: &Command) -> String {
    let mut out = PREFACE.to_owned();
    out += "\n| command | does |\n|---|---|\n";
    for sub in subcommands(command) {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let name = sub.get_name();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| [`{name}`](#{NAME}-{name}) | {} |", cell(&about));
    }
    out += "\nFor every command:\n\n";
    options(&mut out, command.get_arguments().filter(|arg| arg.is_global_set()));
    for sub in subcommands(command) {
        section(&mut out, sub, 2);
    }
    out
}

fn section(out: &mut String, command: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(out, "\n{} {name}\n\n{about}.\n", "#".repeat(level));
    let mut command = command.clone();
    let own = |arg: &&Arg| !arg.is_global_set() && arg.get_id() != "help";
    if !command.has_subcommands() || command.get_arguments().any(|arg| own(&arg)) {
        let usage = command.render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        let _ = write!(out, "\n```text\n{usage}\n```\n\n");
        options(out, command.get_arguments().filter(own));
    }
    if let Some(examples) = command.get_after_help() {
        let examples = examples.to_string();
        let lines = examples.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
        let _ = write!(out, "\n```sh\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"));
    }
    for sub in subcommands(&command) {
        section(out, sub, level + 1);
    }
}

fn options<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let args: Vec<&Arg> = args.filter(|arg| arg.get_id() != "help" && !arg.is_hide_set()).collect();
    if args.is_empty() {
        return;
    }
    *out += "| | | |\n|---|---|---|\n";
    for arg in args {
        let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            written(arg),
            described(arg),
            variable.unwrap_or_default()
        );
    }
}

/// How an argument is typed.
fn written(arg: &Arg) -> String {
    let values: Vec<String> = match arg.get_action().takes_values() {
        true => arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    let value = cell(&values.join(" "));
    match (arg.get_short(), arg.get_long()) {
        (_, None) => format!("`{value}`"),
        (None, Some(long)) => format!("`{}`", format!("--{long} {value}").trim_end()),
        (Some(short), Some(long)) => {
            format!("`-{short}`, `{}`", format!("--{long} {value}").trim_end())
        }
    }
}

/// What an argument does, its default, and the values that it takes.
fn described(arg: &Arg) -> String {
    let mut text = cell(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let takes_values = arg.get_action().takes_values();
    let values = arg.get_possible_values();
    if takes_values && !values.is_empty() {
        let each = values.iter().filter(|value| !value.is_hide_set()).map(|value| {
            let help = value.get_help().map(|help| format!(" ({})", cell(&help.to_string())));
            format!("`{}`{}", value.get_name(), help.unwrap_or_default())
        });
        text += &format!(": {}", each.collect::<Vec<_>>().join(", "));
    }
    let defaults: Vec<_> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_values && !defaults.is_empty() {
        text += &format!("; `{}` unless given", cell(&defaults.join(",")));
    }
    text
}

/// A text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    /// Every command of a text: what begins a line after `prompt`, without comment, pipe and redirection.
    fn commands(text: &str, prompt: &str) -> Vec<String> {
        let joined = text.replace("\\\n", " ");
        let lines = joined.lines().filter_map(|line| line.trim().strip_prefix(prompt));
        let bare = |line: &str| {
            let line = line.split(" #").next().unwrap_or_default();
            line.split(['|', '>']).next().unwrap_or_default().trim().to_owned()
        };
        lines.filter(|line| line.starts_with("candor ")).map(bare).collect()
    }

    fn check_that_they_parse(place: &str, commands: &[String]) {
        for command in commands {
            // `help` and `version` are errors to clap, and none here.
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{place}: {command}: {error}");
            }
        }
    }

    #[test]
    fn every_command_in_the_pages_exists() {
        for (place, text) in [
            ("README.md", include_str!("../../../README.md")),
            ("TUTORIAL.md", include_str!("../../TUTORIAL.md")),
        ] {
            let commands = commands(text, "$ ");
            assert!(commands.len() > 5, "{place}: {commands:?}");
            check_that_they_parse(place, &commands);
        }
    }

    #[test]
    fn every_example_in_the_help_parses() {
        fn check(command: &Command) -> usize {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = commands(&examples, "");
            check_that_they_parse(command.get_name(), &examples);
            examples.len() + subcommands(command).map(check).sum::<usize>()
        }
        assert!(check(&shape::command()) > 20);
    }

    #[test]
    fn the_committed_reference_is_the_one_of_these_definitions() {
        let mut command = shape::command();
        command.build();
        let here = reference(&command);
        let committed = include_str!("../REFERENCE.md");
        let differs =
            here.lines().zip(committed.lines()).find(|(here, committed)| here != committed);
        assert!(
            here == committed,
            "src/cli/REFERENCE.md is older than src/cli/args: write it with `candor man --reference`; first \
             difference: {differs:?}"
        );
    }

    #[test]
    fn the_definitions_hold_together() {
        shape::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_says_what_it_does() {
        fn check(command: &Command) {
            let name = command.get_name().to_owned();
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about}");
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !help.is_empty() && !help.ends_with('.'),
                    "{name} {}: {help}",
                    arg.get_id()
                );
            }
            subcommands(command).for_each(check);
        }
        let mut command = shape::command();
        command.build();
        subcommands(&command).for_each(check);
    }
}
