//! Transcript in, verdict out. A judge reads text; it knows neither tokens nor models, and of the tier only
//! the name that it copies. Judges live side by side, each with a card that says how often it errs.

mod agreement;
mod card;
pub mod choice;
mod exchange;
pub mod fitted;
mod labels;
mod measures;
mod questions;
pub mod rubric;
pub mod rules;
mod told;
mod verdict;
mod verdicts;

/// The judge that is a person; `human-NAME` where there are several.
pub const HUMAN: &str = "human";

/// Whether a judge of this name is a person.
pub fn is_human(judge: &str) -> bool {
    judge == HUMAN || judge.strip_prefix(HUMAN).is_some_and(|rest| rest.starts_with('-'))
}

pub use agreement::{Agreement, Count, Said, measured_by_tier};
pub use card::{FittedRecord, JudgeCard, JudgeModel, Measured, RubricRecord};
pub use exchange::Exchange;
pub use labels::{Ask, Label, Labels, Mark, blinded_order, trial_key};
pub use questions::QuestionJournal;
pub use told::{TOLD, Told};
pub use verdict::{Compliance, Criterion, Finding, JudgeOutcome, Verdict};
pub use verdicts::{Verdicts, judge_name};
