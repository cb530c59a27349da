//! Logits along one given text, and what greedily follows it. Knows nothing about what the numbers are for.

use std::sync::atomic::AtomicBool;

use super::scoring::{going_on, positions_max};
use crate::decoder::{LanguageModel, Row};
use crate::error::{Error, Result};

/// Puts `ids` through the model and shows `visit` the logits [V] after each of them, first to last; then
/// gives the `follow` ids that follow them, each the one of the largest logit (of equal ones the lowest id),
/// whatever these ids mean.
///
/// Holds the logits of one piece of the text at a time.
///
/// # Errors
/// Those of the model and of `visit`, no ids at all, and `stop` set from outside.
pub fn along<M: LanguageModel>(
    model: &M,
    ids: &[u32],
    follow: usize,
    stop: &AtomicBool,
    mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<Vec<u32>> {
    if ids.is_empty() {
        return Err(Error::input("there is no token to begin with"));
    }
    let piece = positions_max(model.info());
    let mut sequence = model.fork(&model.prefill(None, &[])?);
    let mut next = 0;
    for (i, tokens) in ids.chunks(piece).enumerate() {
        going_on(stop)?;
        let row = Row { sequence: &mut sequence, tokens, logits: tokens.len() };
        let logits = model.step(&mut [row])?;
        for j in 0..tokens.len() {
            visit(i * piece + j, logits.row(j))?;
        }
        next = largest(logits.row(tokens.len() - 1));
    }
    let mut followed = Vec::new();
    while followed.len() < follow {
        going_on(stop)?;
        followed.push(next);
        if followed.len() < follow {
            let row = Row { sequence: &mut sequence, tokens: &[next], logits: 1 };
            next = largest(model.step(&mut [row])?.row(0));
        }
    }
    Ok(followed)
}

/// The id of the largest logit; of equal ones the lowest.
fn largest(logits: &[f32]) -> u32 {
    let mut best = (0u32, f32::NEG_INFINITY);
    for (id, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    best.0
}

/// ln softmax(logits)[id] in f64; see [`Normalizer`].
pub fn log_probability(logits: &[f32], id: u32) -> f64 {
    Normalizer::of(logits).log_probability(logits, id)
}

/// What makes probabilities of logits: the largest, and ln Σ exp(logit − largest), in f64, summed from the first logit
/// to the last with the `libm` crate's functions, so that it is the same number on every machine.
#[derive(Debug, Clone, Copy)]
pub struct Normalizer {
    top: f64,
    log_sum: f64,
}

impl Normalizer {
    /// Of these logits [V].
    pub fn of(logits: &[f32]) -> Self {
        let top = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = logits.iter().map(|&logit| libm::exp(f64::from(logit) - top)).sum();
        Self { top, log_sum: libm::log(sum) }
    }

    /// ln softmax(logits)[id] of the logits that it was made from; −∞ for an id beyond them.
    pub fn log_probability(&self, logits: &[f32], id: u32) -> f64 {
        self.of_logit(logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY))
    }

    /// The log-probability of a token with this logit.
    pub fn of_logit(&self, logit: f32) -> f64 {
        f64::from(logit) - self.top - self.log_sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_equal_logits_the_lowest_id_is_the_largest() {
        assert_eq!(largest(&[1.0, 3.0, 2.0, 3.0]), 1);
        assert_eq!(largest(&[f32::NEG_INFINITY; 2]), 0);
        assert_eq!(largest(&[-0.0, 0.0]), 0);
    }

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
