//! Transcript in, verdict out. A judge reads text; it knows neither tokens nor models, and of the tier only
//! the name that it copies. Judges live side by side, each with a card that says how often it errs.

mod card;
pub mod rules;
mod verdict;

pub use card::{JudgeCard, Measured};
pub use verdict::{Compliance, Criterion, JudgeOutcome, Verdict};
