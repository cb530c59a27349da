//! An output matrix that is the embedding, and may be stored all the same. Knows nothing about decoders.

use super::part::{Kind, Part};
use super::weights::{Entry, Weights};
use crate::error::{Error, Result};

/// Bytes of two tensors that are compared before their pages are given back.
const COMPARED_AT_ONCE: usize = 1 << 24;

impl Weights {
    /// Refuses an output matrix of its own where the config says that it is the embedding, unless both hold the
    /// same numbers: transformers 5 computes with the matrix then, releases before it with the embedding.
    ///
    /// # Errors
    /// The two differ.
    pub fn check_tied(&self) -> Result<()> {
        let stored = |part| {
            let name = self.view(part, Kind::Weight).ok()?.tensor;
            self.tensors.get_key_value(&name)
        };
        let (Some((output, o)), Some((embedding, e))) =
            (stored(Part::Output), stored(Part::Embedding))
        else {
            return Ok(());
        };
        if output == embedding || o.same_numbers(output, e)? {
            return Ok(());
        }
        Err(Error::input(format!(
            "the config says that the output matrix is the embedding (`tie_word_embeddings`), but `{output}` holds other numbers than `{embedding}`"
        ))
        .hint(format!("transformers 5 computes with `{output}`: set `tie_word_embeddings` to false for that; earlier releases do not: take the tensor out for that")))
    }
}

impl Entry {
    /// Whether another tensor holds the same numbers, in whatever plain type. Reads both, some rows at a time.
    fn same_numbers(&self, name: &str, other: &Self) -> Result<bool> {
        if self.shape != other.shape {
            return Ok(false);
        }
        if self.dtype == other.dtype {
            let parts =
                self.data().chunks(COMPARED_AT_ONCE).zip(other.data().chunks(COMPARED_AT_ONCE));
            return Ok(parts.enumerate().all(|(i, (a, b))| {
                let same = a == b;
                for entry in [self, other] {
                    let start = entry.range.start + i * COMPARED_AT_ONCE;
                    entry.bytes.release(start..start + a.len());
                }
                same
            }));
        }
        let (a, b) = (self.stored(name)?, other.stored(name)?);
        for row in 0..self.shape.first().copied().unwrap_or(0) {
            if a.widened(row..row + 1)? != b.widened(row..row + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
