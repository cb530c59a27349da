//! P-values of several tests, adjusted so that many comparisons do not find what is not there.
//! Knows nothing about what was tested.

/// P-values adjusted in two ways, in the order of the tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjusted {
    /// Holm (1979): below α with probability at most α if none of the hypotheses fails, whatever the tests'
    /// dependence.
    pub holm: f64,
    /// Benjamini and Hochberg (1995): of the tests below α, a share of at most α is expected to be wrong, for
    /// independent or positively dependent tests.
    pub benjamini_hochberg: f64,
}

/// Adjusts the p-values of one family. Tests without one are no part of it.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎, Holm's i-th is the largest of (m − j + 1)·p₍ⱼ₎ over j ≤ i, and Benjamini and Hochberg's the
/// smallest of (m / j)·p₍ⱼ₎ over j ≥ i, both at most 1.
pub fn adjust(p_values: &[Option<f64>]) -> Vec<Option<Adjusted>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let tests = order.len();
    let mut adjusted = vec![None; p_values.len()];
    let mut holm = 0.0_f64;
    for (rank, &(at, p)) in order.iter().enumerate() {
        holm = holm.max((tests - rank) as f64 * p).min(1.0);
        adjusted[at] = Some(Adjusted { holm, benjamini_hochberg: 1.0 });
    }
    let mut share = 1.0_f64;
    for (rank, &(at, p)) in order.iter().enumerate().rev() {
        share = share.min(tests as f64 / (rank + 1) as f64 * p);
        if let Some(adjusted) = &mut adjusted[at] {
            adjusted.benjamini_hochberg = share;
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        p: Vec<f64>,
        holm: Vec<f64>,
        benjamini_hochberg: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Fixture {
        corrections: Vec<Case>,
    }

    #[test]
    fn adjusted_p_values_match_the_reference() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        assert!(!fixture.corrections.is_empty());
        for case in fixture.corrections {
            let adjusted = adjust(&case.p.iter().copied().map(Some).collect::<Vec<_>>());
            for (i, ours) in adjusted.into_iter().enumerate() {
                let ours = ours.unwrap();
                assert!((ours.holm - case.holm[i]).abs() < 1e-10);
                assert!((ours.benjamini_hochberg - case.benjamini_hochberg[i]).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn a_test_that_says_nothing_is_no_part_of_the_family() {
        let adjusted = adjust(&[None, Some(0.02), None]);
        assert_eq!(adjusted[1], Some(Adjusted { holm: 0.02, benjamini_hochberg: 0.02 }));
        assert_eq!((adjusted[0], adjusted[2]), (None, None));
    }

    proptest! {
        #[test]
        fn adjusting_raises_and_keeps_the_order(p in prop::collection::vec(0.0..=1.0_f64, 1..30)) {
            let adjusted = adjust(&p.iter().copied().map(Some).collect::<Vec<_>>());
            for (i, a) in adjusted.iter().enumerate() {
                let a = a.unwrap();
                prop_assert!(p[i] <= a.benjamini_hochberg + 1e-15);
                prop_assert!(a.benjamini_hochberg <= a.holm + 1e-15 && a.holm <= 1.0);
                for (j, b) in adjusted.iter().enumerate() {
                    prop_assert!(p[i] > p[j] || a.holm <= b.unwrap().holm);
                }
            }
        }
    }
}
