//! The gated delta rule in the attention's place: token by token, in the order of the text, so that a state does
//! not depend on how the text was cut.
//!
//! Shapes: T tokens of a step, N tokens of one row, D width, C channels of the convolution, K width of a key, U of a
//! value.

use rayon::prelude::*;

use super::loader::Loader;
use super::norm::Norm;
use crate::decoder::Row;
use crate::decoder::delta::{UNIT_EPS, decay};
use crate::decoder::kernels;
use crate::decoder::matrix::Matrix;
use crate::decoder::memory::{Sequence, State};
use crate::error::{Error, Result};
use crate::model::{Activation, Delta, LayerPart, NormKind, NormSpec, Part};

pub(super) struct DeltaRule {
    form: Delta,
    inputs: Matrix,
    gate: Matrix,
    decay: Matrix,
    strength: Matrix,
    /// [kernel, C]
    kernel: Vec<f32>,
    /// exp(a) of each value head.
    rate: Vec<f32>,
    shift: Vec<f32>,
    /// To length 1 / √K and 1.
    query_norm: Norm,
    key_norm: Norm,
    norm: Norm,
    pub(super) output: Matrix,
}

/// A row of the step: where its tokens begin among all, and its state.
struct Member<'a> {
    first: usize,
    count: usize,
    state: &'a mut State,
}

impl DeltaRule {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> Result<Self> {
        let form = loader.spec.delta.ok_or_else(|| {
            Error::failed(format!("layer {layer} keeps a state that the spec does not describe"))
        })?;
        let d = loader.spec.hidden_size;
        let matrix = |part, outputs| loader.layer_matrix(layer, part, [outputs, d], false);
        let heads = |part| loader.vector(layer, part, form.value_heads);
        // To length 1: the root of the mean square is the length over √K.
        let k = form.key_dim as f64;
        let unit = |length: f64| {
            let spec = NormSpec {
                kind: NormKind::Rms,
                eps: UNIT_EPS / k,
                weight: false,
                bias: false,
                offset: 0.0,
            };
            Norm::new(&spec, vec![(length / k.sqrt()) as f32; form.key_dim], None)
        };
        let result = NormSpec { offset: 0.0, ..loader.spec.norm };
        Ok(Self {
            inputs: matrix(LayerPart::DeltaInputs, form.channels())?,
            gate: matrix(LayerPart::DeltaGate, form.values())?,
            decay: matrix(LayerPart::DeltaDecay, form.value_heads)?,
            strength: matrix(LayerPart::DeltaStrength, form.value_heads)?,
            kernel: loader.parts.kernel(layer, form.channels(), form.kernel)?,
            rate: heads(LayerPart::DeltaRate)?.into_iter().map(libm::expf).collect(),
            shift: heads(LayerPart::DeltaShift)?,
            query_norm: unit(1.0 / k.sqrt()),
            key_norm: unit(1.0),
            norm: loader.norm(Part::Layer(layer, LayerPart::DeltaNorm), form.value_dim, &result)?,
            output: loader.layer_matrix(
                layer,
                LayerPart::DeltaOutput,
                [d, form.values()],
                false,
            )?,
            form,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        [&self.inputs, &self.gate, &self.decay, &self.strength, &self.output].into_iter()
    }

    /// The result [T, ≥ D] for `h` [T, D] of all `rows`' tokens; their states numbered `place` go on.
    pub(super) fn apply(
        &self,
        place: usize,
        h: &[f32],
        d: usize,
        rows: &mut [Row<'_, Sequence>],
    ) -> Vec<f32> {
        let form = &self.form;
        let matrices = [&self.inputs, &self.gate, &self.decay, &self.strength];
        let [inputs, mut gates, decays, strengths] = Matrix::apply_all(matrices, h, d);
        let mut first = 0;
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            let count = row.tokens.len();
            if let Some(state) = row.sequence.state_mut(place) {
                members.push(Member { first, count, state });
            }
            first += count;
        }
        let convolved: Vec<Vec<f32>> =
            members.par_iter_mut().map(|member| self.convolve(member, &inputs)).collect();

        let (k, u) = (form.key_dim, form.value_dim);
        let group = form.value_heads / form.key_heads;
        let keys = form.key_heads * k;
        let tasks: Vec<_> = members
            .iter_mut()
            .zip(&convolved)
            .flat_map(|(member, rows)| {
                let (first, count) = (member.first, member.count);
                let heads = member.state.heads.chunks_exact_mut(k * u).enumerate();
                heads.map(move |(head, state)| (first, count, rows, head, state))
            })
            .collect();
        // Of each task [N, U].
        let run =
            |(first, count, rows, head, state): (usize, usize, &Vec<f32>, usize, &mut [f32])| {
                let mut results = vec![0f32; count * u];
                let mut change = vec![0f32; u];
                for (t, out) in results.chunks_exact_mut(u).enumerate() {
                    let row = &rows[t * form.channels()..];
                    let query = &row[head / group * k..][..k];
                    let key = &row[keys + head / group * k..][..k];
                    let value = &row[2 * keys + head * u..][..u];
                    let token = first + t;
                    let x = decays[token * self.decay.stride() + head] + self.shift[head];
                    let strength =
                        kernels::sigmoid(strengths[token * self.strength.stride() + head]);
                    let decay = decay(self.rate[head], x);
                    kernels::delta_step(
                        state,
                        [query, key, value],
                        decay,
                        strength,
                        &mut change,
                        out,
                    );
                }
                (first, head, results)
            };
        let results: Vec<_> = tasks.into_par_iter().map(run).collect();

        let stride = self.gate.stride();
        let mut normed = vec![0f32; u];
        for (first, head, results) in &results {
            for (t, result) in results.chunks_exact(u).enumerate() {
                self.norm.row(result, &mut normed);
                let gate = &mut gates[(first + t) * stride + head * u..][..u];
                kernels::gate(Activation::Silu, gate, &normed);
            }
        }
        self.output.apply(&gates, stride)
    }

    /// Queries and keys of length 1 / √K and 1, and values, [N, C], of a row whose `inputs` are among all [T, ≥ C].
    /// The row's last inputs are kept for the next step.
    fn convolve(&self, member: &mut Member<'_>, inputs: &[f32]) -> Vec<f32> {
        let (c, k) = (self.form.channels(), self.form.key_dim);
        let stride = self.inputs.stride();
        let mut seen = std::mem::take(&mut member.state.inputs);
        for row in inputs[member.first * stride..].chunks_exact(stride).take(member.count) {
            seen.extend_from_slice(&row[..c]);
        }
        let mut out = vec![0f32; member.count * c];
        let mut unit = vec![0f32; k];
        for (t, out) in out.chunks_exact_mut(c).enumerate() {
            kernels::convolve(&seen[t * c..][..self.form.kernel * c], &self.kernel, out);
            let heads = out.chunks_exact_mut(k).take(2 * self.form.key_heads).enumerate();
            for (head, values) in heads {
                let is_query = head < self.form.key_heads;
                let norm = if is_query { &self.query_norm } else { &self.key_norm };
                norm.row(values, &mut unit);
                values.copy_from_slice(&unit);
            }
        }
        member.state.inputs = seen.split_off(member.count * c);
        out
    }
}
