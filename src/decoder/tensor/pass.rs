//! One pass through the layers: always W tokens, whatever they are for, so that every operation has the same
//! shape in every pass and a token's bits do not depend on what else there is to do.
//!
//! Two kinds: a *run* takes up to W neighbouring tokens of one text, a *step* one token of each of up to W
//! sequences. What is missing to W is filled with tokens that nobody reads.
//! Shapes: W tokens, B blocks that are attended to, P positions of a block, G key-value heads, E width of keys,
//! U of values.

use candle_core::{DType, Device};

use super::memory::{Pack, Sequence, SharedBlock};
use super::ops::Tensor;
use super::store::{BLOCK, Store};
use crate::decoder::rope::{self, Frequencies};
use crate::model::Growth;

/// Added to the score of a position that a token may not see: exp gives exactly 0, and no operation on it
/// gives something that is not a number.
pub(super) const HIDDEN: f64 = -1e30;

/// How many tokens one sees, itself included, or all; and whether those are its own piece of a cut text.
pub(super) type Window = (Option<usize>, bool);

/// Keys and values that are met in one product.
pub(super) enum Share<'a> {
    /// The first blocks of one slot. All tokens meet them; whoever may not see one gives it no weight.
    Together { store: &'a Store, slot: usize, blocks: usize },
    /// All blocks of every slot: token w meets those of slot w.
    Apart { store: &'a Store },
}

impl Share<'_> {
    /// How many blocks every token meets.
    pub(super) fn blocks(&self) -> usize {
        match self {
            Self::Together { blocks, .. } => *blocks,
            Self::Apart { store } => store.blocks(),
        }
    }
}

/// Where the new keys and values go.
pub(super) enum Target<'a> {
    /// Those of the first `len` tokens to the positions from `at` on of one slot.
    Run { store: &'a Store, slot: usize, at: usize, len: usize },
    /// That of token w to slot w, at the position that the tensor [2 G, W, 1, max(E, U)] says; `active` [W] is 0
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
    /// Their blocks are in the order of positions for every token, those of prefixes first.
    pub(super) shares: Vec<Share<'a>>,
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
    /// The same for what is turned in one operation.
    pub(super) joined: Option<(Tensor, Tensor)>,
}

/// Heads that are turned in one operation: what each is multiplied by while it is, and 1 for those that stay as they
/// are, [1, heads, 1] both.
pub(super) struct Joined {
    factors: Tensor,
    still: Tensor,
}

impl Joined {
    /// In each of `groups` groups `queries` heads that are also scaled, a key, and a value if those take part.
    pub(super) fn new(
        groups: usize,
        queries: usize,
        scale: f64,
        values: bool,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let mut group = vec![(scale as f32, 0f32); queries];
        group.push((1.0, 0.0));
        group.extend(values.then_some((0.0, 1.0)));
        let (factors, still): (Vec<_>, Vec<_>) = group.repeat(groups).into_iter().unzip();
        let row = |values: Vec<f32>| {
            let len = values.len();
            Tensor::from_vec(values, (1, len, 1), device)
        };
        Ok(Self { factors: row(factors)?, still: row(still)? })
    }
}

/// What a token may see where there is no window.
struct View {
    /// The token's own position.
    position: usize,
    /// For each block its first position and how many of its positions are the token's past.
    blocks: Vec<(usize, usize)>,
}

impl View {
    /// Of a text whose prefix has the blocks `shared`, which are among the packed ones; its own blocks begin at `base`.
    fn new(
        position: usize,
        pack: Option<&Pack>,
        shared: &[SharedBlock],
        base: usize,
        own: usize,
    ) -> Self {
        let prefix = pack.into_iter().flat_map(|pack| pack.seen(shared));
        let prefix = prefix.map(|(start, seen)| (start, if seen { BLOCK } else { 0 }));
        let own = (0..own).map(|block| base + block * BLOCK);
        let own = own.map(|start| (start, past(position, start)));
        Self { position, blocks: prefix.chain(own).collect() }
    }
}

/// What all passes of a decoder have in common.
pub(super) struct Frame {
    /// W.
    pub(super) width: usize,
    pub(super) kv_heads: usize,
    /// max(E, U)
    pub(super) head_width: usize,
    pub(super) ropes: Vec<Frequencies>,
    pub(super) joined: Option<Joined>,
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
    /// Up to W neighbouring tokens of one text, the first of them at `position`; `pack` has the blocks of its prefix.
    pub(super) fn run<'a>(
        &self,
        pack: Option<&'a Pack>,
        prefix: &[SharedBlock],
        tail: &Tail<'a>,
        position: usize,
        tokens: &[u32],
    ) -> candle_core::Result<Pass<'a>> {
        let (store, slot) = (tail.store, tail.slot);
        let own = (position + tokens.len() - tail.base).div_ceil(BLOCK);
        let mut shares = packed(pack);
        shares.push(Share::Together { store, slot, blocks: own });
        // Tokens past the end repeat the last one.
        let places = (0..self.width).map(|w| w.min(tokens.len() - 1));
        let views = places.clone().map(|i| View::new(position + i, pack, prefix, tail.base, own));
        let ids = places.clone().map(|i| tokens[i]).collect();
        let target = Target::Run { store, slot, at: position - tail.base, len: tokens.len() };
        self.pass(ids, views.collect(), shares, target)
    }

    /// One token of each sequence; `seats` says for every slot of `store` whose token it is, `pack` has the blocks of all
    /// their prefixes.
    pub(super) fn step<'a>(
        &self,
        pack: Option<&'a Pack>,
        store: &'a Store,
        seats: &[Option<(&Sequence, u32)>],
    ) -> candle_core::Result<Pass<'a>> {
        // Where in its slot a sequence's next token goes.
        let at = |s: &Sequence| s.len() - s.prefix.base_of_next();
        let mut views = Vec::with_capacity(self.width);
        let mut places = Vec::with_capacity(self.width);
        for seat in seats {
            // A slot without a token writes where no sequence reads, and sees its own first position.
            let (place, position, base, shared) = match seat {
                Some((s, _)) => (at(s), s.len(), s.prefix.base_of_next(), &s.shared[..]),
                None => (store.blocks() * BLOCK - 1, 0, 0, &[][..]),
            };
            places.push(place as u32);
            views.push(View::new(position, pack, shared, base, store.blocks()));
        }
        let ids = seats.iter().map(|seat| seat.map_or(0, |(_, id)| id)).collect();
        let mut shares = packed(pack);
        shares.push(Share::Apart { store });
        let at = Tensor::from_vec(places, (1, self.width, 1, 1), &self.device)?
            .broadcast_as((2 * self.kv_heads, self.width, 1, self.head_width))?
            .contiguous()?;
        let active = seats.iter().map(|seat| u8::from(seat.is_some())).collect();
        let active = Tensor::from_vec(active, self.width, &self.device)?;
        self.pass(ids, views, shares, Target::Each { store, at, active })
    }

    fn pass<'a>(
        &self,
        ids: Vec<u32>,
        views: Vec<View>,
        shares: Vec<Share<'a>>,
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
            shares,
            target,
        })
    }

    fn turns(&self, rope: &Frequencies, views: &[View]) -> candle_core::Result<Turns> {
        let (cos, sin): (Vec<_>, Vec<_>) =
            views.iter().map(|view| rope.angles(view.position)).unzip();
        let table = |rows: Vec<Vec<f32>>| {
            Tensor::from_vec(rows.concat(), (self.width, 1, rope.len()), &self.device)
        };
        let (cos, sin) = (table(cos)?, table(sin)?);
        let joined = self.joined.as_ref().map(|Joined { factors, still }| {
            let cos = cos.broadcast_mul(factors)?.broadcast_add(still)?;
            Ok::<_, candle_core::Error>((cos, sin.broadcast_mul(factors)?))
        });
        Ok(Turns { joined: joined.transpose()?, cos, sin })
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

/// The packed blocks, if there are any, as the first share.
fn packed(pack: Option<&Pack>) -> Vec<Share<'_>> {
    match pack {
        Some(pack) => vec![Share::Together { store: &pack.store, slot: 0, blocks: pack.len() }],
        None => Vec::new(),
    }
}
