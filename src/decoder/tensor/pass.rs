//! One pass through the layers: always W tokens, whatever they are for, so that every operation has the same
//! shape in every pass and a token's bits do not depend on what else there is to do.
//!
//! Two kinds: a *run* takes up to W neighbouring tokens of one text, a *step* one token of each of up to W
//! sequences. What is missing to W is filled with tokens that nobody reads.
//! Shapes: W tokens, B blocks that are attended to, P positions of a block, G key-value heads, E head width.

use candle_core::{DType, Device, Tensor};

use super::memory::{Sequence, SharedBlock};
use super::store::{BLOCK, Store};
use crate::decoder::rope::Frequencies;

/// Added to the score of a position that a token may not see: exp gives exactly 0, and no operation on it
/// gives something that is not a number.
const HIDDEN: f64 = -1e30;

/// Keys and values of P positions.
pub(super) enum Block<'a> {
    /// All tokens meet it in one product; whoever may not see it gives it no weight.
    Together { store: &'a Store, slot: usize, block: usize },
    /// The same block of every slot: token w meets that of slot w.
    Apart { store: &'a Store, block: usize },
}

/// Where the new keys and values go.
pub(super) enum Target<'a> {
    /// Those of the first `len` tokens to the positions from `at` on of one slot.
    Run { store: &'a Store, slot: usize, at: usize, len: usize },
    /// That of token w to slot w, at the position that the tensor [W, G, 1, E] says.
    Each { store: &'a Store, at: Tensor },
}

/// What a pass works on.
pub(super) struct Pass<'a> {
    /// Token ids [W].
    pub(super) ids: Tensor,
    /// Cosines and sines [W, 1, E / 2] of the tokens' positions, f32.
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
    /// Added to the scores [1, W, 1, B · P], f32.
    pub(super) mask: Tensor,
    /// Blocks in the order of positions for every token, those of prefixes first.
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) target: Target<'a>,
}

/// What all passes of a decoder have in common.
pub(super) struct Frame {
    /// W.
    pub(super) width: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) frequencies: Frequencies,
    pub(super) device: Device,
}

/// A slot of a text and where its first block stands.
pub(super) struct Tail<'a> {
    pub(super) store: &'a Store,
    pub(super) slot: usize,
    /// Position of the store's first block.
    pub(super) base: usize,
}

impl Frame {
    /// Up to W neighbouring tokens of one text, the first of them at `position`.
    pub(super) fn run<'a>(
        &self,
        prefix: &'a [SharedBlock],
        tail: &Tail<'a>,
        position: usize,
        tokens: &[u32],
    ) -> candle_core::Result<Pass<'a>> {
        let (store, slot) = (tail.store, tail.slot);
        let end = position + tokens.len();
        let own = (end - tail.base).div_ceil(BLOCK);
        let blocks: Vec<_> = prefix
            .iter()
            .map(|b| Block::Together { store: &b.segment.store, slot: 0, block: b.block })
            .chain((0..own).map(|block| Block::Together { store, slot, block }))
            .collect();
        // Tokens past the end repeat the last one.
        let places = (0..self.width).map(|w| w.min(tokens.len() - 1));
        let positions: Vec<usize> = places.clone().map(|i| position + i).collect();
        let ids = places.map(|i| tokens[i]).collect();
        let seen = |p: usize, b: usize| (p + 1).saturating_sub(b * BLOCK).min(BLOCK);
        let seen =
            positions.iter().flat_map(|&p| (0..blocks.len()).map(move |b| seen(p, b))).collect();
        let target = Target::Run { store, slot, at: position - tail.base, len: tokens.len() };
        self.pass(ids, &positions, seen, blocks, target)
    }

    /// One token of each sequence; `seats` says for every slot of `store` whose token it is.
    pub(super) fn step<'a>(
        &self,
        store: &'a Store,
        seats: &[Option<(&'a Sequence, u32)>],
    ) -> candle_core::Result<Pass<'a>> {
        let shared = distinct(seats.iter().flatten().map(|(sequence, _)| *sequence));
        // Where in its slot a sequence's next token goes.
        let at = |s: &Sequence| s.len() - s.prefix.base_of_next();
        let columns =
            seats.iter().flatten().map(|(s, _)| at(s) / BLOCK + 1).max().unwrap_or_default();
        let mut seen = Vec::with_capacity(self.width * (shared.len() + columns));
        let mut places = Vec::with_capacity(self.width);
        for seat in seats {
            // A slot without a token writes where no sequence reads, and sees its own first position.
            let (place, last) = match seat {
                Some((sequence, _)) => (at(sequence), at(sequence)),
                None => (store.blocks() * BLOCK - 1, 0),
            };
            places.push(place as u32);
            seen.extend(shared.iter().map(|(level, block)| {
                let own = seat.and_then(|(sequence, _)| sequence.shared.get(*level));
                if own.is_some_and(|own| own.is(block)) { BLOCK } else { 0 }
            }));
            seen.extend((0..columns).map(|c| (last + 1).saturating_sub(c * BLOCK).min(BLOCK)));
        }
        let positions: Vec<usize> =
            seats.iter().map(|seat| seat.map_or(0, |(sequence, _)| sequence.len())).collect();
        let ids = seats.iter().map(|seat| seat.map_or(0, |(_, id)| id)).collect();
        let blocks = shared
            .iter()
            .map(|(_, b)| Block::Together { store: &b.segment.store, slot: 0, block: b.block })
            .chain((0..columns).map(|block| Block::Apart { store, block }))
            .collect();
        let at = Tensor::from_vec(places, (self.width, 1, 1, 1), &self.device)?
            .broadcast_as((self.width, self.kv_heads, 1, self.head_dim))?
            .contiguous()?;
        self.pass(ids, &positions, seen, blocks, Target::Each { store, at })
    }

    /// `seen` [W, B]: how many positions of each block each token may see.
    fn pass<'a>(
        &self,
        ids: Vec<u32>,
        positions: &[usize],
        seen: Vec<usize>,
        blocks: Vec<Block<'a>>,
        target: Target<'a>,
    ) -> candle_core::Result<Pass<'a>> {
        let (w, device) = (self.width, &self.device);
        let (cos, sin): (Vec<_>, Vec<_>) =
            positions.iter().map(|&p| self.frequencies.angles(p)).unzip();
        let table = |rows: Vec<Vec<f32>>| {
            Tensor::from_vec(rows.concat(), (w, 1, self.head_dim / 2), device)
        };
        let seen = seen.into_iter().map(|n| n as f32).collect::<Vec<_>>();
        let seen = Tensor::from_vec(seen, (w, blocks.len(), 1), device)?;
        let places = Tensor::arange(0f32, BLOCK as f32, device)?.reshape((1, 1, BLOCK))?;
        let mask = places
            .broadcast_ge(&seen)?
            .to_dtype(DType::F32)?
            .affine(HIDDEN, 0.0)?
            .reshape((1, w, 1, blocks.len() * BLOCK))?;
        Ok(Pass {
            ids: Tensor::from_vec(ids, w, device)?,
            cos: table(cos)?,
            sin: table(sin)?,
            mask,
            blocks,
            target,
        })
    }
}

/// Every block that a prefix of the sequences has, once, with its place in the prefix. Those of one sequence
/// stand in their order: whoever brought one of them in had brought in all before it.
fn distinct<'a>(sequences: impl Iterator<Item = &'a Sequence>) -> Vec<(usize, &'a SharedBlock)> {
    let mut found: Vec<(usize, &SharedBlock)> = Vec::new();
    for sequence in sequences {
        for (level, block) in sequence.shared.iter().enumerate() {
            if !found.iter().any(|(at, known)| *at == level && known.is(block)) {
                found.push((level, block));
            }
        }
    }
    found
}
