//! Keys and values of consecutive positions as tensors that are written in place, block by block.
//! Knows nothing about prefixes, sequences or attention.
//!
//! Shapes: S slots, G key-value heads, P positions of a block, E head width.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::model::Spec;

/// Positions of a block, P. Attention reduces over one block at a time, so that a sum has the same shape
/// whatever the length of a text.
pub(super) const BLOCK: usize = 256;

/// What every store of a decoder has in common.
#[derive(Clone)]
pub(super) struct Format {
    pub(super) layers: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl Format {
    pub(super) fn new(spec: &Spec, dtype: DType, device: &Device) -> Self {
        Self {
            layers: spec.layers.len(),
            kv_heads: spec.kv_heads,
            head_dim: spec.head_dim,
            dtype,
            device: device.clone(),
        }
    }

    /// Bytes of the keys and values of one position.
    pub(super) fn position_bytes(&self) -> usize {
        2 * self.layers * self.kv_heads * self.head_dim * self.dtype.size_in_bytes()
    }
}

/// Keys and values of S texts side by side. What is not written yet is zero, never garbage: attention gives
/// it no weight, but zero times a number that is not finite would still spoil a sum.
pub(super) struct Store {
    format: Format,
    slots: usize,
    blocks: usize,
    /// Per layer [S, G, blocks · P, E]. Clones of these would share their memory: they stay in here.
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
}

impl Store {
    pub(super) fn new(format: &Format, slots: usize, blocks: usize) -> Result<Self> {
        let zeros = || {
            let shape = (slots, format.kv_heads, blocks * BLOCK, format.head_dim);
            Tensor::zeros(shape, format.dtype, &format.device)
        };
        let layers = || (0..format.layers).map(|_| zeros()).collect::<candle_core::Result<_>>();
        Ok(Self { format: format.clone(), slots, blocks, keys: layers()?, values: layers()? })
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
        let (slots, heads, e) = (self.slots, self.format.kv_heads, self.format.head_dim);
        for tensor in self.keys.iter_mut().chain(&mut self.values) {
            let shape = (slots, heads, blocks * BLOCK, e);
            let larger = Tensor::zeros(shape, self.format.dtype, &self.format.device)?;
            larger.slice_set(tensor, 2, 0)?;
            *tensor = larger;
        }
        self.blocks = blocks;
        Ok(())
    }

    /// Keys and values [G, P, E] of one block of one slot.
    pub(super) fn block(
        &self,
        layer: usize,
        slot: usize,
        block: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let view = |t: &Tensor| t.get(slot)?.narrow(1, block * BLOCK, BLOCK);
        Ok((view(&self.keys[layer])?, view(&self.values[layer])?))
    }

    /// Keys and values [S, G, P, E] of the same block of all slots.
    pub(super) fn column(
        &self,
        layer: usize,
        block: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let view = |t: &Tensor| t.narrow(2, block * BLOCK, BLOCK);
        Ok((view(&self.keys[layer])?, view(&self.values[layer])?))
    }

    /// Writes keys and values [G, n, E] of n positions from `at` on into one slot.
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

    /// Writes the keys and values [S, G, 1, E] of one position in every slot, each at its own: `at`
    /// [S, G, 1, E] says where.
    pub(super) fn put_each(
        &self,
        layer: usize,
        at: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<()> {
        self.keys[layer].scatter_set(at, keys, 2)?;
        self.values[layer].scatter_set(at, values, 2)
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
