//! How the environment's variables are read: one that is empty is none, and one that switches something on may say so
//! as other programs let it. Knows nothing about what is set.

use clap::builder::{BoolishValueParser, Resettable};
use clap::{ArgAction, Command};

/// The same command, with its variables read like that.
pub(in crate::cli) fn read_variables(command: Command) -> Command {
    let below: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut command = command.mut_args(|arg| {
        let arg = match arg.get_action() {
            // 1, true, yes, on, y, t and 0, false, no, off, n, f; of any case.
            ArgAction::SetTrue | ArgAction::SetFalse => arg.value_parser(BoolishValueParser::new()),
            _ => arg,
        };
        let is_empty =
            |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
        match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        }
    });
    for name in below {
        command = command.mut_subcommand(name, read_variables);
    }
    command
}
