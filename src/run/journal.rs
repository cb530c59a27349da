//! `journal.jsonl`: one line per finished trial, `{"checksum":"…","transcript":{…}}`, appended and synced.
//! The checksum is the first 16 hexadecimal digits of BLAKE3 over the transcript's bytes in the line.
//!
//! A journal can be larger than memory: what is kept of a line is which trial it is and where it stands.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::{Beside, sync_folder};
use crate::error::{Error, Result};
use crate::transcript::Transcript;

/// Its file in a run folder.
pub(super) const JOURNAL: &str = "journal.jsonl";

const OPEN: &str = "{\"checksum\":\"";
const MIDDLE: &str = "\",\"transcript\":";
const CLOSE: &str = "}";
const CHECKSUM_LEN: usize = 16;
const BUFFER_BYTES: usize = 1 << 20;

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
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
    /// Opens the journal and reads which trials are there. From the first line that is cut short or fails its
    /// checksum on, everything is moved to `journal.cut` beside it, and will be made again.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Entry>, u64)> {
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
        let good = each_line(&file, |line, span| {
            let Some(Key { request, tier, sample }) = parse(line) else { return false };
            let (request, tier) = (request.into_owned(), tier.into_owned());
            entries.push(Entry { request, tier, sample, span });
            true
        })
        .map_err(|e| Error::read(path, &e))?;
        let cut = file.metadata().map_err(|e| error(&e))?.len().saturating_sub(good);
        if cut > 0 {
            set_aside(&mut file, good, &path.with_extension("cut"))?;
            file.set_len(good).map_err(|e| error(&e))?;
            file.sync_all().map_err(|e| error(&e))?;
        }
        Ok((Self { path: path.to_owned(), file, len: good }, entries, cut))
    }

    /// Appends transcripts and syncs: when this returns they survive a crash. Gives where they stand.
    pub(super) fn append<'t>(
        &mut self,
        transcripts: impl IntoIterator<Item = &'t Transcript>,
    ) -> Result<Vec<Span>> {
        let mut lines = String::new();
        let mut spans = Vec::new();
        for transcript in transcripts {
            let line = line(transcript)?;
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
                if let Some(text) = body(&bytes) {
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

    /// The transcript that stands there.
    pub(super) fn transcript(&mut self, span: Span) -> Result<Transcript> {
        serde_json::from_str(&self.text(span)?).map_err(|error| {
            Error::input(format!("`{}`, at byte {}: {error}", self.path.display(), span.at))
                .hint("the journal comes from another version of candor")
        })
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::write(path, error).hint("free some space; the same command goes on from here")
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

/// The transcripts of a journal that nobody is writing to, up to the first broken line.
pub(super) fn read_finished(path: &Path) -> Result<Vec<Transcript>> {
    let mut transcripts = Vec::new();
    let file = crate::files::open_regular(path).map_err(|error| Error::read(path, &error))?;
    each_line(&file, |line, _| parse(line).map(|t| transcripts.push(t)).is_some())
        .map_err(|error| Error::read(path, &error))?;
    Ok(transcripts)
}

/// Counts the trials that a folder has on record, to which another process may be adding.
#[derive(Debug)]
pub struct TrialCount {
    journal: PathBuf,
    /// Bytes of the lines that are counted.
    len: u64,
    trials: usize,
}

impl TrialCount {
    /// The trials of a folder.
    pub fn of(folder: &Path) -> Self {
        Self { journal: folder.join(JOURNAL), len: 0, trials: 0 }
    }

    /// How many there are now, up to the first broken line; none where there is no journal. Reads only what was added
    /// since it was asked last.
    ///
    /// # Errors
    /// The journal is there and cannot be read.
    pub fn now(&mut self) -> Result<usize> {
        let counted = match crate::files::open_regular(&self.journal) {
            Ok(file) => self.count(&file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => Err(error),
        };
        counted.map_err(|error| Error::read(&self.journal, &error))?;
        Ok(self.trials)
    }

    fn count(&mut self, mut file: &File) -> std::io::Result<()> {
        if file.metadata()?.len() < self.len {
            // A run that goes on has set broken lines aside.
            (self.len, self.trials) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.len))?;
        self.len += each_line(file, |line, _| {
            let good = body(line).is_some();
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

fn line(transcript: &Transcript) -> Result<String> {
    let body = serde_json::to_string(transcript)
        .map_err(|error| Error::failed(format!("a transcript cannot be written: {error}")))?;
    Ok([OPEN, &checksum(&body), MIDDLE, &body, CLOSE, "\n"].concat())
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex()[..CHECKSUM_LEN].to_owned()
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

/// The JSON of the transcript in a line whose checksum fits.
fn body(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, body) = line.strip_prefix(OPEN)?.strip_suffix(CLOSE)?.split_once(MIDDLE)?;
    (sum == checksum(body)).then_some(body)
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Option<T> {
    serde_json::from_str(body(line)?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::transcript::{FinishReason, Outcome};
    use proptest::prelude::*;

    fn transcript(request: &str, answer: &str) -> Transcript {
        Transcript {
            variant: "default".into(),
            request: request.into(),
            tier: "free".into(),
            sample: 0,
            harmful: true,
            category: "c".into(),
            outcome: Outcome::Answered,
            native_reasoning: String::new(),
            scratchpad: "s".into(),
            answer: answer.into(),
            raw: answer.into(),
            token_ids: vec![1, 2],
            logprobs: vec![-0.25, -1e-7],
            finish_reason: FinishReason::Stop,
        }
    }

    fn read_all(journal: &mut Journal, entries: &[Entry]) -> Vec<Transcript> {
        entries.iter().map(|entry| journal.transcript(entry.span).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn what_was_appended_comes_back(answers in prop::collection::vec("\\PC*", 0..5), half in 0usize..5) {
            let folder = tempfile::tempdir().unwrap();
            let mut count = TrialCount::of(folder.path());
            prop_assert_eq!(count.now().unwrap(), 0);
            let path = folder.path().join("journal.jsonl");
            let all: Vec<_> = answers.iter().enumerate().map(|(i, a)| transcript(&i.to_string(), a)).collect();
            let (mut journal, nothing, cut) = Journal::open(&path).unwrap();
            prop_assert!(nothing.is_empty() && cut == 0);
            let (first, rest) = all.split_at(half.min(all.len()));
            let mut spans = journal.append(first).unwrap();
            prop_assert_eq!(count.now().unwrap(), first.len());
            spans.extend(journal.append(rest).unwrap());
            prop_assert_eq!(count.now().unwrap(), all.len());
            let (mut again, entries, cut) = Journal::open(&path).unwrap();
            prop_assert_eq!(entries.iter().map(|e| e.span).collect::<Vec<_>>(), spans);
            prop_assert_eq!(read_all(&mut again, &entries), &all[..]);
            prop_assert_eq!(read_finished(&path).unwrap(), &all[..]);
            prop_assert_eq!(cut, 0);
        }

        #[test]
        fn a_torn_or_changed_line_is_set_aside_with_all_after_it(at in 0usize..10_000, flip in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.jsonl");
            let all = [transcript("a", "one"), transcript("b", "two"), transcript("c", "three")];
            Journal::open(&path).unwrap().0.append(&all).unwrap();
            let mut bytes = fs::read(&path).unwrap();
            let at = at % bytes.len();
            if flip { bytes[at] ^= 1 } else { bytes.truncate(at) }
            fs::write(&path, &bytes).unwrap();
            let (mut journal, entries, cut) = Journal::open(&path).unwrap();
            let back = read_all(&mut journal, &entries);
            prop_assert!(back.len() < 3);
            prop_assert_eq!(&back[..], &all[..back.len()]);
            prop_assert_eq!(cut == 0, bytes.is_empty() || bytes.ends_with(b"\n") && !flip);
            let good = bytes.len() - usize::try_from(cut).unwrap();
            let aside = fs::read(path.with_extension("cut")).unwrap_or_default();
            prop_assert_eq!(&aside[..], &bytes[good..]);
            journal.append(&all[back.len()..]).unwrap();
            prop_assert_eq!(&read_finished(&path).unwrap()[..], &all[..]);
        }
    }
}
