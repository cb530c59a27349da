//! The attention's own weights: from a row of the residual stream to queries, keys and values, turned and
//! scaled, and from the heads' results back.
//!
//! Shapes: W tokens, D width, H query heads, G key-value heads, E width of queries and keys, U of values.

use candle_core::{D, DType, Device, Result};

use super::linear::Linear;
use super::loader::Loader;
use super::norm::Norm;
use super::ops::{self, Tensor};
use super::pass::{HIDDEN, Joined, Pass, Turns};
use super::store::{BLOCK, Written};
use crate::model::{LayerPart, NormKind, NormSpec, Part, QkSpan, Spec};

pub(super) struct Projections {
    inputs: Inputs,
    pub(super) output: Linear,
    output_gate: Option<Linear>,
    query_norms: Vec<Norm>,
    key_norms: Vec<Norm>,
    latent: Option<Latent>,
    /// f32 [G, 1, H / G, P], where there are any.
    pub(super) sinks: Option<Tensor>,
}

/// From a row of the residual stream to queries, keys and values.
enum Inputs {
    /// Those of queries, of keys and of values.
    Apart(Box<[Linear; 3]>),
    /// In each of G groups the queries, the key and the value.
    Joined {
        map: Linear,
        /// Of queries and keys: one norm of weight 1, and the weights [H / G + 1, E].
        norm: Option<(Norm, Tensor)>,
    },
}

/// Whether all heads of a model are turned in one operation, values with them, where nothing but the rotation is done to
/// queries and keys.
fn joins(spec: &Spec) -> Option<bool> {
    let attention = &spec.attention;
    let whole = spec.head_dim == spec.value_dim
        && attention.latent.is_none()
        && attention.clip.is_none()
        && attention.growth.is_none()
        && spec.ropes.iter().all(|rope| rope.rotary_dim == spec.head_dim);
    match attention.qk_norm {
        _ if !whole => None,
        None => Some(true),
        Some(qk) => {
            let plain = qk.span == QkSpan::Head && qk.norm.kind == NormKind::Rms;
            (plain && !qk.norm.bias && !qk.after_rope).then_some(false)
        }
    }
}

/// What turns all heads in one operation, where that can be.
pub(super) fn joined(spec: &Spec, device: &Device) -> Result<Option<Joined>> {
    let joined = |values| {
        let group = spec.heads / spec.kv_heads;
        Joined::new(spec.kv_heads, group, spec.attention.scale, values, device)
    };
    joins(spec).map(joined).transpose()
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
            // A block whose first position is the sink, and whose others are not there.
            let block = |sink: f32| std::iter::once(sink).chain(vec![HIDDEN as f32; BLOCK - 1]);
            let blocks: Vec<f32> = sinks.into_iter().flat_map(block).collect();
            let blocks = Tensor::from_vec(blocks, (g, 1, h / g, BLOCK), loader.device)?;
            Ok::<_, crate::error::Error>(blocks)
        });
        let query_norms = head_norms(h, LayerPart::QueryNorm)?;
        let key_norms = head_norms(g, LayerPart::KeyNorm)?;
        let query = matrix(LayerPart::Query, [h * e, query_inputs], bias)?;
        let key = matrix(LayerPart::Key, [g * key_width, kv_inputs], bias)?;
        let value = matrix(LayerPart::Value, [g * u, kv_inputs], bias)?;
        let turned = spec.layers[layer].rope.is_some() && joins(spec).is_some();
        let joined = match turned {
            true => Linear::joined(&[&query, &key, &value], g)?,
            false => None,
        };
        let inputs = match joined {
            Some(map) => Inputs::Joined { map, norm: together(&query_norms, &key_norms, h / g)? },
            None => Inputs::Apart(Box::new([query, key, value])),
        };
        Ok(Self {
            latent: latent.transpose()?,
            inputs,
            output: matrix(LayerPart::AttentionOutput, [d, h * u], attention.output_bias)?,
            output_gate: attention
                .output_gate
                .then(|| matrix(LayerPart::AttentionGate, [h * u, d], bias))
                .transpose()?,
            query_norms,
            key_norms,
            sinks: sinks.transpose()?,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Linear> {
        let latent = self.latent.iter().flat_map(|latent| {
            let query = latent.query.iter().map(|(down, _)| down);
            query.chain([&latent.down, &latent.shared_key])
        });
        let inputs = match &self.inputs {
            Inputs::Apart(maps) => maps.iter().collect(),
            Inputs::Joined { map, .. } => vec![map],
        };
        inputs.into_iter().chain([&self.output]).chain(&self.output_gate).chain(latent)
    }

    /// The heads' results `attended`, f32 [W, H · U], times the sigmoid of what a projection of `h` [W, D] gives,
    /// where there is one.
    pub(super) fn gate(&self, h: &Tensor, attended: Tensor) -> Result<Tensor> {
        match &self.output_gate {
            Some(gate) => attended * ops::sigmoid(&gate.forward(h)?.to_dtype(DType::F32)?)?,
            None => Ok(attended),
        }
    }

    /// Queries [G, W, H / G, E], scaled, and the keys and values of `h` [W, D], all in the decoder's type. `turns` are
    /// those of the layer's rope, if it has one.
    pub(super) fn project(
        &self,
        spec: &Spec,
        h: &Tensor,
        pass: &Pass<'_>,
        turns: Option<&Turns>,
    ) -> Result<(Tensor, Written)> {
        let (w, dtype) = (h.dim(0)?, h.dtype());
        let (g, e, u) = (spec.kv_heads, spec.head_dim, spec.value_dim);
        let [queries, keys, values] = match &self.inputs {
            Inputs::Joined { map, norm } => {
                let Some((cos, sin)) = turns.and_then(|turns| turns.joined.as_ref()) else {
                    candle_core::bail!("heads are joined that are not turned together")
                };
                return turn_joined(spec, &map.forward(h)?, norm.as_ref(), cos, sin);
            }
            Inputs::Apart(maps) => match &self.latent {
                None => {
                    let [query, key, value] = &**maps;
                    [query.forward(h)?, key.forward(h)?, value.forward(h)?]
                }
                Some(latent) => project_latent(maps, latent, spec, h)?,
            },
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
        let keys = turned(keys, g, &self.key_norms)?;
        let queries = by_group(&queries.reshape((w, g, spec.heads / g, e))?, dtype)?;
        let values = by_group(&clip(values)?.reshape((w, g, 1, u))?, dtype)?;
        Ok((queries, Written::Apart(by_group(&keys, dtype)?, values)))
    }
}

/// One norm of weight 1 and the weights of the heads of a group, its queries' and its key's, where these have norms.
fn together(
    queries: &[Norm],
    keys: &[Norm],
    group: usize,
) -> crate::error::Result<Option<(Norm, Tensor)>> {
    let ([queries], [keys]) = (queries, keys) else { return Ok(None) };
    let rows = vec![queries.weight().unsqueeze(0)?; group];
    let rows: Vec<Tensor> = rows.into_iter().chain([keys.weight().unsqueeze(0)?]).collect();
    Ok(Some((queries.of_weight_one()?, Tensor::cat(&rows, 0)?)))
}

/// `x` [W, G, n, E] as [G, W, n, E] in the type `dtype`.
fn by_group(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.transpose(0, 1)?.to_dtype(dtype)?.contiguous()
}

/// What [`Projections::project`] gives, of what a joined map gave, [W, G · (H / G + 2) · E].
fn turn_joined(
    spec: &Spec,
    given: &Tensor,
    norm: Option<&(Norm, Tensor)>,
    cos: &Tensor,
    sin: &Tensor,
) -> Result<(Tensor, Written)> {
    let (w, dtype) = (given.dim(0)?, given.dtype());
    let (g, e) = (spec.kv_heads, spec.head_dim);
    let group = spec.heads / g;
    let all = given.to_dtype(DType::F32)?.reshape((w, g, group + 2, e))?;
    // Heads stand where rope expects times, so that each has a row of the tables of its own.
    let turned = |x: &Tensor, heads: usize| {
        ops::rope(&x.reshape((w, 1, g * heads, e))?, cos, sin)?.reshape((w, g, heads, e))
    };
    match norm {
        None => {
            let turned = turned(&all, group + 2)?;
            let queries = by_group(&turned.narrow(2, 0, group)?, dtype)?;
            let new = turned.narrow(2, group, 2)?.transpose(0, 2)?.to_dtype(dtype)?.contiguous()?;
            Ok((queries, Written::Joined(new.reshape((2 * g, w, 1, e))?)))
        }
        Some((norm, weights)) => {
            let heads = all.narrow(2, 0, group + 1)?.contiguous()?;
            let turned = turned(&norm.parts(&heads)?.broadcast_mul(weights)?, group + 1)?;
            let queries = by_group(&turned.narrow(2, 0, group)?, dtype)?;
            let keys = by_group(&turned.narrow(2, group, 1)?, dtype)?;
            let values = by_group(&all.narrow(2, group + 1, 1)?, dtype)?;
            Ok((queries, Written::Apart(keys, values)))
        }
    }
}

fn project_latent(
    [query, key, value]: &[Linear; 3],
    latent: &Latent,
    spec: &Spec,
    h: &Tensor,
) -> Result<[Tensor; 3]> {
    let narrow = |down: &Linear, norm: &Norm| {
        norm.forward(&down.forward(h)?.to_dtype(DType::F32)?)?.to_dtype(h.dtype())
    };
    let queries = match &latent.query {
        Some((down, norm)) => query.forward(&narrow(down, norm)?)?,
        None => query.forward(h)?,
    };
    let kv = narrow(&latent.down, &latent.norm)?;
    // Each head's key: the turned part, the same in all of them, and its own.
    let (w, g) = (h.dim(0)?, spec.kv_heads);
    let shared = latent.shared_key.forward(h)?.reshape((w, 1, ()))?;
    let shared = shared.broadcast_as((w, g, shared.dim(D::Minus1)?))?;
    let still = key.forward(&kv)?.reshape((w, g, ()))?;
    let keys = Tensor::cat(&[&shared, &still], D::Minus1)?;
    Ok([queries, keys, value.forward(&kv)?])
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
