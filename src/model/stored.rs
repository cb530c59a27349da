//! One tensor, or some rows of one, as it lies in a file. Knows nothing about what it is for.

use std::ops::Range;

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::files::Bytes;
use super::view::{Rows, View};

/// A tensor that is still in its file. The file's pages are given back when it is dropped, so that loading
/// a model does not hold its weights twice.
pub struct Stored<'a> {
    dtype: GgmlDType,
    shape: Vec<usize>,
    data: Data<'a>,
    rows: Rows,
}

enum Data<'a> {
    /// At this range of a file.
    File(&'a Bytes, Range<usize>),
    /// Put into another order already.
    Owned(Vec<u8>),
}

impl<'a> Stored<'a> {
    /// A tensor at `range` of a file, whose bytes were checked to be there.
    pub(super) fn new(
        dtype: GgmlDType,
        shape: Vec<usize>,
        file: &'a Bytes,
        range: Range<usize>,
    ) -> Self {
        Self { dtype, shape, data: Data::File(file, range), rows: Rows::All }
    }

    /// One slice along the first dimension; none if there is no such slice.
    pub(super) fn slice(self, index: usize) -> Option<Self> {
        let (&count, shape) = self.shape.split_first()?;
        let Data::File(file, range) = &self.data else { return None };
        let len = range.len().checked_div(count).filter(|_| index < count)?;
        let start = range.start + index * len;
        Some(Self::new(self.dtype, shape.to_vec(), file, start..start + len))
    }

    /// The matrix with rows and columns changed over, as a copy; none if it is no matrix of plain elements.
    pub(super) fn transposed(self) -> Option<Self> {
        let (&[rows, columns], width) = (&self.shape[..], element_bytes(self.dtype)?) else {
            return None;
        };
        let data = self.bytes();
        let mut turned = Vec::with_capacity(data.len());
        for column in 0..columns {
            for row in 0..rows {
                let at = (row * columns + column) * width;
                turned.extend_from_slice(&data[at..at + width]);
            }
        }
        let shape = vec![columns, rows];
        Some(Self { dtype: self.dtype, shape, data: Data::Owned(turned), rows: Rows::All })
    }

    /// Some of the rows; none if one of them is not there.
    pub(super) fn select(mut self, rows: Rows) -> Option<Self> {
        let first = self.shape.first_mut()?;
        let (count, end) = match &rows {
            Rows::All => (*first, *first),
            Rows::Range(range) => (range.len(), range.end),
            Rows::List(list) => (list.len(), list.iter().max().map_or(0, |last| last + 1)),
        };
        if end > *first {
            return None;
        }
        if let (Rows::Range(range), Data::File(_, place)) = (&rows, &mut self.data) {
            let row_bytes = place.len().checked_div(*first)?;
            *place = place.start + range.start * row_bytes..place.start + range.end * row_bytes;
            *first = count;
            return Some(self);
        }
        *first = count;
        self.rows = rows;
        Some(self)
    }

    /// The part of a whole tensor that `view` shows; none if it is not there.
    pub(super) fn seen_through(self, view: &View) -> Option<Self> {
        let mut stored = Some(self);
        if let Some(index) = view.slice {
            stored = stored.and_then(|stored| stored.slice(index));
        }
        if view.transposed {
            stored = stored.and_then(Self::transposed);
        }
        stored.and_then(|stored| stored.select(view.rows.clone()))
    }

    /// Dense rows that were computed, in the type of elements `dtype`: the bytes are those of all of them, in order.
    pub(crate) fn computed(dtype: GgmlDType, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Self { dtype, shape, data: Data::Owned(bytes), rows: Rows::All }
    }

    /// Type of the elements, or of the blocks that they are in.
    pub fn dtype(&self) -> GgmlDType {
        self.dtype
    }

    /// Outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Bytes of a row: what stands at one index of the first dimension.
    pub fn row_bytes(&self) -> usize {
        let columns: usize = self.shape.iter().skip(1).product();
        columns / self.dtype.block_size() * self.dtype.type_size()
    }

    /// One row, little-endian.
    pub fn row(&self, row: usize) -> &[u8] {
        let at = match &self.rows {
            Rows::All => row,
            Rows::Range(range) => range.start + row,
            Rows::List(list) => list[row],
        };
        let len = self.row_bytes();
        &self.bytes()[at * len..(at + 1) * len]
    }

    /// All rows, one after another.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self.rows {
            Rows::All => self.bytes().to_vec(),
            _ => (0..self.shape.first().copied().unwrap_or(1))
                .flat_map(|row| self.row(row))
                .copied()
                .collect(),
        }
    }

    /// All elements, widened to f32; nothing for types in blocks.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.rows {
            Rows::All => widen(self.dtype, self.bytes()),
            _ => widen(self.dtype, &self.to_bytes()),
        }
    }

    /// Some rows, widened to f32; nothing for types in blocks. Their pages are given back: nobody will read
    /// them again.
    pub fn widened(&self, rows: Range<usize>) -> Vec<f32> {
        let values = rows.clone().flat_map(|row| widen(self.dtype, self.row(row))).collect();
        self.release(rows);
        values
    }

    /// Gives the pages of some rows back to the system, which were read and will not be again.
    pub fn release(&self, rows: Range<usize>) {
        if let (Data::File(file, range), Rows::All) = (&self.data, &self.rows) {
            let len = self.row_bytes();
            file.release(range.start + rows.start * len..range.start + rows.end * len);
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::File(file, range) => file.get(range.clone()).unwrap_or_default(),
            Data::Owned(data) => data,
        }
    }
}

impl Drop for Stored<'_> {
    fn drop(&mut self) {
        if let Data::File(file, range) = &self.data {
            file.release(range.clone());
        }
    }
}

fn element_bytes(dtype: GgmlDType) -> Option<usize> {
    (dtype.block_size() == 1).then(|| dtype.type_size())
}

/// Elements of a plain type as f32; nothing for types in blocks.
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
