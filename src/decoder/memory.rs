//! Keys and values: immutable prefixes shared by reference, and a tail that each sequence owns.
//! Forking a prefix clones a pointer. Knows nothing about how attention uses them.

use std::sync::Arc;

use super::kernels::COLUMN_STEP;

/// Positions of one panel of keys.
const KEY_PANEL: usize = 32;

/// Keys and values of consecutive positions, for every layer and key-value head.
pub(crate) struct Store {
    len: usize,
    head_dim: usize,
    /// Per layer and head: [position / 32][E][position mod 32], so that the scores of many positions are
    /// one matrix product; positions not yet written are zero.
    keys: Vec<Vec<f32>>,
    /// Per layer and head: [position][E rounded up], so that the weighted sum is one too.
    values: Vec<Vec<f32>>,
}

impl Store {
    pub(crate) fn new(layers: usize, kv_heads: usize, head_dim: usize) -> Self {
        let slots = layers * kv_heads;
        Self { len: 0, head_dim, keys: vec![Vec::new(); slots], values: vec![Vec::new(); slots] }
    }

    /// Positions held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Elements from one position's values to the next.
    pub(crate) fn value_stride(&self) -> usize {
        value_stride(self.head_dim)
    }

    /// Keys of one layer and head, in panels.
    pub(crate) fn keys(&self, slot: usize) -> &[f32] {
        &self.keys[slot]
    }

    /// Values of one layer and head.
    pub(crate) fn values(&self, slot: usize) -> &[f32] {
        &self.values[slot]
    }

    /// Makes room for `count` more positions, which [`Self::put`] then fills in every slot.
    pub(crate) fn extend(&mut self, count: usize) {
        self.len += count;
        let keys = self.len.next_multiple_of(KEY_PANEL) * self.head_dim;
        let values = self.len * self.value_stride();
        self.keys.iter_mut().for_each(|k| k.resize(keys, 0.0));
        self.values.iter_mut().for_each(|v| v.resize(values, 0.0));
    }

    /// Writes the key and value [E] of `position` (counted within this store).
    pub(crate) fn put(&mut self, slot: usize, position: usize, key: &[f32], value: &[f32]) {
        let base = position / KEY_PANEL * KEY_PANEL * self.head_dim + position % KEY_PANEL;
        for (e, &k) in key.iter().enumerate() {
            self.keys[slot][base + e * KEY_PANEL] = k;
        }
        let at = position * self.value_stride();
        self.values[slot][at..at + value.len()].copy_from_slice(value);
    }

    /// Keeps the first `len` positions. What stood behind them is left as it is: attention gives no weight
    /// to positions past the last one, and [`Self::put`] overwrites them.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Positions of one panel of keys.
    pub(crate) const fn key_panel() -> usize {
        KEY_PANEL
    }
}

/// Elements of one position's values: the head rounded up to whole vectors.
pub(crate) fn value_stride(head_dim: usize) -> usize {
    head_dim.next_multiple_of(COLUMN_STEP)
}

/// A link of the chain from a prefix back to position 0.
pub(crate) struct Segment {
    pub(crate) parent: Option<Arc<Segment>>,
    /// Position of the first token.
    pub(crate) start: usize,
    pub(crate) store: Store,
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
}

impl Sequence {
    pub(crate) fn new(prefix: Option<&Prefix>, tail: Store) -> Self {
        let mut chain = Vec::new();
        let mut link = prefix.map(|p| Arc::clone(&p.0));
        while let Some(segment) = link {
            link = segment.parent.clone();
            chain.push(segment);
        }
        chain.reverse();
        Self { chain, tail }
    }

    /// Position of the first token of the tail.
    pub(crate) fn tail_start(&self) -> usize {
        self.chain.last().map_or(0, |s| s.start + s.store.len())
    }

    /// Number of tokens from position 0.
    pub fn len(&self) -> usize {
        self.tail_start() + self.tail.len()
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the tail a link that others can share.
    pub(crate) fn freeze(self) -> Prefix {
        let start = self.tail_start();
        let parent = self.chain.last().cloned();
        Prefix(Arc::new(Segment { parent, start, store: self.tail }))
    }
}
