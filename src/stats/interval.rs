//! Intervals for a mean over requests and for a proportion. Knows nothing about tiers or verdicts.
//! The interval that is reported for a mean over requests is that of `padded_mean.rs`.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// `[low, high]`, as it stands in JSON.
pub type Interval = [f64; 2];

/// Upper probability of a two-sided 95 % interval.
const UPPER: f64 = 0.975;

/// The arithmetic mean; none for no values.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard error of a mean over requests, s/√n with s² = Σ(x − m)²/(n − 1). It is the cluster-robust error of
/// the mean over all trials when requests have equally many. None for fewer than two values.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = mean(values)?;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())
}

/// The 95 % t interval of a mean, with n − 1 degrees of freedom (Student 1908):
/// m ± t(0.975, n − 1) · s/√n. None for fewer than two values.
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    let half_width = {
        let degrees = values.len() as f64 - 1.0;
        StudentsT::new(0.0, 1.0, degrees).ok()?.inverse_cdf(UPPER) * standard_error(values)?
    };
    let mean = mean(values)?;
    Some([mean - half_width, mean + half_width])
}

/// The score interval of a proportion (Wilson 1927): (p + z²/2n ± z√(p(1 − p)/n + z²/4n²))/(1 + z²/n).
/// None for no trials.
pub fn wilson_interval(successes: u64, trials: u64, confidence: f64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let z = Normal::standard().inverse_cdf(0.5 + confidence / 2.0);
    let count = trials as f64;
    let share = successes as f64 / count;
    let shrink = 1.0 + z * z / count;
    let center = (share + z * z / (2.0 * count)) / shrink;
    let spread = share * (1.0 - share) / count + z * z / (4.0 * count * count);
    let half_width = z * spread.sqrt() / shrink;
    // At the ends the formula gives exactly 0 and 1; rounding must not leave a speck beside them.
    let low = if successes == 0 { 0.0 } else { center - half_width };
    let high = if successes >= trials { 1.0 } else { center + half_width };
    Some([low, high])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Mean {
        gaps: Vec<f64>,
        mean: f64,
        standard_error: f64,
        low: f64,
        high: f64,
    }

    #[derive(Deserialize)]
    struct Proportion {
        successes: u64,
        trials: u64,
        low: f64,
        high: f64,
    }

    #[derive(Deserialize)]
    struct Clustered {
        gaps: Vec<f64>,
        standard_error: f64,
    }

    #[derive(Deserialize)]
    struct Fixture {
        inspect_clustered: Vec<Clustered>,
        t_interval: Vec<Mean>,
        wilson: Vec<Proportion>,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap()
    }

    fn assert_close(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() <= 1e-10 * theirs.abs().max(1e-6), "{ours} is not {theirs}");
    }

    #[test]
    fn t_intervals_match_the_reference() {
        for case in fixture().t_interval {
            let [low, high] = t_interval(&case.gaps).unwrap();
            assert_close(mean(&case.gaps).unwrap(), case.mean);
            assert_close(standard_error(&case.gaps).unwrap(), case.standard_error);
            assert_close(low, case.low);
            assert_close(high, case.high);
        }
    }

    #[test]
    fn the_standard_error_is_the_clustered_one_of_inspect() {
        for case in fixture().inspect_clustered {
            assert_close(standard_error(&case.gaps).unwrap(), case.standard_error);
        }
    }

    #[test]
    fn wilson_intervals_match_the_reference() {
        for case in fixture().wilson {
            let [low, high] = wilson_interval(case.successes, case.trials, 0.95).unwrap();
            assert_close(low, case.low);
            assert_close(high, case.high);
        }
    }

    #[test]
    fn nothing_has_no_interval() {
        assert_eq!(t_interval(&[]), None);
        assert_eq!(t_interval(&[0.0]), None);
        assert_eq!(wilson_interval(0, 0, 0.95), None);
    }

    proptest! {
        #[test]
        fn a_wilson_interval_contains_the_share(trials in 1_u64..5000, part in 0.0..=1.0_f64) {
            let successes = (part * trials as f64).round() as u64;
            let [low, high] = wilson_interval(successes, trials, 0.95).unwrap();
            let share = successes as f64 / trials as f64;
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0 && low < high);
        }
    }
}
