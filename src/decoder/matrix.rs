//! A weight matrix as the kernels want it: panels of 32 output columns, dense or in blocks of small codes.
//! Knows nothing about what the matrix is for.

use std::cell::OnceCell;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;

use super::ggml;
use super::kernels::{self, BLOCK, Blocks, Element, Rounded, Slab, Stripe};
use crate::error::{Error, Result};
use crate::model::Stored;

/// Output columns of a panel.
const PANEL: usize = 32;

/// Products smaller than this many multiply-adds are not worth waking another thread.
const SERIAL_BELOW: usize = 100_000;

/// Weights that are quantised at a time while a model is loaded.
const QUANTIZED_AT_ONCE: usize = 1 << 20;

/// A linear map from K inputs to N outputs, y = x Wᵀ + b.
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    weights: Panels,
    /// Padded to whole panels.
    bias: Option<Vec<f32>>,
}

/// Dense elements stand at [panel][input][column in panel]; columns past the last output are zero.
enum Panels {
    F32(Slab<f32>),
    /// Widened to f32 in registers, which is exact.
    Bf16(Slab<bf16>),
    Blocks(Blocks),
}

/// Rows [T, K] that several matrices are applied to; rounded to eight bits once, if any of them needs it.
pub(crate) struct Input<'a> {
    rows: &'a [f32],
    stride: usize,
    inputs: usize,
    rounded: OnceCell<Rounded>,
}

impl<'a> Input<'a> {
    /// Rows of `inputs` elements, `stride` apart.
    pub(crate) fn new(rows: &'a [f32], stride: usize, inputs: usize) -> Self {
        Self { rows, stride, inputs, rounded: OnceCell::new() }
    }

    fn len(&self) -> usize {
        self.rows.len() / self.stride
    }

    fn rounded(&self) -> &Rounded {
        self.rounded.get_or_init(|| Rounded::new(self.rows, self.stride, self.inputs))
    }
}

impl Matrix {
    /// Packs `weight` [N, K] and an optional `bias` [N]: dense as it is (f16 widened to f32), blocks as they
    /// are, dense with `quantize` in blocks of that type.
    ///
    /// # Errors
    /// The rows are no whole number of blocks.
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
            (GgmlDType::BF16, None) => {
                let bytes = weight.data().as_chunks().0;
                Panels::Bf16(pack(|i| bf16::from_le_bytes(bytes[i]), inputs, outputs))
            }
            (GgmlDType::F32, None) => {
                let bytes = weight.data().as_chunks().0;
                Panels::F32(pack(|i| f32::from_le_bytes(bytes[i]), inputs, outputs))
            }
            (GgmlDType::F16, None) => {
                let bytes = weight.data().as_chunks().0;
                Panels::F32(pack(|i| f16::from_le_bytes(bytes[i]).to_f32(), inputs, outputs))
            }
            (dtype, _) => {
                let mut blocks = zeroed(dtype, outputs, inputs)?;
                fill(&mut blocks, 0, weight.data(), dtype, inputs);
                Panels::Blocks(blocks)
            }
        };
        let bias = bias.map(|bias| {
            let mut values = bias.to_f32();
            values.resize(padded(outputs), 0.0);
            values
        });
        Ok(Self { inputs, outputs, weights, bias })
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
        panels + self.bias.as_ref().map_or(0, |bias| size_of_val(&bias[..]))
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
    }

    /// y = x Wᵀ + b for every row of `x`; the result's rows are [`Self::stride`] apart.
    pub(crate) fn apply(&self, x: &Input<'_>) -> Vec<f32> {
        let [y] = Self::apply_all([self], x);
        y
    }

    /// The same for several matrices at once, so that the threads meet only once.
    pub(crate) fn apply_all<const N: usize>(matrices: [&Self; N], x: &Input<'_>) -> [Vec<f32>; N] {
        let mut products = matrices.map(|matrix| {
            let mut y = vec![0f32; x.len() * matrix.stride()];
            if let Some(bias) = &matrix.bias {
                y.chunks_exact_mut(matrix.stride()).for_each(|row| row.copy_from_slice(bias));
            }
            y
        });
        let rounded = matrices.iter().any(|m| m.is_quantized()).then(|| x.rounded());
        let mut tasks = Vec::new();
        for (matrix, y) in matrices.iter().zip(&mut products) {
            let stripes = Stripe::all(y, matrix.stride(), PANEL).into_iter().enumerate();
            tasks.extend(stripes.map(|(panel, stripe)| (*matrix, panel, stripe)));
        }
        let (rows, stride) = (x.rows, x.stride);
        let run =
            |(matrix, panel, mut y): (&Self, usize, Stripe<'_>)| match (&matrix.weights, rounded) {
                (Panels::Blocks(blocks), Some(rounded)) => blocks.multiply(rounded, panel, &mut y),
                (Panels::F32(panels), _) => matrix.dense(panels, panel, rows, stride, &mut y),
                (Panels::Bf16(panels), _) => matrix.dense(panels, panel, rows, stride, &mut y),
                // Rows are rounded whenever a matrix is in blocks.
                (Panels::Blocks(_), None) => {}
            };
        if x.len() * x.inputs * tasks.len() * PANEL < SERIAL_BELOW {
            tasks.into_iter().for_each(run);
        } else {
            tasks.into_par_iter().for_each(run);
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

fn pack<E: Element>(element: impl Fn(usize) -> E + Sync, inputs: usize, outputs: usize) -> Slab<E> {
    let mut panels = Slab::zeroed(padded(outputs) * inputs);
    panels.par_chunks_mut(PANEL * inputs).enumerate().for_each(|(p, panel)| {
        for column in 0..PANEL.min(outputs.saturating_sub(p * PANEL)) {
            let row = (p * PANEL + column) * inputs;
            for k in 0..inputs {
                panel[k * PANEL + column] = element(row + k);
            }
        }
    });
    panels
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

/// Packs rows that are in GGML's blocks, the first of which is output `first`.
fn fill(blocks: &mut Blocks, first: usize, bytes: &[u8], dtype: GgmlDType, inputs: usize) {
    let row_bytes = inputs / dtype.block_size() * dtype.type_size();
    blocks.fill(first, bytes.len() / row_bytes, |row, index| {
        ggml::block(dtype, &bytes[row * row_bytes..][..row_bytes], index)
    });
}

/// Dense rows in blocks of `dtype`, by candle's quantiser, some rows at a time.
fn quantized(
    weight: &Stored<'_>,
    dtype: GgmlDType,
    outputs: usize,
    inputs: usize,
) -> Result<Blocks> {
    let mut blocks = zeroed(dtype, outputs, inputs)?;
    let rows = (QUANTIZED_AT_ONCE / inputs).next_multiple_of(PANEL);
    for (i, part) in weight.rows(rows).enumerate() {
        let tensor = Tensor::new(part, &Device::Cpu)?.reshape(((), inputs))?;
        let bytes = QTensor::quantize(&tensor, dtype)?;
        fill(&mut blocks, i * rows, &bytes.data()?, dtype, inputs);
    }
    Ok(blocks)
}
