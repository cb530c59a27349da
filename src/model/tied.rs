//! An output matrix that is the embedding, and may be stored all the same. Knows nothing about decoders.

use super::part::{Kind, Part};
use super::weights::{Entry, Weights};
use crate::error::Result;

/// Bytes of two tensors that are compared before their pages are given back.
const COMPARED_AT_ONCE: usize = 1 << 24;

impl Weights {
    /// Whether an output matrix is stored that holds other numbers than the embedding: transformers 5 computes with
    /// that one then, whatever the config says; releases before it with the embedding.
    ///
    /// # Errors
    /// One of the two cannot be read.
    pub fn has_own_output(&self) -> Result<bool> {
        let stored = |part| {
            let name = self.view(part, Kind::Weight).ok()?.tensor;
            self.tensors.get_key_value(&name)
        };
        let (Some((output, o)), Some((embedding, e))) =
            (stored(Part::Output), stored(Part::Embedding))
        else {
            return Ok(false);
        };
        Ok(output != embedding && !o.same_numbers(output, e)?)
    }
}

impl Entry {
    /// Whether another tensor holds the same numbers, in whatever plain type. Reads both, some rows at a time.
    fn same_numbers(&self, name: &str, other: &Self) -> Result<bool> {
        if self.shape != other.shape {
            return Ok(false);
        }
        if self.dtype == other.dtype && self.coded.is_none() && other.coded.is_none() {
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
