//! `candor export`: runs as the files of other tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::cli::args::{ExportArgs, Format};
use crate::cli::command::report::check_folder;
use crate::cli::given::folders::{self, Want};
use crate::cli::screen::talk::Talk;
use crate::error::{Error, Result};
use crate::events::shown;
use crate::exchange::{self, Exported, FileOut, Form};
use crate::model::Message;
use crate::run::{Finished, Record, write_whole};
use crate::scenario::Scenario;
use crate::study::JudgedRun;

pub(in crate::cli) fn export(args: &ExportArgs, talk: &Talk) -> Result<()> {
    let runs = folders::runs(&args.runs, Want::Any, talk)?;
    let runs =
        runs.iter().map(|run| exported(run, &args.judge, talk)).collect::<Result<Vec<_>>>()?;
    let files = match args.format {
        Format::Csv => return write(&args.out, exchange::csv(&runs).as_bytes(), talk),
        Format::Parquet => return write(&args.out, &exchange::parquet(&runs)?, talk),
        Format::Inspect => inspect(&runs, Form::Eval)?,
        Format::InspectJson => inspect(&runs, Form::Json)?,
        Format::LmEval => {
            let files = runs.iter().map(exchange::lm_eval).collect::<Result<Vec<_>>>()?;
            files.into_iter().flatten().collect()
        }
    };
    check_names(&files)?;
    fs::create_dir_all(&args.out).map_err(|error| {
        Error::input(format!("cannot write to `{}`: {error}", args.out.display()))
            .hint("choose a folder that can be written with `--out`")
    })?;
    files.iter().try_for_each(|file| write(&args.out.join(&file.name), &file.bytes, talk))
}

fn inspect(runs: &[Exported], form: Form) -> Result<Vec<FileOut>> {
    runs.iter().map(|run| exchange::write_inspect(run, form)).collect()
}

fn write(path: &Path, bytes: &[u8], talk: &Talk) -> Result<()> {
    check_folder(path)?;
    write_whole(path, bytes)?;
    talk.say(format!("written: {}", shown(path)));
    Ok(())
}

/// A run with what the formats hold of it.
fn exported(path: &Path, judge: &str, talk: &Talk) -> Result<Exported> {
    let view = JudgedRun::now(path, judge, talk)?.view()?;
    let record = Finished::record(path)?;
    let finished = view.progress.is_none();
    if !finished {
        talk.say(format!(
            "note: the run in `{}` has not finished: {} trials are exported, without estimates",
            shown(path),
            view.transcripts.len()
        ));
    }
    let others = view.others.iter().map(|other| JudgedRun::open(path, &other.name)?.estimates());
    let others = others.collect::<Result<Vec<_>>>()?;
    Ok(Exported { messages: messages(&record)?, view, record, others, finished })
}

/// What the model was given, by request and tier.
fn messages(record: &Record) -> Result<BTreeMap<String, BTreeMap<String, Vec<Message>>>> {
    let manifest = match record {
        Record::Made(manifest) => manifest,
        Record::Imported(imported) => return Ok(imported.messages.clone()),
    };
    let (text, files) = (&manifest.scenario.text, &manifest.scenario.files);
    let scenario = Scenario::from_text("the manifest's scenario", text, files)?;
    let variant = scenario.variant(&manifest.variant)?;
    let given = |request| {
        let tiers = scenario.tiers.iter().map(|tier| {
            let messages = variant.messages(tier, request).in_order().into_iter();
            let messages = messages.map(|(role, content)| Message { role: role.into(), content });
            (tier.name.clone(), manifest.model.system_prompt.arrange(messages.collect()))
        });
        tiers.collect()
    };
    Ok(manifest.requests.items.iter().map(|r| (r.id.clone(), given(r))).collect())
}

/// Refuses two runs of one name: the same run given twice.
fn check_names(files: &[FileOut]) -> Result<()> {
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::input(format!("two of the runs would both be `{}`", pair[0]))
            .hint("give each run once")),
        None => Ok(()),
    }
}
