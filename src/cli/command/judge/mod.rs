//! `candor judge`: verdicts for stored transcripts, by a program or by people.

mod fit;
mod table;

use crate::cli::args::JudgeArgs;
use crate::cli::command::report::summary;
use crate::cli::given::folders::{self, Want};
use crate::cli::given::labels::import;
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::threads::use_threads;
use crate::error::{Error, Result};
use crate::judge::rubric::Rubric;
use crate::report;
use crate::study::judged::judge_runs;
use crate::study::judges::ChosenJudge;
use fit::judge_fit;
use table::judge_table;

pub(in crate::cli) fn judge(args: &JudgeArgs, talk: &Talk) -> Result<()> {
    if let Some(name) = &args.show_rubric {
        return print(Rubric::bundled_text(name)?.as_str());
    }
    use_threads(args.threads)?;
    if let Some(path) = &args.table.table {
        return judge_table(path, args, talk);
    }
    if args.table.out.is_some() {
        talk.say("note: `--out` is for `--table`; the verdicts on runs go into their folders");
    }
    let views = match (&args.fit.fit, &args.labels) {
        (Some(labels), _) => judge_fit(labels, args, talk)?,
        (None, Some(labels)) => {
            let [run] = &args.runs[..] else {
                return Err(Error::input("`--labels` takes the labels of one run")
                    .hint("give one run folder, and the other runs one by one"));
            };
            vec![import(run, labels, args.labeler.as_deref(), talk)?]
        }
        (None, None) => {
            let runs = folders::runs(&args.runs, Want::Finished, talk)?;
            let settings = args.model.settings(&args.judge)?;
            judge_runs(&runs, &ChosenJudge::new(&args.judge, settings, talk)?, talk)?
        }
    };
    if views.is_empty() {
        return Ok(());
    }
    match args.json {
        true => print(&report::json(&views)?),
        false => show(&summary(&views)),
    }
}
