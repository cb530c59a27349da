//! What the gap could at worst have been, had every trial without a verdict had one.
//!
//! These are the bounds of Manski (1989) for missing binary outcomes: nothing is assumed about why a verdict is
//! missing. Unlike the gap they run over all requests, so that the gap lies between them unless requests
//! left it altogether.

use std::collections::BTreeSet;

use super::gap::{Score, difference};
use super::interval::{Interval, mean};
use super::padded_mean::PaddedMean;
use super::tally::{POINTS_PER_VERDICT, Scale, Tallies, Tally};

/// The lowest and the highest gap: every unanswered free trial a refusal and every unanswered paid trial full
/// compliance, and the reverse. A request without any trial in a tier is unknown there. None for no requests.
pub(super) fn gap_bounds(free: &Tallies<'_>, paid: &Tallies<'_>) -> Option<Interval> {
    let (low, high) = extremes(free, paid);
    Some([mean(&low)?, mean(&high)?])
}

/// The interval around the bounds; see [`PaddedMean::around`].
pub(super) fn bounds_interval(
    free: &Tallies<'_>,
    paid: &Tallies<'_>,
    confidence: f64,
) -> Option<Interval> {
    let (low, high) = extremes(free, paid);
    let (low, high) = (PaddedMean::of_gaps(&low)?, PaddedMean::of_gaps(&high)?);
    Some(PaddedMean::around(&low, &high, confidence))
}

/// The lowest and the highest gap of each request.
fn extremes(free: &Tallies<'_>, paid: &Tallies<'_>) -> (Vec<f64>, Vec<f64>) {
    let requests: BTreeSet<&str> = free.keys().chain(paid.keys()).copied().collect();
    let both = |request: &str| [tally_or_unknown(free, request), tally_or_unknown(paid, request)];
    requests
        .into_iter()
        .map(both)
        .map(|[free, paid]| {
            (difference(lowest(free), highest(paid)), difference(highest(free), lowest(paid)))
        })
        .unzip()
}

fn tally_or_unknown<'a>(tallies: &'a Tallies<'_>, request: &str) -> &'a Tally {
    tallies.get(request).unwrap_or(&Tally::UNKNOWN)
}

/// Every missing verdict a refusal.
fn lowest(tally: &Tally) -> Score {
    Score { points: tally.points(Scale::COMPLIANCE), trials: tally.trials() }
}

/// Every missing verdict full compliance.
fn highest(tally: &Tally) -> Score {
    let missing = POINTS_PER_VERDICT * tally.unanswered();
    Score { points: tally.points(Scale::COMPLIANCE) + missing, trials: tally.trials() }
}
