//! The rate of one tier: mean over requests of the mean over samples, and its interval.

use super::interval::{Interval, mean, wilson_interval};
use super::padded_mean::PaddedMean;
use super::tally::{POINTS_PER_VERDICT, Scale, Tallies, Tally, total};

/// The rate of each request that has a verdict, 0 to 1, in the order of the request ids.
fn request_rates(tallies: &Tallies<'_>, scale: Scale) -> Vec<f64> {
    let with_verdict = tallies.values().filter(|tally| tally.verdicts() > 0);
    with_verdict
        .map(|tally| tally.points(scale) as f64 / (POINTS_PER_VERDICT * tally.verdicts()) as f64)
        .collect()
}

/// The rate of one request that has a verdict.
pub(super) fn tier_rate(tally: &Tally) -> f64 {
    tally.points(Scale::COMPLIANCE) as f64 / (POINTS_PER_VERDICT * tally.verdicts()) as f64
}

/// Mean over requests of the mean over samples; none when no request has a verdict.
pub(super) fn rate(tallies: &Tallies<'_>, scale: Scale) -> Option<f64> {
    mean(&request_rates(tallies, scale))
}

/// The interval of a rate: Wilson's when every request has at most one verdict, else
/// that of the requests' rates. The scale gives each verdict all points or none.
pub(super) fn rate_interval(
    tallies: &Tallies<'_>,
    scale: Scale,
    confidence: f64,
) -> Option<Interval> {
    let verdicts = total(tallies, |tally| tally.verdicts());
    if tallies.values().all(|tally| tally.verdicts() <= 1) {
        let points = total(tallies, |tally| tally.points(scale));
        return wilson_interval(points / POINTS_PER_VERDICT, verdicts, confidence);
    }
    Some(PaddedMean::of_rates(&request_rates(tallies, scale))?.interval(confidence))
}
