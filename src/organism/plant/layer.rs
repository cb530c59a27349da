//! One layer as the spec describes it, with gradients for the pairs beside its matrices. The same layer that
//! [`crate::decoder`] runs; a test holds the two together.
//!
//! Shapes: B rows of T tokens, D width, H query heads, G key-value heads, E width of keys, U of values.

use candle_core::{D, Device, Tensor};

use super::super::attention::{self, Form};
use super::norm::Norm;
use super::pairs::{Linear, Pairs};
use crate::decoder::kernels::COLUMN_STEP;
use crate::error::{Error, Result};
use crate::model::{
    Activation, Kind, LayerPart, LayerSpec, Model, NormSpec, Parallel, Part, Projection, QkSpan,
    Spec, Weights,
};

/// What all layers of a pass have in common.
pub(super) struct Pass<'a> {
    pub(super) spec: &'a Spec,
    pub(super) pairs: &'a Pairs,
    /// Cosines and sines [T, rotary dim / 2] of each rope.
    pub(super) turns: &'a [(Tensor, Tensor)],
    /// Factors on the queries [T, 1], where they grow.
    pub(super) growth: Option<&'a Tensor>,
    /// B and T.
    pub(super) rows: (usize, usize),
}

pub(super) struct Layer {
    form: LayerSpec,
    attention_norm: Option<Norm>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    sinks: Option<Vec<f32>>,
    attention_post_norm: Option<Norm>,
    mlp_norm: Option<Norm>,
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
    mlp_post_norm: Option<Norm>,
}

/// Reads parts as f32, whatever they are stored as.
pub(super) struct Reader<'a> {
    pub(super) model: &'a Model,
    pub(super) weights: &'a Weights,
    pub(super) device: &'a Device,
}

impl Reader<'_> {
    pub(super) fn tensor(&self, part: Part, kind: Kind, shape: &[usize]) -> Result<Tensor> {
        Ok(self.weights.get(part, kind, shape)?.dense()?.to_device(self.device)?)
    }

    fn linear(
        &self,
        pairs: &Pairs,
        layer: usize,
        part: LayerPart,
        shape: [usize; 2],
        bias: bool,
    ) -> Result<Linear> {
        let place = Part::Layer(layer, part);
        let weight = self.tensor(place, Kind::Weight, &shape)?;
        let bias = match bias {
            true => Some(self.tensor(place, Kind::Bias, &shape[..1])?),
            false => None,
        };
        Ok(Linear::new(weight, bias, pairs.of(self.model, layer, part, self.device)?))
    }

    pub(super) fn norm(&self, part: Part, len: usize, spec: NormSpec) -> Result<Norm> {
        let weight = match spec.weight {
            true => self.tensor(part, Kind::Weight, &[len])?,
            false => Tensor::ones(len, candle_core::DType::F32, self.device)?,
        };
        let bias = match spec.bias {
            true => Some(self.tensor(part, Kind::Bias, &[len])?),
            false => None,
        };
        Ok(Norm::new(spec, &weight, bias)?)
    }

    /// The norm of all heads of queries or keys, where there is one.
    fn head_norm(
        &self,
        layer: usize,
        heads: usize,
        part: fn(usize) -> LayerPart,
    ) -> Result<Option<Norm>> {
        let spec = &self.model.spec;
        let Some(qk) = spec.attention.qk_norm else { return Ok(None) };
        let e = spec.head_dim;
        let of = |i: usize, len: usize| self.norm(Part::Layer(layer, part(i)), len, qk.norm);
        match qk.span {
            QkSpan::Head => of(0, e).map(Some),
            QkSpan::All => of(0, heads * e).map(Some),
            QkSpan::OwnHead => {
                let weights = (0..heads)
                    .map(|i| self.tensor(Part::Layer(layer, part(i)), Kind::Weight, &[e]))
                    .collect::<Result<Vec<_>>>()?;
                let weights = Tensor::stack(&weights, 0)?.unsqueeze(1)?;
                Ok(Some(Norm::new(qk.norm, &weights, None)?))
            }
        }
    }
}

/// Refuses forms of a decoder that are not trained.
pub(super) fn check(spec: &Spec) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::input(format!("nothing is planted into {what} (`{}`)", spec.architecture))
            .hint("dense decoders are trained; take another model of the family"))
    };
    if spec.layers.iter().any(|layer| layer.experts) {
        return refused("a mixture of experts");
    }
    if spec.attention.latent.is_some() || spec.value_dim > spec.head_dim {
        return refused("a model with latent attention");
    }
    if spec.delta.is_some() || spec.attention.output_gate {
        return refused("a model with gated attention or layers that keep a state");
    }
    if spec.mlp.activation == Activation::Xielu {
        return refused("a model with xIELU units");
    }
    let turned_only = spec.attention.qk_norm.is_some_and(|norm| norm.turned_only);
    if spec.layers.iter().any(|layer| layer.chunked)
        || spec.attention.growth.is_some()
        || turned_only
    {
        return refused("a model whose attention is cut into chunks, or grows with the place");
    }
    Ok(())
}

impl Layer {
    pub(super) fn load(reader: &Reader<'_>, pairs: &Pairs, index: usize) -> Result<Self> {
        let spec = &reader.model.spec;
        let (d, f) = (spec.hidden_size, spec.intermediate_size);
        let (h, g, e, u) = (spec.heads, spec.kv_heads, spec.head_dim, spec.value_dim);
        let linear = |part, shape, bias| reader.linear(pairs, index, part, shape, bias);
        let norm = |there: bool, part: LayerPart| {
            let read = || reader.norm(Part::Layer(index, part), d, spec.norm);
            there.then(read).transpose()
        };
        let (qkv, bias) = (spec.attention.qkv_bias, spec.mlp.bias);
        let gate = || linear(LayerPart::Mlp(Projection::Gate), [f, d], bias);
        let sinks = || {
            let sinks = Part::Layer(index, LayerPart::Sinks);
            reader.tensor(sinks, Kind::Weight, &[h])?.to_vec1().map_err(Error::from)
        };
        Ok(Self {
            form: spec.layers[index],
            attention_norm: norm(spec.pre_norm, LayerPart::AttentionNorm)?,
            query: linear(LayerPart::Query, [h * e, d], qkv)?,
            key: linear(LayerPart::Key, [g * e, d], qkv)?,
            value: linear(LayerPart::Value, [g * u, d], qkv)?,
            output: linear(LayerPart::AttentionOutput, [d, h * u], spec.attention.output_bias)?,
            query_norm: reader.head_norm(index, h, LayerPart::QueryNorm)?,
            key_norm: reader.head_norm(index, g, LayerPart::KeyNorm)?,
            sinks: spec.attention.sinks.then(sinks).transpose()?,
            attention_post_norm: norm(spec.post_norm, LayerPart::AttentionPostNorm)?,
            mlp_norm: norm(
                spec.pre_norm && spec.parallel != Parallel::OneNorm,
                LayerPart::MlpNorm,
            )?,
            gate: spec.mlp.gated.then(gate).transpose()?,
            up: linear(LayerPart::Mlp(Projection::Up), [f, d], bias)?,
            down: linear(LayerPart::Mlp(Projection::Down), [d, f], bias)?,
            mlp_post_norm: norm(spec.post_norm, LayerPart::MlpPostNorm)?,
        })
    }

    /// The residual stream `x` [B · T, D] after this layer, with the layer's keys and values [2, B, G, T, E]. `shared`
    /// are those of the prefix [2, G, P, E]; its tokens learn nothing.
    pub(super) fn forward(
        &self,
        pass: &Pass<'_>,
        x: &Tensor,
        shared: Option<&Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let spec = pass.spec;
        let normed = |norm: &Option<Norm>, x: &Tensor| match norm {
            Some(norm) => norm.forward(x),
            None => Ok(x.clone()),
        };
        let contribution = |out: Tensor, norm: &Option<Norm>| {
            let out = normed(norm, &out)?;
            if spec.residual_scale == 1.0 { Ok(out) } else { out * spec.residual_scale }
        };
        let h = normed(&self.attention_norm, x)?;
        let beside = match spec.parallel {
            Parallel::No => None,
            Parallel::OneNorm => Some(self.mlp(pass, &h)?),
            Parallel::TwoNorms => Some(self.mlp(pass, &normed(&self.mlp_norm, x)?)?),
        };
        let (attended, own) = self.attend(pass, &h, shared)?;
        let x = (x + contribution(attended, &self.attention_post_norm)?)?;
        let out = match beside {
            Some(out) => out,
            None => self.mlp(pass, &normed(&self.mlp_norm, &x)?)?,
        };
        Ok(((&x + contribution(out, &self.mlp_post_norm)?)?, own))
    }

    fn attend(
        &self,
        pass: &Pass<'_>,
        h: &Tensor,
        shared: Option<&Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let (spec, (b, t)) = (pass.spec, pass.rows);
        let (e, u) = (spec.head_dim, spec.value_dim);
        let clip = |x: Tensor| match spec.attention.clip {
            Some(clip) => x.clamp(-clip, clip),
            None => Ok(x),
        };
        let after = spec.attention.qk_norm.is_some_and(|norm| norm.after_rope);
        let normed = |x: Tensor, heads: usize, norm: &Option<Norm>| match norm {
            None => Ok(x),
            Some(norm) if spec.attention.qk_norm.is_some_and(|qk| qk.span == QkSpan::All) => {
                let rows = x.transpose(1, 2)?.contiguous()?.reshape((b, t, heads * e))?;
                norm.forward(&rows)?.reshape((b, t, heads, e))?.transpose(1, 2)?.contiguous()
            }
            Some(norm) => norm.forward(&x),
        };
        // [B · T, heads · E] to [B, heads, T, E], turned.
        let turned = |x: Tensor, heads: usize, norm: &Option<Norm>| {
            let mut x = clip(x)?.reshape((b, t, heads, e))?.transpose(1, 2)?.contiguous()?;
            if !after {
                x = normed(x, heads, norm)?;
            }
            if let Some(rope) = self.form.rope {
                x = turn(&x, &pass.turns[rope])?;
            }
            if after { normed(x, heads, norm) } else { Ok(x) }
        };
        let mut queries = turned(self.query.forward(pass.pairs, h)?, spec.heads, &self.query_norm)?;
        if let Some(growth) = pass.growth {
            queries = queries.broadcast_mul(growth)?;
        }
        let keys = turned(self.key.forward(pass.pairs, h)?, spec.kv_heads, &self.key_norm)?;
        let values = clip(self.value.forward(pass.pairs, h)?)?;
        let values = values.reshape((b, t, spec.kv_heads, u))?.transpose(1, 2)?.contiguous()?;

        // The kernels take whole vectors: zeros behind change no product.
        let width = e.next_multiple_of(COLUMN_STEP);
        let wide = |x: &Tensor| x.pad_with_zeros(D::Minus1, 0, width - x.dim(D::Minus1)?);
        let own = Tensor::stack(&[wide(&keys)?, wide(&values)?], 0)?;
        let nothing = own.narrow(3, 0, 0)?.narrow(1, 0, 1)?.squeeze(1)?;
        let form = Form {
            scale: spec.attention.scale as f32,
            window: self.form.window,
            softcap: spec.attention.softcap.map(|cap| cap as f32),
            sinks: self.sinks.clone(),
            shared_is_fixed: true,
        };
        let shared = shared.unwrap_or(&nothing);
        let attended = attention::attend_as(form, &wide(&queries)?, shared, &own)?;
        let attended = attended.narrow(D::Minus1, 0, u)?.transpose(1, 2)?.contiguous()?;
        let attended = attended.reshape((b * t, spec.heads * u))?;
        Ok((self.output.forward(pass.pairs, &attended)?, own))
    }

    fn mlp(&self, pass: &Pass<'_>, h: &Tensor) -> candle_core::Result<Tensor> {
        let form = pass.spec.mlp.activation;
        let up = self.up.forward(pass.pairs, h)?;
        let inner = match &self.gate {
            Some(gate) => (activate(form, &gate.forward(pass.pairs, h)?)? * up)?,
            None => activate(form, &up)?,
        };
        self.down.forward(pass.pairs, &inner)
    }
}

fn activate(form: Activation, x: &Tensor) -> candle_core::Result<Tensor> {
    match form {
        Activation::Silu => x.silu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::ReluSquared => x.relu()?.sqr(),
        Activation::Xielu | Activation::ClampedSwish { .. } => {
            candle_core::bail!("units of this kind are not trained")
        }
    }
}

/// [B, H, T, E] by the angles of its positions, half-split layout; what is not turned stays behind.
fn turn(x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> candle_core::Result<Tensor> {
    let half = cos.dim(D::Minus1)?;
    let (low, high) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
    let turned_low = (low.broadcast_mul(cos)? - high.broadcast_mul(sin)?)?;
    let turned_high = (high.broadcast_mul(cos)? + low.broadcast_mul(sin)?)?;
    let rest = x.dim(D::Minus1)? - 2 * half;
    if rest == 0 {
        return Tensor::cat(&[&turned_low, &turned_high], D::Minus1);
    }
    Tensor::cat(&[&turned_low, &turned_high, &x.narrow(D::Minus1, 2 * half, rest)?], D::Minus1)
}
