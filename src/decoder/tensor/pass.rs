//! One pass through the layers: always W tokens, whatever they are for, so that every operation has the same
//! shape in every pass and a token's bits do not depend on what else there is to do.
//!
//! Two kinds: a *run* takes up to W neighbouring tokens of one text, a *step* one token of each of up to W
//! sequences. What is missing to W is filled with tokens that nobody reads.
//! Shapes: W tokens, B blocks that are attended to, P positions of a block, G key-value heads, E width of keys,
//! U of values.

use candle_core::{DType, Device};

use super::memory::{Sequence, SharedBlock};
use super::ops::Tensor;
use super::store::{BLOCK, Store};
use crate::decoder::rope::{self, Frequencies};
use crate::model::Growth;

/// Added to the score of a position that a token may not see: exp gives exactly 0, and no operation on it
/// gives something that is not a number.
const HIDDEN: f64 = -1e30;

/// How many tokens one sees, itself included, or all; and whether those are its own piece of a cut text.
pub(super) type Window = (Option<usize>, bool);

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
    /// That of token w to slot w, at the position that the tensor [W, G, 1, max(E, U)] says; `active` [W] is 0
    /// for slots without a token.
    Each { store: &'a Store, at: Tensor, active: Tensor },
}

/// What a pass works on.
pub(super) struct Pass<'a> {
    /// Token ids [W].
    pub(super) ids: Tensor,
    /// Of each rope.
    pub(super) turns: Vec<Turns>,
    /// Factors on the queries [W, 1, 1, 1], f32, where they grow.
    pub(super) growth: Option<Tensor>,
    /// Of each window.
    masks: Vec<(Window, Tensor)>,
    /// Blocks in the order of positions for every token, those of prefixes first.
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) target: Target<'a>,
}

impl Pass<'_> {
    /// What is added to the scores [1, W, 1, B · P], f32, of layers with this window.
    pub(super) fn mask(&self, window: Window) -> candle_core::Result<&Tensor> {
        match self.masks.iter().find(|(of, _)| *of == window) {
            Some((_, mask)) => Ok(mask),
            None => candle_core::bail!("no mask was made for the window {window:?}"),
        }
    }
}

/// Cosines and sines of the tokens' positions for one rope, [W, 1, rotary dim / 2], f32.
pub(super) struct Turns {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
}

/// What a token may see where there is no window.
struct View {
    /// The token's own position.
    position: usize,
    /// For each block its first position and how many of its positions are the token's past.
    blocks: Vec<(usize, usize)>,
}

/// What all passes of a decoder have in common.
pub(super) struct Frame {
    /// W.
    pub(super) width: usize,
    pub(super) kv_heads: usize,
    /// max(E, U)
    pub(super) head_width: usize,
    pub(super) ropes: Vec<Frequencies>,
    pub(super) growth: Option<Growth>,
    /// All that layers have.
    pub(super) windows: Vec<Window>,
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
        let starts = || (0..blocks.len()).map(|b| b * BLOCK);
        let view = |position| View {
            position,
            blocks: starts().map(|start| (start, past(position, start))).collect(),
        };
        let views = places.clone().map(|i| view(position + i)).collect();
        let ids = places.map(|i| tokens[i]).collect();
        let target = Target::Run { store, slot, at: position - tail.base, len: tokens.len() };
        self.pass(ids, views, blocks, target)
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
        let mut views = Vec::with_capacity(self.width);
        let mut places = Vec::with_capacity(self.width);
        for seat in seats {
            // A slot without a token writes where no sequence reads, and sees its own first position.
            let (place, position, base) = match seat {
                Some((s, _)) => (at(s), s.len(), s.prefix.base_of_next()),
                None => (store.blocks() * BLOCK - 1, 0, 0),
            };
            places.push(place as u32);
            let prefix = shared.iter().map(|(level, block)| {
                let own = seat.and_then(|(sequence, _)| sequence.shared.get(*level));
                let is_own = own.is_some_and(|own| own.is(block));
                (level * BLOCK, if is_own { BLOCK } else { 0 })
            });
            let starts = (0..columns).map(|c| base + c * BLOCK);
            let tail = starts.map(|start| (start, past(position, start)));
            views.push(View { position, blocks: prefix.chain(tail).collect() });
        }
        let ids = seats.iter().map(|seat| seat.map_or(0, |(_, id)| id)).collect();
        let blocks = shared
            .iter()
            .map(|(_, b)| Block::Together { store: &b.segment.store, slot: 0, block: b.block })
            .chain((0..columns).map(|block| Block::Apart { store, block }))
            .collect();
        let at = Tensor::from_vec(places, (self.width, 1, 1, 1), &self.device)?
            .broadcast_as((self.width, self.kv_heads, 1, self.head_width))?
            .contiguous()?;
        let active = seats.iter().map(|seat| u8::from(seat.is_some())).collect();
        let active = Tensor::from_vec(active, self.width, &self.device)?;
        self.pass(ids, views, blocks, Target::Each { store, at, active })
    }

    fn pass<'a>(
        &self,
        ids: Vec<u32>,
        views: Vec<View>,
        blocks: Vec<Block<'a>>,
        target: Target<'a>,
    ) -> candle_core::Result<Pass<'a>> {
        let turns = self.ropes.iter().map(|rope| self.turns(rope, &views));
        let growth = self.growth.map(|growth| {
            let of = |view: &View| rope::growth(&growth, view.position);
            let factors = views.iter().map(of).collect();
            Tensor::from_vec(factors, (self.width, 1, 1, 1), &self.device)
        });
        let masks = self.windows.iter().map(|&window| Ok((window, self.mask(window, &views)?)));
        Ok(Pass {
            turns: turns.collect::<candle_core::Result<_>>()?,
            growth: growth.transpose()?,
            masks: masks.collect::<candle_core::Result<_>>()?,
            ids: Tensor::from_vec(ids, self.width, &self.device)?,
            blocks,
            target,
        })
    }

    fn turns(&self, rope: &Frequencies, views: &[View]) -> candle_core::Result<Turns> {
        let (cos, sin): (Vec<_>, Vec<_>) =
            views.iter().map(|view| rope.angles(view.position)).unzip();
        let table = |rows: Vec<Vec<f32>>| {
            Tensor::from_vec(rows.concat(), (self.width, 1, rope.len()), &self.device)
        };
        Ok(Turns { cos: table(cos)?, sin: table(sin)? })
    }

    /// Hides from each token, of each block, what comes before its window and what is not its past.
    fn mask(&self, (window, chunked): Window, views: &[View]) -> candle_core::Result<Tensor> {
        let (w, device) = (self.width, &self.device);
        let bounds = |of: &dyn Fn(&View, (usize, usize)) -> usize| {
            let rows = views.iter().flat_map(|view| view.blocks.iter().map(|b| of(view, *b)));
            let bounds: Vec<f32> = rows.map(|n| n as f32).collect();
            let blocks = bounds.len() / w;
            Tensor::from_vec(bounds, (w, blocks, 1), device)
        };
        let places = Tensor::arange(0f32, BLOCK as f32, device)?.reshape((1, 1, BLOCK))?;
        let end = bounds(&|_, (_, past)| past)?;
        let mut hidden = places.broadcast_ge(&end)?.to_dtype(DType::F32)?;
        if let Some(window) = window {
            let start = bounds(&|view, (start, _)| {
                let first = match chunked {
                    true => view.position / window * window,
                    false => (view.position + 1).saturating_sub(window),
                };
                first.saturating_sub(start).min(BLOCK)
            })?;
            hidden = (hidden + places.broadcast_lt(&start)?.to_dtype(DType::F32)?)?;
        }
        hidden.affine(HIDDEN, 0.0)?.reshape((1, w, 1, ()))
    }
}

/// How many positions of the block that begins at `start` are `position` or before it.
fn past(position: usize, start: usize) -> usize {
    (position + 1).saturating_sub(start).min(BLOCK)
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
