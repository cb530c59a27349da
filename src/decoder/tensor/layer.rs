//! One layer in tensor operations. The residual stream, the norms, the rotation and the softmax are f32;
//! products run in the decoder's type.
//!
//! Shapes: W tokens, D width, G key-value heads.

use candle_core::{DType, Result};

use super::attention::{Heads, attend};
use super::delta::DeltaRule;
use super::experts::TensorExperts;
use super::linear::Linear;
use super::loader::Loader;
use super::mlp::Mlp;
use super::norm::Norm;
use super::ops::Tensor;
use super::pass::{Pass, Target};
use super::projections::Projections;
use crate::model::{LayerPart, LayerSpec, Parallel, Part, Projection, Spec};

pub(super) struct Layer {
    form: LayerSpec,
    dtype: DType,
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
    Experts(Box<TensorExperts>),
}

impl Layer {
    pub(super) fn load(loader: &Loader<'_>, index: usize) -> crate::error::Result<Self> {
        let spec = loader.spec;
        let form = spec.layers[index];
        let norm = |there: bool, part: LayerPart| {
            let read = || loader.norm(Part::Layer(index, part), spec.hidden_size, &spec.norm);
            there.then(read).transpose()
        };
        let own_mlp_norm = spec.pre_norm && spec.parallel != Parallel::OneNorm;
        Ok(Self {
            form,
            dtype: loader.dtype,
            attention_norm: norm(spec.pre_norm, LayerPart::AttentionNorm)?,
            place: spec.place_in_memory(index),
            mixer: match form.delta {
                true => Mixer::Delta(Box::new(DeltaRule::load(loader, index)?)),
                false => Mixer::Attention(Box::new(Projections::load(loader, index)?)),
            },
            attention_post_norm: norm(spec.post_norm, LayerPart::AttentionPostNorm)?,
            mlp_norm: norm(own_mlp_norm, LayerPart::MlpNorm)?,
            mlp: match form.experts {
                true => Either::Experts(Box::new(TensorExperts::load(loader, index)?)),
                false => {
                    let part = |projection: Projection| LayerPart::Mlp(projection);
                    Either::Dense(Box::new(Mlp::load(loader, index, spec.intermediate_size, part)?))
                }
            },
            mlp_post_norm: norm(spec.post_norm, LayerPart::MlpPostNorm)?,
        })
    }

    /// Bytes of the matrices.
    pub(super) fn bytes(&self) -> usize {
        let mlp: usize = match &self.mlp {
            Either::Dense(mlp) => mlp.matrices().map(Linear::bytes).sum(),
            Either::Experts(experts) => experts.matrices().map(Linear::bytes).sum(),
        };
        mlp + match &self.mixer {
            Mixer::Attention(attention) => attention.matrices().map(Linear::bytes).sum::<usize>(),
            Mixer::Delta(delta) => delta.matrices().map(Linear::bytes).sum(),
        }
    }

    /// The residual stream `x` [W, D], f32, after this layer; keys and values go to the pass's target, whose
    /// states go on.
    pub(super) fn forward(&self, spec: &Spec, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let normed = |norm: &Option<Norm>, x: &Tensor| match norm {
            Some(norm) => norm.forward(x),
            None => Ok(x.clone()),
        };
        let h = normed(&self.attention_norm, x)?;
        let beside = match spec.parallel {
            Parallel::No => None,
            Parallel::OneNorm => Some(self.mlp(&h)?),
            Parallel::TwoNorms => Some(self.mlp(&normed(&self.mlp_norm, x)?)?),
        };
        let attended = match &self.mixer {
            Mixer::Attention(attention) => self.attend(attention, spec, &h, pass)?,
            Mixer::Delta(delta) => delta.forward(self.place, &h, pass)?,
        };
        let x = (x + contribution(attended, &self.attention_post_norm, spec.residual_scale)?)?;
        let out = match beside {
            Some(out) => out,
            None => self.mlp(&normed(&self.mlp_norm, &x)?)?,
        };
        x + contribution(out, &self.mlp_post_norm, spec.residual_scale)?
    }

    /// The attention's result for `h`, both f32 [W, D].
    fn attend(
        &self,
        attention: &Projections,
        spec: &Spec,
        h: &Tensor,
        pass: &Pass<'_>,
    ) -> Result<Tensor> {
        let index = self.place;
        let turns = self.form.rope.map(|rope| &pass.turns[rope]);
        let h = h.to_dtype(self.dtype)?;
        let (queries, new) = attention.project(spec, &h, pass, turns)?;
        match &pass.target {
            Target::Run { store, slot, at, len } => store.put_run(index, *slot, *at, *len, &new)?,
            Target::Each { store, at, .. } => store.put_each(index, at, &new)?,
        }
        let heads = Heads {
            mask: pass.mask((self.form.window, self.form.chunked))?,
            softcap: spec.attention.softcap,
            sinks: attention.sinks.as_ref(),
        };
        let attended = attend(index, &heads, &queries, pass)?;
        let attended = attention.gate(&h, attended)?.to_dtype(self.dtype)?;
        attention.output.forward(&attended)?.to_dtype(DType::F32)
    }

    /// The MLP's result for `h`, both f32 [W, D].
    fn mlp(&self, h: &Tensor) -> Result<Tensor> {
        match &self.mlp {
            Either::Dense(mlp) => mlp.forward(&h.to_dtype(self.dtype)?)?.to_dtype(DType::F32),
            Either::Experts(experts) => experts.forward(h, self.dtype),
        }
    }
}

/// What is added to the residual stream for the result `out` [W, D].
fn contribution(out: Tensor, norm: &Option<Norm>, scale: f64) -> Result<Tensor> {
    let out = match norm {
        Some(norm) => norm.forward(&out)?,
        None => out,
    };
    if scale == 1.0 { Ok(out) } else { out * scale }
}
