//! The decoder on CPU: plain f32 rows through the kernels, the same bits however the work is arranged.
//!
//! Shapes: T new tokens of a step, D width, H query heads, G key-value heads, E head width, F MLP width.
//! Knows nothing about files, devices or text.

use rayon::prelude::*;

use super::attention::{Heads, Place, attend};
use super::kernels;
use super::matrix::{Input, Matrix};
use super::memory::{Prefix, Sequence, Shape, Store};
use super::names::Names;
use super::quantize::{Quantize, Role};
use super::rope;
use super::{LanguageModel, Logits, ModelInfo, Row};
use crate::error::Result;
use crate::model::{Spec, Weights};

/// Raised whenever a change to the arithmetic changes a bit of any logit of a model with dense weights.
const NUMERICS: &str = "cpu-f32-fma-chain/1";

/// The same for a model that has weights in blocks, which keeps keys and values in f16.
const NUMERICS_BLOCKS: &str = "cpu-int8-block-chain/1";

/// What makes this true is at the head of `kernels/gemm.rs` and `kernels/blocks.rs`.
const PROMISE: &str = "the same bits on every CPU";

/// Tokens of a step up to which reading the weights takes longer than computing with them.
const DRAFT_WIDTH: usize = 16;

/// Tokens of a prefix that go through the layers at once; changes the memory in use and no bit.
const PREFILL_CHUNK: usize = 256;

/// Rows that are worth a thread of their own through all layers.
const ROWS_MIN: usize = 8;

/// Rows that a thread norms, turns or gates at once.
const ROWS_PER_TASK: usize = 8;

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
    /// What a sequence holds.
    kv: Shape,
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

impl Layer {
    fn matrices(&self) -> [&Matrix; 7] {
        let Self { query, key, value, attention_output, gate, up, down, .. } = self;
        [query, key, value, attention_output, gate, up, down]
    }
}

impl CpuDecoder {
    /// The two sets of kernels, by what they are for and the `numerics` id of what they compute.
    pub const KERNEL_SETS: [(&str, &str); 2] =
        [("dense weights", NUMERICS), ("weights in blocks", NUMERICS_BLOCKS)];

    /// What holds of every token drawn on a CPU.
    pub const PROMISE: &str = PROMISE;

    /// Reads the weights that `spec` describes; `quantize` puts dense matrices into blocks.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, is there without being described, or when its rows are
    /// no whole number of blocks.
    pub fn load(spec: &Spec, weights: &Weights, quantize: Option<Quantize>) -> Result<Self> {
        let names = Names::new(weights);
        let stored = |name: &str, outputs: usize, inputs: usize, bias: bool, role: Role| {
            let weight = format!("{name}.weight");
            let tensor = names.stored(&weight, &[outputs, inputs])?;
            let bias = match bias {
                true => Some(names.stored(&format!("{name}.bias"), &[outputs])?),
                false => None,
            };
            let dtype = quantize.and_then(|q| q.dtype(role, spec.layers, inputs));
            Matrix::new(&tensor, bias.as_ref(), dtype)
                .map_err(|error| error.within(format!("tensor `{weight}`")))
        };
        let matrix = |name: &str, outputs: usize, inputs: usize, bias: bool| {
            stored(name, outputs, inputs, bias, Role::Other)
        };
        let vector = |name: &str, len: usize| -> Result<Vec<f32>> {
            Ok(names.stored(name, &[len])?.to_f32())
        };
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
                    value: stored(
                        &at("self_attn.v_proj"),
                        kv,
                        d,
                        spec.qkv_bias,
                        Role::Value { layer: i },
                    )?,
                    query_norm: head_norm("self_attn.q_norm.weight")?,
                    key_norm: head_norm("self_attn.k_norm.weight")?,
                    attention_output: matrix(&at("self_attn.o_proj"), d, q, spec.output_bias)?,
                    mlp_norm: vector(&at("post_attention_layernorm.weight"), d)?,
                    gate: matrix(&at("mlp.gate_proj"), f, d, spec.mlp_bias)?,
                    up: matrix(&at("mlp.up_proj"), f, d, spec.mlp_bias)?,
                    down: stored(
                        &at("mlp.down_proj"),
                        d,
                        f,
                        spec.mlp_bias,
                        Role::Down { layer: i },
                    )?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let embedding_role = if spec.tied_embeddings { Role::Output } else { Role::Other };
        let embedding = stored("model.embed_tokens", spec.vocab_size, d, false, embedding_role)?;
        let norm = vector("model.norm.weight", d)?;
        let output = match spec.tied_embeddings {
            true => {
                names.ignore("lm_head.weight");
                None
            }
            false => Some(stored("lm_head", spec.vocab_size, d, false, Role::Output)?),
        };
        names.refuse_unused()?;

        let mut model = Self {
            kv: Shape { slots: spec.layers * spec.kv_heads, head_dim: e, half: false },
            info: ModelInfo {
                vocab_size: spec.vocab_size,
                context: spec.context,
                numerics: NUMERICS.into(),
                quantize,
                promise: PROMISE.into(),
                instruction_set: kernels::instruction_set().into(),
                weight_bytes: 0,
                kv_bytes_per_token: 0,
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
        let quantized = model.matrices().any(Matrix::is_quantized);
        model.kv.half = quantized;
        if quantized {
            model.info.numerics = NUMERICS_BLOCKS.into();
        }
        model.info.kv_bytes_per_token = model.kv.bytes_per_position();
        model.info.weight_bytes = model.matrices().map(Matrix::bytes).sum();
        Ok(model)
    }

    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.layers.iter().flat_map(Layer::matrices).chain([&self.embedding]).chain(&self.output)
    }

    /// The residual stream [T, D] of all rows' tokens after the last layer; keys and values go to the tails.
    fn forward(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Vec<f32>> {
        let spec = &self.spec;
        let mut places = Vec::new();
        for (row, r) in rows.iter_mut().enumerate() {
            self.info.check(r.sequence.len(), r.tokens)?;
            let start = r.sequence.len();
            places.extend((start..start + r.tokens.len()).map(|position| Place { row, position }));
            r.sequence.tail.extend(r.tokens.len());
        }
        let angles: Vec<_> = places
            .par_iter()
            .map(|p| rope::angles(&self.inverse_frequencies, p.position))
            .collect();

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
        let (d, e) = (spec.hidden_size, spec.head_dim);

        // attention
        let h = self.norms(x, &layer.attention_norm);
        let [mut queries, mut keys, values] = // [T, H·E], [T, G·E], [T, G·E]
            Matrix::apply_all([&layer.query, &layer.key, &layer.value], &Input::new(&h, d, d));
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
        let q = spec.heads * e;
        let out = layer.attention_output.apply(&Input::new(&attended, q, q));
        add(x, d, &out, layer.attention_output.stride());

        // gated MLP
        let h = self.norms(x, &layer.mlp_norm);
        let [mut gate, up] = // [T, F] both
            Matrix::apply_all([&layer.gate, &layer.up], &Input::new(&h, d, d));
        let f_stride = layer.gate.stride();
        gate.par_chunks_mut(ROWS_PER_TASK * f_stride)
            .zip(up.par_chunks(ROWS_PER_TASK * f_stride))
            .for_each(|(gate, up)| kernels::silu_mul(gate, up));
        let out = layer.down.apply(&Input::new(&gate, f_stride, spec.intermediate_size));
        add(x, d, &out, layer.down.stride());
    }

    /// Every row [D] of `x` normed.
    fn norms(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0f32; x.len()];
        let eps = self.spec.norm_eps as f32;
        let d = weight.len();
        let tasks = x.par_chunks(ROWS_PER_TASK * d).zip(out.par_chunks_mut(ROWS_PER_TASK * d));
        tasks.for_each(|(x, out)| {
            for (row, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
                kernels::rms_norm(row, weight, eps, out);
            }
        });
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
        let tasks = x.par_chunks_mut(ROWS_PER_TASK * stride).zip(angles.par_chunks(ROWS_PER_TASK));
        tasks.for_each(|(x, angles)| {
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
        });
    }
}

fn add(x: &mut [f32], width: usize, y: &[f32], y_stride: usize) {
    for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(y_stride)) {
        kernels::add(x, &y[..width]);
    }
}

impl LanguageModel for CpuDecoder {
    type Prefix = Prefix;
    type Sequence = Sequence;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prefill(&self, parent: Option<&Prefix>, ids: &[u32]) -> Result<Prefix> {
        let mut sequence = self.sequence(parent);
        sequence.tail.reserve(ids.len());
        for tokens in ids.chunks(PREFILL_CHUNK) {
            // Inside the pool, so that the threads are awake from one product to the next.
            rayon::scope(|_| {
                self.forward(&mut [Row { sequence: &mut sequence, tokens, logits: 0 }])
            })?;
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
            _ => vec![rayon::scope(|_| self.step_rows(rows))?],
        };
        let values = match <[Vec<f32>; 1]>::try_from(parts) {
            Ok([values]) => values,
            Err(parts) => parts.concat(),
        };
        Ok(Logits { values, vocab_size: self.spec.vocab_size })
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
        let mut values = output.apply(&Input::new(&h, d, d));
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
        Sequence::new(prefix, Store::new(self.kv))
    }
}
