//! The residual stream along given texts behind given prompts, where it is asked for. Knows nothing about what the
//! places mean.

use std::sync::atomic::AtomicBool;

use super::prefix_tree::PrefixTree;
use super::step::check_interrupted;
use crate::decoder::{HiddenStates, Row};
use crate::error::Result;

/// A text behind a prompt, and the places where the stream is read.
#[derive(Debug, Clone)]
pub struct StateQuery<'a> {
    /// Token ids of the prompt, at least one.
    pub prompt: &'a [u32],
    /// Token ids of the text.
    pub path: &'a [u32],
    /// 0 is the last token of the prompt, i the i-th of the text.
    pub at: Vec<usize>,
}

/// Gives `done` the states [depths, places, D] of every reading, in the order of the work.
///
/// What several prompts begin with is computed once.
///
/// # Errors
/// Those of the model and of `done`, an empty prompt, and [`crate::error::Kind::Interrupted`] once `stop` is set.
pub fn states<M: HiddenStates>(
    model: &M,
    readings: &[StateQuery<'_>],
    depths: &[usize],
    stop: &AtomicBool,
    mut done: impl FnMut(usize, Vec<f32>) -> Result<()>,
) -> Result<()> {
    let d = model.stream().width;
    let piece = model.info().prefill_chunk.max(1);
    let prompts: Vec<&[u32]> = readings.iter().map(|reading| reading.prompt).collect();
    let mut walk = PrefixTree::of(&prompts)?.walk(model);
    while let Some((index, mut sequence)) = walk.next()? {
        check_interrupted(stop)?;
        let StateQuery { prompt, path, at } = &readings[index];
        let needed = at.iter().max().map_or(0, |last| last + 1);
        let last = prompt.iter().skip(prompt.len() - 1);
        let tokens: Vec<u32> = last.chain(*path).copied().take(needed).collect();
        let mut states = vec![0f32; depths.len() * at.len() * d];
        for (i, tokens) in tokens.chunks(piece).enumerate() {
            let here = i * piece..i * piece + tokens.len();
            let (places, within): (Vec<usize>, Vec<usize>) = at
                .iter()
                .enumerate()
                .filter(|(_, token)| here.contains(token))
                .map(|(place, token)| (place, token - here.start))
                .unzip();
            let row = Row { sequence: &mut sequence, tokens, logits: 0 };
            let read = model.hidden(row, depths, &within)?.states;
            for (j, state) in read.chunks_exact(d).enumerate() {
                // [depths, places within] → [depths, places]
                let (depth, place) = (j / within.len(), places[j % within.len()]);
                states[(depth * at.len() + place) * d..][..d].copy_from_slice(state);
            }
        }
        done(index, states)?;
    }
    Ok(())
}
