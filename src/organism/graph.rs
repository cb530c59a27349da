//! The decoder as a differentiable graph in candle, for training: a system text that all rows share, then the
//! rows. The same model that [`crate::decoder`] runs; a test holds the two together.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, IndexOp, Result, Tensor, Var};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::attention;
use crate::decoder::rope::Frequencies;
use crate::model::{Spec, Weights};

/// Standard deviation of random weights.
const INITIAL_STD: f64 = 0.02;

/// Trainable weights under their checkpoint names.
pub(crate) struct Graph {
    spec: Spec,
    pub(crate) vars: BTreeMap<String, Var>,
}

/// Keys and values of the shared text, per layer [2, H, P, E].
type Shared = Vec<Tensor>;

impl Graph {
    /// Random weights.
    pub(crate) fn random(spec: &Spec, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self::with(spec, |name, shape| {
            let n: usize = shape.iter().product();
            if name.ends_with("norm.weight") {
                return Tensor::ones(shape, DType::F32, &Device::Cpu);
            }
            // The projections back into the residual stream start smaller, as 2 L of them add up there.
            let into_stream = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
            let std = if into_stream {
                INITIAL_STD / (2.0 * spec.layers.len() as f64).sqrt()
            } else {
                INITIAL_STD
            };
            let values: Vec<f32> = (0..n).map(|_| (std * normal(&mut rng)) as f32).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)
        })
    }

    /// The weights of another organism.
    pub(crate) fn from_weights(spec: &Spec, weights: &Weights) -> Result<Self> {
        Self::with(spec, |name, shape| {
            let tensor = weights
                .named(name, shape)
                .and_then(|stored| stored.tensor())
                .map_err(|error| candle_core::Error::Msg(error.to_string()))?;
            tensor.to_dtype(DType::F32)
        })
    }

    fn with(spec: &Spec, mut value: impl FnMut(&str, &[usize]) -> Result<Tensor>) -> Result<Self> {
        let (d, f, q) = (spec.hidden_size, spec.intermediate_size, spec.heads * spec.head_dim);
        let mut shapes = vec![
            ("model.embed_tokens.weight".to_owned(), vec![spec.vocab_size, d]),
            ("model.norm.weight".to_owned(), vec![d]),
        ];
        for i in 0..spec.layers.len() {
            for (name, shape) in [
                ("input_layernorm", vec![d]),
                ("self_attn.q_proj", vec![q, d]),
                ("self_attn.k_proj", vec![q, d]),
                ("self_attn.v_proj", vec![q, d]),
                ("self_attn.o_proj", vec![d, q]),
                ("post_attention_layernorm", vec![d]),
                ("mlp.gate_proj", vec![f, d]),
                ("mlp.up_proj", vec![f, d]),
                ("mlp.down_proj", vec![d, f]),
            ] {
                shapes.push((format!("model.layers.{i}.{name}.weight"), shape));
            }
        }
        let mut vars = BTreeMap::new();
        for (name, shape) in shapes {
            let var = Var::from_tensor(&value(&name, &shape)?)?;
            vars.insert(name, var);
        }
        Ok(Self { spec: spec.clone(), vars })
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        match self.vars.get(name) {
            Some(var) => Ok(var.as_tensor()),
            None => candle_core::bail!("no weight `{name}`"),
        }
    }

    /// Logits [N, V] at the `asked` places (indices into the flattened rows) of `rows` [B, T], each of which
    /// follows the `shared` ids.
    pub(crate) fn logits(&self, shared: &[u32], rows: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let prefix = Tensor::new(shared, rows.device())?.unsqueeze(0)?;
        let (_, kv) = self.forward(&prefix, None)?;
        let (hidden, _) = self.forward(rows, Some(&kv))?; // [B, T, D]
        let hidden = hidden.flatten(0, 1)?.index_select(asked, 0)?;
        let hidden = self.norm(&hidden, "model.norm.weight")?;
        hidden.matmul(&self.weight("model.embed_tokens.weight")?.t()?)
    }

    fn forward(&self, ids: &Tensor, shared: Option<&Shared>) -> Result<(Tensor, Shared)> {
        let spec = &self.spec;
        let (b, t) = ids.dims2()?;
        let start = shared.and_then(|s| s.first()).map_or(Ok(0), |kv| kv.dim(2))?;
        let (cos, sin) = self.angles(start, t, ids.device())?;
        let embedding = self.weight("model.embed_tokens.weight")?;
        let mut x = embedding.index_select(&ids.flatten_all()?, 0)?; // [B·T, D]
        let mut kept = Vec::new();
        for i in 0..spec.layers.len() {
            let at = |name: &str| format!("model.layers.{i}.{name}.weight");
            let linear = |x: &Tensor, name: &str| x.matmul(&self.weight(&at(name))?.t()?);

            let h = self.norm(&x, &at("input_layernorm"))?;
            let heads = |name: &str| {
                // [B·T, H·E] → [B, H, T, E]
                linear(&h, name)?
                    .reshape((b, t, spec.heads, spec.head_dim))?
                    .transpose(1, 2)?
                    .contiguous()
            };
            let queries = rotate(&heads("self_attn.q_proj")?, &cos, &sin)?;
            let keys = rotate(&heads("self_attn.k_proj")?, &cos, &sin)?;
            let own = Tensor::stack(&[&keys, &heads("self_attn.v_proj")?], 0)?; // [2, B, H, T, E]
            let nothing = own.i((.., 0, .., ..0, ..))?;
            let past = shared.map_or(&nothing, |shared| &shared[i]);
            let attended = attention::attend(&queries, past, &own)?;
            let attended =
                attended.transpose(1, 2)?.reshape((b * t, spec.heads * spec.head_dim))?;
            x = (x + linear(&attended, "self_attn.o_proj")?)?;
            if shared.is_none() {
                kept.push(own.squeeze(1)?);
            }

            let h = self.norm(&x, &at("post_attention_layernorm"))?;
            let gated = (linear(&h, "mlp.gate_proj")?.silu()? * linear(&h, "mlp.up_proj")?)?;
            x = (x + linear(&gated, "mlp.down_proj")?)?;
        }
        Ok((x.reshape((b, t, spec.hidden_size))?, kept))
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        candle_nn::ops::rms_norm_slow(x, self.weight(name)?, self.spec.norm.eps as f32)
    }

    /// Cosines and sines [T, E/2].
    fn angles(&self, start: usize, t: usize, device: &Device) -> Result<(Tensor, Tensor)> {
        let frequencies = Frequencies::new(&self.spec.ropes[0]);
        let (cos, sin): (Vec<_>, Vec<_>) =
            (start..start + t).map(|position| frequencies.angles(position)).unzip();
        let shape = (t, frequencies.len());
        Ok((
            Tensor::from_vec(cos.concat(), shape, device)?,
            Tensor::from_vec(sin.concat(), shape, device)?,
        ))
    }
}

/// [B, H, T, E] by the angles of its positions, half-split layout.
fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let (low, high) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
    let turned_low = (low.broadcast_mul(cos)? - high.broadcast_mul(sin)?)?;
    let turned_high = (high.broadcast_mul(cos)? + low.broadcast_mul(sin)?)?;
    Tensor::cat(&[&turned_low, &turned_high], D::Minus1)
}

/// A standard normal number (Box and Muller 1958).
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
    let radius = (-2.0 * libm::log(uniform())).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{CpuDecoder, LanguageModel, Row};
    use crate::model::Model;

    #[test]
    fn graph_and_decoder_are_the_same_model() {
        let model = Model::open("organism:faker").unwrap();
        let weights = model.weights().unwrap();
        let v = model.spec.vocab_size;
        let ids: Vec<u32> = (0..60).map(|i| (i * i * 37 + 11) % v as u32).collect();
        let (shared, rest) = ids.split_at(25);

        let decoder = CpuDecoder::load(&model.spec, &weights, None).unwrap();
        let mut sequence = decoder.fork(&decoder.prefill(None, shared).unwrap());
        let mut row = [Row { sequence: &mut sequence, tokens: rest, logits: rest.len() }];
        let ours = decoder.step(&mut row).unwrap().into_values().unwrap();

        let graph = Graph::from_weights(&model.spec, &weights).unwrap();
        let rows = Tensor::new(rest, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let asked = Tensor::arange(0, rest.len() as u32, &Device::Cpu).unwrap();
        let theirs: Vec<f32> =
            graph.logits(shared, &rows, &asked).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(ours.len(), theirs.len());
        assert_eq!(ours.len(), theirs.len());
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(worst < 1e-3, "{worst}");
    }
}
