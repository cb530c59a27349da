//! Logits along one given text, and what greedily follows it. Knows nothing about what the numbers are for.

use std::sync::atomic::AtomicBool;

use super::step::{check_interrupted, positions_max};
use crate::decoder::{LanguageModel, NotFinite, Row};
use crate::error::{Error, Result};

/// Puts `ids` through the model and shows `visit` the logits `[V]` after each of them, first to last; then
/// gives the `follow` ids that follow them, each the one of the largest logit (of equal ones the lowest id),
/// whatever these ids mean.
///
/// Holds the logits of one piece of the text at a time.
///
/// # Errors
/// Those of the model and of `visit`, logits that are not finite, no ids at all, and `stop` set from outside.
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
        check_interrupted(stop)?;
        let row = Row { sequence: &mut sequence, tokens, logits: tokens.len() };
        let logits = model.step(&mut [row])?;
        if (0..tokens.len()).any(|j| logits.row(j).is_err()) {
            // A token whose keys and values are no numbers spoils what is computed beside it, before it too: one by
            // one they tell which it is.
            model.truncate(&mut sequence, i * piece);
            for (j, token) in tokens.iter().enumerate() {
                let tokens = std::slice::from_ref(token);
                let logits =
                    model.step(&mut [Row { sequence: &mut sequence, tokens, logits: 1 }])?;
                let position = i * piece + j;
                let logits = logits.row(0).map_err(|broken| after(broken, position + 1))?;
                visit(position, logits)?;
                next = largest(logits);
            }
            continue;
        }
        for j in 0..tokens.len() {
            let logits = logits.row(j)?;
            visit(i * piece + j, logits)?;
            next = largest(logits);
        }
    }
    let mut followed = Vec::new();
    while followed.len() < follow {
        check_interrupted(stop)?;
        followed.push(next);
        if followed.len() < follow {
            let row = Row { sequence: &mut sequence, tokens: &[next], logits: 1 };
            let logits = model.step(&mut [row])?;
            let read = ids.len() + followed.len();
            next = largest(logits.row(0).map_err(|broken| after(broken, read))?);
        }
    }
    Ok(followed)
}

fn after(broken: NotFinite, tokens: usize) -> Error {
    broken.at(format_args!("after the first {tokens} tokens"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_logits_the_lowest_id_is_the_largest() {
        assert_eq!(largest(&[1.0, 3.0, 2.0, 3.0]), 1);
        assert_eq!(largest(&[f32::NEG_INFINITY; 2]), 0);
        assert_eq!(largest(&[-0.0, 0.0]), 0);
    }
}
