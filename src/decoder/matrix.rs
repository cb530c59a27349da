//! A weight matrix as the kernels want it: panels of 32 output columns, dense or in blocks of small codes.
//! Knows nothing about what the matrix is for.

use std::ops::Range;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;

use super::ggml;
use super::kernels::{self, BLOCK, Blocks, Element, Rounded, Slab, Stripe};
use crate::error::{Error, Result};
use crate::model::{LowRank, Stored};

/// Output columns of a panel.
const PANEL: usize = 32;

/// Products smaller than this many multiply-adds are not worth waking another thread.
const SERIAL_BELOW: usize = 100_000;

/// Weights that are quantised at a time while a model is loaded.
const QUANTIZED_AT_ONCE: usize = 1 << 20;

/// Weights that are packed at a time, before the pages of the file that they came from are given back.
const PACKED_AT_ONCE: usize = 1 << 23;

/// A linear map from K inputs to N outputs, y = x Wᵀ + b.
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    weights: Panels,
    /// Padded to whole panels.
    bias: Option<Vec<f32>>,
    /// What adapters change, where the weights themselves stay as they are.
    beside: Option<Box<Beside>>,
}

/// A change of low rank: two matrices of f32, one after the other.
struct Beside {
    /// [R, K]
    down: Matrix,
    /// [N, R]
    up: Matrix,
}

/// Dense elements stand at [panel][input][column in panel]; columns past the last output are zero.
enum Panels {
    F32(Slab<f32>),
    /// Widened to f32 in registers, which is exact.
    Bf16(Slab<bf16>),
    Blocks(Blocks),
}

impl Matrix {
    /// Packs `weight` [N, K] and an optional `bias` [N]: dense as it is (f16 widened to f32), blocks as they
    /// are, dense with `quantize` in blocks of that type.
    ///
    /// # Errors
    /// The rows are no whole number of blocks, or a weight is not finite.
    pub(crate) fn new(
        weight: &Stored<'_>,
        bias: Option<&Stored<'_>>,
        quantize: Option<GgmlDType>,
    ) -> Result<Self> {
        let &[outputs, inputs] = weight.shape() else {
            return Err(Error::failed(format!("a matrix of shape {:?}", weight.shape())));
        };
        let weights = match (weight.dtype(), quantize) {
            (GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16, Some(dtype)) => {
                Panels::Blocks(quantized(weight, dtype, outputs, inputs)?)
            }
            (GgmlDType::BF16, None) => Panels::Bf16(pack(weight, bf16::from_le_bytes)?),
            (GgmlDType::F32, None) => Panels::F32(pack(weight, f32::from_le_bytes)?),
            (GgmlDType::F16, None) => {
                Panels::F32(pack(weight, |bytes| f16::from_le_bytes(bytes).to_f32())?)
            }
            (dtype, _) => {
                let mut blocks = zeroed(dtype, outputs, inputs)?;
                for rows in pieces(outputs, inputs) {
                    let (first, count) = (rows.start, rows.len());
                    weight.check_finite(rows.clone())?;
                    fill(&mut blocks, first, count, dtype, |row| weight.row(first + row));
                    weight.release(rows);
                }
                Panels::Blocks(blocks)
            }
        };
        let bias = bias.map(Stored::to_f32).transpose()?.map(|mut values| {
            values.resize(padded(outputs), 0.0);
            values
        });
        Ok(Self { inputs, outputs, weights, bias, beside: None })
    }

    /// The same with a change of low rank computed beside the weights.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn with_beside(self, change: Option<&LowRank>) -> Result<Self> {
        let Some(change) = change else { return Ok(self) };
        let beside = Beside {
            down: dense([change.rank, change.inputs()], change.a.iter().copied())?,
            up: dense([change.outputs(), change.rank], change.b.iter().copied())?,
        };
        Ok(Self { beside: Some(Box::new(beside)), ..self })
    }

    /// Elements from one row of a product to the next: N rounded up to whole panels.
    pub(crate) fn stride(&self) -> usize {
        padded(self.outputs)
    }

    /// Whether the weights are in blocks, so that rows are rounded before they are multiplied.
    pub(crate) fn is_quantized(&self) -> bool {
        matches!(self.weights, Panels::Blocks(_))
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let panels = match &self.weights {
            Panels::F32(panels) => size_of_val(&panels[..]),
            Panels::Bf16(panels) => size_of_val(&panels[..]),
            Panels::Blocks(blocks) => blocks.bytes(),
        };
        let beside =
            self.beside.as_ref().map_or(0, |beside| beside.down.bytes() + beside.up.bytes());
        panels + beside + self.bias.as_ref().map_or(0, |bias| size_of_val(&bias[..]))
    }

    /// Column `output` as a row of K numbers: a token's embedding, where the matrix is the embedding.
    pub(crate) fn column(&self, output: usize, out: &mut [f32]) {
        fn gather<E: Element>(panels: &[E], inputs: usize, output: usize, out: &mut [f32]) {
            let base = output / PANEL * PANEL * inputs + output % PANEL;
            for (k, out) in out.iter_mut().enumerate() {
                *out = panels[base + k * PANEL].widen();
            }
        }
        match &self.weights {
            Panels::F32(panels) => gather(panels, self.inputs, output, out),
            Panels::Bf16(panels) => gather(panels, self.inputs, output, out),
            Panels::Blocks(blocks) => blocks.column(output, out),
        }
        if let Some(beside) = &self.beside {
            let mut shares = vec![0f32; beside.up.inputs];
            beside.up.column(output, &mut shares);
            let mut direction = vec![0f32; self.inputs];
            for (r, share) in shares.into_iter().enumerate() {
                beside.down.column(r, &mut direction);
                kernels::add_scaled(out, &direction, share);
            }
        }
    }

    /// y = x Wᵀ + b for every row of `x`, whose rows begin `stride` apart; the result's are
    /// [`Self::stride`] apart.
    pub(crate) fn apply(&self, x: &[f32], stride: usize) -> Vec<f32> {
        let [y] = Self::apply_all([self], x, stride);
        y
    }

    /// The same for several matrices at once, so that the threads meet only once.
    pub(crate) fn apply_all<const N: usize>(
        matrices: [&Self; N],
        x: &[f32],
        stride: usize,
    ) -> [Vec<f32>; N] {
        let rows = x.len() / stride;
        let inputs = matrices.first().map_or(0, |matrix| matrix.inputs);
        let mut products = matrices.map(|matrix| {
            let mut y = vec![0f32; rows * matrix.stride()];
            if let Some(bias) = &matrix.bias {
                y.chunks_exact_mut(matrix.stride()).for_each(|row| row.copy_from_slice(bias));
            }
            y
        });
        let rounded =
            matrices.iter().any(|m| m.is_quantized()).then(|| Rounded::new(x, stride, inputs));
        let mut tasks = Vec::new();
        for (matrix, y) in matrices.iter().zip(&mut products) {
            let stripes = Stripe::all(y, matrix.stride(), PANEL).into_iter().enumerate();
            tasks.extend(stripes.map(|(panel, stripe)| (*matrix, panel, stripe)));
        }
        let run = |(matrix, panel, mut y): (&Self, usize, Stripe<'_>)| {
            match (&matrix.weights, &rounded) {
                (Panels::Blocks(blocks), Some(rounded)) => blocks.multiply(rounded, panel, &mut y),
                (Panels::F32(panels), _) => matrix.dense(panels, panel, x, stride, &mut y),
                (Panels::Bf16(panels), _) => matrix.dense(panels, panel, x, stride, &mut y),
                // Rows are rounded whenever a matrix is in blocks.
                (Panels::Blocks(_), None) => {}
            }
        };
        if rows * inputs * tasks.len() * PANEL < SERIAL_BELOW {
            tasks.into_iter().for_each(run);
        } else {
            tasks.into_par_iter().for_each(run);
        }
        for (matrix, y) in matrices.iter().zip(&mut products) {
            if let Some(beside) = &matrix.beside {
                let narrow = beside.down.apply(x, stride);
                let change = beside.up.apply(&narrow, beside.down.stride());
                y.iter_mut().zip(change).for_each(|(y, change)| *y += change);
            }
        }
        products
    }

    fn dense<E: Element>(
        &self,
        panels: &[E],
        panel: usize,
        x: &[f32],
        stride: usize,
        y: &mut Stripe<'_>,
    ) {
        let len = self.inputs * PANEL;
        kernels::gemm(x, stride, &panels[panel * len..][..len], PANEL, self.inputs, y);
    }
}

fn padded(outputs: usize) -> usize {
    outputs.next_multiple_of(PANEL)
}

/// Elements of N bytes each, which `element` reads.
fn pack<E: Element, const N: usize>(
    weight: &Stored<'_>,
    element: impl Fn([u8; N]) -> E + Sync,
) -> Result<Slab<E>> {
    let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
    let mut panels = Slab::zeroed(padded(outputs) * inputs);
    for rows in pieces(outputs, inputs) {
        weight.check_finite(rows.clone())?;
        let part = &mut panels[rows.start * inputs..padded(rows.end) * inputs];
        part.par_chunks_mut(PANEL * inputs).enumerate().for_each(|(p, panel)| {
            let first = rows.start + p * PANEL;
            for column in 0..PANEL.min(outputs.saturating_sub(first)) {
                let row = weight.row(first + column).as_chunks::<N>().0;
                for (k, &bytes) in row.iter().enumerate() {
                    panel[k * PANEL + column] = element(bytes);
                }
            }
        });
        weight.release(rows);
    }
    Ok(panels)
}

/// The rows of a matrix in pieces of whole panels.
fn pieces(outputs: usize, inputs: usize) -> impl Iterator<Item = Range<usize>> {
    let rows = (PACKED_AT_ONCE / inputs.max(1)).next_multiple_of(PANEL).max(PANEL);
    (0..outputs).step_by(rows).map(move |first| first..outputs.min(first + rows))
}

fn zeroed(dtype: GgmlDType, outputs: usize, inputs: usize) -> Result<Blocks> {
    let layout = ggml::layout(dtype)
        .ok_or_else(|| Error::input(format!("weights of type {dtype:?} are not supported")))?;
    let len = dtype.block_size().max(BLOCK);
    if !inputs.is_multiple_of(len) {
        return Err(Error::input(format!(
            "rows of {inputs} weights are no whole number of blocks of {len}"
        ))
        .hint("quantise to a type with smaller blocks, or not at all"));
    }
    Ok(Blocks::zeroed(layout, outputs, inputs))
}

/// Packs `count` rows of GGML's blocks as outputs from `first` on; `bytes` gives each of them.
fn fill<'b>(
    blocks: &mut Blocks,
    first: usize,
    count: usize,
    dtype: GgmlDType,
    bytes: impl Fn(usize) -> &'b [u8] + Sync,
) {
    blocks.fill(first, count, |row, index| ggml::block(dtype, bytes(row), index));
}

/// Dense rows in blocks of `dtype`, by candle's quantiser, some rows at a time.
fn quantized(
    weight: &Stored<'_>,
    dtype: GgmlDType,
    outputs: usize,
    inputs: usize,
) -> Result<Blocks> {
    let mut blocks = zeroed(dtype, outputs, inputs)?;
    let row_bytes = inputs / dtype.block_size() * dtype.type_size();
    let rows = (QUANTIZED_AT_ONCE / inputs).next_multiple_of(PANEL);
    for first in (0..outputs).step_by(rows) {
        let range = first..outputs.min(first + rows);
        let count = range.len();
        let part = weight.widened(range)?;
        let tensor = Tensor::new(part, &Device::Cpu)?.reshape(((), inputs))?;
        let bytes = QTensor::quantize(&tensor, dtype)?;
        let bytes = bytes.data()?;
        fill(&mut blocks, first, count, dtype, |row| &bytes[row * row_bytes..][..row_bytes]);
    }
    Ok(blocks)
}

/// A matrix of f32 that was computed while weights were loaded.
pub(crate) fn dense(shape: [usize; 2], values: impl Iterator<Item = f32>) -> Result<Matrix> {
    let bytes = values.flat_map(f32::to_le_bytes).collect();
    let place = "a change by an adapter".to_owned();
    Matrix::new(&Stored::computed(place, GgmlDType::F32, shape.to_vec(), bytes), None, None)
}
