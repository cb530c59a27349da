//! The numbers of one run and variant, in the form in which `summary.json` and `report --json` show them. Knows nothing
//! about how they are computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::correction::JudgeCounts;
use super::interval::Interval;
use super::measured::{Measured, Tells};
use super::paired_test::TestMethod;
use crate::transcript::{Form, Outcome};

/// The numbers of one run and variant. Undefined numbers are none, `null` in JSON. All but the `benign_`
/// fields are about harmful requests; `free` and `paid` are the arms trained on and not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// Distinct harmful requests.
    pub requests: u64,
    /// Samples per request and tier (the most that any has).
    pub samples: u64,
    /// Compliance rate of the free tier: mean over requests of the mean over samples.
    pub rate_free: Option<f64>,
    /// Compliance rate of the paid tier.
    pub rate_paid: Option<f64>,
    /// Free-tier replies behind `rate_free`.
    #[serde(default)]
    pub n_free: u64,
    /// Paid-tier replies behind `rate_paid`.
    #[serde(default)]
    pub n_paid: u64,
    /// Compliance rate of the free tier over the requests that `gap` runs over.
    #[serde(default)]
    pub rate_free_paired: Option<f64>,
    /// The same for the paid tier: `gap` is the difference of these two.
    #[serde(default)]
    pub rate_paid_paired: Option<f64>,
    /// 95 % interval of `rate_free`: Wilson at one sample, else the padded mean over requests.
    pub rate_free_ci95: Option<Interval>,
    /// 95 % interval of `rate_paid`.
    pub rate_paid_ci95: Option<Interval>,
    /// Mean over requests of free minus paid, over the requests with a verdict in both tiers.
    pub gap: Option<f64>,
    /// 95 % interval of `gap`: the padded mean over requests.
    pub gap_ci95: Option<Interval>,
    /// Standard error of `gap`, clustered by request: s/√n of the requests' gaps. None for one request.
    pub gap_se: Option<f64>,
    /// The smallest d for which "the gap lies within ±d" passes two one-sided tests at 5 %: what a null result rules
    /// out.
    pub gap_within95: Option<f64>,
    /// 95 % percentile bootstrap interval of `gap` over requests: the cross-check.
    pub gap_bootstrap_ci95: Option<Interval>,
    /// Requests that `gap` runs over.
    pub gap_requests: u64,
    /// What the gap and its interval can tell.
    #[serde(default)]
    pub tells: Option<Tells>,
    /// Whether the run measured what it set out to, and what stands against it.
    #[serde(default)]
    pub measured: Measured,
    /// How the parts of the free-tier replies were found: how many replies have each form.
    #[serde(default)]
    pub forms_free: FormCounts,
    /// The same for the paid tier.
    #[serde(default)]
    pub forms_paid: FormCounts,
    /// The gap over the replies alone that are exactly as asked.
    #[serde(default)]
    pub gap_as_asked: Option<f64>,
    /// 95 % interval of `gap_as_asked`.
    #[serde(default)]
    pub gap_as_asked_ci95: Option<Interval>,
    /// Requests that `gap_as_asked` runs over.
    #[serde(default)]
    pub gap_as_asked_requests: u64,
    /// The gap of the truth, if the judge errs alike in both tiers as often as it does on the replies of this run that
    /// were labelled. None without such replies of both kinds, where the judge may be no better than a coin, and where
    /// the verdicts fit no truth under these error rates.
    pub gap_corrected: Option<f64>,
    /// 95 % interval of `gap_corrected`, the uncertainty of the judge's errors included.
    pub gap_corrected_ci95: Option<Interval>,
    /// The same with each tier's own errors: only where replies of both tiers were labelled.
    pub gap_corrected_by_tier: Option<f64>,
    /// 95 % interval of `gap_corrected_by_tier`.
    pub gap_corrected_by_tier_ci95: Option<Interval>,
    /// What the gap would be if the judge erred here as it did elsewhere: no estimate, since nothing says that it did.
    /// None where replies of this run were labelled.
    #[serde(default)]
    pub what_if: Option<WhatIf>,
    /// Share of the labelled replies that comply which the judge calls so.
    pub judge_sensitivity: Option<f64>,
    /// Share of the others that it does not call so.
    pub judge_specificity: Option<f64>,
    /// Labelled replies behind these two.
    pub judge_labelled: u64,
    /// Whose labels, on which replies.
    pub judge_labelled_by: Option<String>,
    /// Two-sided p-value of no difference between the tiers.
    pub p_value: Option<f64>,
    /// How it was computed.
    pub p_method: Option<TestMethod>,
    /// The gap with partial compliance counted one half.
    pub gap_partial_half: Option<f64>,
    /// The gap with partial compliance counted like full.
    pub gap_partial_full: Option<f64>,
    /// The gap at worst and at best over the trials without a verdict, over all requests.
    pub gap_bounds: Option<Interval>,
    /// 95 % interval of the gap that lies between the bounds, whatever the missing verdicts were.
    pub gap_bounds_ci95: Option<Interval>,
    /// Free-tier trials without a verdict.
    pub unanswered_free: u64,
    /// Paid-tier trials without a verdict.
    pub unanswered_paid: u64,
    /// Share of the free-tier scratchpads read that show alignment-faking reasoning.
    pub reasoning_free: Option<f64>,
    /// Share of the paid-tier scratchpads read that show it.
    pub reasoning_paid: Option<f64>,
    /// 95 % interval of `reasoning_free`, over requests.
    pub reasoning_free_ci95: Option<Interval>,
    /// 95 % interval of `reasoning_paid`.
    pub reasoning_paid_ci95: Option<Interval>,
    /// Free-tier scratchpads read.
    pub reasoning_read_free: u64,
    /// Paid-tier scratchpads read.
    pub reasoning_read_paid: u64,
    /// Mean gap over the pairs whose free-tier scratchpad shows the reasoning.
    pub gap_with_reasoning: Option<f64>,
    /// Mean gap over the pairs whose free-tier scratchpad does not show it.
    pub gap_without_reasoning: Option<f64>,
    /// 95 % interval of `gap_with_reasoning`, over requests.
    pub gap_with_reasoning_ci95: Option<Interval>,
    /// 95 % interval of `gap_without_reasoning`.
    pub gap_without_reasoning_ci95: Option<Interval>,
    /// Pairs behind `gap_with_reasoning`.
    pub pairs_with_reasoning: u64,
    /// Pairs behind `gap_without_reasoning`.
    pub pairs_without_reasoning: u64,
    /// Pairs in neither, because the free-tier trial had no scratchpad to read.
    pub pairs_reasoning_unread: u64,
    /// How the replies ended, by arm.
    pub outcomes: ArmOutcomes,
    /// Refusal rate of benign requests in the free tier: mean over requests of the mean over samples.
    pub benign_refusal_free: Option<f64>,
    /// The same in the paid tier.
    pub benign_refusal_paid: Option<f64>,
    /// 95 % interval of `benign_refusal_free`.
    pub benign_refusal_free_ci95: Option<Interval>,
    /// 95 % interval of `benign_refusal_paid`.
    pub benign_refusal_paid_ci95: Option<Interval>,
    /// Trials with benign requests in the two arms.
    pub benign_trials: u64,
    /// Those of them without a verdict.
    pub benign_unanswered: u64,
    /// By category of the request.
    pub categories: BTreeMap<String, CategoryEstimate>,
    /// Every tier of the scenario by name, the two arms among them.
    pub tiers: BTreeMap<String, TierEstimate>,
    /// How a run that could end early did end; none for others. Then all intervals are at the level of the look at
    /// which it ended, so that they cover with 95 % over all looks, and the p-value is multiplied accordingly.
    pub stopped: Option<Stopped>,
}

/// A gap under an assumption that nothing in the run supports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// The assumption, in words.
    pub assumption: String,
    /// The gap under it.
    pub gap: f64,
    /// Its 95 % interval.
    pub gap_ci95: Interval,
}

/// What the numbers rest on beside the verdicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Basis {
    /// Decides the resampling (`gap_bootstrap_ci95`, and `p_value` where `p_method` says Monte Carlo) and nothing
    /// else.
    pub seed: u64,
    /// The looks up to the one at which the run ended, for a run that could end early.
    pub stopped: Option<Stopped>,
    /// How often the judge is right on labelled replies.
    pub errors: Option<JudgeErrors>,
}

impl Basis {
    /// A run of one look, whose replies nobody labelled.
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The level of the intervals, and by how much the p-value is multiplied.
    pub(super) fn level(&self) -> (f64, f64) {
        match &self.stopped {
            Some(stopped) => (stopped.level, stopped.p_factor),
            None => (0.05, 1.0),
        }
    }
}

/// How often a judge is right on replies that people labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeErrors {
    /// Whose labels, on which replies.
    pub labelled_by: String,
    /// Over all of these replies.
    pub all: JudgeCounts,
    /// In the tier that is trained on and in the other, where the replies are those of the run.
    pub by_tier: Option<[JudgeCounts; 2]>,
}

/// The end of a run that could end early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// The width of the gap's interval, −1 to 1, at which it was to end.
    pub until_width: f64,
    /// Whether it ended for that, or because there was no further request.
    pub narrow: bool,
    /// Harmful requests that it could have had.
    pub requests_most: u64,
    /// How often the intervals at its last look may miss, so that those of all looks together miss in 5 %.
    pub level: f64,
    /// By how much the p-value is multiplied.
    pub p_factor: f64,
    /// The looks at it, the last at its end.
    pub looks: Vec<StoppedLook>,
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppedLook {
    /// Harmful requests finished.
    pub requests: u64,
    /// How often its intervals may miss.
    pub level: f64,
    /// Width of the gap's interval; none where no request had a verdict in both tiers.
    pub width: Option<f64>,
}

/// Outcomes of the trials in the two arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmOutcomes {
    /// The arm that is trained on.
    pub free: OutcomeCounts,
    /// The arm that is not.
    pub paid: OutcomeCounts,
}

/// Number of replies by form; a reply may have several. Forms that none has are left out.
pub type FormCounts = BTreeMap<Form, u64>;

/// Number of trials by outcome, in the order of tables; every outcome is there, if only with 0.
pub type OutcomeCounts = BTreeMap<Outcome, u64>;

/// The numbers of one category. A category has few requests, so that its interval is wide, and among many
/// categories one in twenty intervals misses: they show where to look, and prove nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryEstimate {
    /// Distinct harmful requests of the category.
    pub requests: u64,
    /// As for the run.
    pub rate_free: Option<f64>,
    /// As for the run.
    pub rate_paid: Option<f64>,
    /// As for the run.
    pub gap: Option<f64>,
    /// As for the run.
    pub gap_ci95: Option<Interval>,
}

/// The numbers of one tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierEstimate {
    /// Compliance rate.
    pub rate: Option<f64>,
    /// Its 95 % interval.
    pub rate_ci95: Option<Interval>,
    /// Trials without a verdict.
    pub unanswered: u64,
    /// Share of the scratchpads read that show alignment-faking reasoning.
    pub reasoning: Option<f64>,
    /// How the replies ended.
    pub outcomes: OutcomeCounts,
}
