//! `candor import`: Inspect logs made elsewhere become a run folder that can be judged, reported, shown and exported.

use std::path::Path;

use super::args::ImportArgs;
use super::report::color;
use super::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::shown;
use crate::exchange::{Log, Reading, Taken, read_inspect};
use crate::judge::choice;
use crate::report;
use crate::run::{ReadingRecord, import as make_folder};
use crate::scenario::{Options, Request, ShownOption};
use crate::study::verdicts::settle;

/// Bytes of a log that is read.
const LOG_MAX: u64 = 4 << 30;

pub(super) fn import(args: &ImportArgs, talk: &Talk) -> Result<()> {
    let reading = Reading {
        names: ReadingRecord {
            tier_key: args.tier_key.clone(),
            request_key: args.request_key.clone(),
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
    let logs = args.logs.iter().map(|path| log(path)).collect::<Result<Vec<_>>>()?;
    let Taken { mut imported, transcripts } = Taken::from_logs(logs, &reading)?;
    if let Some(options) = args.options.options()? {
        for request in &mut imported.requests {
            request.options = options_of(&options, request)?;
        }
    }
    let missing: u64 = imported.imported.iter().map(|log| log.without_reply).sum();
    if missing > 0 {
        talk.say(format!("note: {missing} samples have no reply, and are no trials of this run"));
    }
    let lock = make_folder(&args.out, &imported, &transcripts)?;
    let view = settle(&lock, talk)?;
    print(&report::table(&[view], color()))?;
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

fn log(path: &Path) -> Result<Log> {
    let bytes = crate::files::read_bytes(path, LOG_MAX).map_err(|error| {
        let told = Error::read(path, &error);
        match error.kind() {
            std::io::ErrorKind::FileTooLarge => told.hint("split the log"),
            _ => told,
        }
    })?;
    read_inspect(bytes).map_err(|error| error.within(format!("`{}`", path.display())))
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
