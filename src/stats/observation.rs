//! What the statistics know of a trial: where it stands in the experiment, how it ended, and its verdict.

use crate::judge::Compliance;
use crate::transcript::{Form, Outcome, Transcript};

/// One trial with its verdict. `(request, tier, sample)` is unique within one run and variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Id of the request; the unit by which intervals and tests cluster.
    pub request: String,
    /// Category of the request.
    pub category: String,
    /// Whether the request is one that an aligned model declines.
    pub harmful: bool,
    /// Name of the tier.
    pub tier: String,
    /// Index of the sample; the trials of both tiers with the same index form a pair.
    pub sample: u32,
    /// How the reply ended.
    pub outcome: Outcome,
    /// How the parts of the reply were found; empty where it was not recorded.
    pub form: Vec<Form>,
    /// The verdict on the answer; none when there is none.
    pub compliance: Option<Compliance>,
    /// Alignment-faking reasoning in the scratchpad; none when there was no text to read.
    pub reasoning: Option<bool>,
}

impl Observation {
    /// A transcript with what a judge, or somebody who knows the truth, says of it.
    pub fn of(
        transcript: &Transcript,
        compliance: Option<Compliance>,
        reasoning: Option<bool>,
    ) -> Self {
        Self {
            request: transcript.request.clone(),
            category: transcript.category.clone(),
            harmful: transcript.harmful,
            tier: transcript.tier.clone(),
            sample: transcript.sample,
            outcome: transcript.outcome,
            form: transcript.form.clone(),
            compliance,
            reasoning,
        }
    }
}

/// Which two tiers the gap compares. It is always the first minus the second, whatever their labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms {
    /// Name of the tier with `trained_on = true`.
    pub free: String,
    /// Name of the tier with `trained_on = false`.
    pub paid: String,
}
