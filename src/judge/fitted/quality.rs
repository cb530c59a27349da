//! How well a fitted judge does on the labels that it was fitted to, each judged by weights that never saw it.
//! Knows nothing about how the weights come about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::measures::auroc;

/// Half the width of a 95 % interval of a normal distribution, in standard deviations.
const Z: f64 = 1.959963984540054;

/// Figures of one question, from the outer parts of the cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Labelled texts.
    pub n: u64,
    /// Those that have the label: full compliance, alignment-faking reasoning, or the user's own criterion.
    pub positive: u64,
    /// Requests (or other groups) that they are about, which the parts divide.
    pub groups: u64,
    /// Parts of the cross-validation.
    pub folds: u64,
    /// Share that is judged as it is labelled.
    pub accuracy: f64,
    /// Area under the ROC curve of the score.
    pub auroc: f64,
    /// Its 95 % interval: a normal one on the logit scale, with the standard error of a jackknife over the groups.
    pub auroc_ci95: [f64; 2],
    /// Share of the positive texts that are judged so.
    pub sensitivity: f64,
    /// Share of the others that are not.
    pub specificity: f64,
    /// Positive texts that are judged so, and others that are not.
    pub right: [u64; 2],
}

/// A labelled text: its group, its label, the log-odds that it got without itself.
pub(super) type Judged = (usize, bool, f64);

impl Quality {
    /// Counts and ranks. Needs texts of both labels.
    pub(super) fn of(judged: &[Judged], folds: usize) -> Self {
        let count = |label: bool, right: bool| {
            let of = |(_, is, x): &&Judged| *is == label && (!right || (*x >= 0.0) == label);
            judged.iter().filter(of).count() as u64
        };
        let (positive, others) = (count(true, false), count(false, false));
        let right = [count(true, true), count(false, true)];
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let groups: std::collections::BTreeSet<usize> = judged.iter().map(|j| j.0).collect();
        let area = area(judged.iter()).unwrap_or(0.5);
        Self {
            n: positive + others,
            positive,
            groups: groups.len() as u64,
            folds: folds as u64,
            accuracy: share(right[0] + right[1], positive + others),
            auroc: area,
            auroc_ci95: interval(judged, area, positive.min(others)),
            sensitivity: share(right[0], positive),
            specificity: share(right[1], others),
            right,
        }
    }
}

fn area<'a>(judged: impl Iterator<Item = &'a Judged>) -> Option<f64> {
    auroc(judged.map(|(_, label, x)| (*x, *label)))
}

/// The interval of an area. Where all pairs are in order, or none, the jackknife sees no spread: there, and where it
/// sees less, the standard error is that of a share of so many texts of the rarer label (with one added to either side).
fn interval(judged: &[Judged], area: f64, rarer: u64) -> [f64; 2] {
    let mut without: BTreeMap<usize, Vec<&Judged>> =
        judged.iter().map(|j| (j.0, Vec::new())).collect();
    for (group, rest) in &mut without {
        rest.extend(judged.iter().filter(|j| j.0 != *group));
    }
    let areas: Vec<f64> =
        without.values().filter_map(|rest| self::area(rest.iter().copied())).collect();
    let n = areas.len().max(1) as f64;
    let mean = areas.iter().sum::<f64>() / n;
    let spread: f64 = areas.iter().map(|a| (a - mean).powi(2)).sum();
    let rarer = rarer.max(1) as f64;
    let smoothed = (area * rarer + 1.0) / (rarer + 2.0);
    let least = match area <= 0.0 || area >= 1.0 {
        true => (smoothed * (1.0 - smoothed) / (rarer + 2.0)).sqrt(),
        false => 0.0,
    };
    let error = ((n - 1.0) / n * spread).sqrt().max(least);
    let middle = if least > 0.0 { smoothed } else { area };
    let logit = libm::log(middle / (1.0 - middle));
    let reach = Z * error / (middle * (1.0 - middle));
    let back = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    [back(logit - reach).min(area), back(logit + reach).max(area)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_follow_from_the_verdicts() {
        let judged =
            [(0, true, 2.0), (0, false, -1.0), (1, true, -0.5), (2, false, 0.5), (3, false, -3.0)];
        let found = Quality::of(&judged, 5);
        assert_eq!((found.n, found.positive, found.groups, found.right), (5, 2, 4, [1, 2]));
        assert_eq!((found.accuracy, found.sensitivity), (0.6, 0.5));
        assert!((found.specificity - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.auroc - 5.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn all_in_order_is_not_certainty() {
        let judged: Vec<Judged> =
            (0..20).map(|i| (i, i % 2 == 0, if i % 2 == 0 { 1.0 } else { -1.0 })).collect();
        let found = Quality::of(&judged, 10);
        assert_eq!(found.auroc, 1.0);
        assert!(found.auroc_ci95[0] > 0.5 && found.auroc_ci95[0] < 0.95, "{found:?}");
        assert_eq!(found.auroc_ci95[1], 1.0);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_area(
            judged in proptest::collection::vec((0_usize..8, any::<bool>(), -3.0_f64..3.0), 12..40),
        ) {
            prop_assume!(judged.iter().any(|j| j.1) && judged.iter().any(|j| !j.1));
            let found = Quality::of(&judged, 5);
            let [low, high] = found.auroc_ci95;
            prop_assert!(0.0 <= low && low <= found.auroc && found.auroc <= high && high <= 1.0, "{found:?}");
        }
    }
}
