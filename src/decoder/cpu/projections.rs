//! The attention's own weights: from a row of the residual stream to queries, keys and values, turned and
//! scaled, and from the heads' results back.
//!
//! Shapes: T tokens, D width, H query heads, G key-value heads, E width of queries and keys, U of values.

use rayon::prelude::*;

use super::ROWS_PER_TASK;
use super::loader::Loader;
use super::norm::Norm;
use crate::decoder::kernels;
use crate::decoder::matrix::Matrix;
use crate::decoder::rope::{self, Angles};
use crate::error::Result;
use crate::model::{LayerPart, NormKind, NormSpec, Part, QkSpan, Spec};

pub(super) struct Projections {
    query: Matrix,
    key: Matrix,
    value: Matrix,
    pub(super) output: Matrix,
    output_gate: Option<Matrix>,
    query_norms: Vec<Norm>,
    key_norms: Vec<Norm>,
    latent: Option<Latent>,
    /// [H], where there are any.
    pub(super) sinks: Option<Vec<f32>>,
}

/// The way by a narrow vector that all heads share; the key projection then gives what is not turned.
struct Latent {
    query: Option<(Matrix, Norm)>,
    down: Matrix,
    norm: Norm,
    /// The turned part of all heads' keys.
    shared_key: Matrix,
}

/// Rows of heads, some distance apart.
pub(super) struct Rows {
    pub(super) values: Vec<f32>,
    pub(super) stride: usize,
}

impl Projections {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> Result<Self> {
        let spec = loader.spec;
        let attention = &spec.attention;
        let (d, e, u) = (spec.hidden_size, spec.head_dim, spec.value_dim);
        let (h, g) = (spec.heads, spec.kv_heads);
        let bias = attention.qkv_bias;
        let matrix = |part, shape, bias| loader.layer_matrix(layer, part, shape, bias);
        let norm = |part, len, spec: &NormSpec| loader.norm(Part::Layer(layer, part), len, spec);
        let head_norms = |heads: usize, part: fn(usize) -> LayerPart| match attention.qk_norm {
            None => Ok(Vec::new()),
            Some(qk) => match qk.span {
                QkSpan::Head => Ok(vec![norm(part(0), e, &qk.norm)?]),
                QkSpan::All => Ok(vec![norm(part(0), heads * e, &qk.norm)?]),
                QkSpan::OwnHead => (0..heads).map(|i| norm(part(i), e, &qk.norm)).collect(),
            },
        };
        let rotary = spec.ropes.first().map_or(0, |rope| rope.rotary_dim);
        let latent = attention.latent.map(|latent| {
            let form = NormSpec {
                kind: NormKind::Rms,
                eps: latent.eps,
                weight: true,
                bias: false,
                offset: 0.0,
            };
            let query = latent.query_width.map(|width| {
                let down = matrix(LayerPart::LatentQuery, [width, d], false)?;
                Ok::<_, crate::error::Error>((
                    down,
                    norm(LayerPart::LatentQueryNorm, width, &form)?,
                ))
            });
            Ok::<_, crate::error::Error>(Latent {
                query: query.transpose()?,
                down: matrix(LayerPart::Latent, [latent.width, d], false)?,
                norm: norm(LayerPart::LatentNorm, latent.width, &form)?,
                shared_key: matrix(LayerPart::SharedKey, [rotary, d], false)?,
            })
        });
        let latent = latent.transpose()?;
        let query_inputs = attention.latent.and_then(|l| l.query_width).unwrap_or(d);
        let (kv_inputs, key_width) = match attention.latent {
            Some(latent) => (latent.width, e - rotary),
            None => (d, e),
        };
        Ok(Self {
            query: matrix(LayerPart::Query, [h * e, query_inputs], bias)?,
            key: matrix(LayerPart::Key, [g * key_width, kv_inputs], bias)?,
            value: matrix(LayerPart::Value, [g * u, kv_inputs], bias)?,
            output: matrix(LayerPart::AttentionOutput, [d, h * u], attention.output_bias)?,
            output_gate: attention
                .output_gate
                .then(|| matrix(LayerPart::AttentionGate, [h * u, d], bias))
                .transpose()?,
            query_norms: head_norms(h, LayerPart::QueryNorm)?,
            key_norms: head_norms(g, LayerPart::KeyNorm)?,
            latent,
            sinks: attention
                .sinks
                .then(|| loader.vector(layer, LayerPart::Sinks, h))
                .transpose()?,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let latent = self.latent.iter().flat_map(|latent| {
            let query = latent.query.iter().map(|(down, _)| down);
            query.chain([&latent.down, &latent.shared_key])
        });
        let always = [&self.query, &self.key, &self.value, &self.output];
        always.into_iter().chain(&self.output_gate).chain(latent)
    }

    /// Multiplies the heads' results `attended` [T, H·U] by the sigmoid of what a projection of `h` [T, D] gives,
    /// where there is one.
    pub(super) fn gate(&self, h: &[f32], spec: &Spec, attended: &mut [f32]) {
        let Some(gate) = &self.output_gate else { return };
        let gates = gate.apply(h, spec.hidden_size);
        let width = spec.heads * spec.value_dim;
        let rows = attended.chunks_exact_mut(width).zip(gates.chunks_exact(gate.stride()));
        for (row, gates) in rows {
            row.iter_mut().zip(gates).for_each(|(x, &gate)| *x *= kernels::sigmoid(gate));
        }
    }

    /// Queries [T, H·E], scaled, keys [T, G·E] and values [T, G·U] of `h` [T, D]. `angles` [T] are those of
    /// the layer's rope, if it has one, `growth` [T] factors on the queries, if they grow.
    pub(super) fn project(
        &self,
        spec: &Spec,
        h: &[f32],
        angles: Option<&[Angles]>,
        growth: Option<&[f32]>,
    ) -> [Rows; 3] {
        let d = spec.hidden_size;
        let [mut queries, mut keys, mut values] = match &self.latent {
            None => {
                let matrices = [&self.query, &self.key, &self.value];
                let [q, k, v] = Matrix::apply_all(matrices, h, d);
                [(q, &self.query), (k, &self.key), (v, &self.value)]
                    .map(|(values, matrix)| Rows { values, stride: matrix.stride() })
            }
            Some(latent) => self.project_latent(latent, spec, h),
        };
        let clip = spec.attention.clip.map(|clip| clip as f32);
        let cut = |row: &mut [f32]| {
            if let Some(clip) = clip {
                row.iter_mut().for_each(|x| *x = x.clamp(-clip, clip));
            }
        };
        cut(&mut values.values);
        let qk_norm = spec.attention.qk_norm;
        let after = qk_norm.is_some_and(|norm| norm.after_rope);
        let without = angles.is_none() && qk_norm.is_some_and(|norm| norm.turned_only);
        for (rows, heads, norms) in [
            (&mut queries, spec.heads, &self.query_norms),
            (&mut keys, spec.kv_heads, &self.key_norms),
        ] {
            let e = spec.head_dim;
            let task = ROWS_PER_TASK * rows.stride;
            let stride = rows.stride;
            rows.values.par_chunks_mut(task).enumerate().for_each(|(i, rows)| {
                let mut space = Vec::new();
                for (t, row) in rows.chunks_exact_mut(stride).enumerate() {
                    let row = &mut row[..heads * e];
                    if !after && !without {
                        norm_heads(row, norms, &mut space);
                    }
                    cut(row);
                    if let Some((cos, sin)) = angles.map(|angles| &angles[i * ROWS_PER_TASK + t]) {
                        row.chunks_exact_mut(e).for_each(|head| rope::rotate(head, cos, sin));
                    }
                    if after && !without {
                        norm_heads(row, norms, &mut space);
                    }
                }
            });
        }
        let scale = spec.attention.scale as f32;
        let turned = angles.is_some();
        let grows = spec.attention.growth.is_some_and(|growth| !(growth.unturned_only && turned));
        let growth = growth.filter(|_| grows);
        for (t, row) in queries.values.chunks_exact_mut(queries.stride).enumerate() {
            let scale = growth.map_or(scale, |growth| scale * growth[t]);
            row.iter_mut().for_each(|q| *q *= scale);
        }
        [queries, keys, values]
    }

    fn project_latent(&self, latent: &Latent, spec: &Spec, h: &[f32]) -> [Rows; 3] {
        let d = spec.hidden_size;
        let queries = match &latent.query {
            Some((down, norm)) => {
                let narrow = norm.rows(&down.apply(h, d), down.stride());
                self.query.apply(&narrow, norm.len())
            }
            None => self.query.apply(h, d),
        };
        let [down, shared] = Matrix::apply_all([&latent.down, &latent.shared_key], h, d);
        let narrow = latent.norm.rows(&down, latent.down.stride());
        let [still, values] =
            Matrix::apply_all([&self.key, &self.value], &narrow, latent.norm.len());
        // Each head's key: the turned part, the same in all of them, and its own.
        let e = spec.head_dim;
        let tokens = h.len() / d;
        let turned = spec.ropes.first().map_or(0, |rope| rope.rotary_dim);
        let mut keys = Vec::with_capacity(tokens * spec.heads * e);
        for t in 0..tokens {
            let shared = &shared[t * latent.shared_key.stride()..][..turned];
            let still = &still[t * self.key.stride()..][..spec.heads * (e - turned)];
            for own in still.chunks_exact(e - turned) {
                keys.extend_from_slice(shared);
                keys.extend_from_slice(own);
            }
        }
        [
            Rows { values: queries, stride: self.query.stride() },
            Rows { values: keys, stride: spec.heads * e },
            Rows { values, stride: self.value.stride() },
        ]
    }
}

/// Norms a row of heads: as a whole, by one norm for each head, or by norms of their own.
fn norm_heads(row: &mut [f32], norms: &[Norm], space: &mut Vec<f32>) {
    let Some(first) = norms.first() else { return };
    let len = first.len();
    space.resize(len, 0.0);
    for (i, part) in row.chunks_exact_mut(len).enumerate() {
        norms.get(i).unwrap_or(first).row(part, space);
        part.copy_from_slice(space);
    }
}
