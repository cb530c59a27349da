//! Attention of one pass over its blocks: scores block by block, one softmax over all of them, weighted
//! values block by block.
//!
//! Every product and every sum has the same shape in every pass, and a block that a token may not see adds
//! exactly 0 to its sums: a token's result depends on its own blocks alone. The largest score is exact in any
//! order. Shapes: W tokens, G key-value heads, Q query heads of each, E width of keys, U of
//! values, B blocks, P positions.

use candle_core::{D, DType};

use super::ops::Tensor;
use super::pass::{Block, Pass};
use super::store::BLOCK;

/// Switches of one layer's attention.
pub(super) struct Heads<'a> {
    /// Added to the scores [1, W, 1, B · P], f32.
    pub(super) mask: &'a Tensor,
    /// Scores x become cap · tanh(x / cap).
    pub(super) softcap: Option<f64>,
    /// Scores that take weight from all positions [G, 1, Q, 1], f32.
    pub(super) sinks: Option<&'a Tensor>,
}

/// Attention of one layer; `queries` [W, G, Q, E] are rotated and scaled. Returns f32 [W, G · Q · U].
pub(super) fn attend(
    layer: usize,
    heads: &Heads<'_>,
    queries: &Tensor,
    pass: &Pass<'_>,
) -> candle_core::Result<Tensor> {
    let (w, g, q, e) = queries.dims4()?;
    let dtype = queries.dtype();
    let together = queries.transpose(0, 1)?.contiguous()?.reshape((g, w * q, e))?;

    // scores [G, W, Q, B · P]
    let scores: Vec<Tensor> = pass
        .blocks
        .iter()
        .map(|block| match *block {
            Block::Together { store, slot, block } => {
                let (keys, _) = store.block(layer, slot, block)?;
                together.matmul(&keys.t()?)?.reshape((g, w, q, BLOCK))
            }
            Block::Apart { store, block } => {
                let (keys, _) = store.column(layer, block)?;
                queries.matmul(&keys.t()?)?.transpose(0, 1)?.contiguous()
            }
        })
        .collect::<candle_core::Result<_>>()?;
    let mut scores = Tensor::cat(&scores, D::Minus1)?.to_dtype(DType::F32)?;
    if let Some(cap) = heads.softcap {
        scores = ((scores / cap)?.tanh()? * cap)?;
    }
    let scores = scores.broadcast_add(heads.mask)?;
    let mut largest = scores.max_keepdim(D::Minus1)?;
    if let Some(sinks) = heads.sinks {
        largest = largest.broadcast_maximum(sinks)?;
    }
    let weights = scores.broadcast_sub(&largest)?.exp()?;

    // sums of weights [G, W, Q, 1] and of weighted values, for blocks met together and apart
    let mut total = Sum::default();
    if let Some(sinks) = heads.sinks {
        total.add(sinks.broadcast_sub(&largest)?.exp()?)?;
    }
    let mut values_together = Sum::default(); // [G, W · Q, U]
    let mut values_apart = Sum::default(); // [W, G, Q, U]
    for (i, block) in pass.blocks.iter().enumerate() {
        let weights = weights.narrow(D::Minus1, i * BLOCK, BLOCK)?.contiguous()?;
        total.add(weights.sum_keepdim(D::Minus1)?)?;
        let weights = weights.to_dtype(dtype)?;
        match *block {
            Block::Together { store, slot, block } => {
                let (_, values) = store.block(layer, slot, block)?;
                let part = weights.reshape((g, w * q, BLOCK))?.matmul(&values)?;
                values_together.add(part.to_dtype(DType::F32)?)?;
            }
            Block::Apart { store, block } => {
                let (_, values) = store.column(layer, block)?;
                let part = weights.transpose(0, 1)?.contiguous()?.matmul(&values)?;
                values_apart.add(part.to_dtype(DType::F32)?)?;
            }
        }
    }
    let mut values = Sum::default();
    if let Some(together) = values_together.0 {
        values.add(together.reshape((g, w, q, ()))?.transpose(0, 1)?.contiguous()?)?;
    }
    if let Some(apart) = values_apart.0 {
        values.add(apart)?;
    }
    match (values.0, total.0) {
        (Some(values), Some(total)) => {
            values.broadcast_div(&total.transpose(0, 1)?.contiguous()?)?.reshape((w, ()))
        }
        _ => candle_core::bail!("attention without a block"),
    }
}

/// A sum in the order in which its terms come.
#[derive(Default)]
struct Sum(Option<Tensor>);

impl Sum {
    fn add(&mut self, term: Tensor) -> candle_core::Result<()> {
        self.0 = Some(match self.0.take() {
            Some(sum) => (sum + term)?,
            None => term,
        });
        Ok(())
    }
}
