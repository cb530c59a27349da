//! The run folder: one writer at a time, one set of settings for ever.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::changes::{changes, in_words, versions};
use super::files::{Beside, file_digest, read_json, read_lines, values, write_json};
use super::journal::{self, Binding, Entry, JOURNAL, Journal, Span};
use super::lock::{Lock, is_trace, refused};
use super::manifest::{MANIFEST, Manifest};
use super::record::{Imported, Record};
use super::shard::ShardPart;
use super::trials;
use crate::error::{Error, Result};
use crate::transcript::Transcript;

const TRANSCRIPTS: &str = "transcripts.jsonl";
const SEAL: &str = "seal.json";
const SHARD: &str = "shard.json";

/// The digests of what a finished run consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// BLAKE3 of `manifest.json`.
    pub manifest: String,
    /// BLAKE3 of `transcripts.jsonl`.
    pub transcripts: String,
}

/// A run folder that this process alone may write to.
pub struct Folder {
    path: PathBuf,
    journal: Journal,
    /// What the journal held when the folder was opened.
    pub recorded: Vec<Entry>,
    /// Bytes of the journal that were set aside because a crash had cut or damaged them.
    pub set_aside: u64,
    lock: Lock,
}

impl Folder {
    /// Makes the folder, or opens one of the very same settings to go on with.
    ///
    /// # Errors
    /// The folder cannot be written, was begun by another version or belongs to other settings (the message names
    /// what differs), is in use by another process, or holds something else.
    pub fn open(path: &Path, manifest: &Manifest) -> Result<Self> {
        Self::open_part(path, manifest, None)
    }

    /// The same for a part of the run that the manifest describes.
    ///
    /// # Errors
    /// As [`Self::open`]; the folder holds another part.
    pub fn open_part(path: &Path, manifest: &Manifest, part: Option<&ShardPart>) -> Result<Self> {
        let refused = |error| refused(path, &error);
        let at = path.join(MANIFEST);
        // In this order: where another process has just begun, its manifest comes before what is no longer fresh.
        if path.is_dir() && !is_fresh(path).map_err(refused)? && !at.exists() {
            return Err(Error::input(format!(
                "`{}` is not empty and is no run folder",
                path.display()
            ))
            .hint("choose a new or empty folder with `--out`"));
        }
        let lock = Lock::make(path)?;
        if at.exists() {
            let there = Record::read(&at)?;
            let there = there.made().map_err(|error| error.within(path.display()))?;
            let places = ["there", "here"];
            let versions = versions(there, manifest);
            if !versions.is_empty() {
                return Err(Error::incomparable(format!(
                    "the run in `{}` was begun by another version: {}",
                    path.display(),
                    in_words(&versions, places)
                ))
                .hint("go on with the version that began it, or begin anew in another folder with `--out`"));
            }
            let changes = changes(there, manifest)?;
            if !changes.is_empty() {
                let moved_on = match (&there.model.source, &manifest.model.source) {
                    (Some(then), Some(now)) if then.commit != now.commit => {
                        format!(": its model is `{}@{}`", there.model.label, then.commit)
                    }
                    _ => String::new(),
                };
                return Err(Error::input(format!(
                    "`{}` belongs to other settings: {}",
                    path.display(),
                    in_words(&changes, places)
                ))
                .hint(format!(
                    "use the settings of that run{moved_on}, or another folder with `--out`"
                )));
            }
            let there = part_in(path)?;
            if there.as_ref() != part {
                return Err(Error::input(format!(
                    "`{}` holds {}, and not {}",
                    path.display(),
                    held(there.as_ref()),
                    held(part)
                ))
                .hint("choose another folder with `--out`"));
            }
        } else {
            // Before the manifest, so that a folder with a manifest says for ever which part it holds.
            let shard = path.join(SHARD);
            match part {
                Some(part) => write_json(&shard, part)?,
                None if shard.exists() => fs::remove_file(&shard).map_err(refused)?,
                None => {}
            }
            write_json(&at, manifest)?;
        }
        // What was changed after the seal is told as that, before the journal is found to be another manifest's.
        if path.join(SEAL).exists() {
            Finished::check_intact(path)?;
        }
        let (journal, recorded, set_aside) =
            Journal::open(&path.join(JOURNAL), Binding::of(path)?)?;
        Ok(Self { path: path.to_owned(), journal, recorded, set_aside, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What keeps others from writing to it, as long as the folder is there.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Records finished trials: when this returns they survive a crash. Gives where they stand.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn append<'t>(
        &mut self,
        transcripts: impl IntoIterator<Item = &'t Transcript>,
    ) -> Result<Vec<Span>> {
        let mut transcripts = transcripts.into_iter().peekable();
        if transcripts.peek().is_none() {
            return Ok(Vec::new());
        }
        self.journal.append(transcripts)
    }

    /// A trial on record.
    ///
    /// # Errors
    /// The journal was changed since.
    pub fn transcript(&mut self, span: Span) -> Result<Transcript> {
        self.journal.transcript(span)
    }

    /// Refuses a second record of a trial that says something else than the first one.
    ///
    /// # Errors
    /// It does; the journal was changed since it was opened.
    pub fn check_same(&mut self, first: Span, second: Span) -> Result<()> {
        self.journal.check_same(first, second)
    }

    /// Writes the transcripts that stand there, in this order, and the seal. A sealed folder is left as it is.
    ///
    /// # Errors
    /// The disk does not take them; a sealed folder is not as it was sealed, or not what the journal holds.
    pub fn seal(&mut self, spans: impl IntoIterator<Item = Span>) -> Result<()> {
        if !self.path.join(SEAL).exists() {
            return seal_in(&self.path, &mut self.journal, spans);
        }
        Finished::check_intact(&self.path)?;
        let mut hasher = blake3::Hasher::new();
        for span in spans {
            hasher.update(self.journal.text(span)?.as_bytes()).update(b"\n");
        }
        match Finished::seal(&self.path)?.transcripts == hasher.finalize().to_hex().as_str() {
            true => Ok(()),
            false => Err(Error::input(format!(
                "`{TRANSCRIPTS}` in `{}` is sealed, and is not what the journal beside it holds",
                self.path.display()
            ))
            .hint(format!(
                "`candor verify {} --all` tells what the model says; without `{TRANSCRIPTS}` and `{SEAL}` the same command makes both again from the journal",
                self.path.display()
            ))),
        }
    }
}

/// Writes the transcripts that stand there in the journal, and the seal.
fn seal_in(
    path: &Path,
    journal: &mut Journal,
    spans: impl IntoIterator<Item = Span>,
) -> Result<()> {
    let at = path.join(TRANSCRIPTS);
    let mut file = Beside::new(&at)?;
    for span in spans {
        file.write(journal.text(span)?.as_bytes())?;
        file.write(b"\n")?;
    }
    let transcripts = file.finish()?;
    let manifest = file_digest(&path.join(MANIFEST))?;
    write_json(&path.join(SEAL), &Seal { manifest, transcripts })
}

fn refuse_shard(path: &Path) -> Result<()> {
    match part_in(path)? {
        Some(part) => Err(Error::input(format!(
            "`{}` holds shard {} of a run only",
            path.display(),
            part.shard
        ))
        .hint("join all shards first: `candor sweep merge SHARD… --out DIR`")),
        None => Ok(()),
    }
}

/// The part of a run that a folder holds; none where it is a whole run.
fn part_in(path: &Path) -> Result<Option<ShardPart>> {
    let at = path.join(SHARD);
    if at.exists() { read_json(&at).map(Some) } else { Ok(None) }
}

fn held(part: Option<&ShardPart>) -> String {
    match part {
        Some(part) => {
            format!("pairs {} to {} of {} (shard {})", part.first, part.end, part.pairs, part.shard)
        }
        None => "a whole run".into(),
    }
}

/// Whether a folder holds nothing, or only what a run leaves behind that was killed in its first moment.
fn is_fresh(path: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name != SHARD && !is_trace(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far the run in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its manifest is written.
    Begun,
    /// So are its transcripts and its seal.
    Sealed,
}

impl State {
    /// The state of a folder; none where no run was begun.
    pub fn of(path: &Path) -> Option<Self> {
        let there = |name: &str| path.join(name).is_file();
        there(MANIFEST).then(|| if there(SEAL) { Self::Sealed } else { Self::Begun })
    }
}

/// A finished run folder, for reading.
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its manifest.
    pub record: Record,
    /// Its transcripts, in trial order.
    pub transcripts: Vec<Transcript>,
}

/// Makes the folder of a run that was made elsewhere: sealed, so that a later change is seen. Gives its lock.
///
/// # Errors
/// The folder holds something, or cannot be written.
pub fn import(path: &Path, imported: &Imported, transcripts: &[Transcript]) -> Result<Lock> {
    let refused = |error| refused(path, &error);
    if path.is_dir() && !is_fresh(path).map_err(refused)? {
        return Err(Error::input(format!("`{}` is not empty", path.display()))
            .hint("choose a new or empty folder with `--out`"));
    }
    let lock = Lock::make(path)?;
    write_json(&path.join(MANIFEST), imported)?;
    let (mut journal, ..) = Journal::open(&path.join(JOURNAL), Binding::of(path)?)?;
    let spans = journal.append(transcripts)?;
    seal_in(path, &mut journal, spans)?;
    Ok(lock)
}

impl Finished {
    /// Reads a finished run, once its seal has been found intact and its transcripts are the trials of its manifest:
    /// whoever shows a number of a run opens it here.
    ///
    /// # Errors
    /// The folder is no run folder, holds a shard of a run, the run has not finished, or it was changed after it was
    /// sealed.
    pub fn open(path: &Path) -> Result<Self> {
        Self::check_begun(path)?;
        refuse_shard(path)?;
        Self::check_sealed(path)?;
        Self::check_intact(path)?;
        let run = Self::open_any(path)?;
        match run.trials_differ(None) {
            None => Ok(run),
            Some(what) => Err(Error::input(format!(
                "`{TRANSCRIPTS}` in `{}` does not hold the trials of its manifest: {what}",
                path.display()
            ))
            .hint("make the run again in a new folder: a seal that was made anew tells nothing")),
        }
    }

    /// The first way in which the transcripts are not the trials that the manifest plans, in words; none where they
    /// are.
    pub(super) fn trials_differ(&self, part: Option<&ShardPart>) -> Option<String> {
        trials::difference(&self.record, part, &self.transcripts)
    }

    /// Reads a finished run or a finished shard of one as it is, for those who look at its seal themselves.
    ///
    /// # Errors
    /// The folder is no run folder, or the run has not finished.
    pub fn open_any(path: &Path) -> Result<Self> {
        Self::check_sealed(path)?;
        let record = Record::read(&path.join(MANIFEST))?;
        let transcripts = read_lines(&path.join(TRANSCRIPTS))?;
        Ok(Self { path: path.to_owned(), record, transcripts })
    }

    /// Reads what there is of a run that has not finished, in trial order. Reads what another process may be writing.
    ///
    /// # Errors
    /// The folder is no run folder, or its files cannot be read.
    pub fn partial(path: &Path) -> Result<Self> {
        Self::check_begun(path)?;
        refuse_shard(path)?;
        let record = Record::read(&path.join(MANIFEST))?;
        let journal = path.join(JOURNAL);
        let mut transcripts = if journal.exists() { Self::journaled(path)? } else { Vec::new() };
        let requests = record.requests().iter().enumerate();
        let places: HashMap<&str, usize> = requests.map(|(i, request)| (&*request.id, i)).collect();
        transcripts.sort_by_cached_key(|t| {
            let request = places.get(&*t.request).copied();
            let tier = record.tiers().iter().position(|tier| tier.name == t.tier);
            (request, t.sample, tier)
        });
        Ok(Self { path: path.to_owned(), record, transcripts })
    }

    /// The manifest of a run, finished or not.
    ///
    /// # Errors
    /// The folder is no run folder, or the manifest is damaged.
    pub fn record(path: &Path) -> Result<Record> {
        Self::check_begun(path)?;
        Record::read(&path.join(MANIFEST))
    }

    /// The part of a run that a folder holds; none where it is a whole run.
    ///
    /// # Errors
    /// `shard.json` is there and cannot be read.
    pub fn part(path: &Path) -> Result<Option<ShardPart>> {
        part_in(path)
    }

    /// Refuses a folder that is no run folder or whose run has not finished.
    ///
    /// # Errors
    /// It is one of these.
    pub fn check_sealed(path: &Path) -> Result<()> {
        Self::check_begun(path)?;
        if !path.join(SEAL).exists() {
            return Err(Error::input(format!("the run in `{}` has not finished", path.display()))
                .hint("run the command that started it again: it goes on from where it stopped"));
        }
        Ok(())
    }

    fn check_begun(path: &Path) -> Result<()> {
        match path.join(MANIFEST).is_file() {
            true => Ok(()),
            false => Err(Error::input(format!(
                "`{}` is no run folder: it has no `{MANIFEST}`",
                path.display()
            ))
            .hint("name a folder that `candor run` or `candor demo` has made")),
        }
    }

    /// Refuses a folder that was changed after it was sealed: whoever went on with it would judge what no model
    /// said.
    ///
    /// # Errors
    /// It is one.
    pub fn check_intact(path: &Path) -> Result<()> {
        let seal = Self::seal(path)?;
        for (name, sealed) in [(MANIFEST, &seal.manifest), (TRANSCRIPTS, &seal.transcripts)] {
            if file_digest(&path.join(name)).ok().as_ref() != Some(sealed) {
                let path = path.display();
                return Err(Error::input(format!("`{name}` in `{path}` is not as it was sealed"))
                    .hint(format!(
                        "`candor verify {path}` says where; without `{TRANSCRIPTS}` and `{SEAL}` the command that made the run makes both again from the journal"
                    )));
            }
        }
        Ok(())
    }

    /// BLAKE3 of `transcripts.jsonl` as it is now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn transcripts_digest(path: &Path) -> Result<String> {
        file_digest(&path.join(TRANSCRIPTS))
    }

    /// BLAKE3 of `manifest.json` as it is now.
    pub(super) fn manifest_digest(path: &Path) -> Result<String> {
        file_digest(&path.join(MANIFEST))
    }

    /// The seal.
    pub(super) fn seal(path: &Path) -> Result<Seal> {
        read_json(&path.join(SEAL))
    }

    /// The transcripts of a finished run or shard, one after the other.
    ///
    /// # Errors
    /// They cannot be read, or are damaged: by line.
    pub(super) fn each_transcript(
        path: &Path,
    ) -> Result<impl Iterator<Item = Result<Transcript>> + use<>> {
        values(&path.join(TRANSCRIPTS))
    }

    /// The lines of `transcripts.jsonl` as they are now.
    pub(super) fn transcript_lines(path: &Path) -> Result<Vec<String>> {
        let at = path.join(TRANSCRIPTS);
        let text = crate::files::read_text(&at, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(&at, &error))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Whether the folder has a journal: one that was moved away tells nothing.
    pub(super) fn has_journal(path: &Path) -> bool {
        path.join(JOURNAL).is_file()
    }

    /// The transcripts of the journal, in the order of the journal.
    pub(super) fn journaled(path: &Path) -> Result<Vec<Transcript>> {
        journal::read_finished(&path.join(JOURNAL), &Binding::of(path)?)
    }
}
