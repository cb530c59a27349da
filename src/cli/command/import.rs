//! `candor import`: logs and tables of replies made elsewhere become a run folder that can be judged, reported, shown and exported.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::cli::args::ImportArgs;
use crate::cli::command::report::summary;
use crate::cli::screen::talk::{Talk, show};
use crate::error::{Error, Result};
use crate::events::shown;
use crate::exchange::{ImportOptions, Log, ReplyColumns, TableOf, Taken, read_inspect, read_table};
use crate::judge::{Exchange, JudgeCard, TOLD, Told, Verdict, Verdicts, choice};
use crate::run::{Finished, Imported, ReadingRecord, import as make_folder};
use crate::scenario::{Options, Request, ShownOption};
use crate::study::verdicts::{add, judge_and_publish};
use crate::transcript::Transcript;

/// Bytes of a log that is read.
const LOG_MAX: u64 = 4 << 30;

pub(in crate::cli) fn import(args: &ImportArgs, talk: &Talk) -> Result<()> {
    let reading = ImportOptions {
        names: ReadingRecord {
            tier_key: args.table.tier_column.as_ref().unwrap_or(&args.tier_key).clone(),
            request_key: args.table.request_column.as_ref().unwrap_or(&args.request_key).clone(),
            scratchpad_tag: tag("scratchpad-tag", args.scratchpad_tag.as_deref())?,
            answer_tag: tag("answer-tag", args.answer_tag.as_deref())?,
        },
        free: args.free.clone(),
        paid: args.paid.clone(),
    };
    if reading.free == reading.paid {
        return Err(Error::input(format!("`--free` and `--paid` are both `{}`", reading.free))
            .hint("give the two values that tell the tiers apart"));
    }
    let logs = match args.format.is_table(args.table.reply_column.is_some() || tabular(&args.logs))
    {
        true => tables(args, &reading)?,
        false => args.logs.iter().map(|path| log(path)).collect::<Result<Vec<_>>>()?,
    };
    let Taken { mut imported, transcripts, told } = Taken::from_logs(logs, &reading)?;
    if let Some(options) = args.options.options()? {
        for request in &mut imported.requests {
            request.options = options_of(&options, request)?;
        }
    }
    let missing: u64 = imported.imported.iter().map(|log| log.without_reply).sum();
    if missing > 0 {
        talk.say(format!("note: {missing} samples have no reply, and are no trials of this run"));
    }
    let labels = labels(&imported, &transcripts, &told)?;
    let lock = make_folder(&args.out, &imported, &transcripts)?;
    let view = judge_and_publish(&lock, talk)?;
    show(&summary(&[view]))?;
    if !labels.lines.is_empty() {
        let count = labels.lines.len();
        add(Finished::open(&args.out)?, labels)?;
        talk.say(format!("{count} labels of the files are the verdicts of the judge `{TOLD}`"));
    }
    talk.say(format!("{} trials taken in: {}", transcripts.len(), shown(&args.out)));
    Ok(())
}

/// The options that a request names in its words.
fn options_of(options: &Options, request: &Request) -> Result<Vec<ShownOption>> {
    choice::in_text(options, &request.text).ok_or_else(|| {
        Error::input(format!(
            "request `{}` does not name {} options in its words: {:?}",
            request.id,
            options.names.len(),
            request.text.chars().take(200).collect::<String>()
        ))
        .hint("`--options` is for requests with labelled options, such as \"a) … b) …\" or \"Option 1: …\"")
    })
}

/// What the files say of the replies, as the verdicts of a judge.
fn labels(imported: &Imported, transcripts: &[Transcript], told: &[Told]) -> Result<Verdicts> {
    let mut lines = Vec::new();
    let requests: HashMap<&str, &Request> =
        imported.requests.iter().map(|request| (&*request.id, request)).collect();
    for (transcript, told) in transcripts.iter().zip(told) {
        let exchange = match requests.get(&*transcript.request) {
            Some(request) => Exchange::about(request, transcript),
            None => Exchange::of("", transcript),
        };
        if told.option.is_some() && exchange.options.is_empty() {
            return Err(Error::input("`--option-label-column` without options to choose from")
                .hint("`--options a,b --complies a` names them"));
        }
        let finding = told.finding(&exchange).map_err(|message| {
            Error::input(format!(
                "the label of request `{}`, tier `{}`, sample {}: {message}",
                transcript.request, transcript.tier, transcript.sample
            ))
            .hint("change the labels in the file, or leave the column out")
        })?;
        lines.extend(finding.map(|finding| Verdict::on(transcript, finding)));
    }
    Ok(Verdicts { card: JudgeCard::new(TOLD, 1), lines })
}

/// The files as tables, each with its tier if they have one each.
fn tables(args: &ImportArgs, reading: &ImportOptions) -> Result<Vec<Log>> {
    let table = &args.table;
    if !table.tier.is_empty() && table.tier.len() != args.logs.len() {
        return Err(Error::input(format!(
            "{} times `--tier`, and {} files",
            table.tier.len(),
            args.logs.len()
        ))
        .hint("repeat `--tier` for each file, in the order of the files"));
    }
    let columns = ReplyColumns {
        reply: table.reply_column.clone().unwrap_or_default(),
        tier: reading.names.tier_key.clone(),
        request: table.request_column.clone(),
        text: table.text_column.clone(),
        sample: table.sample_column.clone(),
        reasoning: table.reasoning_column.clone(),
        label: table.label_column.clone(),
        reasoning_label: table.reasoning_label_column.clone(),
        option_label: table.option_label_column.clone(),
    };
    let name = common_name(&args.logs);
    let model = table.model.as_deref().unwrap_or(&name);
    let tables = args.logs.iter().enumerate().map(|(at, path)| {
        let place = path.display().to_string();
        let tier = table.tier.get(at).map(String::as_str);
        let bytes = bytes(path)?;
        args.format.check(&place, &bytes)?;
        read_table(bytes, TableOf { place: &place, model, task: "table", tier }, &columns)
    });
    tables.collect()
}

/// Whether the files are tables by their names.
fn tabular(paths: &[PathBuf]) -> bool {
    let known = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"];
    paths.iter().all(|path| {
        let name = path.to_string_lossy().to_ascii_lowercase();
        known.iter().any(|end| name.trim_end_matches(".gz").ends_with(end))
    })
}

/// What the names of all files begin with, for a model that no flag names.
fn common_name(paths: &[PathBuf]) -> String {
    let stem = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split_once(".json")
            .or(name.rsplit_once('.'))
            .map_or(name.clone(), |(stem, _)| stem.to_owned())
    };
    let mut stems = paths.iter().map(stem);
    let first = stems.next().unwrap_or_default();
    let common = stems.fold(first, |common, stem| {
        let pairs = common.chars().zip(stem.chars());
        pairs.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    });
    match common.trim_end_matches(['_', '-', '.', ' ']) {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

fn log(path: &Path) -> Result<Log> {
    read_inspect(bytes(path)?).map_err(|error| error.within(format!("`{}`", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    crate::files::read_bytes(path, LOG_MAX).map_err(|error| {
        let told = Error::read(path, &error);
        match error.kind() {
            std::io::ErrorKind::FileTooLarge => told.hint("split the file"),
            _ => told,
        }
    })
}

/// The name of a tag, with or without its angle brackets.
fn tag(flag: &str, tag: Option<&str>) -> Result<Option<String>> {
    let Some(tag) = tag else { return Ok(None) };
    let name = tag.trim_start_matches('<').trim_end_matches('>');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    match name.chars().all(plain) && !name.is_empty() {
        true => Ok(Some(name.to_owned())),
        false => Err(Error::input(format!("`--{flag} {tag}` is no tag"))
            .hint("letters, digits, `_` and `-`, without angle brackets")),
    }
}
