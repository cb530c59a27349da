//! Keys and values of consecutive positions as tensors that are written in place, block by block, and the states of
//! layers that keep one.
//! Knows nothing about prefixes, sequences or attention.
//!
//! Shapes: S slots, G key-value heads, P positions of a block, E width of keys, U of values.

use candle_core::{D, DType, Device};

use super::ops::Tensor;
use crate::error::Result;
use crate::model::{Delta, Spec};

/// Positions of a block, P. Attention reduces over one block at a time, so that a sum has the same shape
/// whatever the length of a text.
pub(super) const BLOCK: usize = 256;

/// What every store of a decoder has in common.
#[derive(Clone)]
pub(super) struct Format {
    pub(super) layers: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) value_dim: usize,
    /// The delta rule, and how many layers have it.
    pub(super) delta: Option<(Delta, usize)>,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

/// What a layer of the delta rule keeps, f32.
#[derive(Clone)]
pub(super) struct State {
    /// What the convolution saw last, oldest first: [kernel − 1, C], of all slots [S, kernel − 1, C].
    pub(super) inputs: Tensor,
    /// The matrices of all value heads, [heads, K, U] or [S, heads, K, U].
    pub(super) heads: Tensor,
}

impl Format {
    pub(super) fn new(spec: &Spec, dtype: DType, device: &Device) -> Self {
        Self {
            layers: spec.attention_layers(),
            delta: spec.delta.map(|delta| (delta, spec.layers.len() - spec.attention_layers())),
            kv_heads: spec.kv_heads,
            head_dim: spec.head_dim,
            value_dim: spec.value_dim,
            dtype,
            device: device.clone(),
        }
    }

    /// Bytes of the states of one text.
    pub(super) fn state_bytes(&self) -> usize {
        self.delta.map_or(0, |(delta, layers)| layers * delta.state_len() * size_of::<f32>())
    }

    /// Bytes of the keys and values of one position.
    pub(super) fn position_bytes(&self) -> usize {
        let width = self.head_dim + self.value_dim;
        self.layers * self.kv_heads * width * self.dtype.size_in_bytes()
    }
}

/// Keys and values of S texts side by side. What is not written yet is zero, never garbage: attention gives
/// it no weight, but zero times a number that is not finite would still spoil a sum.
pub(super) struct Store {
    format: Format,
    blocks: usize,
    /// Per layer [S, G, blocks · P, E]. Clones of these would share their memory: they stay in here.
    keys: Vec<Tensor>,
    /// Per layer [S, G, blocks · P, U].
    values: Vec<Tensor>,
    /// By layer of the delta rule. These too stay in here.
    states: Vec<State>,
}

impl Store {
    pub(super) fn new(format: &Format, slots: usize, blocks: usize) -> Result<Self> {
        let layers = |width: usize| {
            let shape = (slots, format.kv_heads, blocks * BLOCK, width);
            let zeros = |_| Tensor::zeros(shape, format.dtype, &format.device);
            (0..format.layers).map(zeros).collect::<candle_core::Result<_>>()
        };
        let (keys, values) = (layers(format.head_dim)?, layers(format.value_dim)?);
        let state = |delta: &Delta| {
            let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &format.device);
            let heads = [slots, delta.value_heads, delta.key_dim, delta.value_dim];
            let inputs = [slots, delta.kernel - 1, delta.channels()];
            Ok(State { inputs: zeros(&inputs)?, heads: zeros(&heads)? })
        };
        let states = format.delta.iter();
        let states = states.flat_map(|(delta, layers)| (0..*layers).map(move |_| state(delta)));
        let states = states.collect::<candle_core::Result<_>>()?;
        Ok(Self { format: format.clone(), blocks, keys, values, states })
    }

    /// Blocks that each slot has room for.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Makes room for `blocks` blocks in every slot.
    pub(super) fn grow(&mut self, blocks: usize) -> Result<()> {
        if blocks <= self.blocks {
            return Ok(());
        }
        for tensor in self.keys.iter_mut().chain(&mut self.values) {
            let (slots, heads, _, width) = tensor.dims4()?;
            let shape = (slots, heads, blocks * BLOCK, width);
            let larger = Tensor::zeros(shape, self.format.dtype, &self.format.device)?;
            larger.slice_set(tensor, 2, 0)?;
            *tensor = larger;
        }
        self.blocks = blocks;
        Ok(())
    }

    /// Keys [G, P, E] and values [G, P, U] of one block of one slot.
    pub(super) fn block(
        &self,
        layer: usize,
        slot: usize,
        block: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let view = |t: &Tensor| t.get(slot)?.narrow(1, block * BLOCK, BLOCK);
        Ok((view(&self.keys[layer])?, view(&self.values[layer])?))
    }

    /// Keys [S, G, P, E] and values [S, G, P, U] of the same block of all slots.
    pub(super) fn column(
        &self,
        layer: usize,
        block: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let view = |t: &Tensor| t.narrow(2, block * BLOCK, BLOCK);
        Ok((view(&self.keys[layer])?, view(&self.values[layer])?))
    }

    /// Writes keys [G, n, E] and values [G, n, U] of n positions from `at` on into one slot.
    pub(super) fn put_run(
        &self,
        layer: usize,
        slot: usize,
        at: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<()> {
        self.keys[layer].get(slot)?.slice_set(keys, 1, at)?;
        self.values[layer].get(slot)?.slice_set(values, 1, at)
    }

    /// Writes the keys [S, G, 1, E] and values [S, G, 1, U] of one position in every slot, each at its own:
    /// `at` [S, G, 1, max(E, U)] says where.
    pub(super) fn put_each(
        &self,
        layer: usize,
        at: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<()> {
        for (tensor, new) in [(&self.keys[layer], keys), (&self.values[layer], values)] {
            let at = at.narrow(D::Minus1, 0, new.dim(D::Minus1)?)?.contiguous()?;
            tensor.scatter_set(&at, new, 2)?;
        }
        Ok(())
    }

    /// The states of all slots in one layer. To read: what is made of them is written with [`Self::put_states`].
    pub(super) fn states(&self, place: usize) -> &State {
        &self.states[place]
    }

    /// A copy of the state of one slot in one layer.
    pub(super) fn state(&self, place: usize, slot: usize) -> candle_core::Result<State> {
        let State { inputs, heads } = &self.states[place];
        Ok(State { inputs: inputs.get(slot)?.copy()?, heads: heads.get(slot)?.copy()? })
    }

    /// Copies of the states of one slot in all layers.
    pub(super) fn state_of(&self, slot: usize) -> candle_core::Result<Vec<State>> {
        (0..self.states.len()).map(|place| self.state(place, slot)).collect()
    }

    /// Writes the state of one slot in one layer.
    pub(super) fn put_state(
        &self,
        place: usize,
        slot: usize,
        state: &State,
    ) -> candle_core::Result<()> {
        let State { inputs, heads } = &self.states[place];
        inputs.slice_set(&state.inputs.unsqueeze(0)?, 0, slot)?;
        heads.slice_set(&state.heads.unsqueeze(0)?, 0, slot)
    }

    /// Writes the states of the slots in one layer that `active` [S] is not 0 for; the others stay as they are.
    pub(super) fn put_states(
        &self,
        place: usize,
        active: &Tensor,
        states: &State,
    ) -> candle_core::Result<()> {
        let old = &self.states[place];
        for (old, new) in [(&old.inputs, &states.inputs), (&old.heads, &states.heads)] {
            let mut shape = vec![1; old.rank()];
            shape[0] = old.dim(0)?;
            let active = active.reshape(shape)?.broadcast_as(old.shape())?;
            old.slice_set(&active.where_cond(new, old)?, 0, 0)?;
        }
        Ok(())
    }

    /// Gives a slot the states before the first token.
    pub(super) fn clear_state(&self, slot: usize) -> candle_core::Result<()> {
        for State { inputs, heads } in &self.states {
            for tensor in [inputs, heads] {
                tensor.slice_set(&tensor.get(slot)?.unsqueeze(0)?.zeros_like()?, 0, slot)?;
            }
        }
        Ok(())
    }

    /// Copies a block of another store's first slot into the first block of `slot`.
    pub(super) fn start_with(&self, slot: usize, from: &Self, block: usize) -> Result<()> {
        for layer in 0..self.format.layers {
            let (keys, values) = from.block(layer, 0, block)?;
            self.put_run(layer, slot, 0, &keys.contiguous()?, &values.contiguous()?)?;
        }
        Ok(())
    }
}
