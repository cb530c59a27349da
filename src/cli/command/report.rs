//! `candor report`: the estimates of finished runs.

use std::io::IsTerminal;
use std::path::Path;

use crate::cli::args::ReportArgs;
use crate::cli::given::folders::{self, Want};
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::screen::terminal::columns_or_default;
use crate::cli::screen::token_digests::token_digests;
use crate::error::{Error, Result};
use crate::events::shown;
use crate::report::{self, RunView};
use crate::run::write_whole;
use crate::study::JudgedRun;
use crate::study::compare::compare_together;

pub(in crate::cli) fn report(args: &ReportArgs, talk: &Talk) -> Result<()> {
    let runs = folders::runs(&args.runs, Want::Finished, talk)?;
    let mut views = runs
        .iter()
        .map(|run| JudgedRun::open(run, &args.judge)?.view())
        .collect::<Result<Vec<_>>>()?;
    compare_together(&mut views);
    let write = |path: &Path, bytes: &[u8]| -> Result<()> {
        check_folder(path)?;
        write_whole(path, bytes)?;
        talk.say(format!("written: {}", shown(path)));
        Ok(())
    };
    if let Some(path) = &args.csv {
        write(path, report::csv(&views)?.as_bytes())?;
    }
    if let Some(path) = &args.html {
        write(path, report::html(&views)?.as_bytes())?;
    }
    if let Some(folder) = &args.figures {
        std::fs::create_dir_all(folder).map_err(|error| Error::write(folder, &error))?;
        for picture in report::pictures(&views)? {
            write(&folder.join(picture.name).with_extension("svg"), picture.svg.as_bytes())?;
            write(&folder.join(picture.name).with_extension("png"), &picture.png)?;
            write(&folder.join(picture.name).with_extension("pdf"), &picture.pdf)?;
        }
    }
    if args.json {
        return print(&report::json(&views)?);
    }
    let commands = views.iter().filter_map(|view| view.command.as_ref());
    let commands: String = commands.map(|command| format!("{command}\n")).collect();
    let repeat = match commands.is_empty() {
        true => commands,
        false => format!("\nto repeat this:\n{commands}"),
    };
    show(&(summary(&views) + &token_digests(&views) + &repeat))
}

/// The table of some runs, as wide as the terminal.
pub(in crate::cli) fn summary(views: &[RunView]) -> String {
    report::table_within(views, color(), columns_or_default())
}

/// Whether a table on stdout may have color.
fn color() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Refuses a file that is to be written where there is no folder.
pub(in crate::cli) fn check_folder(path: &Path) -> Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(Error::input(format!("there is no folder `{}`", folder.display()))
            .hint("make it first")),
        None => Ok(()),
    }
}
