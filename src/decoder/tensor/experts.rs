//! A mixture of experts: each token passes the few that its router ranks first.
//!
//! The ranking is made on the host, by the same code as on the CPU, which costs one wait for the device per
//! layer. All W tokens go through every expert that any of them chose, and those that did not choose it drop
//! the result: every product has one shape. A pass of W tokens reads most experts' weights whatever it does,
//! and reading them takes longer than multiplying them with W rows.
//! Shapes: W tokens, D width, N experts.

use candle_core::{DType, Device, Result};

use super::linear::Linear;
use super::loader::Loader;
use super::mlp::Mlp;
use super::ops::{self, Tensor};
use crate::decoder::router::choose;
use crate::error::Error;
use crate::model::{Experts, LayerPart};

pub(super) struct TensorExperts {
    spec: Experts,
    router: Linear,
    correction: Option<Vec<f32>>,
    experts: Vec<Mlp>,
    shared: Option<Mlp>,
    shared_gate: Option<Linear>,
}

impl TensorExperts {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> crate::error::Result<Self> {
        let spec = loader.spec.experts.ok_or_else(|| {
            Error::failed(format!("layer {layer} has experts that the spec does not describe"))
        })?;
        let d = loader.spec.hidden_size;
        let shared = spec.shared_size > 0;
        let router = [spec.count, d];
        Ok(Self {
            router: loader.layer_matrix(layer, LayerPart::Router, router, spec.router_bias)?,
            correction: spec
                .correction
                .then(|| loader.vector(layer, LayerPart::RouterCorrection, spec.count))
                .transpose()?,
            experts: (0..spec.count)
                .map(|i| {
                    let part = |projection| LayerPart::Expert(i, projection);
                    Mlp::load(loader, layer, spec.intermediate_size, part)
                })
                .collect::<crate::error::Result<_>>()?,
            shared: shared
                .then(|| Mlp::load(loader, layer, spec.shared_size, LayerPart::SharedExpert))
                .transpose()?,
            shared_gate: spec
                .shared_gate
                .then(|| loader.layer_matrix(layer, LayerPart::SharedExpertGate, [1, d], false))
                .transpose()?,
            spec,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Linear> {
        let mlps = self.experts.iter().chain(&self.shared);
        mlps.flat_map(Mlp::matrices).chain([&self.router]).chain(&self.shared_gate)
    }

    /// `h` [W, D] to [W, D], both f32; the experts compute in `dtype`.
    pub(super) fn forward(&self, h: &Tensor, dtype: DType) -> Result<Tensor> {
        let inner = h.to_dtype(dtype)?;
        let mut out = h.zeros_like()?;
        // A token's experts add their results in the order of their numbers.
        for (expert, shares) in self.experts.iter().zip(self.shares(h)?) {
            let Some(shares) = shares else { continue };
            let result = if self.spec.before {
                let given = h.broadcast_mul(&shares)?.to_dtype(dtype)?;
                expert.forward(&given)?.to_dtype(DType::F32)?
            } else {
                expert.forward(&inner)?.to_dtype(DType::F32)?.broadcast_mul(&shares)?
            };
            // Not a product with 0: what an expert makes of a token that is not its own need not be finite.
            let chosen = shares.ne(0f32)?.broadcast_as(out.shape())?;
            out = (&out + chosen.where_cond(&result, &out.zeros_like()?)?)?;
        }
        if let Some(shared) = &self.shared {
            let mut result = shared.forward(&inner)?.to_dtype(DType::F32)?;
            if let Some(gate) = &self.shared_gate {
                result = result.broadcast_mul(&ops::sigmoid(&gate.forward(h)?)?)?;
            }
            out = (out + result)?;
        }
        Ok(out)
    }

    /// For each expert every token's share of it [W, 1]; none where all are 0.
    fn shares(&self, h: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let scores: Vec<Vec<f32>> = self.router.forward(h)?.to_vec2()?;
        let mut shares: Vec<Option<Vec<f32>>> = vec![None; self.spec.count];
        for (token, row) in scores.iter().enumerate() {
            for (expert, share) in choose(&self.spec, self.correction.as_deref(), row) {
                shares[expert].get_or_insert_with(|| vec![0.0; scores.len()])[token] = share;
            }
        }
        shares.into_iter().map(|shares| shares.map(|s| column(s, h.device())).transpose()).collect()
    }
}

fn column(values: Vec<f32>, device: &Device) -> Result<Tensor> {
    let len = values.len();
    Tensor::from_vec(values, (len, 1), device)
}
