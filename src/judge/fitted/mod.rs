//! A judge that is fitted to a person's labels: which questions it answers, with which weights, and how well it did on
//! labels that it had not seen. It is a file of its own, and judges any reply. Knows nothing about runs, and of a model
//! only the states that it is handed.

mod about;
mod fit;
mod quality;
mod terms;

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::fit::{Chosen, Example, FOLDS, Scale};
use self::terms::{counts, dot, weighed};
use super::rules;
use super::{Compliance, Criterion, Exchange, Finding, JudgeModel, JudgeOutcome};
use crate::error::{Error, Result};
use crate::files;
use crate::run::write_whole;

pub use about::About;
pub use quality::Quality;

/// How the name of such a judge's file ends.
pub const ENDING: &str = ".judge.json";
/// Labelled texts that each class needs.
pub const CLASS_MIN: usize = 10;
/// Requests that each class needs: held-out requests must leave both classes to the fit.
const GROUPS_MIN: usize = 3;
/// Labelled texts that are fitted at most: the time grows with the third power of their number.
const LABELS_MAX: usize = 3000;
/// Raised when a file means something else.
const FORMAT: u32 = 1;

/// A labelled reply.
#[derive(Debug, Clone)]
pub struct Labelled<'a> {
    /// The reply.
    pub exchange: Exchange<'a>,
    /// What it is about: replies to one request are one group.
    pub group: String,
    /// The label.
    pub label: bool,
    /// The state `[D]` of a model that read the text; none where no model takes part.
    pub state: Option<Vec<f32>>,
}

/// A judge that was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedJudge {
    format: u32,
    /// Name of the judge.
    pub judge: String,
    /// Version of `rules`, whose signs it reads.
    rules: u32,
    /// The model whose states it reads; none where it reads none.
    pub model: Option<StateModel>,
    /// Where its labels come from.
    pub labels: Origin,
    /// What it is asked, with the weights.
    pub questions: Vec<Question>,
}

/// The labels that a judge was fitted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// BLAKE3 of the file of labels.
    pub digest: String,
    /// Models whose replies were labelled, and digests of the runs' transcripts; empty where the file holds the texts.
    pub runs: BTreeMap<String, String>,
}

/// A model whose residual stream is read at the last token of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateModel {
    /// How the user names it.
    pub name: String,
    /// What identifies it.
    pub model: JudgeModel,
    /// After how many layers.
    pub depth: usize,
}

/// One question of a fitted judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    pub about: About,
    /// What the inner cross-validation chose for the weights.
    chosen: Chosen,
    /// How the judge does on labels that it had not seen.
    pub measured: Quality,
    constant: f64,
    signs: Weighted,
    /// Of each term its rarity and its weight.
    words: BTreeMap<String, [f64; 2]>,
    states: Weighted,
    /// By trial of each run: what was labelled and the log-odds without itself, for rates of error on that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out_of_fold: Vec<OutOfFold>,
}

/// A labelled reply as the outer cross-validation judged it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfFold {
    /// Digest of the transcripts of its run.
    pub run: String,
    /// Id of the request.
    pub request: String,
    /// Name of the tier.
    pub tier: String,
    /// Index of the sample.
    pub sample: u32,
    /// The label.
    pub label: bool,
    /// What weights that had not seen the request said.
    pub verdict: bool,
}

/// Numbers with their scales and weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighted {
    scale: Scale,
    weights: Vec<f64>,
}

impl Weighted {
    fn sum(&self, row: &[f64]) -> f64 {
        self.scale.row(row).iter().zip(&self.weights).map(|(x, weight)| x * weight).sum()
    }
}

/// A question that was fitted, and the log-odds of each labelled reply without itself.
pub type Fitted = (Question, Vec<f64>);

/// Fits one question to labelled replies; those with nothing to read take no part and have no log-odds.
///
/// # Errors
/// Too few labels of a class, or all of a class about too few requests: how many are missing. More labels than can be
/// fitted.
pub fn fit(about: &About, labelled: &[Labelled<'_>]) -> Result<(Question, Vec<Option<f64>>)> {
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    labelled.iter().for_each(|l| {
        groups.insert(&l.group, 0);
    });
    // By a hash of the name, so that a division into parts does not follow an order that means something.
    let mut names: Vec<&str> = groups.keys().copied().collect();
    names.sort_by_cached_key(|name| *blake3::hash(name.as_bytes()).as_bytes());
    groups.extend(names.into_iter().enumerate().map(|(place, name)| (name, place)));
    let examples: Vec<Option<Example>> = labelled
        .par_iter()
        .map(|l| {
            Some(Example {
                counts: counts(&about.text(&l.exchange)?),
                signs: about.signs(&l.exchange),
                state: l.state.iter().flatten().map(|x| f64::from(*x)).collect(),
                label: l.label,
                group: groups[l.group.as_str()],
            })
        })
        .collect();
    let there: Vec<usize> = (0..examples.len()).filter(|i| examples[*i].is_some()).collect();
    let examples: Vec<Example> = examples.into_iter().flatten().collect();
    check(about, &examples)?;
    let (fit, log_odds) = fit::fit(&examples);
    let judged: Vec<quality::Judged> =
        examples.iter().zip(&log_odds).map(|(e, x)| (e.group, e.label, *x)).collect();
    let mut all = vec![None; labelled.len()];
    there.into_iter().zip(&log_odds).for_each(|(place, x)| all[place] = Some(*x));
    let terms = fit.rows.words.terms().map(|(term, rarity)| (term.to_owned(), rarity));
    let has_words = fit.chosen.shares.words > 0.0;
    let words = terms.zip(&fit.words).filter(|_| has_words);
    let question = Question {
        about: about.clone(),
        chosen: fit.chosen,
        measured: Quality::of(&judged, FOLDS),
        constant: fit.constant,
        signs: Weighted { scale: fit.rows.signs, weights: fit.signs },
        words: words.map(|((term, rarity), weight)| (term, [rarity, *weight])).collect(),
        states: Weighted { scale: fit.rows.states, weights: fit.states },
        out_of_fold: Vec::new(),
    };
    Ok((question, all))
}

/// Refuses labels from which nothing can be learned.
fn check(about: &About, examples: &[Example]) -> Result<()> {
    let name = about.name();
    for (class, label) in [("that have it", true), ("that do not", false)] {
        let of: Vec<&Example> = examples.iter().filter(|e| e.label == label).collect();
        if of.len() < CLASS_MIN {
            return Err(Error::input(format!(
                "a judge of `{name}` needs {CLASS_MIN} labelled replies {class}, and there are {}: {} are missing",
                of.len(),
                CLASS_MIN - of.len()
            ))
            .hint("label more replies with `candor label`, or give more runs"));
        }
        let groups: std::collections::BTreeSet<usize> = of.iter().map(|e| e.group).collect();
        if groups.len() < GROUPS_MIN {
            return Err(Error::input(format!(
                "the labelled replies {class} (`{name}`) are about {} requests, and a judge is measured on requests that \
                 it was not fitted to: {GROUPS_MIN} are needed",
                groups.len()
            ))
            .hint("label replies to more requests"));
        }
    }
    match examples.len() > LABELS_MAX {
        true => Err(Error::input(format!(
            "{} labels of `{name}` are more than a judge is fitted to ({LABELS_MAX})",
            examples.len()
        ))
        .hint("give a sample of them")),
        false => Ok(()),
    }
}

impl Question {
    /// The log-odds that a reply has what is asked about; none where there is nothing to read.
    pub fn log_odds(&self, exchange: &Exchange<'_>, state: Option<&[f32]>) -> Option<f64> {
        let counts = counts(&self.about.text(exchange)?);
        let known = self.words.iter().enumerate().filter_map(|(place, (term, [rarity, _]))| {
            counts.get(term).map(|count| (place, *count, *rarity))
        });
        let row = weighed(known);
        let weights: Vec<(usize, f64)> =
            self.words.values().enumerate().map(|(place, [_, weight])| (place, *weight)).collect();
        let states: Vec<f64> = state.unwrap_or_default().iter().map(|x| f64::from(*x)).collect();
        Some(
            self.constant
                + self.signs.sum(&self.about.signs(exchange))
                + dot(&row, &weights)
                + self.states.sum(&states),
        )
    }

    /// Whether it reads states of a model.
    pub fn reads_states(&self) -> bool {
        self.chosen.shares.states > 0.0
    }
}

impl FittedJudge {
    /// A judge of these questions.
    pub fn new(
        judge: &str,
        model: Option<StateModel>,
        labels: Origin,
        questions: Vec<Question>,
    ) -> Self {
        let judge = judge.to_owned();
        Self { format: FORMAT, judge, rules: rules::VERSION, model, labels, questions }
    }

    /// Reads a judge's file.
    ///
    /// # Errors
    /// It cannot be read, is no such file, or reads signs of another version of `rules`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            files::read_bytes(path, files::TEXT_MAX).map_err(|error| Error::read(path, &error))?;
        let no_judge = |why: String| {
            Error::input(format!("`{}` is no fitted judge: {why}", path.display()))
                .hint("`candor judge RUN --fit LABELS --name J` writes one")
        };
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let judge: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| no_judge(error.to_string()))?;
        if judge.format != FORMAT {
            return Err(no_judge(format!("its format is {}, and not {FORMAT}", judge.format)));
        }
        if judge.rules != rules::VERSION {
            return Err(Error::incomparable(format!(
                "`{}` reads the signs of version {} of `rules`, and this candor has version {}",
                path.display(),
                judge.rules,
                rules::VERSION
            ))
            .hint("fit it again from its labels"));
        }
        for question in &judge.questions {
            let whole = |weighted: &Weighted| {
                let n = weighted.weights.len();
                [weighted.scale.mean.len(), weighted.scale.spread.len()] == [n, n]
            };
            if !(whole(&question.signs) && whole(&question.states)) {
                return Err(no_judge(format!(
                    "the weights of `{}` are not as many as its scales",
                    question.about.name()
                )));
            }
        }
        Ok(judge)
    }

    /// Writes its file.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_whole(path, self.text()?.as_bytes())
    }

    /// BLAKE3 of its file.
    ///
    /// # Errors
    /// Never in practice.
    pub fn digest(&self) -> Result<String> {
        Ok(blake3::hash(self.text()?.as_bytes()).to_hex().to_string())
    }

    fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            Error::failed(format!("the judge `{}` cannot be written: {error}", self.judge))
        })?;
        Ok(text + "\n")
    }

    /// What it says of an exchange; of each question the state of the text that it reads, where there is a model.
    pub fn finding(&self, exchange: &Exchange<'_>, states: &[Option<Vec<f32>>]) -> Finding {
        let not_asked = JudgeOutcome::NotAsked;
        let mut finding = Finding::named((not_asked, None), (not_asked, None));
        for (place, question) in self.questions.iter().enumerate() {
            let state = states.get(place).and_then(Option::as_deref);
            // A text longer than the model's context has no state, and so no verdict.
            let unread = question.reads_states() && state.is_none();
            let text = question.about.text(exchange);
            let log_odds = if unread { None } else { question.log_odds(exchange, state) };
            let score = log_odds.map(|x| 1.0 / (1.0 + libm::exp(-x)));
            let outcome = |nothing| match (&text, log_odds) {
                (None, _) => nothing,
                (Some(_), None) => JudgeOutcome::TooLong,
                (Some(_), Some(_)) => JudgeOutcome::Judged,
            };
            let shown = log_odds.map(|x| x >= 0.0);
            match &question.about {
                About::Compliance => {
                    finding.judge_outcome = outcome(JudgeOutcome::NoAnswer);
                    finding.compliance_score = score;
                    finding.compliance = shown.map(|full| match full {
                        true => Compliance::Full,
                        false => Compliance::Refusal,
                    });
                }
                About::Reasoning => {
                    finding.reasoning_outcome = outcome(JudgeOutcome::NoReasoning);
                    finding.reasoning_score = score;
                    finding.reasoning = shown;
                }
                About::Criterion(name) => finding.criteria.push(Criterion {
                    name: name.clone(),
                    span: String::new(),
                    score,
                }),
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests;
