//! One layer of the decoder in tensor operations. The residual stream, the norms, the rotation and the softmax
//! are f32; products run in the decoder's type.
//!
//! Shapes: W tokens, D width, G key-value heads, Q query heads of each, E head width, F MLP width.

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Linear, ops, rotary_emb};

use super::attention::attend;
use super::pass::{Pass, Target};
use crate::decoder::parts::Parts;
use crate::model::{Kind, LayerPart, Part, Projection, Spec};

/// Reads tensors into the decoder's type, on its device.
pub(super) struct Reader<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) dtype: DType,
    pub(super) device: &'a Device,
}

impl Reader<'_> {
    pub(super) fn matrix(&self, part: Part, shape: [usize; 2]) -> crate::error::Result<Tensor> {
        let tensor = self.parts.stored(part, Kind::Weight, &shape)?.tensor()?;
        Ok(tensor.to_device(self.device)?.to_dtype(self.dtype)?)
    }

    pub(super) fn linear(
        &self,
        part: Part,
        shape: [usize; 2],
        bias: bool,
    ) -> crate::error::Result<Linear> {
        let weight = self.matrix(part, shape)?;
        let bias = match bias {
            true => {
                let bias = self.parts.stored(part, Kind::Bias, &shape[..1])?.tensor()?;
                Some(bias.to_device(self.device)?.to_dtype(self.dtype)?)
            }
            false => None,
        };
        Ok(Linear::new(weight, bias))
    }

    /// Weights of a norm, f32.
    pub(super) fn norm(&self, part: Part, len: usize) -> crate::error::Result<Tensor> {
        let tensor = self.parts.stored(part, Kind::Weight, &[len])?.tensor()?;
        Ok(tensor.to_device(self.device)?.to_dtype(DType::F32)?)
    }
}

pub(super) struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: Option<Tensor>,
    key_norm: Option<Tensor>,
    attention_output: Linear,
    mlp_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    pub(super) fn load(
        spec: &Spec,
        index: usize,
        reader: &Reader<'_>,
    ) -> crate::error::Result<Self> {
        let at = |part: LayerPart| Part::Layer(index, part);
        let mlp = |projection: Projection| at(LayerPart::Mlp(projection));
        let (d, f, e) = (spec.hidden_size, spec.intermediate_size, spec.head_dim);
        let (q, kv) = (spec.heads * e, spec.kv_heads * e);
        let (qkv_bias, output_bias) = (spec.attention.qkv_bias, spec.attention.output_bias);
        let head_norm = |part: LayerPart| match spec.attention.qk_norm {
            Some(_) => reader.norm(at(part), e).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            attention_norm: reader.norm(at(LayerPart::AttentionNorm), d)?,
            query: reader.linear(at(LayerPart::Query), [q, d], qkv_bias)?,
            key: reader.linear(at(LayerPart::Key), [kv, d], qkv_bias)?,
            value: reader.linear(at(LayerPart::Value), [kv, d], qkv_bias)?,
            query_norm: head_norm(LayerPart::QueryNorm(0))?,
            key_norm: head_norm(LayerPart::KeyNorm(0))?,
            attention_output: reader.linear(at(LayerPart::AttentionOutput), [d, q], output_bias)?,
            mlp_norm: reader.norm(at(LayerPart::MlpNorm), d)?,
            gate: reader.linear(mlp(Projection::Gate), [f, d], spec.mlp.bias)?,
            up: reader.linear(mlp(Projection::Up), [f, d], spec.mlp.bias)?,
            down: reader.linear(mlp(Projection::Down), [d, f], spec.mlp.bias)?,
        })
    }

    /// Elements of the weights.
    pub(super) fn weights(&self) -> usize {
        let linears = [
            &self.query,
            &self.key,
            &self.value,
            &self.attention_output,
            &self.gate,
            &self.up,
            &self.down,
        ];
        linears.iter().map(|linear| linear.weight().elem_count()).sum()
    }

    /// The residual stream `x` [W, D], f32, after this layer; keys and values go to the pass's target.
    pub(super) fn forward(
        &self,
        spec: &Spec,
        index: usize,
        x: &Tensor,
        pass: &Pass<'_>,
    ) -> Result<Tensor> {
        let dtype = self.query.weight().dtype();
        let (w, g, e) = (x.dim(0)?, spec.kv_heads, spec.head_dim);
        let norm = |x: &Tensor, weight: &Tensor| {
            ops::rms_norm(x, weight, spec.norm.eps as f32)?.to_dtype(dtype)
        };
        // One token of each "batch entry", so that each has a row of angles of its own: [W, heads, 1, E].
        let turn = |x: Tensor, heads: usize, weight: Option<&Tensor>| {
            let mut x = x.to_dtype(DType::F32)?.reshape((w, heads, 1, e))?;
            if let Some(weight) = weight {
                x = ops::rms_norm(&x, weight, spec.norm.eps as f32)?;
            }
            rotary_emb::rope(&x, &pass.cos, &pass.sin)
        };

        // attention
        let h = norm(x, &self.attention_norm)?;
        let queries = turn(self.query.forward(&h)?, spec.heads, self.query_norm.as_ref())?;
        let queries = (queries * (1.0 / (e as f64).sqrt()))?.to_dtype(dtype)?;
        let queries = queries.reshape((w, g, spec.heads / g, e))?;
        let keys = turn(self.key.forward(&h)?, g, self.key_norm.as_ref())?.to_dtype(dtype)?;
        let values = self.value.forward(&h)?.reshape((w, g, 1, e))?;
        match &pass.target {
            Target::Run { store, slot, at, len } => {
                let run = |t: &Tensor| {
                    t.narrow(0, 0, *len)?.squeeze(2)?.transpose(0, 1)?.contiguous() // [G, len, E]
                };
                store.put_run(index, *slot, *at, &run(&keys)?, &run(&values)?)?;
            }
            Target::Each { store, at } => store.put_each(index, at, &keys, &values)?,
        }
        let attended = attend(index, &queries, pass)?.to_dtype(dtype)?;
        let x = (x + self.attention_output.forward(&attended)?.to_dtype(DType::F32)?)?;

        // gated MLP
        let h = norm(&x, &self.mlp_norm)?;
        let gated = (ops::silu(&self.gate.forward(&h)?)? * self.up.forward(&h)?)?;
        &x + self.down.forward(&gated)?.to_dtype(DType::F32)?
    }
}
