//! The verdicts of one judge beside a run: `verdicts/JUDGE.jsonl` and `verdicts/JUDGE.json`.
//! Judges live side by side. Knows nothing about how verdicts come about.

use std::path::{Path, PathBuf};

use super::{JudgeCard, Verdict, rules};
use crate::error::{Error, Result};
use crate::run::{read_json, read_lines, write_json, write_lines};

/// Folder of a run folder.
const FOLDER: &str = "verdicts";

/// What one judge says of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// The judge's own manifest.
    pub card: JudgeCard,
    /// In the order of the trials; a trial that nobody labelled has none.
    pub lines: Vec<Verdict>,
}

impl Verdicts {
    /// Names of the judges whose verdicts are there: `rules` first, the others sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn judges(run: &Path) -> Result<Vec<String>> {
        let folder = run.join(FOLDER);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(|error| Error::read(&folder, &error))? {
            let name = entry.map_err(|error| Error::read(&folder, &error))?.file_name();
            if let Some(judge) = name.to_str().and_then(|name| name.strip_suffix(".json"))
                && paths(run, judge).0.exists()
            {
                names.push(judge.to_owned());
            }
        }
        names.sort_unstable_by_key(|name| (name != rules::NAME, name.clone()));
        Ok(names)
    }

    /// The card of a judge, if its verdicts are there.
    ///
    /// # Errors
    /// It is damaged.
    pub fn card(run: &Path, judge: &str) -> Result<Option<JudgeCard>> {
        let (lines, card) = paths(run, judge);
        (lines.exists() && card.exists()).then(|| read_json(&card)).transpose()
    }

    /// The verdicts of a judge on the transcripts of this digest.
    ///
    /// # Errors
    /// There are none, they are about other transcripts, or they are damaged.
    pub fn read(run: &Path, judge: &str, transcripts_digest: &str) -> Result<Self> {
        let (lines, _) = paths(run, judge);
        let Some(card) = Self::card(run, judge)? else {
            let there = Self::judges(run)?;
            return Err(Error::input(format!(
                "`{}` has no verdicts of judge `{judge}`",
                run.display()
            ))
            .hint(match there.is_empty() {
                true => format!("make some with `candor judge {}`", run.display()),
                false => format!(
                    "judges that are there: {}; `candor judge {} --judge …` adds one",
                    there.join(", "),
                    run.display()
                ),
            }));
        };
        if card.transcripts_digest != transcripts_digest {
            return Err(Error::input(format!(
                "the verdicts in `{}` are about other transcripts",
                lines.display()
            ))
            .hint(format!(
                "check the run with `candor verify {0}`, then `candor judge {0}`",
                run.display()
            )));
        }
        Ok(Self { card, lines: read_lines(&lines)? })
    }

    /// The same, with a card that says that they are about the transcripts of this digest.
    pub fn about(self, transcripts_digest: &str) -> Self {
        Self { card: self.card.about(transcripts_digest, &self.lines), lines: self.lines }
    }

    /// Where a judge that is under way keeps what it was answered.
    pub fn journal(run: &Path, judge: &str) -> PathBuf {
        run.join(FOLDER).join(format!("{judge}.questions.jsonl"))
    }

    /// Writes them, the card last: without it the lines do not count.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn write(&self, run: &Path) -> Result<()> {
        let (lines, card) = paths(run, &self.card.judge);
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, &error))?;
        write_lines(&lines, self.lines.iter())?;
        write_json(&card, &self.card)
    }
}

/// Verdicts and card.
fn paths(run: &Path, judge: &str) -> (PathBuf, PathBuf) {
    let folder = run.join(FOLDER);
    (folder.join(format!("{judge}.jsonl")), folder.join(format!("{judge}.json")))
}

/// A name that can stand in a file name: what is neither letter, digit, `.`, `-` nor `_` becomes `-`.
pub fn judge_name(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    label.chars().map(plain).collect::<String>().trim_matches(['-', '.']).to_owned()
}
