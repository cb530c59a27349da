//! The gated delta rule in tensor operations, in the attention's place. A run goes token by token, a step takes one
//! token of every slot at once; a token's operations have the same shapes in every pass of a kind.
//!
//! Shapes: W tokens of a pass, D width, C channels of the convolution, H value heads, K width of a key, U of a value.

use candle_core::{D, DType, Result};

use super::linear::Linear;
use super::loader::Loader;
use super::norm::Norm;
use super::ops::{self, Tensor};
use super::pass::{Pass, Target};
use super::store::State;
use crate::decoder::delta::UNIT_EPS;
use crate::error::Error;
use crate::model::{Delta, LayerPart, NormKind, NormSpec, Part};

pub(super) struct DeltaRule {
    form: Delta,
    dtype: DType,
    inputs: Linear,
    gate: Linear,
    /// These two are f32, whatever the decoder's type: what they give decides how long a state is kept.
    decay: Linear,
    strength: Linear,
    /// [kernel, C]
    kernel: Tensor,
    /// −exp(a) of each value head, [1, H].
    rate: Tensor,
    /// [1, H]
    shift: Tensor,
    /// To length 1 / √K and 1.
    query_norm: Norm,
    key_norm: Norm,
    norm: Norm,
    output: Linear,
}

/// What a pass's tokens bring to the rule, f32.
struct Tokens {
    /// [W, H, 1, K] both.
    queries: Tensor,
    keys: Tensor,
    /// [W, H, 1, U]
    values: Tensor,
    /// [W, H, 1, 1] both.
    decays: Tensor,
    strengths: Tensor,
}

impl DeltaRule {
    pub(super) fn load(loader: &Loader<'_>, layer: usize) -> crate::error::Result<Self> {
        let form = loader.spec.delta.ok_or_else(|| {
            Error::failed(format!("layer {layer} keeps a state that the spec does not describe"))
        })?;
        let d = loader.spec.hidden_size;
        let matrix = |part, outputs| loader.layer_matrix(layer, part, [outputs, d], false);
        let tensor = |values: Vec<f32>, shape: [usize; 2]| {
            Ok::<_, Error>(Tensor::from_vec(values, &shape, loader.device)?)
        };
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
            let weight = vec![(length / k.sqrt()) as f32; form.key_dim];
            Norm::new(&spec, Tensor::from_vec(weight, form.key_dim, loader.device)?, None)
        };
        let rate = heads(LayerPart::DeltaRate)?.into_iter().map(|a| -libm::expf(a)).collect();
        let kernel = loader.parts.kernel(layer, form.channels(), form.kernel)?;
        let result = NormSpec { offset: 0.0, ..loader.spec.norm };
        let norm = Part::Layer(layer, LayerPart::DeltaNorm);
        let output = [d, form.values()];
        Ok(Self {
            dtype: loader.dtype,
            inputs: matrix(LayerPart::DeltaInputs, form.channels())?,
            gate: matrix(LayerPart::DeltaGate, form.values())?,
            decay: matrix(LayerPart::DeltaDecay, form.value_heads)?,
            strength: matrix(LayerPart::DeltaStrength, form.value_heads)?,
            kernel: tensor(kernel, [form.kernel, form.channels()])?,
            rate: tensor(rate, [1, form.value_heads])?,
            shift: tensor(heads(LayerPart::DeltaShift)?, [1, form.value_heads])?,
            query_norm: unit(1.0 / k.sqrt())?,
            key_norm: unit(1.0)?,
            norm: loader.norm(norm, form.value_dim, &result)?,
            output: loader.layer_matrix(layer, LayerPart::DeltaOutput, output, false)?,
            form,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Linear> {
        [&self.inputs, &self.gate, &self.decay, &self.strength, &self.output].into_iter()
    }

    /// The result for `h`, both f32 [W, D]; the states numbered `place` of the pass's target go on.
    pub(super) fn forward(&self, place: usize, h: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let w = h.dim(0)?;
        let narrow = h.to_dtype(self.dtype)?;
        let inputs = self.inputs.forward(&narrow)?.to_dtype(DType::F32)?; // [W, C]
        let gates = self.gate.forward(&narrow)?.to_dtype(DType::F32)?; // [W, H · U]
        let strengths = ops::sigmoid(&self.strength.forward(h)?.to_dtype(DType::F32)?)?;
        let x = self.decay.forward(h)?.to_dtype(DType::F32)?.broadcast_add(&self.shift)?;
        let decays = softplus(&x)?.broadcast_mul(&self.rate)?.exp()?;
        let results = match &pass.target {
            Target::Run { store, slot, len, .. } => {
                let before = store.state(place, *slot)?;
                let seen = Tensor::cat(&[&before.inputs, &inputs], 0)?; // [kernel − 1 + W, C]
                let tokens = self.tokens(self.convolve(&seen, 0, w)?, &decays, &strengths)?;
                let mut heads = before.heads;
                let mut results = Vec::with_capacity(w);
                for t in 0..*len {
                    let result;
                    (heads, result) = tokens.at(t)?.change(&heads)?;
                    results.push(result.reshape((1, self.form.values()))?);
                }
                results.resize(w, Tensor::zeros((1, self.form.values()), DType::F32, h.device())?);
                let inputs = seen.narrow(0, *len, self.form.kernel - 1)?.contiguous()?;
                store.put_state(place, *slot, &State { inputs, heads })?;
                Tensor::cat(&results, 0)?
            }
            Target::Each { store, active, .. } => {
                let before = store.states(place);
                let seen = Tensor::cat(&[&before.inputs, &inputs.unsqueeze(1)?], 1)?; // [W, kernel, C]
                let tokens =
                    self.tokens(self.convolve(&seen, 1, 1)?.squeeze(1)?, &decays, &strengths)?;
                let (heads, results) = tokens.change(&before.heads)?;
                let inputs = seen.narrow(1, 1, self.form.kernel - 1)?.contiguous()?;
                store.put_states(place, active, &State { inputs, heads })?;
                results.reshape((w, self.form.values()))?
            }
        };
        let normed = self.norm.parts(&results)?;
        let gated = (ops::silu(&gates)? * normed)?.to_dtype(self.dtype)?;
        self.output.forward(&gated)?.to_dtype(DType::F32)
    }

    /// What `count` tokens get that follow one another along `dim`, from what they and those before them give.
    fn convolve(&self, seen: &Tensor, dim: usize, count: usize) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for j in 0..self.form.kernel {
            let term = seen.narrow(dim, j, count)?.broadcast_mul(&self.kernel.get(j)?)?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
        match sum {
            Some(sum) => ops::silu(&sum),
            None => candle_core::bail!("a convolution over no token"),
        }
    }

    /// Queries, keys and values of all value heads from what the convolution gives, [W, C].
    fn tokens(&self, convolved: Tensor, decays: &Tensor, strengths: &Tensor) -> Result<Tokens> {
        let (w, k) = (convolved.dim(0)?, self.form.key_dim);
        let (heads, group) = (self.form.value_heads, self.form.value_heads / self.form.key_heads);
        let keys = self.form.key_heads * k;
        let of_key_heads = |from: usize, norm: &Norm| {
            let rows = convolved.narrow(D::Minus1, from, keys)?.contiguous()?;
            let rows = norm.parts(&rows)?.reshape((w, self.form.key_heads, 1, k))?;
            rows.broadcast_as((w, self.form.key_heads, group, k))?
                .contiguous()?
                .reshape((w, heads, 1, k))
        };
        let values = convolved.narrow(D::Minus1, 2 * keys, self.form.values())?.contiguous()?;
        Ok(Tokens {
            queries: of_key_heads(0, &self.query_norm)?,
            keys: of_key_heads(keys, &self.key_norm)?,
            values: values.reshape((w, heads, 1, self.form.value_dim))?,
            decays: decays.reshape((w, heads, 1, 1))?,
            strengths: strengths.reshape((w, heads, 1, 1))?,
        })
    }
}

impl Tokens {
    /// One of them, without the dimension of the tokens.
    fn at(&self, token: usize) -> Result<Self> {
        Ok(Self {
            queries: self.queries.get(token)?,
            keys: self.keys.get(token)?,
            values: self.values.get(token)?,
            decays: self.decays.get(token)?,
            strengths: self.strengths.get(token)?,
        })
    }

    /// The states [.., H, K, U] after the tokens, and what these read from them, [.., H, 1, U].
    fn change(&self, states: &Tensor) -> Result<(Tensor, Tensor)> {
        let kept = states.broadcast_mul(&self.decays)?;
        let known = self.keys.matmul(&kept)?;
        let change = (&self.values - known)?.broadcast_mul(&self.strengths)?;
        let states = (kept + self.keys.t()?.broadcast_mul(&change)?)?;
        let read = self.queries.matmul(&states)?;
        Ok((states, read))
    }
}

/// ln(1 + exp(x)), which does not overflow.
fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}
