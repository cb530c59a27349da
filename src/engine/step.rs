//! What bounds a step that brings logits to be looked at, and when the work ends. Knows nothing about what is looked for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::decoder::ModelInfo;
use crate::error::{Error, Result};

/// Bytes that the logits of one step may take: a vocabulary of 150,000 leaves 111 positions.
pub(super) const STEP_BYTES: usize = 64 << 20;

/// Positions whose logits a step may bring.
pub(super) fn positions_max(info: &ModelInfo) -> usize {
    let row_bytes = info.vocab_size * size_of::<f32>();
    (STEP_BYTES / row_bytes.max(1)).clamp(1, info.prefill_chunk.max(1))
}

/// Ends the work where it was told to stop.
pub(super) fn check_interrupted(stop: &AtomicBool) -> Result<()> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::interrupted("interrupted: nothing was written")),
        false => Ok(()),
    }
}
