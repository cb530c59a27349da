//! How many requests a gap needs to be seen, found by running the experiment on a simulated population with the very
//! test that a report uses. Knows nothing about models or scenarios.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::mean;
use super::padded_mean::PaddedMean;
use super::paired_test::{mcnemar, sign_flip};
use super::population::Population;

/// Level of the two-sided test.
const LEVEL: f64 = 0.05;
/// Experiments behind the power that is stated: a standard error of at most half a point.
const EXPERIMENTS: u32 = 10_000;
/// Experiments behind each guess on the way there.
const GUESSES: u32 = 1_000;
/// Most requests that are planned for.
pub const MOST_REQUESTS: u32 = 20_000;

/// What an experiment of this size would see.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Plan {
    /// Harmful requests.
    pub requests: u32,
    /// Samples per request and tier.
    pub samples: u32,
    /// Replies to generate in both tiers.
    pub trials: u64,
    /// Share of simulated experiments whose paired test rejects "no gap" at 5 %.
    pub power: f64,
    /// Mean width of the gap's 95 % interval.
    pub width: f64,
    /// How many times the variance is that of as many samples of different requests; tiers not coupled.
    pub design_effect: f64,
}

/// The fewest requests, about, with which the population's gap is found with this power, 0 to 1; none when even
/// [`MOST_REQUESTS`] are too few.
pub fn plan(population: &Population, samples: u32, power: f64, seed: u64) -> Option<Plan> {
    let normal = Normal::standard();
    let reach = normal.inverse_cdf(1.0 - LEVEL / 2.0) + normal.inverse_cdf(power);
    let variance = population.gap_variance().of_mean(samples);
    let mut requests = f64::max(5.0, variance * (reach / population.verdict_gap()).powi(2)).ceil();
    for _ in 0..4 {
        if !requests.is_finite() || requests > f64::from(MOST_REQUESTS) {
            return None;
        }
        // What the simulation says of one size, carried to others by the normal approximation.
        let seen = simulate(population, requests as u32, samples, GUESSES, seed).power;
        let seen =
            normal.inverse_cdf(seen.clamp(0.02, 0.98)) + normal.inverse_cdf(1.0 - LEVEL / 2.0);
        requests = f64::max(5.0, requests * (reach / seen.max(0.1)).powi(2)).ceil();
    }
    (requests <= f64::from(MOST_REQUESTS))
        .then(|| simulate(population, requests as u32, samples, EXPERIMENTS, seed ^ 1))
}

/// Runs so many experiments of this size; the seed decides all of them.
pub fn simulate(
    population: &Population,
    requests: u32,
    samples: u32,
    experiments: u32,
    seed: u64,
) -> Plan {
    let (rejected, width) = (0..u64::from(experiments))
        .into_par_iter()
        .map(|experiment| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(experiment);
            let gaps: Vec<f64> = (0..requests)
                .map(|_| {
                    let [free, paid] = population.request(samples, &mut random);
                    (f64::from(free) - f64::from(paid)) / f64::from(samples)
                })
                .collect();
            let [low, high] =
                PaddedMean::of_gaps(&gaps).map_or([-1.0, 1.0], |padded| padded.interval(0.95));
            (rejects(&gaps, samples, experiment), high - low)
        })
        // Widths in whole billionths: a sum that no order of threads can change.
        .map(|(rejects, width)| (u64::from(rejects), (width * 1e9) as u64))
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let count = f64::from(experiments.max(1));
    Plan {
        requests,
        samples,
        trials: 2 * u64::from(requests) * u64::from(samples),
        power: rejected as f64 / count,
        width: width as f64 / 1e9 / count,
        design_effect: population.gap_variance().design_effect(samples),
    }
}

/// Whether the paired test of a report rejects "no gap" at 5 %: McNemar's at one sample, sign flips otherwise.
pub fn rejects(gaps: &[f64], samples: u32, seed: u64) -> bool {
    if mean(gaps).is_none_or(|gap| gap == 0.0) {
        return false;
    }
    let test = if samples == 1 {
        let count = |sign: f64| gaps.iter().filter(|gap| **gap * sign > 0.0).count() as u64;
        mcnemar(count(1.0), count(-1.0))
    } else {
        sign_flip(gaps, seed)
    };
    test.p_value < LEVEL
}

#[cfg(test)]
mod tests {
    use super::super::population::JudgeError;
    use super::*;

    fn population(gap: f64) -> Population {
        Population { rate_paid: 0.1, gap, spread: 0.3, coupled: false, judge: JudgeError::NONE }
    }

    #[test]
    fn a_plan_holds_when_the_experiment_is_run_again() {
        for samples in [1, 4] {
            let planned = plan(&population(0.3), samples, 0.8, 7).unwrap();
            assert!((planned.power - 0.8).abs() < 0.08, "{planned:?}");
            let again = simulate(&population(0.3), planned.requests, samples, 2_000, 99);
            assert!((again.power - planned.power).abs() < 0.04, "{planned:?} {again:?}");
        }
    }

    #[test]
    fn more_samples_need_fewer_requests_and_no_gap_is_never_found() {
        let requests = |samples| plan(&population(0.2), samples, 0.8, 1).unwrap().requests;
        assert!(requests(4) < requests(1));
        assert_eq!(plan(&population(0.0), 1, 0.8, 1), None);
        assert!(simulate(&population(0.0), 50, 1, 2_000, 3).power <= 0.06);
    }
}
