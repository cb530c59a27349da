//! One tensor, or some rows of one, as it lies in a file. Knows nothing about what it is for.

use std::ops::Range;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;

use super::bytes::Bytes;
use super::finite::all_finite;
use super::view::{Rows, View};
use crate::error::{Error, Result};

/// A tensor that is still in its file. The file's pages are given back when it is dropped, so that loading
/// a model does not hold its weights twice.
pub struct Stored<'a> {
    /// For messages: the tensor's name and its file.
    place: String,
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
        place: String,
        dtype: GgmlDType,
        shape: Vec<usize>,
        file: &'a Bytes,
        range: Range<usize>,
    ) -> Self {
        Self { place, dtype, shape, data: Data::File(file, range), rows: Rows::All }
    }

    /// One slice along the first dimension; none if there is no such slice.
    pub(super) fn slice(mut self, index: usize) -> Option<Self> {
        let place = std::mem::take(&mut self.place);
        let (&count, shape) = self.shape.split_first()?;
        let Data::File(file, range) = &self.data else { return None };
        let len = range.len().checked_div(count).filter(|_| index < count)?;
        let start = range.start + index * len;
        Some(Self::new(place, self.dtype, shape.to_vec(), file, start..start + len))
    }

    /// The matrix with rows and columns changed over, as a copy; none if it is no matrix of plain elements.
    pub(super) fn transposed(mut self) -> Option<Self> {
        let place = std::mem::take(&mut self.place);
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
        Some(Self { place, dtype: self.dtype, shape, data: Data::Owned(turned), rows: Rows::All })
    }

    /// The same as plain f32, of a type in blocks: a vector's elements are picked one by one, which blocks do not
    /// allow. As it is where it is plain already.
    ///
    /// # Errors
    /// Blocks of a type that cannot be read.
    pub(super) fn unpacked(mut self) -> Result<Self> {
        if self.dtype.block_size() == 1 {
            return Ok(self);
        }
        let place = std::mem::take(&mut self.place);
        let storage = QStorage::from_data(self.bytes().into(), &Device::Cpu, self.dtype)?;
        let tensor = QTensor::new(storage, &self.shape[..])
            .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>());
        let values = tensor.map_err(|error| Error::from(error).within(&place))?;
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let (shape, rows) = (std::mem::take(&mut self.shape), Rows::All);
        Ok(Self { place, dtype: GgmlDType::F32, shape, data: Data::Owned(bytes), rows })
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

    /// The part of a whole tensor that `view` shows; none if it is not there. Of a `vector` single elements are picked,
    /// so that blocks are unpacked.
    ///
    /// # Errors
    /// Blocks of a type that cannot be read.
    pub(super) fn seen_through(self, view: &View, vector: bool) -> Result<Option<Self>> {
        let mut stored = Some(self);
        if let Some(index) = view.slice {
            stored = stored.and_then(|stored| stored.slice(index));
        }
        if view.transposed {
            stored = stored.and_then(Self::transposed);
        }
        if vector {
            stored = stored.map(Self::unpacked).transpose()?;
        }
        Ok(stored.and_then(|stored| stored.select(view.rows.clone())))
    }

    /// Dense rows that were computed, in the type of elements `dtype`: the bytes are those of all of them, in order.
    /// `place` says what they are, for messages.
    pub(crate) fn computed(
        place: String,
        dtype: GgmlDType,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    ) -> Self {
        Self { place, dtype, shape, data: Data::Owned(bytes), rows: Rows::All }
    }

    /// What it is and where it lies, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
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

    /// All elements, widened to f32.
    ///
    /// # Errors
    /// They are in blocks, which a matrix keeps and `Self::unpacked` undoes; or one of them is not finite.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let bytes = self.to_bytes();
        if !all_finite(self.dtype, &bytes) {
            return Err(self.not_finite(None));
        }
        self.widen(&bytes)
    }

    /// Some rows, widened to f32. Their pages are given back: nobody will read them again.
    ///
    /// # Errors
    /// As [`Self::to_f32`].
    pub fn widened(&self, rows: Range<usize>) -> Result<Vec<f32>> {
        self.check_finite(rows.clone())?;
        let values = rows.clone().map(|row| self.widen(self.row(row)));
        let values = values.collect::<Result<Vec<_>>>()?.concat();
        self.release(rows);
        Ok(values)
    }

    /// Refuses rows that hold NaN or an infinity. Costs one pass over their bytes, on all threads.
    ///
    /// # Errors
    /// Names the tensor, its file, and the first such row.
    pub fn check_finite(&self, rows: Range<usize>) -> Result<()> {
        let odd = rows.into_par_iter().find_first(|&row| !all_finite(self.dtype, self.row(row)));
        odd.map_or(Ok(()), |row| Err(self.not_finite(Some(row))))
    }

    fn not_finite(&self, row: Option<usize>) -> Error {
        let row = row.map(|row| format!(", the first in row {row}")).unwrap_or_default();
        Error::input(format!("{} holds weights that are no finite numbers{row}", self.place))
            .hint("the file is damaged, or the training that wrote it had failed: fetch it again, or use another checkpoint")
    }

    /// Elements of a plain type as f32.
    fn widen(&self, data: &[u8]) -> Result<Vec<f32>> {
        widen(self.dtype, data).ok_or_else(|| {
            Error::failed(format!(
                "{} is in blocks of {:?}, which a vector cannot be",
                self.place, self.dtype
            ))
        })
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

impl Stored<'_> {
    /// A copy on the CPU in the stored type.
    ///
    /// # Errors
    /// The type is one of blocks.
    pub fn tensor(&self) -> Result<Tensor> {
        let dtype = match self.dtype() {
            GgmlDType::F32 => DType::F32,
            GgmlDType::F16 => DType::F16,
            GgmlDType::BF16 => DType::BF16,
            other => {
                return Err(Error::failed(format!("a tensor of type {other:?} stays in blocks")));
            }
        };
        Ok(Tensor::from_raw_buffer(&self.to_bytes(), dtype, self.shape(), &Device::Cpu)?)
    }

    /// The same as f32, whatever it is stored as; all of it finite.
    ///
    /// # Errors
    /// Blocks of a type that cannot be read, or a number that is not finite.
    pub fn dense(&self) -> Result<Tensor> {
        self.check_finite(0..self.shape().first().copied().unwrap_or(0))?;
        if self.dtype().block_size() == 1 {
            return Ok(self.tensor()?.to_dtype(DType::F32)?);
        }
        let storage = QStorage::from_data(self.to_bytes().into(), &Device::Cpu, self.dtype())?;
        let dense =
            QTensor::new(storage, self.shape()).and_then(|blocks| blocks.dequantize(&Device::Cpu));
        dense.map_err(|error| Error::from(error).within(self.place()))
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

/// Elements of a plain type as f32; none for types in blocks.
fn widen(dtype: GgmlDType, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        GgmlDType::F32 => data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        GgmlDType::F16 => {
            data.as_chunks().0.iter().map(|x| f16::from_le_bytes(*x).to_f32()).collect()
        }
        GgmlDType::BF16 => {
            data.as_chunks().0.iter().map(|x| bf16::from_le_bytes(*x).to_f32()).collect()
        }
        _ => return None,
    })
}
