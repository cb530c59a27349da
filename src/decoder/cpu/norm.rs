//! Norms of rows. Knows nothing about where they stand in a layer.

use rayon::prelude::*;

use super::ROWS_PER_TASK;
use crate::decoder::kernels;
use crate::model::{NormKind, NormSpec};

/// A norm over rows of one length.
pub(super) struct Norm {
    kind: NormKind,
    eps: f32,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Norm {
    pub(super) fn new(spec: &NormSpec, weight: Vec<f32>, bias: Option<Vec<f32>>) -> Self {
        Self { kind: spec.kind, eps: spec.eps as f32, weight, bias }
    }

    /// Length of a row.
    pub(super) fn len(&self) -> usize {
        self.weight.len()
    }

    /// `x` normed, into `out`; both as long as the norm.
    pub(super) fn row(&self, x: &[f32], out: &mut [f32]) {
        match self.kind {
            NormKind::Rms => kernels::rms_norm(x, &self.weight, self.eps, out),
            NormKind::Layer => kernels::layer_norm(x, &self.weight, self.eps, out),
        }
        if let Some(bias) = &self.bias {
            kernels::add(out, bias);
        }
    }

    /// Every row of `x`, whose rows begin `stride` apart; the result's rows stand side by side.
    pub(super) fn rows(&self, x: &[f32], stride: usize) -> Vec<f32> {
        let d = self.len();
        let mut out = vec![0f32; x.len() / stride * d];
        let tasks = x.par_chunks(ROWS_PER_TASK * stride).zip(out.par_chunks_mut(ROWS_PER_TASK * d));
        tasks.for_each(|(x, out)| {
            for (row, out) in x.chunks_exact(stride).zip(out.chunks_exact_mut(d)) {
                self.row(&row[..d], out);
            }
        });
        out
    }
}
