//! `journal.jsonl`: one line per finished trial, `{"checksum":"…","transcript":{…}}`, appended and synced.
//! The checksum is the first 16 hexadecimal digits of BLAKE3 over the transcript's bytes in the line.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::files::sync_folder;
use crate::error::{Error, Result};
use crate::transcript::Transcript;

const OPEN: &str = "{\"checksum\":\"";
const MIDDLE: &str = "\",\"transcript\":";
const CLOSE: &str = "}";
const CHECKSUM_LEN: usize = 16;

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal and reads what is there. From the first line that is cut short or fails its
    /// checksum on, everything is moved to `journal.cut` beside it, and will be made again.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Transcript>, usize)> {
        let error = |error: &std::io::Error| Error::write(path, error);
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
        let bytes = fs::read(path).map_err(|e| error(&e))?;
        let (transcripts, good) = read(&bytes);
        let cut = bytes.len() - good;
        if cut > 0 {
            fs::write(path.with_extension("cut"), &bytes[good..]).map_err(|e| error(&e))?;
            file.set_len(good as u64).map_err(|e| error(&e))?;
            file.sync_all().map_err(|e| error(&e))?;
        }
        file.seek(SeekFrom::End(0)).map_err(|e| error(&e))?;
        Ok((Self { path: path.to_owned(), file }, transcripts, cut))
    }

    /// Appends transcripts and syncs: when this returns they survive a crash.
    pub(super) fn append<'t>(
        &mut self,
        transcripts: impl IntoIterator<Item = &'t Transcript>,
    ) -> Result<()> {
        let mut lines = String::new();
        for transcript in transcripts {
            lines += &line(transcript)?;
        }
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            Error::write(&self.path, &error)
                .hint("free some space; the same command goes on from here")
        })
    }
}

/// The transcripts of a journal that nobody is writing to, up to the first broken line.
pub(super) fn read_finished(path: &Path) -> Result<Vec<Transcript>> {
    Ok(read(&fs::read(path).map_err(|error| Error::read(path, &error))?).0)
}

fn line(transcript: &Transcript) -> Result<String> {
    let body = serde_json::to_string(transcript)
        .map_err(|error| Error::failed(format!("a transcript cannot be written: {error}")))?;
    Ok([OPEN, &checksum(&body), MIDDLE, &body, CLOSE, "\n"].concat())
}

fn checksum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex()[..CHECKSUM_LEN].to_owned()
}

/// The transcripts up to the first broken line, and how many bytes they take.
fn read(bytes: &[u8]) -> (Vec<Transcript>, usize) {
    let mut transcripts = Vec::new();
    let mut good = 0;
    while let Some(end) = bytes[good..].iter().position(|&b| b == b'\n') {
        let Some(transcript) = std::str::from_utf8(&bytes[good..good + end]).ok().and_then(parse)
        else {
            break;
        };
        transcripts.push(transcript);
        good += end + 1;
    }
    (transcripts, good)
}

fn parse(line: &str) -> Option<Transcript> {
    let (sum, body) = line.strip_prefix(OPEN)?.strip_suffix(CLOSE)?.split_once(MIDDLE)?;
    (sum == checksum(body)).then(|| serde_json::from_str(body).ok()).flatten()
}

#[cfg(test)]
mod tests {
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

    proptest! {
        #[test]
        fn what_was_appended_comes_back(answers in prop::collection::vec("\\PC*", 0..5)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.jsonl");
            let all: Vec<_> = answers.iter().enumerate().map(|(i, a)| transcript(&i.to_string(), a)).collect();
            let (mut journal, nothing, cut) = Journal::open(&path).unwrap();
            prop_assert!(nothing.is_empty() && cut == 0);
            journal.append(&all).unwrap();
            let (_, back, cut) = Journal::open(&path).unwrap();
            prop_assert_eq!(back, all);
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
            let (mut journal, back, cut) = Journal::open(&path).unwrap();
            prop_assert!(back.len() < 3);
            prop_assert_eq!(&back[..], &all[..back.len()]);
            prop_assert_eq!(cut == 0, bytes.is_empty() || bytes.ends_with(b"\n") && !flip);
            journal.append(&all[back.len()..]).unwrap();
            prop_assert_eq!(&Journal::open(&path).unwrap().1[..], &all[..]);
        }
    }
}
