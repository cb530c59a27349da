//! Keys and values of consecutive positions as tensors that are written in place, block by block.
//! Knows nothing about prefixes, sequences or attention.
//!
//! Shapes: S slots, G key-value heads, P positions of a block, E width of keys, U of values.

use candle_core::{D, DType, Device, Tensor};

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
    pub(super) value_dim: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl Format {
    pub(super) fn new(spec: &Spec, dtype: DType, device: &Device) -> Self {
        Self {
            layers: spec.layers.len(),
            kv_heads: spec.kv_heads,
            head_dim: spec.head_dim,
            value_dim: spec.value_dim,
            dtype,
            device: device.clone(),
        }
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
}

impl Store {
    pub(super) fn new(format: &Format, slots: usize, blocks: usize) -> Result<Self> {
        let layers = |width: usize| {
            let shape = (slots, format.kv_heads, blocks * BLOCK, width);
            let zeros = |_| Tensor::zeros(shape, format.dtype, &format.device);
            (0..format.layers).map(zeros).collect::<candle_core::Result<_>>()
        };
        let (keys, values) = (layers(format.head_dim)?, layers(format.value_dim)?);
        Ok(Self { format: format.clone(), blocks, keys, values })
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

    /// Copies a block of another store's first slot into the first block of `slot`.
    pub(super) fn start_with(&self, slot: usize, from: &Self, block: usize) -> Result<()> {
        for layer in 0..self.format.layers {
            let (keys, values) = from.block(layer, 0, block)?;
            self.put_run(layer, slot, 0, &keys.contiguous()?, &values.contiguous()?)?;
        }
        Ok(())
    }
}
