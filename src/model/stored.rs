//! One tensor as it lies in a file: its type, its shape, its bytes. Knows nothing about what it is for.

use std::borrow::Cow;
use std::ops::Range;

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::files::Bytes;

/// A tensor that is still in its file. The file's pages are given back when it is dropped, so that loading
/// a model does not hold its weights twice.
pub struct Stored<'a> {
    dtype: GgmlDType,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
    place: Option<(&'a Bytes, Range<usize>)>,
}

impl<'a> Stored<'a> {
    /// A tensor at `range` of a file, whose bytes were checked to be there.
    pub(super) fn new(
        dtype: GgmlDType,
        shape: Vec<usize>,
        file: &'a Bytes,
        range: Range<usize>,
    ) -> Self {
        let data = Cow::Borrowed(file.get(range.clone()).unwrap_or_default());
        Self { dtype, shape, data, place: Some((file, range)) }
    }

    /// Type of the elements, or of the blocks that they are in.
    pub fn dtype(&self) -> GgmlDType {
        self.dtype
    }

    /// Outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Little-endian bytes, rows one after another.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// All elements, widened to f32; nothing for types in blocks.
    pub fn to_f32(&self) -> Vec<f32> {
        widen(self.dtype, &self.data)
    }

    /// The rows of a matrix, `count` of them at a time, widened to f32. Their pages are given back at once.
    pub fn rows(&self, count: usize) -> impl Iterator<Item = Vec<f32>> {
        let rows = self.shape.first().copied().unwrap_or(1).max(1);
        let bytes = (self.data.len() / rows * count).max(1);
        self.data.chunks(bytes).enumerate().map(move |(i, part)| {
            let values = widen(self.dtype, part);
            if let Some((file, range)) = &self.place {
                let start = range.start + i * bytes;
                file.release(start..start + part.len());
            }
            values
        })
    }
}

impl Drop for Stored<'_> {
    fn drop(&mut self) {
        if let Some((file, range)) = &self.place {
            file.release(range.clone());
        }
    }
}

fn widen(dtype: GgmlDType, data: &[u8]) -> Vec<f32> {
    match dtype {
        GgmlDType::F32 => data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        GgmlDType::F16 => {
            data.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x).to_f32()).collect()
        }
        GgmlDType::BF16 => {
            data.as_chunks().0.iter().map(|x| bf16::from_le_bytes(*x).to_f32()).collect()
        }
        _ => Vec::new(),
    }
}
