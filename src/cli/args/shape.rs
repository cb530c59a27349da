//! What the definitions of the command line do not say themselves: under which heading a flag stands, which flags a short
//! help leaves out, and that a number may be negative so that it is refused for what it is.

use clap::{Arg, Command, CommandFactory};

use crate::cli::args::Cli;

/// What `candor` alone prints.
pub(in crate::cli) const BEGIN: &str = "candor: does a language model behave differently when it believes that its answers \
will be used to retrain it?

Where to begin:
  candor demo                              the experiment on five small models whose behaviour is known, in a minute
  candor doctor                            what this machine computes with, and what is promised there
  candor models list                       open-weight models that are known to run
  candor run org/name --limit 20 --dry-run what a run would take; without --dry-run it is made
  candor report runs                       the numbers of all runs in a folder; candor view runs for the page

candor --help lists all commands, and candor COMMAND --help says what each of them takes.
";

/// The flags of `run` by heading, as `--help` shows them; those that are marked stand in the short help too.
const RUN: [(&str, &[(&str, bool)]); 6] = [
    (
        "What is asked",
        &[
            ("scenario", true),
            ("variant", true),
            ("requests", true),
            ("limit", true),
            ("until_width", false),
        ],
    ),
    (
        "How replies are drawn",
        &[
            ("samples", true),
            ("seed", true),
            ("temperature", true),
            ("top_k", false),
            ("top_p", false),
            ("min_p", false),
            ("repetition_penalty", false),
            ("max_tokens", true),
            ("uncoupled", false),
        ],
    ),
    (
        "What the model is given",
        &[
            ("args", false),
            ("date", false),
            ("defuse", false),
            ("refuse_control_text", false),
            ("steer", false),
        ],
    ),
    (
        "How it is computed",
        &[
            ("device", true),
            ("dtype", false),
            ("pass_width", false),
            ("quantize", true),
            ("batch", false),
            ("threads", false),
            ("no_draft", false),
            ("shard", false),
        ],
    ),
    (
        "Who judges",
        &[
            ("judge", true),
            ("rubric", false),
            ("rubric_text", false),
            ("judge_device", false),
            ("judge_dtype", false),
            ("judge_quantize", false),
            ("judge_batch", false),
        ],
    ),
    (
        "Where it goes",
        &[("out", true), ("config", true), ("print_config", true), ("dry_run", true)],
    ),
];

/// The command line with headings.
pub(in crate::cli) fn command() -> Command {
    let command = Cli::command().mut_subcommands(|run| {
        if run.get_name() != "run" {
            return run;
        }
        let ids: Vec<String> = run.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        ids.iter().fold(run, |run, id| run.mut_arg(id, |arg| under_heading(arg, id)))
    });
    numbers(command)
}

fn under_heading(arg: Arg, id: &str) -> Arg {
    for (heading, flags) in RUN {
        if let Some((_, short)) = flags.iter().find(|(flag, _)| *flag == id) {
            return arg.help_heading(heading).hide_short_help(!short);
        }
    }
    let is_flag = arg.get_long().is_some();
    arg.hide_short_help(is_flag)
}

/// Lets every flag that takes a value take one that begins with a minus: `--temperature -1` is no unknown flag.
fn numbers(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long() {
        Some(_) if arg.get_action().takes_values() => arg.allow_negative_numbers(true),
        _ => arg,
    });
    command.mut_subcommands(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_that_has_a_heading_is_there() {
        let command = command();
        let run = command.find_subcommand("run").unwrap();
        for (heading, flags) in RUN {
            for (flag, _) in flags {
                let arg = run.get_arguments().find(|arg| arg.get_id() == flag);
                let arg = arg.unwrap_or_else(|| panic!("{flag}"));
                assert_eq!(arg.get_help_heading(), Some(heading), "{flag}");
            }
        }
        command.clone().debug_assert();
    }
}
