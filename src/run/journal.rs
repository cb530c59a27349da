//! `journal.jsonl`: one line per finished trial, `{"run":"…","checksum":"…","transcript":{…}}`, appended and synced.
//! `run` is the first 16 hexadecimal digits of BLAKE3 of the folder's `manifest.json`, and the checksum those of BLAKE3
//! over `run` and the transcript's bytes in the line: a line that was recorded for another run is told from one that
//! is damaged. In the first format lines had no `run`, and the checksum was over the transcript alone.
//!
//! A journal can be larger than memory: what is kept of a line is which trial it is and where it stands.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::{Beside, file_digest, sync_folder, what_to_do};
use super::manifest::MANIFEST;
use super::record::Record;
use crate::error::{Error, Result};
use crate::transcript::Transcript;

/// Its file in a run folder.
pub(super) const JOURNAL: &str = "journal.jsonl";

const RUN: &str = "{\"run\":\"";
const CHECKSUM: &str = "\",\"checksum\":\"";
/// How lines of the first format begin.
const FIRST_FORMAT: &str = "{\"checksum\":\"";
const MIDDLE: &str = "\",\"transcript\":";
const CLOSE: &str = "}";
const DIGITS: usize = 16;
const BUFFER_BYTES: usize = 1 << 20;

/// What binds the lines of a journal to their run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// Nothing, as in the first format.
    None,
    /// The first digits of the manifest's digest.
    Run(String),
}

impl Binding {
    /// That of a run folder whose manifest is written.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let manifest = folder.join(MANIFEST);
        match Record::read(&manifest)?.format() {
            1 => Ok(Self::None),
            _ => Ok(Self::Run(file_digest(&manifest)?[..DIGITS].to_owned())),
        }
    }

    /// The digits that stand in a line.
    fn run(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Run(run) => Some(run),
        }
    }
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    binding: Binding,
    file: File,
    /// Bytes of good lines.
    len: u64,
}

/// Where a line of the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    at: u64,
    len: usize,
}

/// A trial on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of its request.
    pub request: String,
    /// Name of its tier.
    pub tier: String,
    /// Index of its sample.
    pub sample: u32,
    /// Where it stands.
    pub span: Span,
}

impl Journal {
    /// Opens the journal of a run and reads which trials are there. From the first line that is cut short or fails its
    /// checksum on, everything is moved to `journal.cut` beside it, and will be made again.
    ///
    /// # Errors
    /// It holds a whole line that was recorded for another run, which is neither taken for this one's nor set aside;
    /// the disk does not take it.
    pub(super) fn open(path: &Path, binding: Binding) -> Result<(Self, Vec<Entry>, u64)> {
        let error = |error: &std::io::Error| unwritten(path, error);
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| error(&e))?;
        if is_new && let Some(folder) = path.parent() {
            sync_folder(folder).map_err(|e| error(&e))?;
        }
        let mut entries = Vec::new();
        let (mut number, mut broken, mut foreign) = (0, None, None);
        let end = each_line(&file, |line, span| {
            number += 1;
            match read_line(line, &binding) {
                Line::Foreign(run, body) => {
                    foreign = Some(recorded_for_another(path, number, run, body, &binding));
                    return false;
                }
                Line::Ours(body) if broken.is_none() => match serde_json::from_str::<Key<'_>>(body)
                {
                    Ok(Key { request, tier, sample }) => {
                        let (request, tier) = (request.into_owned(), tier.into_owned());
                        entries.push(Entry { request, tier, sample, span });
                    }
                    Err(_) => broken = Some(span.at),
                },
                Line::Ours(_) => {}
                Line::Broken => broken = broken.or(Some(span.at)),
            }
            true
        })
        .map_err(|e| Error::read(path, &e))?;
        if let Some(error) = foreign {
            return Err(error);
        }
        let good = broken.unwrap_or(end);
        let cut = file.metadata().map_err(|e| error(&e))?.len().saturating_sub(good);
        if cut > 0 {
            set_aside(&mut file, good, &path.with_extension("cut"))?;
            file.set_len(good).map_err(|e| error(&e))?;
            file.sync_all().map_err(|e| error(&e))?;
        }
        Ok((Self { path: path.to_owned(), binding, file, len: good }, entries, cut))
    }

    /// Appends transcripts and syncs: when this returns they survive a crash. Gives where they stand.
    pub(super) fn append<'t>(
        &mut self,
        transcripts: impl IntoIterator<Item = &'t Transcript>,
    ) -> Result<Vec<Span>> {
        self.check_there()?;
        let mut lines = String::new();
        let mut spans = Vec::new();
        for transcript in transcripts {
            let line = line(transcript, &self.binding)?;
            spans.push(Span { at: self.len + lines.len() as u64, len: line.len() });
            lines += &line;
        }
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| unwritten(&self.path, &error))?;
        self.len += lines.len() as u64;
        Ok(spans)
    }

    /// The JSON of the transcript that stands there.
    pub(super) fn text(&mut self, span: Span) -> Result<String> {
        let mut bytes = vec![0; span.len];
        let read =
            self.file.seek(SeekFrom::Start(span.at)).and_then(|_| self.file.read_exact(&mut bytes));
        match read {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                return Err(Error::read(&self.path, &error));
            }
            Err(_) => {}
            Ok(()) => {
                if let Line::Ours(text) = read_line(&bytes, &self.binding) {
                    return Ok(text.to_owned());
                }
            }
        }
        Err(Error::failed(format!(
            "`{}` was changed while it was in use, at byte {}",
            self.path.display(),
            span.at
        ))
        .hint("run the same command again: what is damaged is made again"))
    }

    /// Refuses to go on where the file is no longer the one in the folder: what would be written to it could never be
    /// read again.
    fn check_there(&self) -> Result<()> {
        let there = std::fs::metadata(&self.path);
        #[cfg(unix)]
        let same = {
            use std::os::unix::fs::MetadataExt;
            let of = |about: &std::fs::Metadata| (about.dev(), about.ino());
            let held = self.file.metadata().map_err(|error| Error::read(&self.path, &error))?;
            there.as_ref().is_ok_and(|there| of(there) == of(&held))
        };
        #[cfg(not(unix))]
        let same = there.is_ok();
        match same {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "`{}` is gone: its folder was removed, moved or replaced while the run was under way",
                self.path.display()
            ))
            .hint("what was recorded there is lost with it; move the folder back, or begin the run anew in another one with `--out`")),
        }
    }

    /// Refuses a second record of a trial that says something else than the first one, which is what counts.
    pub(super) fn check_same(&mut self, first: Span, second: Span) -> Result<()> {
        let (one, other) = (self.transcript(first)?, self.transcript(second)?);
        match one == other {
            true => Ok(()),
            false => Err(recorded_twice(&self.path, &one)),
        }
    }

    /// The transcript that stands there.
    pub(super) fn transcript(&mut self, span: Span) -> Result<Transcript> {
        serde_json::from_str(&self.text(span)?).map_err(|error| {
            Error::input(format!("`{}`, at byte {}: {error}", self.path.display(), span.at))
                .hint("the journal comes from another version of candor")
        })
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    let remedy = what_to_do(error, "free some space");
    Error::write(path, error).hint(format!("{remedy}; the same command goes on from here"))
}

/// A line of another run's journal: another seed, another model, another anything that the manifest says.
fn recorded_for_another(
    path: &Path,
    number: usize,
    run: Option<&str>,
    body: &str,
    binding: &Binding,
) -> Error {
    let trial = match serde_json::from_str::<Key<'_>>(body) {
        Ok(Key { request, tier, sample }) => format!("{request}/{tier}/{sample}"),
        Err(_) => "of no name".to_owned(),
    };
    let named = |run: Option<&str>| match run {
        Some(run) => format!("`{run}`"),
        None => "of the first format, which names none".to_owned(),
    };
    Error::input(format!(
        "`{}`, line {number}: trial {trial} was recorded for another run ({}), with other settings or another model; the manifest beside it is that of {}",
        path.display(),
        named(run),
        named(binding.run()),
    ))
    .hint("put the journal back beside its own manifest, or choose another folder with `--out`; where the manifest was changed, put back the one that was there")
}

fn recorded_twice(path: &Path, transcript: &Transcript) -> Error {
    let Transcript { request, tier, sample, .. } = transcript;
    Error::input(format!(
        "`{}` holds trial {request}/{tier}/{sample} twice, with different replies",
        path.display()
    ))
    .hint("one of the two lines was not made by this run: take it out, or make the run again in a new folder with `--out`")
}

/// Copies what comes after the good lines to a file of its own.
fn set_aside(file: &mut File, good: u64, path: &Path) -> Result<()> {
    let mut cut = Beside::new(path)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    file.seek(SeekFrom::Start(good)).map_err(|error| Error::read(path, &error))?;
    loop {
        match file.read(&mut buffer).map_err(|error| Error::read(path, &error))? {
            0 => return cut.finish().map(drop),
            read => cut.write(&buffer[..read])?,
        }
    }
}

/// The transcripts of a journal that nobody is writing to, up to the first broken line, each trial once.
///
/// # Errors
/// It cannot be read, holds a line of another run, or a trial twice with different replies.
pub(super) fn read_finished(path: &Path, binding: &Binding) -> Result<Vec<Transcript>> {
    let mut transcripts: Vec<Transcript> = Vec::new();
    let mut places = HashMap::new();
    let (mut number, mut wrong) = (0, None);
    let file = crate::files::open_regular(path).map_err(|error| Error::read(path, &error))?;
    each_line(&file, |line, _| {
        number += 1;
        let body = match read_line(line, binding) {
            Line::Ours(body) => body,
            Line::Broken => return false,
            Line::Foreign(run, body) => {
                wrong = Some(recorded_for_another(path, number, run, body, binding));
                return false;
            }
        };
        let Ok(transcript) = serde_json::from_str::<Transcript>(body) else { return false };
        let key = (transcript.request.clone(), transcript.tier.clone(), transcript.sample);
        match places.entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(transcripts.len());
                transcripts.push(transcript);
            }
            Slot::Occupied(first) if transcripts[*first.get()] != transcript => {
                wrong = Some(recorded_twice(path, &transcript));
                return false;
            }
            Slot::Occupied(_) => {}
        }
        true
    })
    .map_err(|error| Error::read(path, &error))?;
    match wrong {
        Some(error) => Err(error),
        None => Ok(transcripts),
    }
}

/// Counts the trials that a folder has on record, to which another process may be adding.
#[derive(Debug)]
pub struct TrialCount {
    folder: PathBuf,
    journal: PathBuf,
    /// None as long as there is no journal.
    binding: Option<Binding>,
    /// Bytes of the lines that are counted.
    len: u64,
    trials: usize,
}

impl TrialCount {
    /// The trials of a folder.
    pub fn of(folder: &Path) -> Self {
        let (folder, journal) = (folder.to_owned(), folder.join(JOURNAL));
        Self { folder, journal, binding: None, len: 0, trials: 0 }
    }

    /// How many there are now, up to the first broken line; none where there is no journal. Reads only what was added
    /// since it was asked last.
    ///
    /// # Errors
    /// The journal is there and cannot be read, or the manifest beside it.
    pub fn now(&mut self) -> Result<usize> {
        let counted = match crate::files::open_regular(&self.journal) {
            Ok(file) => {
                let binding = match self.binding.take() {
                    Some(binding) => binding,
                    None => Binding::of(&self.folder)?,
                };
                let counted = self.count(&file, &binding);
                self.binding = Some(binding);
                counted
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => Err(error),
        };
        counted.map_err(|error| Error::read(&self.journal, &error))?;
        Ok(self.trials)
    }

    fn count(&mut self, mut file: &File, binding: &Binding) -> std::io::Result<()> {
        if file.metadata()?.len() < self.len {
            // A run that goes on has set broken lines aside.
            (self.len, self.trials) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.len))?;
        self.len += each_line(file, |line, _| {
            let good = matches!(read_line(line, binding), Line::Ours(_));
            self.trials += usize::from(good);
            good
        })?;
        Ok(())
    }
}

/// Hands on whole lines with where they stand, as long as they are wanted, and gives the bytes of those.
fn each_line(file: &File, mut wanted: impl FnMut(&[u8], Span) -> bool) -> std::io::Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = Vec::new();
    let mut at = 0;
    loop {
        line.clear();
        let len = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") || !wanted(&line, Span { at, len }) {
            return Ok(at);
        }
        at += len as u64;
    }
}

fn line(transcript: &Transcript, binding: &Binding) -> Result<String> {
    let body = serde_json::to_string(transcript)
        .map_err(|error| Error::failed(format!("a transcript cannot be written: {error}")))?;
    let checksum = checksum(binding.run(), &body);
    Ok(match binding.run() {
        Some(run) => [RUN, run, CHECKSUM, &checksum, MIDDLE, &body, CLOSE, "\n"].concat(),
        None => [FIRST_FORMAT, &checksum, MIDDLE, &body, CLOSE, "\n"].concat(),
    })
}

fn checksum(run: Option<&str>, body: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(run.unwrap_or_default().as_bytes()).update(body.as_bytes());
    hasher.finalize().to_hex()[..DIGITS].to_owned()
}

/// Which trial a transcript is of.
#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    request: Cow<'a, str>,
    #[serde(borrow)]
    tier: Cow<'a, str>,
    sample: u32,
}

/// What a line of a journal is.
#[derive(Debug, PartialEq, Eq)]
enum Line<'l> {
    /// Whole, and of this run: the JSON of its transcript.
    Ours(&'l str),
    /// Whole, and recorded for another run, where it says for which: the JSON of its transcript.
    Foreign(Option<&'l str>, &'l str),
    /// Cut short or damaged.
    Broken,
}

fn read_line<'l>(line: &'l [u8], binding: &Binding) -> Line<'l> {
    let parts = || {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.strip_suffix(CLOSE)?;
        let (head, body) = line.split_once(MIDDLE)?;
        let (run, sum) = match head.strip_prefix(RUN) {
            Some(head) => head.split_once(CHECKSUM).map(|(run, sum)| (Some(run), sum))?,
            None => (None, head.strip_prefix(FIRST_FORMAT)?),
        };
        (sum == checksum(run, body)).then_some((run, body))
    };
    match parts() {
        Some((run, body)) if run == binding.run() => Line::Ours(body),
        Some((run, body)) => Line::Foreign(run, body),
        None => Line::Broken,
    }
}

#[cfg(test)]
mod tests;
