//! Keys and values: immutable prefixes shared by reference, and a tail that each sequence owns.
//! Forking a prefix clones a pointer; the states of layers that keep one are copied when they are written to. Knows nothing about how attention uses them.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::kernels::{self, COLUMN_STEP, Element, Slab, Stripe};
use super::past::Past;
use crate::model::{Delta, Spec};

/// Positions of one panel of keys, and of one page of a tail.
pub(crate) const PANEL: usize = 32;

/// Most positions whose values are handed out at once, so that they stay in the first-level cache while all
/// rows meet them.
const VALUES: usize = 64;

/// Rows from which on keys and values in f16 are widened before they are multiplied.
const WIDENED_FROM: usize = 24;

thread_local! {
    static WIDE: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Shape of a model's keys and values.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Layers × key-value heads.
    pub(crate) slots: usize,
    /// Width of keys, E.
    pub(crate) head_dim: usize,
    /// Width of values, U.
    pub(crate) value_dim: usize,
    /// Whether they are rounded to f16.
    pub(crate) half: bool,
}

impl Shape {
    /// Elements of one position's values, rounded up to whole vectors.
    pub(crate) fn value_stride(&self) -> usize {
        self.value_dim.next_multiple_of(COLUMN_STEP)
    }

    /// Elements of one position in one slot.
    fn per_position(&self) -> usize {
        self.head_dim + self.value_stride()
    }

    /// Bytes of one position.
    pub(crate) fn bytes_per_position(&self) -> usize {
        let element = if self.half { size_of::<f16>() } else { size_of::<f32>() };
        self.slots * self.per_position() * element
    }
}

/// Keys and values of consecutive positions, for every layer and key-value head.
pub(crate) struct Store {
    shape: Shape,
    len: usize,
    pages: Vec<Page>,
}

/// Keys and values of some positions: for each slot its keys, [position / 32][E][position mod 32], so that the
/// scores of many positions are one matrix product (positions not yet written are zero), then its values,
/// [position][U rounded up], so that the weighted sum is one too.
struct Page {
    /// Its first position within the store.
    start: usize,
    /// Whole panels.
    capacity: usize,
    cells: Cells,
}

enum Cells {
    F32(Slab<f32>),
    F16(Slab<f16>),
}

/// Some keys or values, to be multiplied with.
pub(crate) enum CellRange<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
}

impl CellRange<'_> {
    /// C += A × these, as [`kernels::gemm`] does it.
    pub(crate) fn multiply(
        &self,
        a: &[f32],
        a_stride: usize,
        stride: usize,
        k: usize,
        c: &mut Stripe<'_>,
    ) {
        match self {
            Self::F32(part) => kernels::gemm(a, a_stride, part, stride, k, c),
            Self::F16(part) if c.rows() < WIDENED_FROM => {
                kernels::gemm(a, a_stride, part, stride, k, c);
            }
            // For many rows it pays to widen the part once instead of in every tile.
            Self::F16(part) => WIDE.with_borrow_mut(|wide| {
                wide.resize(part.len(), 0.0);
                part.convert_to_f32_slice(wide);
                kernels::gemm(a, a_stride, wide, stride, k, c);
            }),
        }
    }
}

impl Page {
    fn new(shape: &Shape, start: usize, capacity: usize) -> Self {
        let len = shape.slots * capacity * shape.per_position();
        let cells = match shape.half {
            true => Cells::F16(Slab::zeroed(len)),
            false => Cells::F32(Slab::zeroed(len)),
        };
        Self { start, capacity, cells }
    }

    fn part(&self, range: Range<usize>) -> CellRange<'_> {
        match &self.cells {
            Cells::F32(cells) => CellRange::F32(&cells[range]),
            Cells::F16(cells) => CellRange::F16(&cells[range]),
        }
    }
}

impl Store {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, len: 0, pages: Vec::new() }
    }

    /// Positions held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Makes room for `count` more positions in one piece; they are not held yet.
    pub(crate) fn reserve(&mut self, count: usize) {
        let capacity = self.pages.last().map_or(0, |page| page.start + page.capacity);
        let needed = (self.len + count).saturating_sub(capacity).next_multiple_of(PANEL);
        if needed > 0 {
            self.pages.push(Page::new(&self.shape, capacity, needed));
        }
    }

    /// Holds `count` more positions, which [`Self::put`] then fills in every slot.
    pub(crate) fn extend(&mut self, count: usize) {
        self.reserve(count);
        self.len += count;
    }

    /// Keeps the first `len` positions. What stood behind them is left as it is: attention gives no weight
    /// to positions past the last one, and [`Self::put`] overwrites them.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Writes the key [E] and value [U] of `position` (counted within this store).
    pub(crate) fn put(&mut self, slot: usize, position: usize, key: &[f32], value: &[f32]) {
        fn write<E: Element>(
            cells: &mut [E],
            (keys, values): (usize, usize),
            key: &[f32],
            value: &[f32],
        ) {
            let mut narrow = vec![E::default(); key.len()];
            E::narrow(key, &mut narrow);
            for (e, &k) in narrow.iter().enumerate() {
                cells[keys + e * PANEL] = k;
            }
            E::narrow(value, &mut cells[values..values + value.len()]);
        }
        let shape = self.shape;
        let page = self.pages.partition_point(|page| page.start <= position).saturating_sub(1);
        let page = &mut self.pages[page];
        let position = position - page.start;
        let base = slot * page.capacity * shape.per_position();
        let keys = base + position / PANEL * PANEL * shape.head_dim + position % PANEL;
        let values = base + page.capacity * shape.head_dim + position * shape.value_stride();
        match &mut page.cells {
            Cells::F32(cells) => write(cells, (keys, values), key, value),
            Cells::F16(cells) => write(cells, (keys, values), key, value),
        }
    }

    /// The keys of one slot, a panel [E][32] at a time with its first position, as far as the first `seen`
    /// positions need them.
    pub(crate) fn key_panels(
        &self,
        slot: usize,
        seen: usize,
    ) -> impl Iterator<Item = (usize, CellRange<'_>)> {
        let len = PANEL * self.shape.head_dim;
        self.pages.iter().flat_map(move |page| {
            let base = slot * page.capacity * self.shape.per_position();
            let panels = seen.saturating_sub(page.start).min(page.capacity).div_ceil(PANEL);
            (0..panels).map(move |p| {
                (page.start + p * PANEL, page.part(base + p * len..base + (p + 1) * len))
            })
        })
    }

    /// The values of one slot, [positions][U rounded up] at a time, with the positions, of which there are
    /// `seen` in all.
    pub(crate) fn values(
        &self,
        slot: usize,
        seen: usize,
    ) -> impl Iterator<Item = (Range<usize>, CellRange<'_>)> {
        let stride = self.shape.value_stride();
        self.pages.iter().filter(move |page| page.start < seen).flat_map(move |page| {
            let base = slot * page.capacity * self.shape.per_position();
            let base = base + page.capacity * self.shape.head_dim;
            let end = seen.min(page.start + page.capacity);
            (page.start..end).step_by(VALUES).map(move |position| {
                let positions = position..end.min(position + VALUES);
                let at = base + (position - page.start) * stride;
                (positions.clone(), page.part(at..at + positions.len() * stride))
            })
        })
    }
}

/// What one layer of the delta rule keeps.
#[derive(Clone)]
pub(crate) struct State {
    /// What the convolution saw last, oldest first, [kernel − 1, C].
    pub(crate) inputs: Vec<f32>,
    /// The matrices of all value heads, [heads, K, U].
    pub(crate) heads: Vec<f32>,
}

impl State {
    /// That before the first token.
    fn new(delta: &Delta) -> Self {
        Self {
            inputs: vec![0.0; (delta.kernel - 1) * delta.channels()],
            heads: vec![0.0; delta.values() * delta.key_dim],
        }
    }
}

/// The states of all layers that keep one; copied when one of several owners writes to it.
pub(crate) type States = Arc<Vec<State>>;

/// The states before the first token, of a model that keeps any.
pub(crate) fn first_states(spec: &Spec) -> Option<States> {
    let layers = spec.layers.len() - spec.attention_layers();
    spec.delta.map(|delta| Arc::new(vec![State::new(&delta); layers]))
}

/// A sequence's states after its last computed token, and the way back.
struct Running {
    now: States,
    past: Past<States>,
}

/// A link of the chain from a prefix back to position 0.
pub(crate) struct Segment {
    pub(crate) parent: Option<Arc<Segment>>,
    /// Position of the first token.
    pub(crate) start: usize,
    pub(crate) store: Store,
    /// After its last token.
    states: Option<States>,
}

/// Tokens whose keys and values are computed once; clones share them.
#[derive(Clone)]
pub struct Prefix(pub(crate) Arc<Segment>);

impl Prefix {
    /// Number of tokens from position 0.
    pub fn len(&self) -> usize {
        self.0.start + self.0.store.len()
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A prefix, possibly none, and the tokens after it.
pub struct Sequence {
    /// The chain's links from position 0 on.
    pub(crate) chain: Vec<Arc<Segment>>,
    pub(crate) tail: Store,
    running: Option<Running>,
}

impl Sequence {
    /// `first` are the states before the first token.
    pub(crate) fn new(prefix: Option<&Prefix>, tail: Store, first: Option<&States>) -> Self {
        let now = prefix.map_or(first, |prefix| prefix.0.states.as_ref()).cloned();
        let running = now.map(|now| Running { past: Past::new(Arc::clone(&now)), now });
        let mut chain = Vec::new();
        let mut link = prefix.map(|p| Arc::clone(&p.0));
        while let Some(segment) = link {
            link = segment.parent.clone();
            chain.push(segment);
        }
        chain.reverse();
        Self { chain, tail, running }
    }

    /// Position of the first token of the tail.
    pub(crate) fn tail_start(&self) -> usize {
        self.chain.last().map_or(0, |s| s.start + s.store.len())
    }

    /// Number of tokens from position 0.
    pub fn len(&self) -> usize {
        let tail = self.running.as_ref().map_or(self.tail.len(), |running| running.past.len());
        self.tail_start() + tail
    }

    /// Holds more tokens, whose keys, values and states are computed next.
    pub(crate) fn extend(&mut self, tokens: &[u32]) {
        self.tail.extend(tokens.len());
        if let Some(running) = &mut self.running {
            running.past.see(tokens);
        }
    }

    /// Keeps the first `len` tokens, and the prefix in any case.
    pub(crate) fn truncate(&mut self, len: usize) {
        let len = len.saturating_sub(self.tail_start());
        match &mut self.running {
            None => self.tail.truncate(len),
            Some(running) => {
                if let Some((state, seen)) = running.past.truncate(len) {
                    running.now = state;
                    self.tail.truncate(seen);
                }
            }
        }
    }

    /// Takes out the tokens that have to be computed again before others follow, since tokens behind them were
    /// taken back.
    pub(crate) fn owed(&mut self) -> Vec<u32> {
        self.running.as_mut().map(|running| running.past.owed()).unwrap_or_default()
    }

    /// Keeps the states as they are now, to come back to.
    pub(crate) fn mark(&mut self) {
        if let Some(Running { now, past }) = &mut self.running {
            past.mark(Arc::clone(now));
        }
    }

    /// The state of one layer, which is no other sequence's from now on.
    pub(crate) fn state_mut(&mut self, place: usize) -> Option<&mut State> {
        Arc::make_mut(&mut self.running.as_mut()?.now).get_mut(place)
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the tail a link that others can share.
    pub(crate) fn freeze(self) -> Prefix {
        let start = self.tail_start();
        let parent = self.chain.last().cloned();
        let states = self.running.map(|running| running.now);
        Prefix(Arc::new(Segment { parent, start, store: self.tail, states }))
    }
}
