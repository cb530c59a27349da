//! How far two next-token distributions are apart. Knows nothing about where they come from.

use crate::decoder::kernels::divergences;
use crate::engine::Normalizer;

/// Divergences of two distributions over one vocabulary, in nats, at temperature 1; none is negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// KL(p ‖ q) = Σ p·ln(p/q) (Kullback and Leibler 1951).
    pub kl: f64,
    /// KL(q ‖ p).
    pub kl_reverse: f64,
    /// KL(p ‖ m)/2 + KL(q ‖ m)/2 with m = (p + q)/2 (Lin 1991); at most ln 2.
    pub js: f64,
}

impl Divergence {
    /// Of the softmax of these logits `[V]`, in f64, the same number on every machine. Equal logits give exactly 0.
    pub fn between(p_logits: &[f32], q_logits: &[f32], p: &Normalizer, q: &Normalizer) -> Self {
        let [kl, kl_reverse, js] = divergences(p_logits, q_logits, p.shifts(), q.shifts());
        Self { kl, kl_reverse, js }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between(p: &[f32], q: &[f32]) -> Divergence {
        Divergence::between(p, q, &Normalizer::of(p), &Normalizer::of(q))
    }

    /// p = (1/2, 1/2) and q = (1/4, 3/4), by hand.
    #[test]
    fn two_coins() {
        let found = between(&[0.0, 0.0], &[0.0, 3f32.ln()]);
        let kl = 0.5 * (2f64.ln() + (2.0 / 3.0f64).ln());
        let reverse = 0.25 * 0.5f64.ln() + 0.75 * 1.5f64.ln();
        let js = 0.5
            * (0.5 * (0.5f64 / 0.375).ln()
                + 0.5 * (0.5f64 / 0.625).ln()
                + 0.25 * (0.25f64 / 0.375).ln()
                + 0.75 * (0.75f64 / 0.625).ln());
        for (found, expected) in [(found.kl, kl), (found.kl_reverse, reverse), (found.js, js)] {
            assert!((found - expected).abs() < 1e-7, "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn the_laws_of_divergences_hold(
            pairs in prop::collection::vec((-60f32..60.0, -60f32..60.0), 1..200), shift in -50f32..50.0,
        ) {
            let (p, q): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let (there, back) = (between(&p, &q), between(&q, &p));
            prop_assert!(there.kl >= 0.0 && there.kl_reverse >= 0.0 && there.js >= 0.0);
            prop_assert!(there.js <= std::f64::consts::LN_2 + 1e-12);
            prop_assert_eq!((there.kl, there.kl_reverse, there.js), (back.kl_reverse, back.kl, back.js));
            prop_assert!(there.js <= 0.25 * (there.kl + there.kl_reverse) + 1e-12, "{there:?}");
            // The plain sum, which may be negative, differs by rounding only.
            let (np, nq) = (Normalizer::of(&p), Normalizer::of(&q));
            let plain: f64 = p
                .iter()
                .zip(&q)
                .map(|(&a, &b)| libm::exp(np.of_logit(a)) * (np.of_logit(a) - nq.of_logit(b)))
                .sum();
            prop_assert!((plain - there.kl).abs() < 1e-9 * plain.abs().max(1.0), "{plain} {}", there.kl);
            let zero = Divergence { kl: 0.0, kl_reverse: 0.0, js: 0.0 };
            prop_assert_eq!(between(&p, &p), zero);
            let moved: Vec<f32> = p.iter().map(|logit| logit + shift).collect();
            prop_assert!(between(&p, &moved).kl < 1e-6);
        }
    }
}
