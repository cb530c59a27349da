//! What may follow given prompts, one question after the other: what is asked next may depend on the answers.
//! Knows nothing about what is looked for.

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::prefix_tree::PrefixTree;
use super::step::{check_interrupted, positions_max};
use crate::decoder::{LanguageModel, Row};
use crate::error::{Error, Result};

/// Asks for logits behind one prompt.
pub trait Explorer {
    /// The tokens behind the prompt after which the logits are wanted next, if any more are; may be none at all.
    fn wants(&self) -> Option<Vec<u32>>;

    /// The logits `[V]` there.
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
        check_interrupted(stop)?;
        while open.len() < width
            && let Some((prompt, sequence)) = walk.next()?
        {
            open.extend(waiting[prompt].take().map(|explorer| (prompt, sequence, explorer)));
        }
        if open.is_empty() {
            return Ok(());
        }
        let asking = open.iter_mut().map(|(prompt, sequence, explorer)| {
            let len = prompts[*prompt].len() - 1;
            Asking { sequence, len, before: &prompts[*prompt][len..], explorer: &mut **explorer }
        });
        ask(model, asking.collect())?;
        open.retain(|(_, _, explorer)| explorer.wants().is_some());
    }
}

/// A sequence of `len` tokens, and who asks what may follow `before` behind it.
pub(super) struct Asking<'a, S, E: ?Sized> {
    pub(super) sequence: &'a mut S,
    pub(super) len: usize,
    pub(super) before: &'a [u32],
    pub(super) explorer: &'a mut E,
}

/// Answers questions until none is left. The sequences stay as they were.
///
/// # Errors
/// As [`explore`].
pub(super) fn follow<M: LanguageModel, E: Explorer + Send + ?Sized>(
    model: &M,
    mut asking: Vec<Asking<'_, M::Sequence, E>>,
    stop: &AtomicBool,
) -> Result<()> {
    while !asking.is_empty() {
        check_interrupted(stop)?;
        asking = ask(model, asking)?;
    }
    Ok(())
}

/// Answers the next question of each that has one, and gives these back.
fn ask<'a, M: LanguageModel, E: Explorer + Send + ?Sized>(
    model: &M,
    mut asking: Vec<Asking<'a, M::Sequence, E>>,
) -> Result<Vec<Asking<'a, M::Sequence, E>>> {
    let mut asked = Vec::with_capacity(asking.len());
    asking.retain(|asking| {
        let path = asking.explorer.wants();
        asked.extend(path.iter().map(|path| [asking.before, path].concat()));
        path.is_some()
    });
    if asking.is_empty() {
        return Ok(asking);
    }
    let rows = asking.iter_mut().zip(&asked);
    let mut rows: Vec<_> = rows
        .map(|(asking, tokens)| Row { sequence: &mut *asking.sequence, tokens, logits: 1 })
        .collect();
    let logits = model.step(&mut rows)?;
    asking.par_iter_mut().enumerate().try_for_each(|(i, asking)| {
        let behind = asking.len + asked[i].len();
        let logits = logits.row(i).map_err(|broken| {
            broken.at(format_args!("after the {behind} tokens of a prompt and what may follow it"))
        })?;
        asking.explorer.learn(logits);
        model.truncate(asking.sequence, asking.len);
        Ok::<_, Error>(())
    })?;
    Ok(asking)
}
