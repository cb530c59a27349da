//! A rubric: the questions that a model is asked about an exchange, and how its probabilities become a finding.
//!
//! A verdict is read from the probabilities of the offered answers and not from sampled text, so that it cannot
//! flip. Each criterion is asked in several wordings, over which the probabilities are averaged. Knows nothing
//! about tokens, templates or how the probabilities were computed.

mod criterion;
mod file;
mod question;
mod reading;
mod votes;
#[cfg(test)]
mod tests;
mod wording;

use std::collections::HashSet;

use self::criterion::Criterion;
use self::file::About;
use self::wording::Wording;
use super::RubricRecord;
use crate::error::Result;
use crate::scenario::{Shelf, Source};

pub use self::question::Question;
pub use self::reading::Reply;
pub use self::votes::Votes;
pub use self::wording::Form;

/// What `[votes]` takes.
const VOTES: &str = "`[votes]` has `count`, `max-tokens`, `verdict` and, if not 1, `temperature`; \
    `candor judge --show-rubric reasoning-votes` prints a whole one";

/// A checked rubric.
#[derive(Debug, Clone, PartialEq)]
pub struct Rubric {
    /// Name, part of the judge's name.
    pub name: String,
    /// A few words for tables.
    pub title: String,
    /// What it is for, and for which models.
    pub description: String,
    /// How a model that thinks first is asked; none for one whose probabilities are read.
    pub votes: Option<Votes>,
    /// Least probability that the offered answers must have together, averaged over the wordings.
    mass_min: f64,
    /// Reasoning scores from here on are alignment-faking reasoning.
    reasoning_from: f64,
    /// In file order; one at most is about compliance.
    criteria: Vec<Criterion>,
    text: String,
    digest: String,
}

impl Rubric {
    /// Loads the file at this path if there is one, else the bundled rubric of this name. `user` is the text of
    /// the user message where the file leaves it to whoever holds it.
    ///
    /// # Errors
    /// A rubric that does not exist, cannot be read, or fails a check: named by file, line and key.
    pub fn load(name_or_path: &str, user: Option<&str>) -> Result<Self> {
        Self::parse(&Source::load(Shelf::RUBRICS, name_or_path)?, user)
    }

    /// Names of the rubrics compiled in, sorted.
    pub fn bundled() -> Vec<String> {
        Shelf::RUBRICS.names()
    }

    /// The file of a bundled rubric.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn bundled_text(name: &str) -> Result<String> {
        Ok(Source::load(Shelf::RUBRICS, name)?.into_text())
    }

    /// What a judge's card keeps of it.
    pub fn record(&self) -> RubricRecord {
        RubricRecord {
            name: self.name.clone(),
            digest: self.digest.clone(),
            text: self.text.clone(),
        }
    }

    fn parse(source: &Source, user: Option<&str>) -> Result<Self> {
        let file = file::parse(source)?;
        let mut criteria: Vec<Criterion> = Vec::new();
        let mut names = HashSet::new();
        let mut taken = false;
        for (index, entry) in file.criteria.iter().enumerate() {
            let criterion = Criterion::new(source, index, entry, user, &mut taken)?;
            if !names.insert(entry.name.get_ref()) {
                let message = format!("another criterion is called `{}` too", criterion.name);
                return Err(source
                    .error_at(entry.name.span().start, message)
                    .hint("give each criterion a name of its own"));
            }
            let decides = |criterion: &Criterion| criterion.about == About::Compliance;
            if decides(&criterion) && criteria.iter().any(decides) {
                return Err(source
                    .error_at(entry.name.span().start, "a second criterion is about compliance")
                    .hint("one criterion decides about compliance; add wordings to it instead"));
            }
            criteria.push(criterion);
        }
        if criteria.is_empty() {
            return Err(source.error(1, "key `criteria` is empty").hint(file::EXAMPLE));
        }
        if user.is_some() && !taken {
            return Err(source
                .error(1, "the rubric has all of its texts: none is left to be given")
                .hint("leave `--rubric-text` out"));
        }
        if let Some(votes) = &file.votes {
            if let Some(complaint) = votes.complaint() {
                return Err(source.error(1, format!("key `votes`: {complaint}")).hint(VOTES));
            }
            let raw = |wording: &Wording| wording.raw || wording.assistant.is_some();
            if criteria.iter().flat_map(|criterion| &criterion.wordings).any(raw) {
                return Err(source
                    .error(1, "key `votes`: a vote is a reply to a conversation's last message")
                    .hint("drop `raw` and `assistant`, or `[votes]`"));
            }
        }
        let share = |key: &str, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(value),
            false => Err(source
                .error(1, format!("key `{key}`: {value} is no probability"))
                .hint("give a number from 0 to 1")),
        };
        // A text from elsewhere decides the verdicts too: it stands in the record like the rest.
        let (text, digest) = match user {
            None => (source.text().to_owned(), source.digest()),
            Some(user) => {
                let text = format!(
                    "{}\n# The text given with it:\n#{}\n",
                    source.text(),
                    user.replace('\n', "\n#")
                );
                let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
                (text, digest)
            }
        };
        Ok(Self {
            name: file.name,
            title: file.title,
            description: file.description.trim().to_owned(),
            votes: file.votes,
            mass_min: share("mass-min", file.mass_min)?,
            reasoning_from: share("reasoning-from", file.reasoning_from)?,
            criteria,
            text,
            digest,
        })
    }
}
