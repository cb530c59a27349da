//! The attention's own weights: from a row of the residual stream to queries, keys and values, turned and
//! scaled, and from the heads' results back.
//!
//! Shapes: W tokens, D width, H query heads, G key-value heads, E width of queries and keys, U of values.

use candle_core::{D, DType, Result};

use super::linear::Linear;
use super::loader::Loader;
use super::norm::Norm;
use super::ops::{self, Tensor};
use super::pass::{Pass, Turns};
use crate::model::{LayerPart, NormKind, NormSpec, Part, QkSpan, Spec};

pub(super) struct Projections {
    query: Linear,
    key: Linear,
    value: Linear,
    pub(super) output: Linear,
    output_gate: Option<Linear>,
    query_norms: Vec<Norm>,
    key_norms: Vec<Norm>,
    latent: Option<Latent>,
    /// f32 [G, 1, H / G, 1], where there are any.
    pub(super) sinks: Option<Tensor>,
}

/// The way by a narrow vector that all heads share; the key projection then gives what is not turned.
struct Latent {
    query: Option<(Linear, Norm)>,
    down: Linear,
    norm: Norm,
    /// The turned part of all heads' keys.
    shared_key: Linear,
}

impl Projections {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> crate::error::Result<Self> {
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
                let norm = norm(LayerPart::LatentQueryNorm, width, &form)?;
                Ok::<_, crate::error::Error>((down, norm))
            });
            Ok::<_, crate::error::Error>(Latent {
                query: query.transpose()?,
                down: matrix(LayerPart::Latent, [latent.width, d], false)?,
                norm: norm(LayerPart::LatentNorm, latent.width, &form)?,
                shared_key: matrix(LayerPart::SharedKey, [rotary, d], false)?,
            })
        });
        let query_inputs = attention.latent.and_then(|l| l.query_width).unwrap_or(d);
        let (kv_inputs, key_width) = match attention.latent {
            Some(latent) => (latent.width, e - rotary),
            None => (d, e),
        };
        let sinks = attention.sinks.then(|| {
            let sinks = loader.vector(layer, LayerPart::Sinks, h)?;
            Ok::<_, crate::error::Error>(Tensor::from_vec(sinks, (g, 1, h / g, 1), loader.device)?)
        });
        Ok(Self {
            latent: latent.transpose()?,
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
            sinks: sinks.transpose()?,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Linear> {
        let latent = self.latent.iter().flat_map(|latent| {
            let query = latent.query.iter().map(|(down, _)| down);
            query.chain([&latent.down, &latent.shared_key])
        });
        let always = [&self.query, &self.key, &self.value, &self.output];
        always.into_iter().chain(&self.output_gate).chain(latent)
    }

    /// The heads' results `attended`, f32 [W, H · U], times the sigmoid of what a projection of `h` [W, D] gives,
    /// where there is one.
    pub(super) fn gate(&self, h: &Tensor, attended: Tensor) -> Result<Tensor> {
        match &self.output_gate {
            Some(gate) => attended * ops::sigmoid(&gate.forward(h)?.to_dtype(DType::F32)?)?,
            None => Ok(attended),
        }
    }

    /// Queries [W, G, H / G, E], scaled, keys [W, G, 1, E] and values [W, G, 1, U] of `h` [W, D], all in the
    /// decoder's type. `turns` are those of the layer's rope, if it has one.
    pub(super) fn project(
        &self,
        spec: &Spec,
        h: &Tensor,
        pass: &Pass<'_>,
        turns: Option<&Turns>,
    ) -> Result<[Tensor; 3]> {
        let (w, dtype) = (h.dim(0)?, h.dtype());
        let (g, e, u) = (spec.kv_heads, spec.head_dim, spec.value_dim);
        let [queries, keys, values] = match &self.latent {
            None => [self.query.forward(h)?, self.key.forward(h)?, self.value.forward(h)?],
            Some(latent) => self.project_latent(latent, spec, h)?,
        };
        let clip = |x: Tensor| match spec.attention.clip {
            Some(clip) => x.clamp(-clip, clip),
            None => Ok(x),
        };
        let qk_norm = spec.attention.qk_norm;
        let after = qk_norm.is_some_and(|norm| norm.after_rope);
        let without = turns.is_none() && qk_norm.is_some_and(|norm| norm.turned_only);
        // One token of each "batch entry", so that each has a row of angles of its own: [W, heads, 1, E].
        let turned = |x: Tensor, heads: usize, norms: &[Norm]| {
            let norms = if without { &[] } else { norms };
            let mut x = x.to_dtype(DType::F32)?.reshape((w, heads, 1, e))?;
            if !after {
                x = norm_heads(x, norms)?;
            }
            x = clip(x)?;
            if let Some(turns) = turns {
                x = turn(&x, turns)?;
            }
            if after { norm_heads(x, norms) } else { Ok(x) }
        };
        let mut queries = (turned(queries, spec.heads, &self.query_norms)? * spec.attention.scale)?;
        let grows = |growth: &&Tensor| {
            let unturned_only = spec.attention.growth.is_some_and(|growth| growth.unturned_only);
            growth.elem_count() > 0 && !(unturned_only && turns.is_some())
        };
        if let Some(growth) = pass.growth.as_ref().filter(grows) {
            queries = queries.broadcast_mul(growth)?;
        }
        let keys = turned(keys, g, &self.key_norms)?.to_dtype(dtype)?;
        let queries = queries.to_dtype(dtype)?.reshape((w, g, spec.heads / g, e))?;
        Ok([queries, keys, clip(values)?.reshape((w, g, 1, u))?])
    }

    fn project_latent(&self, latent: &Latent, spec: &Spec, h: &Tensor) -> Result<[Tensor; 3]> {
        let narrow = |down: &Linear, norm: &Norm| {
            norm.forward(&down.forward(h)?.to_dtype(DType::F32)?)?.to_dtype(h.dtype())
        };
        let queries = match &latent.query {
            Some((down, norm)) => self.query.forward(&narrow(down, norm)?)?,
            None => self.query.forward(h)?,
        };
        let kv = narrow(&latent.down, &latent.norm)?;
        // Each head's key: the turned part, the same in all of them, and its own.
        let (w, g) = (h.dim(0)?, spec.kv_heads);
        let shared = latent.shared_key.forward(h)?.reshape((w, 1, ()))?;
        let shared = shared.broadcast_as((w, g, shared.dim(D::Minus1)?))?;
        let still = self.key.forward(&kv)?.reshape((w, g, ()))?;
        let keys = Tensor::cat(&[&shared, &still], D::Minus1)?;
        Ok([queries, keys, self.value.forward(&kv)?])
    }
}

/// Turns the first elements of each head of `x` [W, heads, 1, E].
fn turn(x: &Tensor, turns: &Turns) -> Result<Tensor> {
    let (width, turned) = (x.dim(D::Minus1)?, 2 * turns.cos.dim(D::Minus1)?);
    if turned == width {
        return ops::rope(x, &turns.cos, &turns.sin);
    }
    let first = x.narrow(D::Minus1, 0, turned)?.contiguous()?;
    let first = ops::rope(&first, &turns.cos, &turns.sin)?;
    Tensor::cat(&[&first, &x.narrow(D::Minus1, turned, width - turned)?], D::Minus1)
}

/// Norms heads [W, heads, 1, E]: as a whole, by one norm for each head, or by norms of their own.
fn norm_heads(x: Tensor, norms: &[Norm]) -> Result<Tensor> {
    match norms {
        [] => Ok(x),
        [norm] => norm.parts(&x),
        norms => {
            let heads = norms.iter().enumerate();
            let heads = heads.map(|(i, norm)| norm.forward(&x.narrow(1, i, 1)?.contiguous()?));
            Tensor::cat(&heads.collect::<Result<Vec<_>>>()?, 1)
        }
    }
}
