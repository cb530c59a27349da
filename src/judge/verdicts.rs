//! The verdicts of one judge beside a run: `verdicts/JUDGE.jsonl` and `verdicts/JUDGE.json`.
//! Judges live side by side. Knows nothing about how verdicts come about.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{JudgeCard, Verdict, is_human, rules};
use crate::error::{Error, Result};
use crate::run::{
    Finished, file_digest, lines_text, read_json, read_lines, write_json, write_whole,
};
use crate::transcript::Transcript;

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
            // One half of a pair is enough to count, so that one that is without the other is refused and not left
            // out. A fitted judge is no card.
            let name = name.to_str().unwrap_or_default();
            let judge = name.strip_suffix(".json").or_else(|| name.strip_suffix(".jsonl"));
            if let Some(judge) = judge.filter(|judge| !judge.ends_with(".judge"))
                && !names.iter().any(|known| known == judge)
                && !Self::is_only_begun(run, judge)
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

    /// Whether a judge was killed before it had written its first verdicts.
    fn is_only_begun(run: &Path, judge: &str) -> bool {
        let (lines, card) = paths(run, judge);
        let begun = |card: JudgeCard| card.replaces.as_deref() == Some("");
        !lines.exists() && read_json(&card).is_ok_and(begun)
    }

    /// The verdicts of a judge on the transcripts of a finished run, once they are found to be what was written: as
    /// card and digests say, and exactly one for every trial (at most one for those that a person labelled).
    ///
    /// # Errors
    /// There are none, they are about other transcripts, or they are not as they were written: the file and, where it
    /// can be told, line and trial.
    pub fn of_run(run: &Finished, judge: &str) -> Result<Self> {
        let digest = Finished::transcripts_digest(&run.path)?;
        let verdicts = Self::read(&run.path, judge, &digest);
        // Where lines are missing, doubled or of another run that tells more than that the digest is another one.
        match (&verdicts, Self::as_they_stand(&run.path, judge)) {
            (Ok(verdicts), _) => verdicts.check_trials(run)?,
            (Err(_), Some(changed)) => changed.check_trials(run)?,
            (Err(_), None) => {}
        }
        verdicts
    }

    /// The verdicts of a judge as they stand there, whatever card and digests say of them: to find what was changed.
    /// None where they cannot be read.
    pub fn as_they_stand(run: &Path, judge: &str) -> Option<Self> {
        let card = Self::card(run, judge).ok()??;
        Some(Self { lines: read_lines(&paths(run, judge).0).ok()?, card })
    }

    /// One line for every trial of the run.
    fn check_trials(&self, run: &Finished) -> Result<()> {
        let (lines, _) = paths(&run.path, &self.card.judge);
        let changed =
            |what: String| Err(self.changed(&run.path, &format!("`{}`{what}", lines.display())));
        let trials: HashSet<_> = run
            .transcripts
            .iter()
            .map(|t| (&*t.variant, &*t.request, &*t.tier, t.sample))
            .collect();
        let mut seen = HashMap::new();
        for (number, verdict) in (1..).zip(&self.lines) {
            let key = (&*verdict.variant, &*verdict.request, &*verdict.tier, verdict.sample);
            let (request, tier, sample) = verdict.trial();
            if !trials.contains(&key) {
                return changed(format!(
                    ", line {number}: the run has no trial {request}/{tier}/{sample}"
                ));
            }
            if let Some(first) = seen.insert(key, number) {
                return changed(format!(
                    ", line {number}: trial {request}/{tier}/{sample} has a verdict on line {first} already"
                ));
            }
        }
        let missing =
            |t: &&Transcript| !seen.contains_key(&(&*t.variant, &*t.request, &*t.tier, t.sample));
        match run.transcripts.iter().find(missing).filter(|_| !is_human(&self.card.judge)) {
            None => Ok(()),
            Some(t) => {
                changed(format!(" has no verdict on trial {}/{}/{}", t.request, t.tier, t.sample))
            }
        }
    }

    /// Verdicts that are not as they were written, and how to come by some that are.
    fn changed(&self, run: &Path, what: &str) -> Error {
        changed(run, &self.card.judge, what)
    }

    /// The judge that is meant: by the name of its verdicts, or as it was named to judge (`org/name`, `./folder`), so
    /// that `CANDOR_JUDGE` means one judge to every command.
    fn named(run: &Path, judge: &str) -> Result<String> {
        let there = Self::judges(run)?;
        let folder = judge.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let names = [judge.to_owned(), judge_name(judge), judge_name(folder)];
        let known = names.into_iter().find(|name| there.contains(name));
        Ok(known.unwrap_or_else(|| judge.to_owned()))
    }

    /// The verdicts of a judge on the transcripts of this digest, as card and digests say that they were written.
    ///
    /// # Errors
    /// There are none, they are about other transcripts, or they are not as they were written.
    fn read(run: &Path, judge: &str, transcripts_digest: &str) -> Result<Self> {
        let judge = &*Self::named(run, judge)?;
        let (lines, card_path) = paths(run, judge);
        if lines.exists() != card_path.exists() && !Self::is_only_begun(run, judge) {
            let (there, gone) =
                if lines.exists() { (&lines, &card_path) } else { (&card_path, &lines) };
            let what = format!("`{}` is there without `{}`", there.display(), gone.display());
            return Err(changed(run, judge, &what));
        }
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
        let shown = |path: &Path| format!("`{}`", path.display());
        if card.judge != judge {
            let what = format!("{} is the card of judge `{}`", shown(&card_path), card.judge);
            return Err(changed(run, judge, &what));
        }
        let bound = Finished::record(run)?.format() > 1;
        let checksum = card.own_checksum()?;
        match &card.checksum {
            None if !bound && card.digest.is_none() => {}
            Some(there) if *there == checksum => {}
            _ => {
                let what = format!("{} is not as it was written", shown(&card_path));
                return Err(changed(run, judge, &what));
            }
        }
        let found = file_digest(&lines)?;
        let expected = [card.digest.as_ref(), card.replaces.as_ref()];
        if (bound || card.digest.is_some()) && !expected.contains(&Some(&found)) {
            let what = match first_unreadable(&lines) {
                Some(error) => format!("{} is not as it was written: {error}", shown(&lines)),
                None => format!("{} is not as it was written", shown(&lines)),
            };
            return Err(changed(run, judge, &what));
        }
        let verdicts = Self { lines: read_lines(&lines)?, card };
        let counted = verdicts.card.clone().about(transcripts_digest, &verdicts.lines);
        let same = (&counted.outcomes, &counted.reasoning_outcomes)
            == (&verdicts.card.outcomes, &verdicts.card.reasoning_outcomes);
        match same || verdicts.card.replaces.as_ref() == Some(&found) {
            true => Ok(verdicts),
            false => {
                let what =
                    format!("{} does not hold the verdicts that its card counts", shown(&lines));
                Err(changed(run, judge, &what))
            }
        }
    }

    /// The same, with a card that says that they are about the transcripts of this digest.
    pub fn about(self, transcripts_digest: &str) -> Self {
        Self { card: self.card.about(transcripts_digest, &self.lines), lines: self.lines }
    }

    /// Where a judge that is under way keeps what it was answered.
    pub fn journal(run: &Path, judge: &str) -> PathBuf {
        run.join(FOLDER).join(format!("{judge}.questions"))
    }

    /// Writes them: first a card that fits both what stands there and what will, then the verdicts, then the card that
    /// fits these alone. Whoever is killed in between leaves verdicts that can be read, the old ones or the new.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn write(&self, run: &Path) -> Result<()> {
        let (lines, card) = paths(run, &self.card.judge);
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, &error))?;
        let text = lines_text(&lines, self.lines.iter())?;
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        let there = match lines.exists() {
            true => file_digest(&lines)?,
            false => String::new(),
        };
        let sealed = |replaces: Option<String>| -> Result<JudgeCard> {
            let card = JudgeCard {
                digest: Some(digest.clone()),
                replaces,
                checksum: None,
                ..self.card.clone()
            };
            Ok(JudgeCard { checksum: Some(card.own_checksum()?), ..card })
        };
        if there != digest {
            write_json(&card, &sealed(Some(there))?)?;
            write_whole(&lines, text.as_bytes())?;
        }
        write_json(&card, &sealed(None)?)
    }
}

/// Verdicts of a judge that are not as they were written, and how to come by some that are.
fn changed(run: &Path, judge: &str, what: &str) -> Error {
    let (lines, card) = paths(run, judge);
    let run = run.display();
    let (lines, card) = (lines.display(), card.display());
    Error::input(what.to_owned()).hint(match () {
        () if judge == rules::NAME => format!("`candor judge {run}` makes the verdicts of `rules` anew"),
        () if is_human(judge) => format!(
            "labels of people cannot be made again: remove `{lines}` and `{card}`, then import the labels again (`candor label {run} --import FILE`)"
        ),
        () => format!("remove `{lines}` and `{card}`, then judge again with `candor judge {run} --judge …`"),
    })
}

/// What is wrong with the first line that is no verdict; none where all are.
fn first_unreadable(lines: &Path) -> Option<Error> {
    read_lines::<Verdict>(lines).err()
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
