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
    /// By layer of attention. What is read of it shares its memory, which is written in place.
    memory: Vec<Memory>,
    /// By layer of the delta rule. These too stay in here.
    states: Vec<State>,
}

/// Keys and values of one layer.
struct Memory {
    /// [G, S, blocks · P, E]
    keys: Tensor,
    /// [G, S, blocks · P, U]
    values: Tensor,
    /// Where both have one width: all keys before all values, [2 G, S, blocks · P, E]. The two above are views of it.
    joined: Option<Tensor>,
}

/// Keys and values of new positions, on their way into a store.
pub(super) enum Written {
    /// All keys before all values, [2 G, W, 1, E].
    Joined(Tensor),
    /// [G, W, 1, E] and [G, W, 1, U].
    Apart(Tensor, Tensor),
}

impl Memory {
    fn new(format: &Format, slots: usize, blocks: usize) -> candle_core::Result<Self> {
        let (g, e, u) = (format.kv_heads, format.head_dim, format.value_dim);
        let zeros = |heads: usize, width: usize| {
            let shape = (heads, slots, blocks * BLOCK, width);
            Tensor::zeros(shape, format.dtype, &format.device)
        };
        if e == u {
            let joined = zeros(2 * g, e)?;
            let (keys, values) = (joined.narrow(0, 0, g)?, joined.narrow(0, g, g)?);
            return Ok(Self { keys, values, joined: Some(joined) });
        }
        Ok(Self { keys: zeros(g, e)?, values: zeros(g, u)?, joined: None })
    }

    /// What together holds all of it.
    fn tensors(&self) -> Vec<&Tensor> {
        match &self.joined {
            Some(joined) => vec![joined],
            None => vec![&self.keys, &self.values],
        }
    }

    /// With what is new, tensor by tensor.
    fn beside<'a>(
        &'a self,
        new: &'a Written,
    ) -> candle_core::Result<Vec<(&'a Tensor, &'a Tensor)>> {
        match (new, &self.joined) {
            (Written::Joined(new), Some(joined)) => Ok(vec![(joined, new)]),
            (Written::Joined(_), None) => candle_core::bail!("keys and values of two widths"),
            (Written::Apart(keys, values), _) => {
                Ok(vec![(&self.keys, keys), (&self.values, values)])
            }
        }
    }
}

/// The positions of one slot of `tensor` [.., S, N, E] behind those of the slots before it, [.., S · N, E].
fn in_a_row(tensor: &Tensor) -> candle_core::Result<(Tensor, usize)> {
    let (heads, slots, positions, width) = tensor.dims4()?;
    Ok((tensor.reshape((heads, slots * positions, width))?, positions))
}

impl Store {
    pub(super) fn new(format: &Format, slots: usize, blocks: usize) -> Result<Self> {
        let memory = (0..format.layers).map(|_| Memory::new(format, slots, blocks));
        let memory = memory.collect::<candle_core::Result<_>>()?;
        let state = |delta: &Delta| {
            let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &format.device);
            let heads = [slots, delta.value_heads, delta.key_dim, delta.value_dim];
            let inputs = [slots, delta.kernel - 1, delta.channels()];
            Ok(State { inputs: zeros(&inputs)?, heads: zeros(&heads)? })
        };
        let states = format.delta.iter();
        let states = states.flat_map(|(delta, layers)| (0..*layers).map(move |_| state(delta)));
        let states = states.collect::<candle_core::Result<_>>()?;
        Ok(Self { format: format.clone(), blocks, memory, states })
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
        for memory in &mut self.memory {
            let (_, slots, ..) = memory.keys.dims4()?;
            let larger = Memory::new(&self.format, slots, blocks)?;
            for (to, from) in larger.tensors().into_iter().zip(memory.tensors()) {
                to.slice_set(from, 2, 0)?;
            }
            *memory = larger;
        }
        self.blocks = blocks;
        Ok(())
    }

    /// Keys [G, n · P, E] and values [G, n · P, U] of the first n blocks of one slot.
    pub(super) fn first(
        &self,
        layer: usize,
        slot: usize,
        blocks: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let view = |tensor: &Tensor| {
            let (all, positions) = in_a_row(tensor)?;
            all.narrow(1, slot * positions, blocks * BLOCK)
        };
        Ok((view(&self.memory[layer].keys)?, view(&self.memory[layer].values)?))
    }

    /// Keys [G, S, blocks · P, E] and values [G, S, blocks · P, U] of all slots.
    pub(super) fn all(&self, layer: usize) -> (&Tensor, &Tensor) {
        (&self.memory[layer].keys, &self.memory[layer].values)
    }

    /// Writes the first n of the new positions from `at` on into one slot.
    pub(super) fn put_run(
        &self,
        layer: usize,
        slot: usize,
        at: usize,
        n: usize,
        new: &Written,
    ) -> candle_core::Result<()> {
        for (tensor, new) in self.memory[layer].beside(new)? {
            let (all, positions) = in_a_row(tensor)?;
            let new = new.squeeze(2)?.narrow(1, 0, n)?.contiguous()?;
            all.slice_set(&new, 1, slot * positions + at)?;
        }
        Ok(())
    }

    /// Writes one new position in every slot, each at its own: `at` [2 G, S, 1, max(E, U)] says where.
    pub(super) fn put_each(
        &self,
        layer: usize,
        at: &Tensor,
        new: &Written,
    ) -> candle_core::Result<()> {
        for (tensor, new) in self.memory[layer].beside(new)? {
            let at = at.narrow(0, 0, new.dim(0)?)?.narrow(D::Minus1, 0, new.dim(D::Minus1)?)?;
            tensor.scatter_set(&at.contiguous()?, new, 2)?;
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

    /// Copies a block of another store's first slot to the block `to` of `slot`.
    pub(super) fn copy_block(
        &self,
        slot: usize,
        to: usize,
        from: &Self,
        block: usize,
    ) -> Result<()> {
        for (ours, theirs) in self.memory.iter().zip(&from.memory) {
            for (ours, theirs) in ours.tensors().into_iter().zip(theirs.tensors()) {
                let (theirs, _) = in_a_row(theirs)?;
                let (ours, positions) = in_a_row(ours)?;
                let copied = theirs.narrow(1, block * BLOCK, BLOCK)?.contiguous()?;
                ours.slice_set(&copied, 1, slot * positions + to * BLOCK)?;
            }
        }
        Ok(())
    }
}
