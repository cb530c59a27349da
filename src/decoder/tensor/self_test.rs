//! Does a row's result depend on what else there is? Asked of the device itself, since no manual says.

use super::store::BLOCK;
use crate::decoder::{LanguageModel, Row};
use crate::error::Result;

/// Steps whose logits are compared.
const STEPS: usize = 3;

/// Draws the same text twice: alone, and among other rows, in another slot, behind longer tails, its prefix
/// cut at another place. True if the logits have the same bits.
///
/// # Errors
/// Those of the model.
pub(super) fn rows_are_independent<M: LanguageModel>(model: &M) -> Result<bool> {
    let info = model.info();
    let context = info.context;
    if context < 8 * STEPS {
        return Ok(false);
    }
    let text = |seed: usize, len: usize| -> Vec<u32> {
        (0..len).map(|i| ((i * (2 * seed + 1) + seed) % info.vocab_size) as u32).collect()
    };
    // A full block and a part of one, where the context allows that.
    let ids = text(3, (BLOCK + 37).min(context * 2 / 3) + STEPS);
    let (prompt, drawn) = ids.split_at(ids.len() - STEPS);
    let (start, rest) = prompt.split_at(prompt.len() / 3);

    let mut alone = model.fork(&model.prefill(None, prompt)?);
    let mut expected = Vec::new();
    for &id in drawn {
        let mut rows = [Row { sequence: &mut alone, tokens: &[id], logits: 1 }];
        expected.push(model.step(&mut rows)?.raw(0).to_vec());
    }

    let tail = (BLOCK + 2).min(context - prompt.len() - STEPS);
    let start = model.prefill(None, start)?;
    let sibling = model.prefill(Some(&start), &text(5, rest.len()))?;
    let mut crowd = Vec::new();
    for (i, prefix) in [&sibling, &start, &sibling].into_iter().enumerate() {
        let mut neighbor = model.fork(prefix);
        let tokens = &text(i, tail);
        model.step(&mut [Row { sequence: &mut neighbor, tokens, logits: 0 }])?;
        crowd.push(neighbor);
    }
    let mut among = model.fork(&model.prefill(Some(&start), rest)?);
    for (step, (id, expected)) in drawn.chunks(1).zip(&expected).enumerate() {
        let place = 1 + step % 2;
        let (before, after) = crowd.split_at_mut(place);
        let neighbor = |sequence| Row { sequence, tokens: &drawn[..1], logits: 1 };
        let mut rows: Vec<_> = before.iter_mut().map(neighbor).collect();
        rows.push(Row { sequence: &mut among, tokens: id, logits: 1 });
        rows.extend(after.iter_mut().map(neighbor));
        let logits = model.step(&mut rows)?;
        if !logits.raw(place).iter().map(|l| l.to_bits()).eq(expected.iter().map(|l| l.to_bits())) {
            return Ok(false);
        }
    }
    Ok(true)
}
