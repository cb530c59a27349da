//! A mixture of experts: each token passes the few that its router ranks first.
//!
//! A token's experts add their results in the order of their numbers, so that nothing depends on who else is
//! in the step. Shapes: T tokens, D width, N experts.

use super::loader::Loader;
use super::mlp::Mlp;
use crate::decoder::kernels;
use crate::decoder::matrix::Matrix;
use crate::decoder::router::choose;
use crate::error::{Error, Result};
use crate::model::{Experts, LayerPart};

pub(super) struct CpuExperts {
    spec: Experts,
    router: Matrix,
    correction: Option<Vec<f32>>,
    experts: Vec<Mlp>,
    shared: Option<Mlp>,
    shared_gate: Option<Matrix>,
}

impl CpuExperts {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> Result<Self> {
        let spec = loader.spec.experts.ok_or_else(|| {
            Error::failed(format!("layer {layer} has experts that the spec does not describe"))
        })?;
        let d = loader.spec.hidden_size;
        let shared = spec.shared_size > 0;
        Ok(Self {
            router: loader.layer_matrix(
                layer,
                LayerPart::Router,
                [spec.count, d],
                spec.router_bias,
            )?,
            correction: spec
                .correction
                .then(|| loader.vector(layer, LayerPart::RouterCorrection, spec.count))
                .transpose()?,
            experts: (0..spec.count)
                .map(|i| {
                    let part = |projection| LayerPart::Expert(i, projection);
                    Mlp::load(loader, layer, spec.intermediate_size, part)
                })
                .collect::<Result<_>>()?,
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

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let mlps = self.experts.iter().chain(&self.shared);
        mlps.flat_map(Mlp::matrices).chain([&self.router]).chain(&self.shared_gate)
    }

    /// `h` [T, D] to [T, D].
    pub(super) fn apply(&self, h: &[f32], d: usize) -> Vec<f32> {
        let scores = self.router.apply(h, d);
        let mut members: Vec<Vec<(usize, f32)>> = vec![Vec::new(); self.spec.count];
        for (token, scores) in scores.chunks_exact(self.router.stride()).enumerate() {
            let scores = &scores[..self.spec.count];
            for (expert, share) in choose(&self.spec, self.correction.as_deref(), scores) {
                members[expert].push((token, share));
            }
        }
        let mut out = vec![0f32; h.len()];
        for (expert, members) in self.experts.iter().zip(&members) {
            if members.is_empty() {
                continue;
            }
            let mut rows = Vec::with_capacity(members.len() * d);
            for (token, share) in members {
                rows.extend_from_slice(&h[token * d..(token + 1) * d]);
                if self.spec.before {
                    let given = rows.len() - d;
                    rows[given..].iter_mut().for_each(|x| *x *= share);
                }
            }
            let results = expert.apply(&rows, d);
            for ((token, share), row) in members.iter().zip(results.chunks_exact(expert.stride())) {
                let share = if self.spec.before { 1.0 } else { *share };
                kernels::add_scaled(&mut out[token * d..(token + 1) * d], &row[..d], share);
            }
        }
        if let Some(shared) = &self.shared {
            let gates = self.shared_gate.as_ref().map(|gate| (gate.apply(h, d), gate.stride()));
            let results = shared.apply(h, d);
            let rows = out.chunks_exact_mut(d).zip(results.chunks_exact(shared.stride()));
            for (token, (out, row)) in rows.enumerate() {
                let share = gates
                    .as_ref()
                    .map_or(1.0, |(gates, stride)| kernels::sigmoid(gates[token * stride]));
                kernels::add_scaled(out, &row[..d], share);
            }
        }
        out
    }
}
