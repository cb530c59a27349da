//! A tensor in whatever type a file has it, read as numbers. Knows nothing about what it is for.

use std::ops::Range;

use half::{bf16, f16};

use super::float::{e4m3, e8m0};
use crate::error::{Error, Result};
use crate::model::bytes::Bytes;

/// A tensor as it lies in a file, whose bytes were checked to be there.
#[derive(Debug, Clone)]
pub(in crate::model) struct Raw {
    /// For messages: its name and its file.
    pub(in crate::model) place: String,
    pub(in crate::model) bytes: Bytes,
    pub(in crate::model) range: Range<usize>,
    /// What safetensors calls the type of its elements.
    pub(in crate::model) dtype: String,
    /// Outermost dimension first.
    pub(in crate::model) shape: Vec<usize>,
}

impl Raw {
    pub(super) fn data(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }

    /// Gives the pages back to the system.
    pub(super) fn release(&self) {
        self.bytes.release(self.range.clone());
    }

    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn is(&self, types: &[&str]) -> bool {
        types.contains(&self.dtype.as_str())
    }

    /// All elements as f32: plain numbers as they are, bytes of U8 and E8M0 as powers of two.
    ///
    /// # Errors
    /// The type is none that scales are stored in.
    pub(super) fn scales(&self) -> Result<Vec<f32>> {
        let data = self.data();
        Ok(match self.dtype.as_str() {
            "F32" => data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            "F16" => data.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x).to_f32()).collect(),
            "BF16" => data.as_chunks().0.iter().map(|x| bf16::from_le_bytes(*x).to_f32()).collect(),
            "F8_E4M3" => data.iter().map(|&x| e4m3(x)).collect(),
            "F8_E8M0" | "U8" => data.iter().map(|&x| e8m0(x)).collect(),
            _ => return Err(self.unexpected("scales")),
        })
    }

    /// All elements as whole numbers.
    ///
    /// # Errors
    /// The type is none of whole numbers.
    pub(super) fn whole(&self) -> Result<Vec<i64>> {
        let data = self.data();
        Ok(match self.dtype.as_str() {
            "I8" => data.iter().map(|&x| i64::from(x.cast_signed())).collect(),
            "U8" => data.iter().map(|&x| i64::from(x)).collect(),
            "I32" => data.as_chunks().0.iter().map(|x| i64::from(i32::from_le_bytes(*x))).collect(),
            "I64" => data.as_chunks().0.iter().map(|x| i64::from_le_bytes(*x)).collect(),
            _ => return Err(self.unexpected("whole numbers")),
        })
    }

    /// Word `index` of packed codes.
    pub(super) fn word(&self, index: usize) -> u32 {
        let word = self.data().as_chunks().0.get(index);
        word.map_or(0, |x| u32::from_le_bytes(*x))
    }

    pub(super) fn unexpected(&self, what: &str) -> Error {
        Error::input(format!(
            "{} is stored as {} of shape {:?}, which is not known for {what}",
            self.place, self.dtype, self.shape
        ))
        .hint("use the model's original weights, or a GGUF file")
    }
}
