//! The decoder on plain tensor operations, for GPUs: every pass through the layers has the same shapes, so
//! that a row's bits depend on the machine and the width of a pass, and on no other row.
//!
//! Shapes: W tokens of a pass, D width, V vocabulary. Knows nothing about files or text.

mod attention;
mod delta;
mod experts;
mod identity;
mod layer;
mod linear;
mod loader;
mod memory;
mod mlp;
mod norm;
mod ops;
mod pass;
mod projections;
mod self_test;
mod store;

use std::sync::Arc;

use candle_core::{DType, Device};

use self::layer::Layer;
use self::linear::Linear;
use self::loader::Loader;
use self::memory::{Packs, Segment, SharedBlock, Slab, Slots};
use self::norm::Norm;
use self::ops::Tensor;
use self::pass::{Frame, Pass, Tail};
use self::store::{BLOCK, Format, Store};
use super::logits::{Rows, spoiled_rows};
use super::parts::Parts;
use super::rope::Frequencies;
use super::{Act, Hidden, HiddenStates, LanguageModel, Logits, ModelInfo, Row, Steering, Stream};
use crate::error::Result;
use crate::model::{Part, Spec, Weights};

pub use identity::Identity;
pub(crate) use identity::name as device_name;
pub use memory::{Prefix, Sequence};
pub use ops::Work;

/// Tokens of a pass unless another number is asked for: fewer take a GPU as long, and prefixes go through the layers a
/// pass at a time. Part of the numerics, so that what a run's bits depend on does not depend on how much is done at once.
pub const PASS_WIDTH: usize = 64;

/// The widest pass.
pub const PASS_WIDTH_MAX: usize = 4096;

/// What the self-test found to hold.
pub(crate) const PROMISE: &str = "the same bits on this machine with this width of a pass";

/// What is left when it does not.
const NO_PROMISE: &str = "none";

/// A decoder with its weights on a device.
pub struct TensorDecoder {
    spec: Spec,
    info: ModelInfo,
    frame: Frame,
    format: Format,
    slots: Slots,
    packs: Packs,
    /// [V, D]
    embedding: Linear,
    layers: Vec<Layer>,
    norm: Norm,
    /// [V, D]; none where the output matrix is the embedding.
    output: Option<Linear>,
}

impl TensorDecoder {
    /// Reads the weights that `spec` describes onto `device`: dense ones as `dtype` (F32, BF16 or F16), those in
    /// blocks as they are. `width` tokens go through the layers at once, at least one.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is there without being described, and when the device
    /// has no room.
    pub fn load(
        spec: &Spec,
        weights: &Weights,
        device: &Device,
        dtype: DType,
        width: usize,
    ) -> Result<Self> {
        let width = width.max(1);
        let loader = Loader { spec, parts: Parts::new(weights), dtype, device };
        let (v, d) = (spec.vocab_size, spec.hidden_size);
        let layers =
            (0..spec.layers.len()).map(|i| Layer::load(&loader, i)).collect::<Result<Vec<_>>>()?;
        let embedding = loader.matrix(Part::Embedding, [v, d], false)?;
        let norm = loader.norm(Part::FinalNorm, d, &spec.norm)?;
        let output = match spec.tied_embeddings && !loader.parts.has_own_output()? {
            true => None,
            false => Some(loader.matrix(Part::Output, [v, d], spec.output_bias)?),
        };
        let adapters_beside = loader.parts.any_beside();
        loader.parts.refuse_unused()?;

        let format = Format::new(spec, dtype, device);
        let (q, kv) =
            (spec.heads * spec.head_dim, spec.kv_heads * (spec.head_dim + spec.value_dim));
        let f = spec.intermediate_size.max(
            spec.experts.map_or(0, |experts| experts.intermediate_size.max(experts.shared_size)),
        );
        let weight_bytes = layers.iter().map(Layer::bytes).sum::<usize>()
            + embedding.bytes()
            + output.as_ref().map_or(0, Linear::bytes);
        let mut windows: Vec<_> =
            spec.layers.iter().map(|layer| (layer.window, layer.chunked)).collect();
        windows.sort_unstable();
        windows.dedup();
        let identity = Identity::of(device, dtype, width);
        let mut model = Self {
            info: ModelInfo {
                quantize: None,
                steering: None,
                adapters_beside,
                vocab_size: v,
                context: spec.context,
                numerics: identity.to_string(),
                promise: NO_PROMISE.into(),
                instruction_set: identity.device().to_owned(),
                weight_bytes,
                kv_bytes_per_token: format.position_bytes(),
                state_bytes: format.state_bytes(),
                step_bytes_per_token: (4 * d + 3 * q + kv + 3 * f) * size_of::<f32>(),
                prefill_chunk: width,
                draft_width: 1,
            },
            frame: Frame {
                width,
                kv_heads: spec.kv_heads,
                head_width: spec.head_dim.max(spec.value_dim),
                ropes: spec.ropes.iter().map(Frequencies::new).collect(),
                joined: projections::joined(spec, device)?,
                growth: spec.attention.growth,
                windows,
                device: device.clone(),
            },
            slots: Slots::new(format.clone(), width),
            packs: Packs::new(&format),
            format,
            spec: spec.clone(),
            embedding,
            layers,
            norm,
            output,
        };
        if self_test::rows_are_independent(&model)? {
            model.info.promise = PROMISE.into();
        }
        // The room that the test took.
        model.slots = Slots::new(model.format.clone(), width);
        model.packs = Packs::new(&model.format);
        Ok(model)
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

    /// The residual stream [W, D] after the last layer. `between` is given the stream at every depth, from the
    /// embedding on, and gives it back as it shall be.
    fn forward(
        &self,
        pass: &Pass<'_>,
        between: &mut dyn FnMut(usize, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = self.embedding.rows(&pass.ids)?;
        if self.spec.embedding_scale != 1.0 {
            x = (x * self.spec.embedding_scale)?;
        }
        x = between(0, x)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = between(i + 1, layer.forward(&self.spec, &x, pass)?)?;
        }
        Ok(x)
    }

    /// The stream [W, D] as it is steered at this depth.
    fn steer(&self, depth: usize, x: Tensor) -> Result<Tensor> {
        let Some(steering) = self.info.steering.as_ref().filter(|s| s.acts_at(depth)) else {
            return Ok(x);
        };
        let direction = Tensor::new(&steering.direction[..], x.device())?.unsqueeze(0)?; // [1, D]
        Ok(match steering.act {
            Act::Add(alpha) => x.broadcast_add(&(direction * alpha)?)?,
            Act::Remove => {
                let share = (x.broadcast_mul(&direction)?.sum_keepdim(1)? / steering.square())?;
                x.broadcast_sub(&share.broadcast_mul(&direction)?)?
            }
        })
    }

    /// Logits [chosen, V] of some tokens of the residual stream `x` [W, D], one row after another. All W go
    /// through the product, so that it has the same shape whichever are chosen.
    fn logits(&self, x: &Tensor, chosen: &[u32]) -> Result<Rows> {
        let h = self.norm.forward(x)?.to_dtype(self.format.dtype)?;
        let all = self.output.as_ref().unwrap_or(&self.embedding).forward(&h)?;
        let chosen = Tensor::new(chosen, &self.frame.device)?;
        let mut values = all.index_select(&chosen, 0)?.to_dtype(DType::F32)?;
        if self.spec.logit_scale != 1.0 {
            values = (values * self.spec.logit_scale)?;
        }
        let Some(cap) = self.spec.logit_softcap else {
            let values: Vec<f32> = values.flatten_all()?.to_vec1()?;
            let spoiled = spoiled_rows(&values, self.spec.vocab_size);
            return Ok(Rows { values, spoiled });
        };
        // Before the cap, which turns infinities into numbers: 0 times a number is 0, and NaN times what is none.
        let zeros: Vec<f32> = (&values * 0.0)?.sum(1)?.to_vec1()?;
        let spoiled = (0..zeros.len()).filter(|&row| !zeros[row].is_finite()).collect();
        values = ((values / cap)?.tanh()? * cap)?;
        Ok(Rows { values: values.flatten_all()?.to_vec1()?, spoiled })
    }

    /// Puts neighbouring tokens of one text through the layers, W at a time. Returns the logits of the last
    /// `asked` of them. `between` is told how many tokens came before those that it is given.
    fn run(
        &self,
        prefix: &[SharedBlock],
        tail: &Tail<'_>,
        position: usize,
        tokens: &[u32],
        asked: usize,
        between: &mut dyn FnMut(usize, usize, Tensor) -> Result<Tensor>,
    ) -> Result<Vec<Rows>> {
        let mut logits = Vec::new();
        let pack = self.packs.of(std::iter::once(prefix))?;
        let first_asked = tokens.len() - asked.min(tokens.len());
        for (i, piece) in tokens.chunks(self.frame.width).enumerate() {
            let start = i * self.frame.width;
            let pass = self.frame.run(pack.as_deref(), prefix, tail, position + start, piece)?;
            let x = self.forward(&pass, &mut |depth, x| between(start, depth, x))?;
            let chosen: Vec<u32> =
                (0..piece.len()).filter(|w| start + w >= first_asked).map(|w| w as u32).collect();
            if !chosen.is_empty() {
                logits.push(self.logits(&x, &chosen)?);
            }
        }
        Ok(logits)
    }

    /// Gives a sequence a slot, if it has none yet, and makes room there for `count` more tokens. One position
    /// is kept free at the end: slots without a token write there.
    fn make_room(&self, sequence: &mut Sequence, count: usize) -> Result<()> {
        let slot = match &sequence.slot {
            Some(slot) => slot,
            None => {
                let slot = self.slots.take()?;
                sequence.prefix.hand_over(&slot.slab.store(), slot.index)?;
                sequence.slot.insert(slot)
            }
        };
        let end = sequence.prefix.len() + sequence.tail + count;
        let positions = end - sequence.prefix.base_of_next() + 1;
        slot.slab.store().grow(positions.div_ceil(BLOCK))
    }

    /// Computes again what a sequence owes to its states.
    fn catch_up(&self, sequence: &mut Sequence) -> Result<()> {
        let owed = sequence.owed()?;
        if !owed.is_empty() {
            let mut row = Row { sequence, tokens: &owed, logits: 0 };
            self.step_run(&mut row, &mut |_, _, _| Ok(()))?;
            row.sequence.mark()?;
        }
        Ok(())
    }

    /// A row of several tokens: a run in its sequence's slot. `read` is shown the stream as it is steered, and
    /// told how many of the row's tokens came before.
    fn step_run(
        &self,
        row: &mut Row<'_, Sequence>,
        read: &mut dyn FnMut(usize, usize, &Tensor) -> Result<()>,
    ) -> Result<Vec<Rows>> {
        self.make_room(row.sequence, row.tokens.len())?;
        // Several tokens at once are often taken back: a copy of the states costs less than they do.
        row.sequence.mark()?;
        let sequence = &*row.sequence;
        let Some(slot) = &sequence.slot else { return Ok(Vec::new()) };
        let base = sequence.prefix.base_of_next();
        let logits = {
            let store = slot.slab.store();
            let tail = Tail { store: &store, slot: slot.index, base };
            let between = &mut |start, depth, x| {
                let x = self.steer(depth, x)?;
                read(start, depth, &x)?;
                Ok(x)
            };
            self.run(&sequence.shared, &tail, sequence.len(), row.tokens, row.logits, between)?
        };
        row.sequence.extend(row.tokens);
        Ok(logits)
    }

    /// One token of each of the rows numbered in `members`, whose slots are all in `slab`. Returns the logits
    /// of those that ask for them, in order.
    fn step_each(
        &self,
        slab: &Slab,
        rows: &mut [Row<'_, Sequence>],
        members: &[usize],
    ) -> Result<Rows> {
        let mut seats = vec![None; self.frame.width];
        let mut asked = Vec::new();
        for &i in members {
            let (sequence, tokens) = (&*rows[i].sequence, rows[i].tokens);
            let Some(slot) = &sequence.slot else { continue };
            seats[slot.index] = tokens.first().map(|&id| (sequence, id));
            asked.extend((rows[i].logits > 0).then_some(slot.index as u32));
        }
        let prefixes = seats.iter().flatten().map(|(sequence, _)| &sequence.shared[..]);
        let pack = self.packs.of(prefixes)?;
        let store = slab.store();
        let pass = self.frame.step(pack.as_deref(), &store, &seats)?;
        let x = self.forward(&pass, &mut |depth, x| self.steer(depth, x))?;
        drop(pass);
        for &i in members {
            let tokens = rows[i].tokens;
            rows[i].sequence.extend(tokens);
        }
        if asked.is_empty() { Ok(Rows::default()) } else { self.logits(&x, &asked) }
    }
}

impl LanguageModel for TensorDecoder {
    type Prefix = Prefix;
    type Sequence = Sequence;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prefill(&self, parent: Option<&Prefix>, ids: &[u32]) -> Result<Prefix> {
        let parent = parent.cloned().unwrap_or(Prefix::NONE);
        self.info.check(parent.len(), ids)?;
        if ids.is_empty() {
            return Ok(parent);
        }
        let (base, start) = (parent.base_of_next(), parent.len());
        let end = start + ids.len();
        let store = Store::new(&self.format, 1, (end - base).div_ceil(BLOCK))?;
        parent.hand_over(&store, 0)?;
        let tail = Tail { store: &store, slot: 0, base };
        self.run(&parent.blocks(), &tail, start, ids, 0, &mut |_, _, x| Ok(x))?;
        Ok(Prefix::new(Segment { parent, base, end, store }))
    }

    fn fork(&self, prefix: &Prefix) -> Sequence {
        Sequence::new(prefix, self.format.delta.is_some())
    }

    fn truncate(&self, sequence: &mut Sequence, len: usize) {
        sequence.truncate(len);
    }

    fn step(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Logits> {
        for row in rows.iter_mut() {
            self.info.check(row.sequence.len(), row.tokens)?;
            self.catch_up(row.sequence)?;
        }
        // Rows of one token, by the slab that their sequences are in; the others go one by one.
        let mut groups: Vec<(Arc<Slab>, Vec<usize>)> = Vec::new();
        let mut parts: Vec<Vec<Rows>> = rows.iter().map(|_| Vec::new()).collect();
        for (i, row) in rows.iter_mut().enumerate() {
            if row.tokens.len() != 1 {
                parts[i] = self.step_run(row, &mut |_, _, _| Ok(()))?;
                continue;
            }
            self.make_room(row.sequence, 1)?;
            let Some(slot) = &row.sequence.slot else { continue };
            match groups.iter_mut().find(|(slab, _)| Arc::ptr_eq(slab, &slot.slab)) {
                Some((_, members)) => members.push(i),
                None => groups.push((Arc::clone(&slot.slab), vec![i])),
            }
        }
        let v = self.spec.vocab_size;
        for (slab, members) in &groups {
            let made = self.step_each(slab, rows, members)?;
            if members.len() == rows.len() {
                return Ok(Logits::join(vec![made], &self.info));
            }
            let asking = members.iter().filter(|&&i| rows[i].logits > 0);
            for (at, (&i, row)) in asking.zip(made.values.chunks_exact(v)).enumerate() {
                let spoiled = if made.spoiled.contains(&at) { vec![0] } else { Vec::new() };
                parts[i] = vec![Rows { values: row.to_vec(), spoiled }];
            }
        }
        Ok(Logits::join(parts.into_iter().flatten().collect(), &self.info))
    }
}

impl HiddenStates for TensorDecoder {
    fn stream(&self) -> Stream {
        Stream { width: self.spec.hidden_size, layers: self.layers.len() }
    }

    fn hidden(&self, mut row: Row<'_, Sequence>, depths: &[usize], at: &[usize]) -> Result<Hidden> {
        self.info.check(row.sequence.len(), row.tokens)?;
        self.catch_up(row.sequence)?;
        let d = self.spec.hidden_size;
        let mut states = vec![0f32; depths.len() * at.len() * d];
        let parts = self.step_run(&mut row, &mut |start, depth, x| {
            let pass = start..start + self.frame.width;
            for (i, _) in depths.iter().enumerate().filter(|(_, asked)| **asked == depth) {
                for (j, &token) in at.iter().enumerate().filter(|(_, token)| pass.contains(token)) {
                    let state: Vec<f32> = x.get(token - start)?.to_dtype(DType::F32)?.to_vec1()?;
                    states[(i * at.len() + j) * d..][..d].copy_from_slice(&state);
                }
            }
            Ok(())
        })?;
        Ok(Hidden { states, logits: Logits::join(parts, &self.info) })
    }
}
