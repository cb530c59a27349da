//! Logits after given texts: what a model would draw next, without drawing.

use super::shared_prefix::SharedPrefix;
use crate::decoder::{LanguageModel, Row};
use crate::error::Result;

/// Logits of the token after each of `sequences` (at least one id each), in their order.
///
/// Their common beginning is computed once; `batch` of them go through the model at a time.
///
/// # Errors
/// Those of the model.
pub fn logits_after<M: LanguageModel>(
    model: &M,
    sequences: &[Vec<u32>],
    batch: usize,
    mut visit: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let ids: Vec<&[u32]> = sequences.iter().map(|s| &s[..]).collect();
    let plan = SharedPrefix::of(&ids);
    let Some(&first) = plan.order.first() else { return Ok(()) };
    let root = model.prefill(None, &ids[first][..plan.len])?;
    for jobs in plan.order.chunks(batch.max(1)) {
        let mut forks: Vec<_> = jobs.iter().map(|_| model.fork(&root)).collect();
        let mut rows: Vec<_> = forks
            .iter_mut()
            .zip(jobs)
            .map(|(sequence, &job)| Row { sequence, tokens: &ids[job][plan.len..], logits: 1 })
            .collect();
        let logits = model.step(&mut rows)?;
        for (i, &job) in jobs.iter().enumerate() {
            visit(job, logits.row(i));
        }
    }
    Ok(())
}
