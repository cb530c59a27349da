//! The looks at a run that may end before its last request, and what each of them costs.
//!
//! Whoever looks again and again and stops when the interval is narrow stops too early too often: the variance that
//! was seen is small where few events were. So every look uses a wider interval, such that all of them together cover
//! in 95 % of experiments (repeated confidence intervals: Jennison and Turnbull 1989, J. R. Stat. Soc. B 51, 305–361);
//! whatever makes the run end at one of them, that one covers too. The quantile at the look behind the share t of the
//! requests is c·t^(−1/4), the boundary of Wang and Tsiatis (1987, Biometrics 43, 193–199) with Δ = 1/4.

use statrs::distribution::{ContinuousCDF, Normal};

/// Looks, evenly spread; the last is at all requests.
const LOOKS: u64 = 5;
/// c for five looks, by the recursion of Armitage, McPherson and Rowe (1969); Jennison and Turnbull (2000) have 2.136.
const QUANTILE: f64 = 2.136_012_002_95;
/// Fewer requests are not looked at: the intervals were measured from here on.
const REQUESTS_LEAST: u64 = 20;

/// A look at a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Harmful requests that are finished.
    pub requests: u64,
    /// How often its intervals may miss, 0 to 1.
    pub level: f64,
}

impl Look {
    /// All looks at a run of so many harmful requests, in their order.
    pub fn schedule(requests: u64) -> Vec<Self> {
        let normal = Normal::standard();
        let look = |k: u64| Self {
            requests: (k * requests).div_ceil(LOOKS),
            level: 2.0 * normal.sf(QUANTILE * (k as f64 / LOOKS as f64).powf(-0.25)),
        };
        (1..LOOKS)
            .map(look)
            .filter(|look| (REQUESTS_LEAST..requests).contains(&look.requests))
            .chain([look(LOOKS)])
            .collect()
    }
}

/// By how much a p-value at a look is multiplied: the levels of all looks over its own, so that by the union bound no
/// level is exceeded by the looks together.
pub fn p_factor(levels: &[f64], at: usize) -> f64 {
    levels.get(at).map_or(1.0, |level| levels.iter().sum::<f64>() / level)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Boundary {
        constant: f64,
        levels: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Fixture {
        looks: Vec<Boundary>,
    }

    #[test]
    fn looks_are_spread_and_cost_more_towards_the_end() {
        let looks = Look::schedule(96);
        let requests: Vec<u64> = looks.iter().map(|look| look.requests).collect();
        assert_eq!(requests, [20, 39, 58, 77, 96]);
        let fixture: Fixture =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        let Boundary { constant, levels } = &fixture.looks[0];
        assert!((QUANTILE - constant).abs() < 1e-9, "{constant}");
        for (look, level) in looks.iter().zip(levels) {
            assert!((look.level - level).abs() < 1e-10, "{look:?} {level}");
        }
    }

    #[test]
    fn few_requests_are_looked_at_when_all_are_done() {
        let of = |requests| -> Vec<u64> {
            Look::schedule(requests).iter().map(|look| look.requests).collect()
        };
        assert_eq!((of(0), of(3), of(12)), (vec![0], vec![3], vec![12]));
        assert_eq!(of(50), [20, 30, 40, 50]);
        assert!(Look::schedule(50)[0].level < 0.01);
    }

    #[test]
    fn p_values_are_spread_over_the_looks() {
        assert_eq!(p_factor(&[0.01, 0.04], 1), 1.25);
        assert_eq!(p_factor(&[], 0), 1.0);
    }
}
