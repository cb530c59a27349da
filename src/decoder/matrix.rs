//! A weight matrix as the kernels want it: panels of 32 output columns, each column a chain over the input.
//! Knows nothing about what the matrix is for.

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::kernels::{self, Element, Shape};
use crate::error::Result;

/// Output columns of a panel.
const PANEL: usize = 32;

/// Rows that a thread takes at once; a whole number of the kernel's tallest tiles.
const ROW_BLOCK: usize = 8;

/// Products smaller than this many multiply-adds are not worth waking another thread.
const SERIAL_BELOW: usize = 100_000;

/// A linear map from K inputs to N outputs, y = x Wᵀ + b.
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    panels: Panels,
    /// Padded to whole panels.
    bias: Option<Vec<f32>>,
}

/// Elements at [panel][input][column in panel]; columns past the last output are zero.
enum Panels {
    F32(Vec<f32>),
    /// bf16 by its bits; widened to f32 in registers, which is exact.
    Bf16(Vec<u16>),
}

impl Matrix {
    /// Packs `weight` [N, K] and an optional `bias` [N]. f16 is widened to f32; bf16 stays as it is.
    pub(crate) fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        let flat = weight.flatten_all()?;
        let panels = match weight.dtype() {
            DType::BF16 => {
                let bits: Vec<half::bf16> = flat.to_vec1()?;
                Panels::Bf16(pack(&bits, inputs, outputs, |x| x.to_bits()))
            }
            _ => {
                let values: Vec<f32> = flat.to_dtype(DType::F32)?.to_vec1()?;
                Panels::F32(pack(&values, inputs, outputs, |x| x))
            }
        };
        let bias = match bias {
            Some(bias) => {
                let mut values: Vec<f32> = bias.to_dtype(DType::F32)?.to_vec1()?;
                values.resize(padded(outputs), 0.0);
                Some(values)
            }
            None => None,
        };
        Ok(Self { inputs, outputs, panels, bias })
    }

    /// Elements from one row of a product to the next: N rounded up to whole panels.
    pub(crate) fn stride(&self) -> usize {
        padded(self.outputs)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let panels = match &self.panels {
            Panels::F32(panels) => size_of_val(&panels[..]),
            Panels::Bf16(panels) => size_of_val(&panels[..]),
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
        match &self.panels {
            Panels::F32(panels) => gather(panels, self.inputs, output, out),
            Panels::Bf16(panels) => gather(panels, self.inputs, output, out),
        }
    }

    /// y = x Wᵀ + b for `rows` rows of `x`, `x_stride` apart; the result's rows are [`Self::stride`] apart.
    pub(crate) fn apply(&self, x: &[f32], x_stride: usize, rows: usize) -> Vec<f32> {
        match &self.panels {
            Panels::F32(panels) => self.product(panels, x, x_stride, rows),
            Panels::Bf16(panels) => self.product(panels, x, x_stride, rows),
        }
    }

    fn product<E: Element>(
        &self,
        panels: &[E],
        x: &[f32],
        x_stride: usize,
        rows: usize,
    ) -> Vec<f32> {
        let stride = self.stride();
        let mut y = vec![0f32; rows * stride];
        if let Some(bias) = &self.bias {
            y.chunks_exact_mut(stride).for_each(|row| row.copy_from_slice(bias));
        }
        let panel_len = self.inputs * PANEL;
        let shape = |m, c_stride| Shape {
            m,
            k: self.inputs,
            n: PANEL,
            a_stride: x_stride,
            b_stride: PANEL,
            c_stride,
        };
        let threads = rayon::current_num_threads();
        if threads == 1 || rows * self.inputs * stride < SERIAL_BELOW {
            for (p, panel) in panels.chunks_exact(panel_len).enumerate() {
                kernels::gemm(x, panel, &mut y[p * PANEL..], shape(rows, stride));
            }
        } else if rows >= threads * ROW_BLOCK {
            // Enough rows for everybody: each thread takes a block of them through all panels.
            let block = rows.div_ceil(threads).next_multiple_of(ROW_BLOCK);
            y.par_chunks_mut(block * stride).zip(x.par_chunks(block * x_stride)).for_each(
                |(y, x)| {
                    let rows = y.len() / stride;
                    for (p, panel) in panels.chunks_exact(panel_len).enumerate() {
                        kernels::gemm(x, panel, &mut y[p * PANEL..], shape(rows, stride));
                    }
                },
            );
        } else {
            // Few rows: each thread takes some panels through all rows, beside y, then they are put together.
            let share = (stride / PANEL).div_ceil(threads);
            let width = share * PANEL;
            let parts: Vec<Vec<f32>> = panels
                .par_chunks(share * panel_len)
                .enumerate()
                .map(|(i, panels)| {
                    let width_here = panels.len() / self.inputs;
                    let mut part = vec![0f32; rows * width_here];
                    for (row, y) in part.chunks_exact_mut(width_here).zip(y.chunks_exact(stride)) {
                        row.copy_from_slice(&y[i * width..i * width + width_here]);
                    }
                    for (p, panel) in panels.chunks_exact(panel_len).enumerate() {
                        kernels::gemm(x, panel, &mut part[p * PANEL..], shape(rows, width_here));
                    }
                    part
                })
                .collect();
            for (i, part) in parts.iter().enumerate() {
                let width_here = part.len() / rows;
                for (row, y) in part.chunks_exact(width_here).zip(y.chunks_exact_mut(stride)) {
                    y[i * width..i * width + width_here].copy_from_slice(row);
                }
            }
        }
        y
    }
}

fn padded(outputs: usize) -> usize {
    outputs.next_multiple_of(PANEL)
}

fn pack<T: Copy, E: Element + Default>(
    weight: &[T],
    inputs: usize,
    outputs: usize,
    convert: impl Fn(T) -> E,
) -> Vec<E> {
    let mut panels = vec![E::default(); padded(outputs) * inputs];
    for (n, row) in weight.chunks_exact(inputs).enumerate() {
        let base = n / PANEL * PANEL * inputs + n % PANEL;
        for (k, &value) in row.iter().enumerate() {
            panels[base + k * PANEL] = convert(value);
        }
    }
    panels
}
