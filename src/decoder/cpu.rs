//! The decoder on CPU: plain f32 rows through the kernels, the same bits however the work is arranged.
//!
//! Shapes: T new tokens of a step, D width, H query heads, G key-value heads, E head width, F MLP width.
//! Knows nothing about files, devices or text.

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::attention::{Heads, Place, attend};
use super::kernels;
use super::matrix::Matrix;
use super::memory::{Prefix, Sequence, Store, value_stride};
use super::names::Names;
use super::rope;
use super::{LanguageModel, Logits, ModelInfo, Row};
use crate::error::{Error, Result};
use crate::model::{Spec, Weights};

/// Raised whenever a change to the arithmetic changes a bit of any logit.
const NUMERICS: &str = "cpu-f32-fma-chain/1";

/// What makes this true is at the head of `kernels/gemm.rs`.
const PROMISE: &str = "the same bits on every CPU";

/// Tokens of a step up to which reading the weights takes longer than computing with them.
const DRAFT_WIDTH: usize = 16;

/// Tokens of a prefix that go through the layers at once; changes the memory in use and no bit.
const PREFILL_CHUNK: usize = 256;

/// Rows that are worth a thread of their own through all layers.
const ROWS_MIN: usize = 8;

/// A decoder with its weights in memory.
pub struct CpuDecoder {
    spec: Spec,
    info: ModelInfo,
    /// Columns are the tokens' embeddings [D, V].
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// None where the output matrix is the embedding.
    output: Option<Matrix>,
    inverse_frequencies: Vec<f32>,
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    attention_output: Matrix,
    mlp_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

impl CpuDecoder {
    /// Reads the weights that `spec` describes.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is there without being described.
    pub fn load(spec: &Spec, weights: &Weights) -> Result<Self> {
        let names = Names::new(weights);
        let matrix = |name: &str, outputs: usize, inputs: usize, bias: bool| {
            let weight = names.get(&format!("{name}.weight"), &[outputs, inputs])?;
            let bias = match bias {
                true => Some(names.get(&format!("{name}.bias"), &[outputs])?),
                false => None,
            };
            Matrix::new(&weight, bias.as_ref())
        };
        let vector =
            |name: &str, len: usize| -> Result<Vec<f32>> { Ok(to_f32(&names.get(name, &[len])?)?) };
        let (d, f, e) = (spec.hidden_size, spec.intermediate_size, spec.head_dim);
        let (q, kv) = (spec.heads * e, spec.kv_heads * e);
        let layers = (0..spec.layers)
            .map(|i| {
                let at = |name: &str| format!("model.layers.{i}.{name}");
                let head_norm = |name: &str| match spec.qk_norm {
                    true => vector(&at(name), e).map(Some),
                    false => Ok(None),
                };
                Ok(Layer {
                    attention_norm: vector(&at("input_layernorm.weight"), d)?,
                    query: matrix(&at("self_attn.q_proj"), q, d, spec.qkv_bias)?,
                    key: matrix(&at("self_attn.k_proj"), kv, d, spec.qkv_bias)?,
                    value: matrix(&at("self_attn.v_proj"), kv, d, spec.qkv_bias)?,
                    query_norm: head_norm("self_attn.q_norm.weight")?,
                    key_norm: head_norm("self_attn.k_norm.weight")?,
                    attention_output: matrix(&at("self_attn.o_proj"), d, q, spec.output_bias)?,
                    mlp_norm: vector(&at("post_attention_layernorm.weight"), d)?,
                    gate: matrix(&at("mlp.gate_proj"), f, d, spec.mlp_bias)?,
                    up: matrix(&at("mlp.up_proj"), f, d, spec.mlp_bias)?,
                    down: matrix(&at("mlp.down_proj"), d, f, spec.mlp_bias)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let embedding =
            Matrix::new(&names.get("model.embed_tokens.weight", &[spec.vocab_size, d])?, None)?;
        let norm = vector("model.norm.weight", d)?;
        let output = match spec.tied_embeddings {
            true => {
                names.ignore("lm_head.weight");
                None
            }
            false => Some(matrix("lm_head", spec.vocab_size, d, false)?),
        };
        names.refuse_unused()?;

        let mut model = Self {
            info: ModelInfo {
                vocab_size: spec.vocab_size,
                context: spec.context,
                numerics: NUMERICS.into(),
                promise: PROMISE.into(),
                instruction_set: kernels::instruction_set().into(),
                weight_bytes: 0,
                kv_bytes_per_token: spec.layers
                    * spec.kv_heads
                    * (e + value_stride(e))
                    * size_of::<f32>(),
                step_bytes_per_token: (4 * d + 3 * q + 2 * kv + 3 * f) * size_of::<f32>(),
                prefill_chunk: PREFILL_CHUNK,
                draft_width: DRAFT_WIDTH,
            },
            inverse_frequencies: rope::inverse_frequencies(&spec.rope, e),
            spec: spec.clone(),
            embedding,
            layers,
            norm,
            output,
        };
        model.info.weight_bytes = model.weight_bytes();
        Ok(model)
    }

    fn weight_bytes(&self) -> usize {
        let layer = |l: &Layer| {
            let matrices =
                [&l.query, &l.key, &l.value, &l.attention_output, &l.gate, &l.up, &l.down];
            matrices.iter().map(|m| m.bytes()).sum::<usize>()
        };
        self.embedding.bytes()
            + self.output.as_ref().map_or(0, Matrix::bytes)
            + self.layers.iter().map(layer).sum::<usize>()
    }

    fn check(&self, sequence: &Sequence, tokens: &[u32]) -> Result<()> {
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= self.spec.vocab_size) {
            let rows = self.spec.vocab_size;
            return Err(Error::input(format!(
                "token id {id} is beyond the embedding's {rows} rows"
            )));
        }
        let end = sequence.len() + tokens.len();
        if end > self.spec.context {
            let context = self.spec.context;
            return Err(Error::input(format!("position {end} is beyond the context of {context}")));
        }
        Ok(())
    }

    /// The residual stream [T, D] of all rows' tokens after the last layer; keys and values go to the tails.
    fn forward(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Vec<f32>> {
        let spec = &self.spec;
        let mut places = Vec::new();
        for (row, r) in rows.iter_mut().enumerate() {
            self.check(r.sequence, r.tokens)?;
            let start = r.sequence.len();
            places.extend((start..start + r.tokens.len()).map(|position| Place { row, position }));
            r.sequence.tail.extend(r.tokens.len());
        }
        let angles: Vec<_> =
            places.iter().map(|p| rope::angles(&self.inverse_frequencies, p.position)).collect();

        let d = spec.hidden_size;
        let mut x = vec![0f32; places.len() * d];
        let tokens = rows.iter().flat_map(|r| r.tokens);
        for (x, &id) in x.chunks_exact_mut(d).zip(tokens) {
            self.embedding.column(id as usize, x);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            self.layer(i, layer, &mut x, rows, &places, &angles);
        }
        Ok(x)
    }

    fn layer(
        &self,
        index: usize,
        layer: &Layer,
        x: &mut [f32],
        rows: &mut [Row<'_, Sequence>],
        places: &[Place],
        angles: &[(Vec<f32>, Vec<f32>)],
    ) {
        let spec = &self.spec;
        let (t, d, e) = (places.len(), spec.hidden_size, spec.head_dim);

        // attention
        let h = self.norms(x, &layer.attention_norm);
        let mut queries = layer.query.apply(&h, d, t); // [T, H·E]
        let mut keys = layer.key.apply(&h, d, t); // [T, G·E]
        let values = layer.value.apply(&h, d, t); // [T, G·E]
        let query_stride = layer.query.stride();
        let kv_stride = layer.key.stride();
        self.turn(&mut queries, query_stride, spec.heads, layer.query_norm.as_deref(), angles);
        self.turn(&mut keys, kv_stride, spec.kv_heads, layer.key_norm.as_deref(), angles);
        let scale = 1.0 / (e as f32).sqrt();
        queries.iter_mut().for_each(|q| *q *= scale);
        for (token, place) in places.iter().enumerate() {
            let sequence = &mut *rows[place.row].sequence;
            let at = place.position - sequence.tail_start();
            for g in 0..spec.kv_heads {
                let from = token * kv_stride + g * e;
                let (key, value) = (&keys[from..from + e], &values[from..from + e]);
                sequence.tail.put(index * spec.kv_heads + g, at, key, value);
            }
        }
        let sequences: Vec<&Sequence> = rows.iter().map(|r| &*r.sequence).collect();
        let heads = Heads { heads: spec.heads, kv_heads: spec.kv_heads, head_dim: e };
        let attended = attend(index, &heads, &queries, query_stride, places, &sequences);
        let out = layer.attention_output.apply(&attended, spec.heads * e, t);
        add(x, d, &out, layer.attention_output.stride());

        // gated MLP
        let h = self.norms(x, &layer.mlp_norm);
        let mut gate = layer.gate.apply(&h, d, t); // [T, F]
        let up = layer.up.apply(&h, d, t); // [T, F]
        let f_stride = layer.gate.stride();
        gate.par_chunks_mut(8 * f_stride)
            .zip(up.par_chunks(8 * f_stride))
            .for_each(|(gate, up)| kernels::silu_mul(gate, up));
        let out = layer.down.apply(&gate, f_stride, t);
        add(x, d, &out, layer.down.stride());
    }

    /// Every row [D] of `x` normed.
    fn norms(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0f32; x.len()];
        let eps = self.spec.norm_eps as f32;
        for (row, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
            kernels::rms_norm(row, weight, eps, out);
        }
        out
    }

    /// Norms (where the spec says so) and rotates every head of every token.
    fn turn(
        &self,
        x: &mut [f32],
        stride: usize,
        heads: usize,
        norm: Option<&[f32]>,
        angles: &[(Vec<f32>, Vec<f32>)],
    ) {
        let e = self.spec.head_dim;
        let mut normed = vec![0f32; e];
        for (token, (cos, sin)) in x.chunks_exact_mut(stride).zip(angles) {
            for head in token[..heads * e].chunks_exact_mut(e) {
                if let Some(weight) = norm {
                    kernels::rms_norm(head, weight, self.spec.norm_eps as f32, &mut normed);
                    head.copy_from_slice(&normed);
                }
                rope::rotate(head, cos, sin);
            }
        }
    }
}

fn add(x: &mut [f32], width: usize, y: &[f32], y_stride: usize) {
    for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(y_stride)) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

fn to_f32(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.to_vec1()
}

impl LanguageModel for CpuDecoder {
    type Prefix = Prefix;
    type Sequence = Sequence;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prefill(&self, parent: Option<&Prefix>, ids: &[u32]) -> Result<Prefix> {
        let mut sequence = self.sequence(parent);
        for tokens in ids.chunks(PREFILL_CHUNK) {
            self.forward(&mut [Row { sequence: &mut sequence, tokens, logits: 0 }])?;
        }
        Ok(sequence.freeze())
    }

    fn fork(&self, prefix: &Prefix) -> Sequence {
        self.sequence(Some(prefix))
    }

    fn truncate(&self, sequence: &mut Sequence, len: usize) {
        sequence.tail.truncate(len.saturating_sub(sequence.tail_start()));
    }

    fn step(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Logits> {
        // Rows do not see each other: with enough of them each thread takes its own through all layers.
        let share = rows.len().div_ceil(rayon::current_num_threads());
        let parts = match share {
            ROWS_MIN.. => rows
                .par_chunks_mut(share)
                .map(|rows| self.step_rows(rows))
                .collect::<Result<Vec<_>>>()?,
            _ => vec![self.step_rows(rows)?],
        };
        Ok(Logits { values: parts.concat(), vocab_size: self.spec.vocab_size })
    }
}

impl CpuDecoder {
    /// Logits [asked positions, V] of these rows.
    fn step_rows(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Vec<f32>> {
        let x = self.forward(rows)?;
        let d = self.spec.hidden_size;
        let mut asked = Vec::new();
        let mut end = 0;
        for row in rows.iter() {
            end += row.tokens.len();
            asked.extend_from_slice(&x[(end - row.logits) * d..end * d]);
        }
        let h = self.norms(&asked, &self.norm);
        let output = self.output.as_ref().unwrap_or(&self.embedding);
        let (v, stride) = (self.spec.vocab_size, output.stride());
        let mut values = output.apply(&h, d, h.len() / d);
        if stride != v {
            let rows = values.len() / stride;
            for row in 0..rows {
                values.copy_within(row * stride..row * stride + v, row * v);
            }
            values.truncate(rows * v);
        }
        Ok(values)
    }

    fn sequence(&self, prefix: Option<&Prefix>) -> Sequence {
        let spec = &self.spec;
        Sequence::new(prefix, Store::new(spec.layers, spec.kv_heads, spec.head_dim))
    }
}
