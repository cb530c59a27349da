//! What a model that judges has answered so far: one line a question, `{"checksum":"…","answer":{…}}`, appended and
//! synced, so that an interrupted judge goes on where it was. A line counts when its checksum fits, which is the first
//! 16 hexadecimal digits of BLAKE3 over the answer's bytes; from the first that does not, the rest is asked again.
//! Knows nothing about what the questions say.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::run::unwritten;

/// Lines that are written and synced together.
const LINES: usize = 32;

/// An open journal of answers.
#[derive(Default)]
pub struct QuestionJournal {
    /// None for one that keeps nothing, where a judge is so quick that it may begin anew.
    file: Option<(PathBuf, File)>,
    known: HashMap<String, Vec<f64>>,
    waiting: String,
    lines: usize,
}

const OPEN: &str = "{\"checksum\":\"";
const MIDDLE: &str = "\",\"answer\":";
const CHECKSUM_LEN: usize = 16;

/// Numbers by their bits: what is read back is what was written, infinities and all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    question: String,
    bits: Vec<u64>,
}

impl QuestionJournal {
    /// Opens the journal at a path, or begins one there.
    ///
    /// # Errors
    /// The disk does not give or take it.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        }
        let mut open = OpenOptions::new();
        let file = open.read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| unwritten(path, &error))?;
        // Written by candor itself, an answer a line: as long as the questions are many.
        let bytes =
            crate::files::read_bytes(path, u64::MAX).map_err(|error| Error::read(path, &error))?;
        let mut known = HashMap::new();
        let mut good = 0_u64;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(Answer { question, bits }) = read(line) else { break };
            known.insert(question, bits.into_iter().map(f64::from_bits).collect());
            good += line.len() as u64;
        }
        if good < bytes.len() as u64 {
            file.set_len(good).map_err(|error| unwritten(path, &error))?;
        }
        Ok(Self { file: Some((path.to_owned(), file)), known, ..Self::default() })
    }

    /// The answer that is on record for a question of this key.
    pub fn known(&self, question: &str) -> Option<&[f64]> {
        self.known.get(question).map(Vec::as_slice)
    }

    /// Puts an answer on record; it survives a crash once [`Self::sync`] was called, or a few more followed.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn add(&mut self, question: &str, numbers: &[f64]) -> Result<()> {
        let bits = numbers.iter().map(|number| number.to_bits()).collect();
        let answer = serde_json::to_string(&Answer { question: question.to_owned(), bits })
            .map_err(|error| Error::failed(format!("an answer cannot be written: {error}")))?;
        self.waiting += &format!("{OPEN}{}{MIDDLE}{answer}}}\n", checksum(&answer));
        self.lines += 1;
        if self.lines >= LINES { self.sync() } else { Ok(()) }
    }

    /// Writes and syncs what waits.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&mut self) -> Result<()> {
        if let Some((path, file)) = self.file.as_mut().filter(|_| !self.waiting.is_empty()) {
            let written = file.write_all(self.waiting.as_bytes()).and_then(|()| file.sync_data());
            written.map_err(|error| unwritten(path, &error))?;
        }
        self.waiting.clear();
        self.lines = 0;
        Ok(())
    }

    /// Takes the journal away, once its answers stand in verdicts.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(unwritten(path, &error))
            }
            _ => Ok(()),
        }
    }
}

fn checksum(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..CHECKSUM_LEN].to_owned()
}

fn read(line: &[u8]) -> Option<Answer> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("}\n")?.strip_prefix(OPEN)?;
    let (sum, answer) = line.split_at_checked(CHECKSUM_LEN)?;
    let answer = answer.strip_prefix(MIDDLE)?;
    (sum == checksum(answer)).then(|| serde_json::from_str(answer).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_back_to_the_bit_and_a_damaged_line_ends_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verdicts/j.questions");
        let answers = [vec![-0.1, f64::NEG_INFINITY], vec![], vec![1e-300]];
        let mut journal = QuestionJournal::open(&path).unwrap();
        for (place, numbers) in answers.iter().enumerate() {
            journal.add(&place.to_string(), numbers).unwrap();
        }
        journal.sync().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let journal = QuestionJournal::open(&path).unwrap();
        for (place, numbers) in answers.iter().enumerate() {
            assert_eq!(journal.known(&place.to_string()), Some(&numbers[..]));
        }
        let lines: Vec<&str> = text.lines().collect();
        let damaged =
            format!("{}\n{}\n{}\n", lines[0], lines[1].replace(":\"1\"", ":\"7\""), lines[2]);
        assert_ne!(damaged, text);
        fs::write(&path, damaged).unwrap();
        let journal = QuestionJournal::open(&path).unwrap();
        assert!(
            journal.known("0").is_some()
                && journal.known("7").is_none()
                && journal.known("2").is_none()
        );
        fs::write(&path, &text[..text.len() - 4]).unwrap();
        let mut journal = QuestionJournal::open(&path).unwrap();
        assert!(journal.known("1").is_some() && journal.known("2").is_none());
        journal.add("2", &answers[2]).unwrap();
        journal.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        QuestionJournal::remove(&path).unwrap();
        QuestionJournal::remove(&path).unwrap();
    }
}
