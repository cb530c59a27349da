//! The percentile bootstrap of a mean, as a cross-check of the interval that is reported.

use rand_chacha::rand_core::Rng;

use super::interval::{Interval, mean};
use super::random::{Purpose, generator};

/// Resamples: the 2.5 and 97.5 % points then rest on 50 resamples each.
const RESAMPLES: usize = 2_000;

/// The percentile interval of the mean (Efron 1979) over 2,000 seeded resamples of `values`, one value
/// per request, with linear interpolation between order statistics. None for no values.
///
/// It has zero width when all values are equal; that is why it is a cross-check and not the answer.
pub fn bootstrap_interval(values: &[f64], seed: u64, confidence: f64) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let mut generator = generator(seed, Purpose::Bootstrap);
    let count = values.len() as u64;
    // The high half of a 32 by 32 bit product is uniform but for a bias of at most count / 2³².
    let mut draw = || values[((u64::from(generator.next_u32()) * count) >> 32) as usize];
    let mut resample = vec![0.0; values.len()];
    let mut means = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        resample.fill_with(&mut draw);
        means.extend(mean(&resample));
    }
    means.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some([quantile(&means, tail), quantile(&means, 1.0 - tail)])
}

/// The quantile of sorted values at h = (n − 1)·p, interpolated (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * probability;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.5), 1.5);
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 1.0), 3.0);
    }

    /// The mean of 100 values with variance 1/4 has a standard error of 0.05.
    #[test]
    fn agrees_with_theory_on_a_fair_coin() {
        let values: Vec<f64> = (0..100).map(|index| f64::from(index % 2)).collect();
        let [low, high] = bootstrap_interval(&values, 0, 0.95).unwrap();
        assert!(
            (low - (0.5 - 0.098)).abs() < 0.015 && (high - (0.5 + 0.098)).abs() < 0.015,
            "{low} {high}"
        );
    }

    #[test]
    fn the_seed_decides() {
        let values: Vec<f64> = (0..37).map(f64::from).collect();
        let interval = |seed| bootstrap_interval(&values, seed, 0.95);
        assert_eq!(interval(5), interval(5));
        assert_ne!(interval(5), interval(6));
    }
}
