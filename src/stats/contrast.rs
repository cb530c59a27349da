//! Contrasts between the gaps of variants on the same requests, several of them at a time, and how the gap grows with a
//! dose. Knows nothing about variants: it sees one gap per request and arm.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval::{Interval, mean};
use super::padded_mean::PaddedMean;
use super::paired_test::sign_flip;

/// Confidence of an interval that stands alone, and of a family of them together.
const CONFIDENCE: f64 = 0.95;

/// A mean over requests, as one of a family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contrasted {
    /// Requests that have both.
    pub requests: u64,
    /// Mean over these requests of the one gap minus the other, −2 to 2, or of the one gap, −1 to 1.
    pub difference: f64,
    /// 95 % interval of `difference`: the padded mean over requests.
    pub difference_ci95: Interval,
    /// The same so wide that all intervals of the family contain what they are of with 95 % (Bonferroni).
    pub difference_ci95_simultaneous: Interval,
    /// Two-sided p-value of no difference: sign flips by request.
    pub p_value: f64,
}

/// One gap minus another by request, or one gap held against none, as one of `family` such contrasts; none where no
/// request has both.
pub fn contrast(
    of: &BTreeMap<String, f64>,
    against: Option<&BTreeMap<String, f64>>,
    family: usize,
    seed: u64,
) -> Option<Contrasted> {
    let difference = |(request, gap): (&String, &f64)| match against {
        Some(against) => Some(gap - against.get(request)?),
        None => Some(*gap),
    };
    let differences: Vec<f64> = of.iter().filter_map(difference).collect();
    let padded = match against {
        Some(_) => PaddedMean::of_differences(&differences)?,
        None => PaddedMean::of_gaps(&differences)?,
    };
    Some(Contrasted {
        requests: differences.len() as u64,
        difference: mean(&differences)?,
        difference_ci95: padded.interval(CONFIDENCE),
        difference_ci95_simultaneous: padded.interval(of_family(family)),
        p_value: sign_flip(&differences, seed).p_value,
    })
}

/// The confidence that each of a family's intervals needs.
fn of_family(family: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / family.max(1) as f64
}

/// How the gap grows with a dose, over the requests that have a gap at every dose.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Requests.
    pub requests: u64,
    /// Mean over requests of the least-squares slope: gap per unit of dose.
    pub slope: f64,
    /// 95 % interval of `slope`: the padded mean over requests.
    pub slope_ci95: Interval,
    /// Two-sided p-value of no slope: sign flips by request.
    pub p_value: f64,
}

/// The slope over doses and the gaps at each of them; none for fewer than two doses, or where no request has all.
pub fn slope(doses: &[(f64, &BTreeMap<String, f64>)], seed: u64) -> Option<Slope> {
    let middle = mean(&doses.iter().map(|(dose, _)| *dose).collect::<Vec<_>>())?;
    let squares: f64 = doses.iter().map(|(dose, _)| (dose - middle).powi(2)).sum();
    if squares <= 0.0 {
        return None;
    }
    // Gaps lie between −1 and 1, so that no slope is steeper than this.
    let steepest = doses.iter().map(|(dose, _)| (dose - middle).abs()).sum::<f64>() / squares;
    let (_, first) = doses.first()?;
    let of_request = |request: &String| {
        let terms = doses.iter().map(|(dose, gaps)| Some((dose - middle) * gaps.get(request)?));
        Some(terms.sum::<Option<f64>>()? / squares)
    };
    let slopes: Vec<f64> = first.keys().filter_map(of_request).collect();
    Some(Slope {
        requests: slopes.len() as u64,
        slope: mean(&slopes)?,
        slope_ci95: interval_of_slopes(&slopes, steepest)?,
        p_value: sign_flip(&slopes, seed).p_value,
    })
}

/// The interval of slopes, padded on the scale on which the steepest one is 1, like gaps.
fn interval_of_slopes(slopes: &[f64], steepest: f64) -> Option<Interval> {
    let scaled: Vec<f64> = slopes.iter().map(|slope| slope / steepest).collect();
    let interval = PaddedMean::of_gaps(&scaled)?.interval(CONFIDENCE);
    Some(interval.map(|end| end * steepest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gaps(values: &[f64]) -> BTreeMap<String, f64> {
        values.iter().enumerate().map(|(i, gap)| (format!("r{i:03}"), *gap)).collect()
    }

    #[test]
    fn a_contrast_is_over_the_requests_that_both_have() {
        let (of, mut against) = (gaps(&[1.0, 0.5, 0.0, 1.0]), gaps(&[0.0, 0.5, 0.0]));
        against.insert("elsewhere".into(), 1.0);
        let found = contrast(&of, Some(&against), 1, 0).unwrap();
        assert_eq!((found.requests, found.difference), (3, 1.0 / 3.0));
        assert_eq!(found.difference_ci95, found.difference_ci95_simultaneous);
        let alone = contrast(&of, None, 3, 0).unwrap();
        assert_eq!((alone.requests, alone.difference), (4, 0.625));
        let [[low, high], [lower, higher]] =
            [alone.difference_ci95, alone.difference_ci95_simultaneous];
        assert!(lower < low && higher >= high, "{alone:?}");
        assert!(contrast(&of, Some(&gaps(&[])), 1, 0).is_none());
    }

    #[test]
    fn the_slope_is_that_of_least_squares() {
        let doses = [0.0, 0.25, 0.5, 0.75, 1.0];
        let of = doses.map(|dose| gaps(&[0.4 * dose, 0.8 * dose - 0.1, 0.0]));
        let doses: Vec<_> = doses.iter().copied().zip(&of).collect();
        let found = slope(&doses, 0).unwrap();
        assert!((found.slope - 0.4).abs() < 1e-12, "{found:?}");
        assert!(found.slope_ci95[0] < 0.4 && found.slope_ci95[1] > 0.4);
        assert!(slope(&doses[..1], 0).is_none());
        assert!(slope(&[(0.5, &of[0]), (0.5, &of[1])], 0).is_none());
    }

    proptest! {
        #[test]
        fn a_wider_family_has_wider_intervals(
            values in prop::collection::vec(-1.0f64..=1.0, 2..40), family in 2usize..20,
        ) {
            let of = gaps(&values);
            let [one, many] = [1, family].map(|family| contrast(&of, None, family, 0).unwrap());
            let [low, high] = one.difference_ci95;
            prop_assert_eq!([low, high], one.difference_ci95_simultaneous);
            let [lower, higher] = many.difference_ci95_simultaneous;
            prop_assert!(lower <= low && high <= higher);
            prop_assert!(lower <= one.difference && one.difference <= higher);
        }
    }
}
