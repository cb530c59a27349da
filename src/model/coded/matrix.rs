//! One matrix, or a stack of them, of codes and scales. Knows nothing about names.

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};
use rayon::prelude::*;

use super::bits::{awq_place, code};
use super::float::{e2m1, e4m3, e5m2};
use super::ggml::Packing;
use super::normal::Normal;
use super::raw::Raw;
use super::rounding::Rounding;
use crate::error::Result;
use crate::model::stored::Stored;

/// Codes and scales of a stack of matrices [slices, rows, columns].
#[derive(Debug, Clone)]
pub(in crate::model) struct Coded {
    /// How many matrices; none where there is one alone.
    pub(super) slices: Option<usize>,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether the checkpoint's own tensor has rows and columns the other way round.
    pub(in crate::model) turned: bool,
    /// Type of the dense numbers.
    pub(super) dtype: GgmlDType,
    pub(super) form: Form,
    /// What the format is called, for lists.
    pub(in crate::model) name: &'static str,
}

#[derive(Debug, Clone)]
pub(super) enum Form {
    /// (code − zero) · scale, the scale that of the code's block.
    Grid(Box<Grid>),
    /// bitsandbytes' four bits.
    Normal(Box<Normal>),
    /// Blocks of a GGUF file, each row a whole number of them.
    Blocks(Raw, Packing),
}

#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) codes: Raw,
    pub(super) code: Code,
    pub(super) scales: Raw,
    /// Whether scales (and zeros) stand as [groups, rows].
    pub(super) scales_turned: bool,
    /// Rows and columns of the block that has one scale.
    pub(super) block: (usize, usize),
    pub(super) zeros: Zeros,
    /// Group of each column, where columns were reordered.
    pub(super) order: Option<Raw>,
    /// One number that all scales are multiplied by, or divided by.
    pub(super) global: Option<(Raw, Global)>,
    /// A constant factor on everything.
    pub(super) constant: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    Multiplies,
    Divides,
}

/// How a code is stored, and the number that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    E4m3,
    E5m2,
    I8,
    /// Two in a byte, the first in the low half.
    E2m1,
    /// A stream of words for each row; half the range is taken off.
    Packed {
        bits: usize,
    },
    /// A stream of words for each column, down the inputs.
    Gptq {
        bits: usize,
    },
    /// Eight outputs in a word.
    Awq,
}

/// What is taken off a code before it is scaled.
#[derive(Debug, Clone)]
pub(super) enum Zeros {
    None,
    /// Whole numbers beside the scales.
    Plain(Raw),
    /// Packed down the rows, half the range taken off.
    Packed(Raw),
    /// Packed along the outputs; the second number is added.
    Gptq(Raw, f32),
    Awq(Raw),
}

impl Coded {
    /// A tensor of a GGUF file in blocks, [rows, columns] or [slices, rows, columns]; none if it has another shape or
    /// its bytes are not as many as the blocks take.
    pub(in crate::model) fn in_blocks(
        raw: Raw,
        packing: Packing,
        name: &'static str,
    ) -> Option<Self> {
        let (slices, rows, columns) = match *raw.shape.as_slice() {
            [rows, columns] => (None, rows, columns),
            [slices, rows, columns] => (Some(slices), rows, columns),
            _ => return None,
        };
        let (elements, bytes) = packing.block();
        let blocks = raw.count() / elements;
        let whole = columns.is_multiple_of(elements) && raw.range.len() == blocks * bytes;
        let form = Form::Blocks(raw, packing);
        let dtype = GgmlDType::F32;
        whole.then_some(Self { slices, rows, columns, turned: false, dtype, form, name })
    }

    /// The shape of the checkpoint's dense tensor, outermost dimension first.
    pub(in crate::model) fn shape(&self) -> Vec<usize> {
        let (a, b) =
            if self.turned { (self.columns, self.rows) } else { (self.rows, self.columns) };
        self.slices.into_iter().chain([a, b]).collect()
    }

    pub(in crate::model) fn dtype(&self) -> GgmlDType {
        self.dtype
    }

    /// Bytes of the dense numbers.
    pub(in crate::model) fn dense_bytes(&self) -> usize {
        self.slices.unwrap_or(1) * self.rows * self.columns * self.dtype.type_size()
    }

    /// One matrix of the stack, or the only one, as the checkpoint has it or with rows and columns changed over;
    /// none if there is no such matrix.
    ///
    /// # Errors
    /// As [`Self::dense`].
    pub(in crate::model) fn slice<'a>(
        &self,
        place: String,
        index: Option<usize>,
        changed_over: bool,
    ) -> Result<Option<Stored<'a>>> {
        let slice = match (self.slices, index) {
            (Some(count), Some(index)) if index < count => index,
            (None, None) => 0,
            _ => return Ok(None),
        };
        let shape = vec![self.rows, self.columns];
        let stored = Stored::computed(place, self.dtype, shape, self.dense(slice)?);
        Ok(if changed_over == self.turned { Some(stored) } else { stored.transposed() })
    }

    /// The whole stack as the checkpoint has it.
    ///
    /// # Errors
    /// As [`Self::dense`].
    pub(in crate::model) fn whole<'a>(&self, place: String) -> Result<Stored<'a>> {
        let mut bytes = Vec::new();
        for index in 0..self.slices.unwrap_or(1) {
            let slice = self.slice(place.clone(), self.slices.map(|_| index), false)?;
            bytes.extend(slice.map(|slice| slice.to_bytes()).unwrap_or_default());
        }
        Ok(Stored::computed(place, self.dtype, self.shape(), bytes))
    }

    /// One matrix [rows, columns] of the stack, or the only one, as dense little-endian numbers.
    ///
    /// # Errors
    /// Codes or scales are of a type that was not expected.
    pub(in crate::model) fn dense(&self, slice: usize) -> Result<Vec<u8>> {
        let width = self.dtype.type_size();
        let mut bytes = vec![0u8; self.rows * self.columns * width];
        match &self.form {
            Form::Grid(grid) => {
                let table = grid.table(self, slice)?;
                let rows = bytes.par_chunks_mut((self.columns * width).max(1)).enumerate();
                rows.for_each(|(row, out)| {
                    narrow(self.dtype, out, |column| {
                        let code = grid.number(self, slice, row, column);
                        let at = table.at(row, column);
                        let value = (code - table.zeros.as_ref().map_or(0.0, |zeros| zeros[at]))
                            * table.scales[at]
                            * grid.constant;
                        table.rounding.round(value)
                    });
                });
                grid.codes.release();
            }
            Form::Normal(normal) => {
                let values = normal.scales()?;
                let rows = bytes.par_chunks_mut((self.columns * width).max(1)).enumerate();
                rows.for_each(|(row, out)| {
                    narrow(self.dtype, out, |column| {
                        normal.number(&values, row * self.columns + column)
                    });
                });
            }
            Form::Blocks(raw, packing) => {
                let (elements, size) = packing.block();
                let row_bytes = self.columns / elements * size;
                let data = raw.data().get(slice * self.rows * row_bytes..).unwrap_or_default();
                let rows = bytes.par_chunks_mut((self.columns * width).max(1));
                rows.zip(data.par_chunks(row_bytes.max(1))).for_each(|(out, data)| {
                    narrow(self.dtype, out, |column| {
                        packing.number(&data[column / elements * size..], column % elements)
                    });
                });
                raw.release();
            }
        }
        Ok(bytes)
    }
}

/// Writes numbers in a dense type, rounded to nearest even.
fn narrow(dtype: GgmlDType, out: &mut [u8], value: impl Fn(usize) -> f32) {
    match dtype {
        GgmlDType::BF16 => {
            for (i, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                *out = bf16::from_f32(value(i)).to_le_bytes();
            }
        }
        GgmlDType::F16 => {
            for (i, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                *out = f16::from_f32(value(i)).to_le_bytes();
            }
        }
        _ => {
            for (i, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                *out = value(i).to_le_bytes();
            }
        }
    }
}

/// Scales and zeros of one matrix by block.
struct Table {
    scales: Vec<f32>,
    /// Beside the scales, where there are any.
    zeros: Option<Vec<f32>>,
    rows_of_block: usize,
    groups: usize,
    /// Group of each column.
    group: Vec<u32>,
    rounding: Rounding,
}

impl Table {
    fn at(&self, row: usize, column: usize) -> usize {
        row / self.rows_of_block * self.groups + self.group[column] as usize
    }
}

impl Grid {
    /// Blocks down the rows and groups along the columns.
    fn grid(&self, of: &Coded) -> (usize, usize) {
        (of.rows.div_ceil(self.block.0.max(1)), of.columns.div_ceil(self.block.1.max(1)))
    }

    fn table(&self, of: &Coded, slice: usize) -> Result<Table> {
        let (blocks, by_width) = self.grid(of);
        let all = self.scales.scales()?;
        let slices = of.slices.unwrap_or(1);
        // Reordered columns can name more groups than their width has.
        let groups = all.len() / (slices * blocks).max(1);
        if groups == 0
            || all.len() != slices * blocks * groups
            || self.order.is_none() && groups != by_width
        {
            return Err(self.scales.unexpected("the scales of these codes"));
        }
        let mut scales: Vec<f32> = all[slice * blocks * groups..][..blocks * groups].to_vec();
        if self.scales_turned {
            scales = turned(&scales, groups, blocks);
        }
        if let Some((global, how)) = &self.global {
            let values = global.scales()?;
            let value = values.get(slice).or(values.first()).copied().unwrap_or(1.0);
            scales.iter_mut().for_each(|scale| match how {
                Global::Multiplies => *scale *= value,
                Global::Divides => *scale /= value,
            });
        }
        let group: Vec<u32> = match &self.order {
            None => (0..of.columns).map(|column| (column / self.block.1.max(1)) as u32).collect(),
            Some(order) => {
                let groups = order.whole()?;
                groups.into_iter().map(|g| u32::try_from(g).unwrap_or(u32::MAX)).collect()
            }
        };
        if group.len() != of.columns || group.iter().any(|&g| g as usize >= groups) {
            let order = self.order.as_ref().unwrap_or(&self.scales);
            return Err(order.unexpected("the groups of these columns"));
        }
        let zeros = self.zeros(of, blocks, groups)?;
        let rounding = match (self.code, &self.global) {
            (_, Some(_)) => Rounding::F32,
            (Code::E4m3 | Code::E5m2 | Code::E2m1, None) if self.constant == 1.0 => Rounding::F32,
            _ => Rounding::of(&self.scales.dtype),
        };
        Ok(Table { scales, zeros, rows_of_block: self.block.0.max(1), groups, group, rounding })
    }

    fn zeros(&self, of: &Coded, blocks: usize, groups: usize) -> Result<Option<Vec<f32>>> {
        let (raw, zeros): (&Raw, Vec<f32>) = match &self.zeros {
            Zeros::None => return Ok(None),
            Zeros::Plain(raw) => (raw, raw.whole()?.into_iter().map(|z| z as f32).collect()),
            Zeros::Packed(raw) => {
                let Code::Packed { bits } = self.code else { return Ok(None) };
                let half = (1u32 << (bits - 1)) as f32;
                // Down the rows: each group has a stream of its own.
                let number = |row: usize, group: usize| {
                    code(bits, row, |word| raw.word(word * groups + group)) as f32 - half
                };
                (raw, each(blocks, groups, number))
            }
            Zeros::Gptq(raw, more) => {
                let Code::Gptq { bits } = self.code else { return Ok(None) };
                let words = (of.rows * bits).div_ceil(32);
                let number = |row: usize, group: usize| {
                    code(bits, row, |word| raw.word(group * words + word)) as f32 + more
                };
                (raw, each(blocks, groups, number))
            }
            Zeros::Awq(raw) => {
                let number = |row: usize, group: usize| {
                    let word = raw.word(group * (of.rows / 8) + row / 8);
                    (word >> (4 * awq_place(row)) & 15) as f32
                };
                (raw, each(blocks, groups, number))
            }
        };
        if zeros.len() != blocks * groups {
            return Err(raw.unexpected("the zero points of these codes"));
        }
        Ok(Some(zeros))
    }

    fn number(&self, of: &Coded, slice: usize, row: usize, column: usize) -> f32 {
        let data = self.codes.data();
        let at = (slice * of.rows + row) * of.columns + column;
        let byte = |at: usize| data.get(at).copied().unwrap_or(0);
        match self.code {
            Code::E4m3 => e4m3(byte(at)),
            Code::E5m2 => e5m2(byte(at)),
            Code::I8 => f32::from(byte(at).cast_signed()),
            Code::E2m1 => e2m1(byte(at / 2) >> (4 * (at % 2))),
            Code::Packed { bits } => {
                let words = (of.columns * bits).div_ceil(32);
                let first = (slice * of.rows + row) * words;
                code(bits, column, |word| self.codes.word(first + word)) as f32
                    - (1u32 << (bits - 1)) as f32
            }
            Code::Gptq { bits } => {
                code(bits, column, |word| self.codes.word(word * of.rows + row)) as f32
            }
            Code::Awq => {
                let word = self.codes.word(column * (of.rows / 8) + row / 8);
                (word >> (4 * awq_place(row)) & 15) as f32
            }
        }
    }
}

/// A number for every block and group.
fn each(blocks: usize, groups: usize, number: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..blocks * groups).map(|at| number(at / groups, at % groups)).collect()
}

/// [rows, columns] as [columns, rows].
fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
}
