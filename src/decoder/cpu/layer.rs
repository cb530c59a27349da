//! One layer: attention and MLP, each adding to the residual stream.
//!
//! Shapes: T tokens, D width, G key-value heads, E width of keys, U of values.

use super::attention::{Heads, Place, attend};
use super::delta::DeltaRule;
use super::experts::CpuExperts;
use super::loader::Loader;
use super::mlp::Mlp;
use super::norm::Norm;
use super::projections::Projections;
use crate::decoder::Row;
use crate::decoder::kernels;
use crate::decoder::matrix::Matrix;
use crate::decoder::memory::Sequence;
use crate::decoder::rope::Angles;
use crate::error::Result;
use crate::model::{LayerPart, LayerSpec, Parallel, Part, Projection, Spec};

pub(super) struct Layer {
    form: LayerSpec,
    attention_norm: Option<Norm>,
    /// Among the layers that keep the same kind of memory.
    place: usize,
    mixer: Mixer,
    attention_post_norm: Option<Norm>,
    mlp_norm: Option<Norm>,
    mlp: Either,
    mlp_post_norm: Option<Norm>,
}

/// What looks at other tokens.
enum Mixer {
    Attention(Box<Projections>),
    Delta(Box<DeltaRule>),
}

enum Either {
    Dense(Box<Mlp>),
    Experts(Box<CpuExperts>),
}

/// What all layers of a pass have in common.
pub(super) struct Step<'a, 'r> {
    pub(super) spec: &'a Spec,
    pub(super) rows: &'a mut [Row<'r, Sequence>],
    /// Of each token.
    pub(super) places: &'a [Place],
    /// Of each rope, of each token.
    pub(super) angles: &'a [Vec<Angles>],
    /// Factors on the queries of each token, where they grow.
    pub(super) growth: Option<&'a [f32]>,
}

impl Layer {
    pub(super) fn load(loader: &Loader<'_>, index: usize) -> Result<Self> {
        let spec = loader.spec;
        let form = spec.layers[index];
        let norm = |there: bool, part: LayerPart| {
            let read = || loader.norm(Part::Layer(index, part), spec.hidden_size, &spec.norm);
            there.then(read).transpose()
        };
        let own_mlp_norm = spec.pre_norm && spec.parallel != Parallel::OneNorm;
        Ok(Self {
            form,
            attention_norm: norm(spec.pre_norm, LayerPart::AttentionNorm)?,
            place: spec.place_in_memory(index),
            mixer: match form.delta {
                true => Mixer::Delta(Box::new(DeltaRule::load(loader, index)?)),
                false => Mixer::Attention(Box::new(Projections::load(loader, index)?)),
            },
            attention_post_norm: norm(spec.post_norm, LayerPart::AttentionPostNorm)?,
            mlp_norm: norm(own_mlp_norm, LayerPart::MlpNorm)?,
            mlp: match form.experts {
                true => Either::Experts(Box::new(CpuExperts::load(loader, index)?)),
                false => {
                    let part = |projection: Projection| LayerPart::Mlp(projection);
                    Either::Dense(Box::new(Mlp::load(loader, index, spec.intermediate_size, part)?))
                }
            },
            mlp_post_norm: norm(spec.post_norm, LayerPart::MlpPostNorm)?,
        })
    }

    pub(super) fn matrices(&self) -> Vec<&Matrix> {
        let mlp: Vec<&Matrix> = match &self.mlp {
            Either::Dense(mlp) => mlp.matrices().collect(),
            Either::Experts(experts) => experts.matrices().collect(),
        };
        let mixer: Vec<&Matrix> = match &self.mixer {
            Mixer::Attention(attention) => attention.matrices().collect(),
            Mixer::Delta(delta) => delta.matrices().collect(),
        };
        mixer.into_iter().chain(mlp).collect()
    }

    /// Adds what the layer computes to the residual stream `x` [T, D]; keys and values go to the tails, states
    /// go on.
    pub(super) fn forward(&self, x: &mut [f32], step: &mut Step<'_, '_>) {
        let spec = step.spec;
        let d = spec.hidden_size;
        let normed = |norm: &Option<Norm>, x: &[f32]| match norm {
            Some(norm) => norm.rows(x, d),
            None => x.to_vec(),
        };
        let h = normed(&self.attention_norm, x);
        let beside = match spec.parallel {
            Parallel::No => None,
            Parallel::OneNorm => Some(self.mlp(&h, d)),
            Parallel::TwoNorms => Some(self.mlp(&normed(&self.mlp_norm, x), d)),
        };
        let (attended, stride) = match &self.mixer {
            Mixer::Attention(attention) => {
                (self.attend(attention, &h, step), attention.output.stride())
            }
            Mixer::Delta(delta) => {
                (delta.apply(self.place, &h, d, step.rows), delta.output.stride())
            }
        };
        contribute(x, d, &attended, stride, &self.attention_post_norm, spec.residual_scale);
        let (out, stride) = match beside {
            Some(out) => out,
            None => self.mlp(&normed(&self.mlp_norm, x), d),
        };
        contribute(x, d, &out, stride, &self.mlp_post_norm, spec.residual_scale);
    }

    /// The attention's result [T, ≥ D] for `h` [T, D].
    fn attend(&self, attention: &Projections, h: &[f32], step: &mut Step<'_, '_>) -> Vec<f32> {
        let spec = step.spec;
        let angles = self.form.rope.map(|rope| &step.angles[rope][..]);
        let [queries, keys, values] = attention.project(spec, h, angles, step.growth);
        let (g, e, u) = (spec.kv_heads, spec.head_dim, spec.value_dim);
        for (token, place) in step.places.iter().enumerate() {
            let sequence = &mut *step.rows[place.row].sequence;
            let at = place.position - sequence.tail_start();
            for head in 0..g {
                let key = &keys.values[token * keys.stride + head * e..][..e];
                let value = &values.values[token * values.stride + head * u..][..u];
                sequence.tail.put(self.place * g + head, at, key, value);
            }
        }
        let sequences: Vec<&Sequence> = step.rows.iter().map(|r| &*r.sequence).collect();
        let heads = Heads {
            heads: spec.heads,
            kv_heads: g,
            head_dim: e,
            value_dim: u,
            window: self.form.window,
            chunked: self.form.chunked,
            softcap: spec.attention.softcap.map(|cap| cap as f32),
            sinks: attention.sinks.as_deref(),
        };
        let (queries, stride) = (&queries.values, queries.stride);
        let mut attended = attend(self.place, &heads, queries, stride, step.places, &sequences);
        attention.gate(h, spec, &mut attended);
        attention.output.apply(&attended, spec.heads * u)
    }

    /// The MLP's result for `h` [T, D], and how far its rows are apart.
    fn mlp(&self, h: &[f32], d: usize) -> (Vec<f32>, usize) {
        match &self.mlp {
            Either::Dense(mlp) => (mlp.apply(h, d), mlp.stride()),
            Either::Experts(experts) => (experts.apply(h, d), d),
        }
    }
}

/// Adds rows [T, ≥ D] to the residual stream [T, D].
fn contribute(
    x: &mut [f32],
    d: usize,
    out: &[f32],
    stride: usize,
    norm: &Option<Norm>,
    scale: f64,
) {
    let normed = norm.as_ref().map(|norm| norm.rows(out, stride));
    let (out, stride) = normed.as_deref().map_or((out, stride), |out| (out, d));
    for (x, out) in x.chunks_exact_mut(d).zip(out.chunks_exact(stride)) {
        if scale == 1.0 {
            kernels::add(x, &out[..d]);
        } else {
            kernels::add_scaled(x, &out[..d], scale as f32);
        }
    }
}
