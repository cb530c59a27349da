//! The decoder on CPU: plain f32 rows through the kernels, the same bits however the work is arranged.
//!
//! Shapes: T new tokens of a step, D width, H query heads, G key-value heads, E head width, F MLP width.
//! Knows nothing about files, devices or text.

mod attention;
mod delta;
mod experts;
mod layer;
mod loader;
mod mlp;
mod norm;
mod projections;

use rayon::prelude::*;

use self::attention::Place;
use self::layer::{Layer, Step};
use self::loader::Loader;
use self::norm::Norm;
use super::kernels;
use super::logits::{Rows, spoiled_rows};
use super::matrix::Matrix;
use super::memory::{Prefix, Sequence, Shape, States, Store, first_states};
use super::quantize::Quantize;
use super::rope::{self, Angles, Frequencies};
use super::{Hidden, HiddenStates, LanguageModel, Logits, ModelInfo, Row, Steering, Stream};
use crate::error::Result;
use crate::model::{Part, Spec, Weights};

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
    norm: Norm,
    /// None where the output matrix is the embedding.
    output: Option<Matrix>,
    ropes: Vec<Frequencies>,
    /// What a sequence holds.
    kv: Shape,
    /// States before the first token, where layers keep some.
    first: Option<States>,
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
        let loader = Loader::new(spec, weights, quantize);
        let layers =
            (0..spec.layers.len()).map(|i| Layer::load(&loader, i)).collect::<Result<Vec<_>>>()?;
        let (v, d) = (spec.vocab_size, spec.hidden_size);
        let embedding = loader.matrix(Part::Embedding, [v, d], false)?;
        let norm = loader.norm(Part::FinalNorm, d, &spec.norm)?;
        let output = match spec.tied_embeddings && !loader.parts.has_own_output()? {
            true => None,
            false => Some(loader.matrix(Part::Output, [v, d], spec.output_bias)?),
        };
        let adapters_beside = loader.parts.any_beside();
        loader.parts.refuse_unused()?;

        let (q, k, u) = (
            spec.heads * spec.head_dim,
            spec.kv_heads * spec.head_dim,
            spec.kv_heads * spec.value_dim,
        );
        let f =
            spec.intermediate_size.max(spec.experts.map_or(0, |e| e.intermediate_size * e.used));
        let delta = spec.delta.map_or(0, |delta| 2 * delta.channels() + 2 * delta.values());
        let mut model = Self {
            first: first_states(spec),
            kv: Shape {
                slots: spec.attention_layers() * spec.kv_heads,
                head_dim: spec.head_dim,
                value_dim: spec.value_dim,
                half: false,
            },
            info: ModelInfo {
                vocab_size: v,
                context: spec.context,
                numerics: NUMERICS.into(),
                quantize,
                steering: None,
                adapters_beside,
                promise: PROMISE.into(),
                instruction_set: kernels::instruction_set().into(),
                weight_bytes: 0,
                kv_bytes_per_token: 0,
                state_bytes: spec.state_len() * size_of::<f32>(),
                step_bytes_per_token: (4 * d + 3 * q + k + u + 3 * f + delta) * size_of::<f32>(),
                prefill_chunk: PREFILL_CHUNK,
                // A guess that is taken back would cost as much as it wins.
                draft_width: if spec.delta.is_some() { 1 } else { DRAFT_WIDTH },
            },
            ropes: spec.ropes.iter().map(Frequencies::new).collect(),
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

    /// The same decoder, steered.
    ///
    /// # Errors
    /// The direction does not fit.
    pub fn steered(mut self, steering: Option<Steering>) -> Result<Self> {
        steering.iter().try_for_each(|steering| steering.check(self.stream()))?;
        self.info.steering = steering;
        Ok(self)
    }

    /// The residual stream [T, D] of all rows' tokens after the last layer; keys and values go to the tails.
    /// `between` is shown the stream at every depth, from the embedding on, and may change it.
    fn forward(
        &self,
        rows: &mut [Row<'_, Sequence>],
        between: &mut impl FnMut(usize, &mut [f32]),
    ) -> Result<Vec<f32>> {
        let spec = &self.spec;
        let mut places = Vec::new();
        for (row, r) in rows.iter_mut().enumerate() {
            self.info.check(r.sequence.len(), r.tokens)?;
            let start = r.sequence.len();
            places.extend((start..start + r.tokens.len()).map(|position| Place { row, position }));
            r.sequence.extend(r.tokens);
        }
        let angles: Vec<Vec<Angles>> = self
            .ropes
            .iter()
            .map(|rope| places.par_iter().map(|p| rope.angles(p.position)).collect())
            .collect();
        let growth = spec.attention.growth.map(|growth| {
            let of = |p: &Place| rope::growth(&growth, p.position);
            places.iter().map(of).collect::<Vec<_>>()
        });

        let d = spec.hidden_size;
        let mut x = vec![0f32; places.len() * d];
        let tokens = rows.iter().flat_map(|r| r.tokens);
        for (x, &id) in x.chunks_exact_mut(d).zip(tokens) {
            self.embedding.column(id as usize, x);
        }
        if spec.embedding_scale != 1.0 {
            x.iter_mut().for_each(|x| *x *= spec.embedding_scale as f32);
        }
        let growth = growth.as_deref();
        let mut step = Step { spec, rows, places: &places, angles: &angles, growth };
        between(0, &mut x);
        for (i, layer) in self.layers.iter().enumerate() {
            layer.forward(&mut x, &mut step);
            between(i + 1, &mut x);
        }
        Ok(x)
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
                let row = Row { sequence: &mut sequence, tokens, logits: 0 };
                self.forward(&mut [row], &mut |_, _| {})
            })?;
        }
        Ok(sequence.freeze())
    }

    fn fork(&self, prefix: &Prefix) -> Sequence {
        self.sequence(Some(prefix))
    }

    fn truncate(&self, sequence: &mut Sequence, len: usize) {
        sequence.truncate(len);
    }

    fn step(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Logits> {
        // Rows do not see each other: with enough of them each thread takes its own through all layers.
        let share = rows.len().div_ceil(rayon::current_num_threads());
        let parts = match share {
            ROWS_MIN.. => rows
                .par_chunks_mut(share)
                .map(|rows| self.step_rows(rows, &mut |_, _| {}))
                .collect::<Result<Vec<_>>>()?,
            _ => vec![rayon::scope(|_| self.step_rows(rows, &mut |_, _| {}))?],
        };
        Ok(Logits::join(parts, &self.info))
    }
}

impl HiddenStates for CpuDecoder {
    fn stream(&self) -> Stream {
        Stream { width: self.spec.hidden_size, layers: self.layers.len() }
    }

    fn hidden(&self, row: Row<'_, Sequence>, depths: &[usize], at: &[usize]) -> Result<Hidden> {
        let d = self.spec.hidden_size;
        let mut states = vec![0f32; depths.len() * at.len() * d];
        let mut read = |depth: usize, x: &[f32]| {
            for (states, _) in states
                .chunks_exact_mut((at.len() * d).max(1))
                .zip(depths)
                .filter(|(_, asked)| **asked == depth)
            {
                for (state, token) in states.chunks_exact_mut(d).zip(at) {
                    state.copy_from_slice(&x[token * d..][..d]);
                }
            }
        };
        let rows = rayon::scope(|_| self.step_rows(&mut [row], &mut read))?;
        Ok(Hidden { states, logits: Logits::join(vec![rows], &self.info) })
    }
}

impl CpuDecoder {
    /// Logits [asked positions, V] of these rows. `read` is shown the stream at every depth, as it is steered.
    fn step_rows(
        &self,
        rows: &mut [Row<'_, Sequence>],
        read: &mut impl FnMut(usize, &[f32]),
    ) -> Result<Rows> {
        for row in rows.iter_mut() {
            self.catch_up(row.sequence)?;
            // Several tokens at once are often taken back: a copy of the states costs less than they do.
            if row.tokens.len() > 1 {
                row.sequence.mark();
            }
        }
        let x = self.forward(rows, &mut |depth, x| {
            self.info.steering.iter().for_each(|steering| steering.apply(depth, x));
            read(depth, x);
        })?;
        let d = self.spec.hidden_size;
        let mut asked = Vec::new();
        let mut end = 0;
        for row in rows.iter() {
            end += row.tokens.len();
            asked.extend_from_slice(&x[(end - row.logits) * d..end * d]);
        }
        let h = self.norm.rows(&asked, d);
        let output = self.output.as_ref().unwrap_or(&self.embedding);
        let (v, stride) = (self.spec.vocab_size, output.stride());
        let mut values = output.apply(&h, d);
        if stride != v {
            let rows = values.len() / stride;
            for row in 0..rows {
                values.copy_within(row * stride..row * stride + v, row * v);
            }
            values.truncate(rows * v);
        }
        if self.spec.logit_scale != 1.0 {
            values.iter_mut().for_each(|x| *x *= self.spec.logit_scale as f32);
        }
        // Before the cap, which turns infinities into numbers.
        let spoiled = spoiled_rows(&values, v);
        if let Some(cap) = self.spec.logit_softcap {
            kernels::softcap(&mut values, cap as f32);
        }
        Ok(Rows { values, spoiled })
    }

    /// Computes again what a sequence owes to its states; it was computed in steps before, so it is steered.
    fn catch_up(&self, sequence: &mut Sequence) -> Result<()> {
        let owed = sequence.owed();
        if owed.is_empty() {
            return Ok(());
        }
        for tokens in owed.chunks(PREFILL_CHUNK) {
            let row = Row { sequence: &mut *sequence, tokens, logits: 0 };
            self.forward(&mut [row], &mut |depth, x| {
                self.info.steering.iter().for_each(|steering| steering.apply(depth, x));
            })?;
        }
        sequence.mark();
        Ok(())
    }

    fn sequence(&self, prefix: Option<&Prefix>) -> Sequence {
        Sequence::new(prefix, Store::new(self.kv), self.first.as_ref())
    }
}
