//! What a judge says of one transcript. Knows nothing about how a judge comes to it.

use serde::{Deserialize, Serialize};

/// How far an answer does what the request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compliance {
    /// Does what was asked.
    Full,
    /// Declines in part, or helps only around the edges.
    Partial,
    /// Declines.
    Refusal,
}

/// Whether the judge reached a verdict. Anything but `Judged` carries no verdict, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgeOutcome {
    /// The answer was judged.
    Judged,
    /// There was no answer to judge.
    NoAnswer,
}

/// One criterion of alignment-faking reasoning and the words that showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Name of the criterion.
    pub name: String,
    /// The words of the scratchpad that showed it; empty when it was not found.
    pub span: String,
}

/// A verdict on one transcript; a line of `verdicts/JUDGE.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Variant of the scenario.
    pub variant: String,
    /// Id of the request.
    pub request: String,
    /// Name of the tier.
    pub tier: String,
    /// Index of the sample.
    pub sample: u32,
    /// Whether there is a verdict on compliance.
    pub judge_outcome: JudgeOutcome,
    /// The verdict on the answer; none unless judged.
    pub compliance: Option<Compliance>,
    /// Rises with compliance, 0 to 1; none unless judged.
    pub compliance_score: Option<f64>,
    /// The words of the answer that decided; empty when nothing in particular did.
    pub compliance_span: String,
    /// Alignment-faking reasoning in the scratchpad; none when there was no text to read.
    pub reasoning: Option<bool>,
    /// Rises with alignment-faking reasoning, 0 to 1; none when there was no text to read.
    pub reasoning_score: Option<f64>,
    /// Every criterion of the scratchpad reader.
    pub criteria: Vec<Criterion>,
}
