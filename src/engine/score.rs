//! Logits after given texts: what a model would draw next, without drawing.

use super::prefix_tree::PrefixTree;
use crate::decoder::{LanguageModel, Row};
use crate::error::Result;

/// Logits of the token after each of `sequences` (at least one id each), in the order of the work: `visit` is
/// told which one they belong to.
///
/// What several of them begin with is computed once; `batch` of them are finished at a time.
///
/// # Errors
/// Those of the model, and a sequence without a token.
pub fn logits_after<M: LanguageModel>(
    model: &M,
    sequences: &[Vec<u32>],
    batch: usize,
    mut visit: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let ids: Vec<&[u32]> = sequences.iter().map(|s| &s[..]).collect();
    let mut walk = PrefixTree::of(&ids)?.walk(model);
    loop {
        let mut forks = Vec::new();
        while forks.len() < batch.max(1)
            && let Some(fork) = walk.next()?
        {
            forks.push(fork);
        }
        if forks.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<_> = forks
            .iter_mut()
            .map(|(job, sequence)| Row {
                sequence,
                tokens: &ids[*job][ids[*job].len() - 1..],
                logits: 1,
            })
            .collect();
        let logits = model.step(&mut rows)?;
        for (i, (job, _)) in forks.iter().enumerate() {
            visit(*job, logits.row(i));
        }
    }
}
