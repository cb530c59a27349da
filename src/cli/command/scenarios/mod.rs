//! `candor scenarios`: what is bundled, and what becomes of a scenario's texts on the way to a model.

mod lint;
mod list;
mod prompts;
mod render;

use crate::cli::args::{ScenariosArgs, ScenariosCommand};
use crate::cli::screen::talk::{Talk, print};
use crate::error::Result;
use crate::scenario::{Scenario, leave_one_out};

pub(in crate::cli) fn scenarios(args: &ScenariosArgs, talk: &Talk) -> Result<()> {
    match &args.command {
        ScenariosCommand::List { json } => list::list(*json),
        ScenariosCommand::Show { scenario } => show(&Scenario::load(scenario)?),
        ScenariosCommand::LeaveOneOut { scenario, variant } => {
            let scenario = Scenario::load(scenario)?;
            let made = leave_one_out(&scenario, variant.as_deref())?;
            for (sentence, why) in &made.kept {
                talk.say(format!("note: `{sentence}` stays: {why}"));
            }
            if !scenario.files().is_empty() {
                talk.say(
                    "note: the texts of files are left whole; put the new scenario beside them",
                );
            }
            print(&made.text)
        }
        ScenariosCommand::Lint(args) => lint::lint(args, talk),
        ScenariosCommand::Render(args) => render::render(args, talk),
    }
}

/// The scenario's file as it stands, and behind it the files of its parts, if it has any.
fn show(scenario: &Scenario) -> Result<()> {
    print(scenario.text())?;
    for (path, text) in scenario.files() {
        print(&format!("\n# ---- {path} ----\n{text}"))?;
    }
    Ok(())
}
