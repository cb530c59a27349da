//! What may follow given prompts, one question after the other: what is asked next may depend on the answers.
//! Knows nothing about what is looked for.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::prefix_tree::PrefixTree;
use super::scoring::{going_on, positions_max};
use crate::decoder::{LanguageModel, Row};
use crate::error::Result;

/// Asks for logits behind one prompt.
pub trait Explorer {
    /// The tokens behind the prompt after which the logits are wanted next, if any more are; may be none at all.
    fn wants(&self) -> Option<Vec<u32>>;

    /// The logits [V] there.
    fn learn(&mut self, logits: &[f32]);
}

/// Lets each of `explorers` ask behind its prompt until it wants nothing more. What prompts begin with is computed
/// once, a prompt is kept while its explorer asks, and `batch` of them are asked about at a time. The prompt of one
/// that wants nothing is not computed.
///
/// # Errors
/// Those of the model, an empty prompt, and [`crate::error::Kind::Interrupted`] once `stop` is set.
pub fn explore<M: LanguageModel, E: Explorer + Send>(
    model: &M,
    prompts: &[&[u32]],
    explorers: &mut [E],
    batch: usize,
    stop: &AtomicBool,
) -> Result<()> {
    let asking = prompts.iter().zip(explorers).filter(|(_, explorer)| explorer.wants().is_some());
    let (prompts, mut waiting): (Vec<&[u32]>, Vec<Option<&mut E>>) =
        asking.map(|(prompt, explorer)| (*prompt, Some(explorer))).unzip();
    let mut walk = PrefixTree::of(&prompts)?.walk(model);
    let width = batch.clamp(1, positions_max(model.info()));
    let mut open: Vec<(usize, M::Sequence, &mut E)> = Vec::new();
    loop {
        going_on(stop)?;
        while open.len() < width
            && let Some((prompt, sequence)) = walk.next()?
        {
            open.extend(waiting[prompt].take().map(|explorer| (prompt, sequence, explorer)));
        }
        if open.is_empty() {
            return Ok(());
        }
        let mut asked = Vec::with_capacity(open.len());
        open.retain_mut(|(prompt, _, explorer)| {
            let Some(path) = explorer.wants() else { return false };
            let last = prompts[*prompt].iter().skip(prompts[*prompt].len() - 1);
            asked.push(last.copied().chain(path).collect::<Vec<u32>>());
            true
        });
        if open.is_empty() {
            continue;
        }
        let mut rows: Vec<_> = open
            .iter_mut()
            .zip(&asked)
            .map(|((_, sequence, _), tokens)| Row { sequence, tokens, logits: 1 })
            .collect();
        let logits = model.step(&mut rows)?;
        open.par_iter_mut().enumerate().for_each(|(i, (prompt, sequence, explorer))| {
            explorer.learn(logits.row(i));
            model.truncate(sequence, prompts[*prompt].len() - 1);
        });
    }
}
