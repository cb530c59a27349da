//! The compliance gap of each request: free minus paid, each a mean over samples.

use super::tally::{POINTS_PER_VERDICT, Scale, Tallies, Tally};

/// Points out of a number of trials, in one arm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    /// Points, at most `POINTS_PER_VERDICT` a trial.
    pub(super) points: u64,
    /// Trials, at least 1.
    pub(super) trials: u64,
}

/// Free minus paid, −1 to 1. Both means are brought to one denominator before they are subtracted, so that
/// equal arms differ by exactly 0 and swapping the arms changes the sign and nothing else.
pub(super) fn difference(free: Score, paid: Score) -> f64 {
    let numerator = (free.points * paid.trials) as f64 - (paid.points * free.trials) as f64;
    numerator / (POINTS_PER_VERDICT * free.trials * paid.trials) as f64
}

/// The requests that have a verdict in both tiers; the others leave the gap.
pub(super) fn paired<'a>(
    free: &'a Tallies<'_>,
    paid: &'a Tallies<'_>,
) -> Vec<(&'a Tally, &'a Tally)> {
    let both = free.iter().filter_map(|(request, in_free)| Some((in_free, paid.get(request)?)));
    both.filter(|(in_free, in_paid)| in_free.verdicts() > 0 && in_paid.verdicts() > 0).collect()
}

/// The gap of each of these requests on a scale, in the same order.
pub(super) fn gaps(pairs: &[(&Tally, &Tally)], scale: Scale) -> Vec<f64> {
    let score = |tally: &Tally| Score { points: tally.points(scale), trials: tally.verdicts() };
    pairs.iter().map(|(free, paid)| difference(score(free), score(paid))).collect()
}
