//! The softmax of a row of logits in f64. Knows nothing about where logits come from.

use crate::decoder::kernels::{exponential_sum, maximum};

/// ln softmax(logits)`[id]` in f64; see [`Normalizer`].
pub fn log_probability(logits: &[f32], id: u32) -> f64 {
    Normalizer::of(logits).log_probability(logits, id)
}

/// What makes probabilities of logits: the largest, and ln Σ exp(logit − largest), in f64, the same number on every
/// machine.
#[derive(Debug, Clone, Copy)]
pub struct Normalizer {
    top: f64,
    log_sum: f64,
}

impl Normalizer {
    /// Of these logits `[V]`.
    pub fn of(logits: &[f32]) -> Self {
        let top = maximum(logits);
        Self { top: f64::from(top), log_sum: libm::log(exponential_sum(logits, top)) }
    }

    /// ln softmax(logits)`[id]` of the logits that it was made from; −∞ for an id beyond them.
    pub fn log_probability(&self, logits: &[f32], id: u32) -> f64 {
        self.of_logit(logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY))
    }

    /// The log-probability of a token with this logit.
    pub fn of_logit(&self, logit: f32) -> f64 {
        let [top, log_sum] = self.shifts();
        f64::from(logit) - top - log_sum
    }

    /// What is subtracted from a logit, one after the other.
    pub(crate) fn shifts(&self) -> [f64; 2] {
        [self.top, self.log_sum]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_logits_are_equally_likely() {
        assert!((log_probability(&[7.5; 8], 3) + libm::log(8.0)).abs() < 1e-15);
        assert_eq!(log_probability(&[f32::NEG_INFINITY, 0.0], 1), 0.0);
        assert_eq!(log_probability(&[f32::NEG_INFINITY, 0.0], 0), f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one(
            logits in proptest::collection::vec(-80f32..80.0, 1..200), shift in -100f32..100.0,
        ) {
            let shifted: Vec<f32> = logits.iter().map(|logit| logit + shift).collect();
            let sum: f64 = (0..shifted.len())
                .map(|id| libm::exp(log_probability(&shifted, id as u32)))
                .sum();
            prop_assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
    }
}
