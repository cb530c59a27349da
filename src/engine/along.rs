//! Logits along one given text, and what greedily follows it. Knows nothing about what the numbers are for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::decoder::{LanguageModel, Row};
use crate::error::{Error, Result};

/// Bytes that the logits of one piece of the text may take: a vocabulary of 150,000 leaves 111 positions.
const PIECE_BYTES: usize = 64 << 20;

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
    let going_on = || match stop.load(Ordering::Relaxed) {
        true => Err(Error::interrupted("interrupted: nothing was written")),
        false => Ok(()),
    };
    let info = model.info();
    let row_bytes = info.vocab_size * size_of::<f32>();
    let piece = (PIECE_BYTES / row_bytes.max(1)).clamp(1, info.prefill_chunk.max(1));
    let mut sequence = model.fork(&model.prefill(None, &[])?);
    let mut next = 0;
    for (i, tokens) in ids.chunks(piece).enumerate() {
        going_on()?;
        let row = Row { sequence: &mut sequence, tokens, logits: tokens.len() };
        let logits = model.step(&mut [row])?;
        for j in 0..tokens.len() {
            visit(i * piece + j, logits.row(j))?;
        }
        next = largest(logits.row(tokens.len() - 1));
    }
    let mut followed = Vec::new();
    while followed.len() < follow {
        going_on()?;
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

/// ln softmax(logits)[id] in f64, summed from the first logit to the last with the `libm` crate's functions,
/// so that it is the same number on every machine.
pub fn log_probability(logits: &[f32], id: u32) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| libm::exp(f64::from(logit) - f64::from(top))).sum();
    let logit = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
    f64::from(logit) - f64::from(top) - libm::log(sum)
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
