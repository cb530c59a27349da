//! A judge's own manifest: which judge, what it judged, and how it does on answers that people labelled.
//! Knows nothing about how a judge comes to its verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::fitted::Quality;
use super::{Compliance, JudgeOutcome, Verdict};

/// `verdicts/JUDGE.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeCard {
    /// Name of the judge.
    pub judge: String,
    /// Version of the judge; another version may give other verdicts.
    pub version: u32,
    /// Digest of the transcripts that were judged.
    pub transcripts_digest: String,
    /// BLAKE3 of the file of verdicts; none in a card of the first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Only while the file of verdicts is being replaced: BLAKE3 of the one that stands there until then, empty where
    /// there is none. Whoever is killed in between leaves a card that fits the one file or the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// How the judge does on labelled answers; empty for a judge that was never measured.
    pub measured: Vec<Measured>,
    /// The model that judged; none for a judge that is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<JudgeModel>,
    /// What that model was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubric: Option<RubricRecord>,
    /// The labels that the judge was fitted to; none for a judge that was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<FittedRecord>,
    /// In how many trials there is a verdict on compliance, and what became of the others.
    pub outcomes: BTreeMap<JudgeOutcome, u64>,
    /// The same for the reasoning.
    pub reasoning_outcomes: BTreeMap<JudgeOutcome, u64>,
    /// BLAKE3 of the card without this key, so that a card that was changed is noticed; none in the first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// A model that judges, and all of it that decides its verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeModel {
    /// Its name, for people.
    pub label: String,
    /// BLAKE3 of each of its files.
    pub files: BTreeMap<String, String>,
    /// Into which blocks its weights were put while they were loaded, by name.
    pub quantize: Option<String>,
    /// What computed its probabilities.
    pub numerics: String,
}

/// The questions that a model was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricRecord {
    /// Name of the rubric.
    pub name: String,
    /// BLAKE3 of its file.
    pub digest: String,
    /// Its file, word for word.
    pub text: String,
}

/// What a judge that was fitted to labels says of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedRecord {
    /// BLAKE3 of the judge's file.
    pub digest: String,
    /// BLAKE3 of the file of labels.
    pub labels: String,
    /// Models whose replies were labelled; empty where the file of labels holds the texts.
    pub models: Vec<String>,
    /// Whether labels on replies of this very run were among them.
    pub on_this_run: bool,
    /// How it does on each question, on labels that it had not seen.
    pub measured: BTreeMap<String, Quality>,
    /// The labels of compliance on this run's replies to harmful requests, as the judge told them without having seen
    /// the request: in the tier that is trained on and in the other, by label (full, other) how many it told so and
    /// not so. None where there were no such labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_fold: Option<[[[u64; 2]; 2]; 2]>,
}

impl JudgeCard {
    /// The card of a judge that was not measured, before it is known what it judged.
    pub fn new(judge: &str, version: u32) -> Self {
        Self {
            judge: judge.to_owned(),
            version,
            transcripts_digest: String::new(),
            digest: None,
            replaces: None,
            measured: Vec::new(),
            model: None,
            rubric: None,
            fitted: None,
            outcomes: BTreeMap::new(),
            reasoning_outcomes: BTreeMap::new(),
            checksum: None,
        }
    }

    /// The card beside these verdicts on the transcripts of this digest.
    pub fn about(self, transcripts_digest: &str, verdicts: &[Verdict]) -> Self {
        let count = |outcome: fn(&Verdict) -> JudgeOutcome| {
            let mut counts = BTreeMap::new();
            for verdict in verdicts {
                *counts.entry(outcome(verdict)).or_default() += 1;
            }
            counts
        };
        Self {
            transcripts_digest: transcripts_digest.to_owned(),
            outcomes: count(|verdict| verdict.judge_outcome),
            reasoning_outcomes: count(|verdict| verdict.reasoning_outcome),
            ..self
        }
    }

    /// What [`Self::checksum`] has to be: BLAKE3 of the card as a JSON object without that key, its keys in the order
    /// of the file, with no blanks.
    ///
    /// # Errors
    /// Never in practice.
    pub fn own_checksum(&self) -> Result<String> {
        let written = |error| Error::failed(format!("a judge's card cannot be written: {error}"));
        let value =
            serde_json::to_value(Self { checksum: None, ..self.clone() }).map_err(written)?;
        let text = serde_json::to_string(&value).map_err(written)?;
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// Whether a judge with this card would say of the same transcripts what the judge of the other card said.
    pub fn same_judge(&self, other: &Self) -> bool {
        let fitted = |card: &Self| card.fitted.as_ref().map(|fitted| fitted.digest.clone());
        (&self.judge, self.version, &self.model, &self.rubric, fitted(self))
            == (&other.judge, other.version, &other.model, &other.rubric, fitted(other))
    }
}

/// How a judge's verdicts on compliance compare with people's on one set of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Name of the labelled set.
    pub set: String,
    /// Which of its answers: all, or those that nobody looked at while the judge was made.
    pub part: String,
    /// Where the set comes from.
    pub source: String,
    /// How the judge was made and measured.
    pub method: String,
    /// Number of answers.
    pub answers: u32,
    /// Rows are the labels, columns the verdicts, both in the order full, partial, refusal.
    pub confusion: [[u32; 3]; 3],
    /// Share of answers with the label's class.
    pub accuracy: f64,
    /// The same with partial and refusal as one class.
    pub accuracy_full: f64,
    /// Share of the answers labelled full that are judged full.
    pub sensitivity_full: f64,
    /// Share of the other answers that are not judged full.
    pub specificity_full: f64,
}

impl Measured {
    /// Counts pairs of label and verdict. Rates over no answers are 0.
    pub fn of(
        [set, part, source, method]: [&str; 4],
        pairs: impl IntoIterator<Item = (Compliance, Compliance)>,
    ) -> Self {
        let mut confusion = [[0_u32; 3]; 3];
        for (label, verdict) in pairs {
            confusion[label.place()][verdict.place()] += 1;
        }
        let [full, partial, refusal] = confusion;
        let labelled_full: u32 = full.iter().sum();
        let labelled_rest: u32 = partial.iter().chain(&refusal).sum();
        let answers = labelled_full + labelled_rest;
        let rest_kept = labelled_rest - partial[0] - refusal[0];
        Self {
            set: set.to_owned(),
            part: part.to_owned(),
            source: source.to_owned(),
            method: method.to_owned(),
            answers,
            confusion,
            accuracy: share(full[0] + partial[1] + refusal[2], answers),
            accuracy_full: share(full[0] + rest_kept, answers),
            sensitivity_full: share(full[0], labelled_full),
            specificity_full: share(rest_kept, labelled_rest),
        }
    }
}

/// Rounded to four digits, so that a file shows what a table would.
fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { (f64::from(part) / f64::from(whole) * 1e4).round() / 1e4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_from_the_table() {
        use Compliance::{Full, Partial, Refusal};
        let pairs = [
            (Full, Full),
            (Full, Full),
            (Full, Partial),
            (Partial, Full),
            (Partial, Refusal),
            (Refusal, Refusal),
        ];
        let measured = Measured::of(["s", "all", "here", "by hand"], pairs);
        assert_eq!(measured.confusion, [[2, 1, 0], [1, 0, 1], [0, 0, 1]]);
        assert_eq!(measured.answers, 6);
        assert_eq!(measured.accuracy, 0.5);
        assert_eq!(measured.accuracy_full, 0.6667);
        assert_eq!(measured.sensitivity_full, 0.6667);
        assert_eq!(measured.specificity_full, 0.6667);
        assert_eq!(Measured::of(["s", "all", "", ""], []).accuracy, 0.0);
    }
}
