//! How long the longest text of some runs is, which a model must know where it computes otherwise for long texts.

use crate::error::{Error, Result};
use crate::model::Model;

/// The longest of the variants' texts. Where a model computes otherwise for long texts, all variants must be
/// on the same side: what one of them gives must not depend on the others.
pub(crate) fn one_side(model: &Model, lengths: &[usize]) -> Result<usize> {
    let (short, long) =
        (lengths.iter().min().copied().unwrap_or(0), lengths.iter().max().copied().unwrap_or(0));
    match model.spec.short_context() {
        Some(limit) if short <= limit && long > limit => Err(Error::input(format!(
            "`{}` computes otherwise for texts of more than {limit} tokens, and only some of the variants have such",
            model.label
        ))
        .hint("run these variants one by one, or lower `--max-tokens`")),
        _ => Ok(long),
    }
}
