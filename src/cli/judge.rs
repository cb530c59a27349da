//! `candor judge`: verdicts for stored transcripts, by a program or by people.

use super::args::JudgeArgs;
use super::folders::{self, Want};
use super::judge_fit::judge_fit;
use super::judge_table::judge_table;
use super::label_file::import;
use super::report::summary;
use super::talk::{Talk, print, show};
use super::use_threads;
use crate::error::{Error, Result};
use crate::judge::rubric::Rubric;
use crate::report;
use crate::study::judged::judge_runs;

pub(super) fn judge(args: &JudgeArgs, talk: &Talk) -> Result<()> {
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
            judge_runs(&runs, &args.judge, &args.model.settings(&args.judge)?, talk)?
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
