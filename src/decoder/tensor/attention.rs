//! Attention of one pass: scores of each share of the blocks in one product, one softmax over all of them, weighted
//! values block by block in one product, summed in the order of the blocks.
//!
//! A block that a token may not see has a weight of exactly 0 in its sums: a token's result depends on its own blocks
//! alone. The largest score is exact in any order. Shapes: W tokens, G key-value heads, Q query heads of each, E width of
//! keys, U of values, B blocks, P positions, n blocks of a share.

use candle_core::{DType, Result};

use super::ops::{self, Tensor};
use super::pass::{Pass, Share};
use super::store::BLOCK;

/// Blocks that candle adds up one after the other in one operation; more of them it adds as a tree, whose shape depends
/// on their number.
const SUMMED_IN_ORDER: usize = 32;

/// Switches of one layer's attention.
pub(super) struct Heads<'a> {
    /// Added to the scores [1, W, 1, B · P], f32.
    pub(super) mask: &'a Tensor,
    /// Scores x become cap · tanh(x / cap).
    pub(super) softcap: Option<f64>,
    /// Scores that take weight from all positions, as one more block: [G, 1, Q, P], f32.
    pub(super) sinks: Option<&'a Tensor>,
}

/// Attention of one layer; `queries` [G, W, Q, E] are rotated and scaled. Returns f32 [W, G · Q · U].
pub(super) fn attend(
    layer: usize,
    heads: &Heads<'_>,
    queries: &Tensor,
    pass: &Pass<'_>,
) -> Result<Tensor> {
    let (g, w, q, e) = queries.dims4()?;
    let (dtype, rows) = (queries.dtype(), w * q);

    let scores = pass.shares.iter().map(|share| match *share {
        Share::Together { store, slot, blocks } => {
            let (keys, _) = store.first(layer, slot, blocks)?;
            queries.reshape((g, rows, e))?.matmul(&keys.t()?)
        }
        // One query is multiplied in another way than several, whose order of addition depends on the number of keys:
        // block by block, the query repeated for each.
        Share::Apart { store } if q == 1 => {
            let (n, (keys, _)) = (store.blocks(), store.all(layer));
            let keys = keys.reshape((g * w * n, BLOCK, e))?;
            let queries = queries.broadcast_as((g, w, n, e))?.contiguous()?;
            queries.reshape((g * w * n, 1, e))?.matmul(&keys.t()?)?.reshape((g, rows, ()))
        }
        Share::Apart { store } => {
            let (keys, _) = store.all(layer);
            let keys = keys.reshape((g * w, store.blocks() * BLOCK, e))?;
            queries.reshape((g * w, q, e))?.matmul(&keys.t()?)?.reshape((g, rows, ()))
        }
    });
    let scores = scores.collect::<Result<Vec<_>>>()?; // [G, W · Q, n · P] of each share
    let mut scores = Tensor::cat(&scores, 2)?.to_dtype(DType::F32)?;
    if let Some(cap) = heads.softcap {
        scores = ((scores / cap)?.tanh()? * cap)?;
    }
    let mut scores = scores.reshape((g, w, q, ()))?.broadcast_add(heads.mask)?;
    if let Some(sinks) = heads.sinks {
        let sinks = sinks.broadcast_as((g, w, q, BLOCK))?.contiguous()?;
        scores = Tensor::cat(&[scores, sinks], 3)?;
    }
    let weights = ops::softmax_last_dim(&scores)?;
    let blocks = weights.dim(3)? / BLOCK;

    let mut first = 0;
    let mut together = Vec::new(); // [G, n, W · Q, U]
    let mut apart = None; // [G, W, n, Q, U]
    for share in &pass.shares {
        let n = share.blocks();
        match *share {
            Share::Together { store, slot, .. } => {
                let own = weights.reshape((g, rows, blocks, BLOCK))?.narrow(2, first, n)?;
                let own = own.transpose(1, 2)?.to_dtype(dtype)?.contiguous()?;
                let (_, values) = store.first(layer, slot, n)?;
                let values = values.contiguous()?.reshape((g * n, BLOCK, ()))?;
                let sums = own.reshape((g * n, rows, BLOCK))?.matmul(&values)?;
                together.push(sums.reshape((g, n, rows, ()))?);
            }
            Share::Apart { store } => {
                let own = weights.reshape((g, w, q, blocks, BLOCK))?.narrow(3, first, n)?;
                let own = own.transpose(2, 3)?.to_dtype(dtype)?.contiguous()?;
                let (_, values) = store.all(layer);
                let values = values.reshape((g * w * n, BLOCK, ()))?;
                let sums = own.reshape((g * w * n, q, BLOCK))?.matmul(&values)?;
                apart = Some(sums.reshape((g, w, n, q, ()))?);
            }
        }
        first += n;
    }
    let together = match &together[..] {
        [] => None,
        parts => Some(in_order(&Tensor::cat(parts, 1)?, 1)?.reshape((g, w, q, ()))?),
    };
    let apart = apart.map(|parts| in_order(&parts, 2)).transpose()?;
    let values = match (together, apart) {
        (Some(together), Some(apart)) => (together.transpose(0, 1)? + apart.transpose(0, 1)?)?,
        (Some(values), None) | (None, Some(values)) => values.transpose(0, 1)?.contiguous()?,
        (None, None) => candle_core::bail!("attention without a block"),
    };
    values.reshape((w, ()))
}

/// The sum along `dim` in f32, one after the other.
fn in_order(parts: &Tensor, dim: usize) -> Result<Tensor> {
    let parts = parts.to_dtype(DType::F32)?;
    match parts.dim(dim)? {
        1 => parts.squeeze(dim),
        n if n <= SUMMED_IN_ORDER => parts.sum(dim),
        n => {
            let sum = parts.narrow(dim, 0, 1)?.contiguous()?.zeros_like()?;
            let same = Tensor::zeros(n, DType::U32, parts.device())?;
            sum.index_add(&same, &parts, dim)?.squeeze(dim)
        }
    }
}
