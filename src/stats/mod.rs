//! Verdicts to numbers: rates, the compliance gap, its interval, its test, and what the trials without a
//! verdict could still change.
//!
//! Takes observations, one per trial, and gives [`Estimates`]. Knows nothing about models, tokens, texts,
//! scenarios or files, and nothing about how a verdict came to be. The formulas and the measured validity
//! of the intervals stand in METHODS.md.

mod bootstrap;
mod bounds;
mod clusters;
mod compare;
mod contrast;
mod correction;
mod estimates;
mod gap;
mod interval;
mod looks;
mod measured;
mod multiple;
mod observation;
mod padded_mean;
mod paired_test;
mod plan;
mod population;
mod random;
mod rate;
mod reasoning;
mod summary;
mod tally;
#[cfg(test)]
mod tests;

pub use bootstrap::bootstrap_interval;
pub use compare::{Comparison, compare, places, request_gaps};
pub use contrast::{Contrasted, Slope, contrast, slope};
pub use correction::{Corrected, JudgeCounts, correct_gap, correct_gap_by_tier};
pub use estimates::{
    ArmOutcomes, Basis, CategoryEstimate, Estimates, FormCounts, JudgeErrors, OutcomeCounts,
    Stopped, StoppedLook, TierEstimate, WhatIf,
};
pub use interval::{Interval, standard_error, t_interval, wilson_interval};
pub use looks::{Look, p_factor};
pub use measured::{GAP_THAT_MATTERS, Measured, Reason, ReasonKind, Tells};
pub use multiple::{Adjusted, adjust};
pub use observation::{Arms, Observation};
pub use padded_mean::PaddedMean;
pub use paired_test::{PairedTest, TestMethod, mcnemar, sign_flip};
pub use plan::{MOST_REQUESTS, Plan, plan, rejects, simulate};
pub use population::{GapVariance, JudgeError, Population, uniform};
pub use summary::{estimate, gap_interval};
