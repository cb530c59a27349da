//! Prefixes that are shared by reference, and the slots in which sequences keep what follows.
//!
//! Blocks begin at multiples of P from position 0, wherever a prefix ends: whoever continues a prefix whose
//! last block is not full starts with a copy of that block. So the blocks of a text, and with them its sums,
//! do not depend on how it was cut. Knows nothing about tokens or attention.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::store::{BLOCK, Format, State, Store};
use crate::decoder::past::Past;
use crate::error::Result;

/// A link of the chain from a prefix back to position 0.
pub(super) struct Segment {
    pub(super) parent: Prefix,
    /// Position of the store's first block; at or before the parent's end.
    pub(super) base: usize,
    /// Position after the last token.
    pub(super) end: usize,
    /// One slot.
    pub(super) store: Store,
}

/// Tokens whose keys and values are computed once; clones share them.
#[derive(Clone)]
pub struct Prefix(Option<Arc<Segment>>);

impl Prefix {
    /// No token at all.
    pub(super) const NONE: Self = Self(None);

    pub(super) fn new(segment: Segment) -> Self {
        Self(Some(Arc::new(segment)))
    }

    /// Number of tokens from position 0.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |segment| segment.end)
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the blocks of what follows begin: the prefix's end, or the start of its last block if that is
    /// not full.
    pub(super) fn base_of_next(&self) -> usize {
        self.len() / BLOCK * BLOCK
    }

    /// The full blocks from position 0 on.
    pub(super) fn blocks(&self) -> Vec<SharedBlock> {
        let mut blocks = Vec::new();
        let mut link = self;
        while let Some(segment) = &link.0 {
            let full = (segment.end - segment.base) / BLOCK;
            blocks.extend(
                (0..full).rev().map(|block| SharedBlock { segment: Arc::clone(segment), block }),
            );
            link = &segment.parent;
        }
        blocks.reverse();
        blocks
    }

    /// Gives a slot the states after the last token.
    pub(super) fn hand_over_states(&self, store: &Store, slot: usize) -> Result<()> {
        match &self.0 {
            Some(segment) => put_states(store, slot, &segment.store.state_of(0)?),
            None => Ok(store.clear_state(slot)?),
        }
    }

    /// Copies the last block, if it is not full, to the start of `slot`, and the states there.
    pub(super) fn hand_over(&self, store: &Store, slot: usize) -> Result<()> {
        self.hand_over_states(store, slot)?;
        match &self.0 {
            Some(segment) if !segment.end.is_multiple_of(BLOCK) => {
                store.copy_block(slot, 0, &segment.store, (segment.end - segment.base) / BLOCK)
            }
            _ => Ok(()),
        }
    }
}

/// A full block of a prefix.
#[derive(Clone)]
pub(super) struct SharedBlock {
    pub(super) segment: Arc<Segment>,
    /// Counted from the segment's base.
    pub(super) block: usize,
}

impl SharedBlock {
    /// Blocks before it.
    fn level(&self) -> usize {
        self.segment.base / BLOCK + self.block
    }
}

/// Full blocks of prefixes side by side, so that one product meets them all. Those of one prefix stand in their order.
/// A copy: it takes as much room again as the blocks that are in it.
pub(super) struct Pack {
    blocks: Vec<Packed>,
    pub(super) store: Store,
}

/// Which block stands at a place. Nothing is kept alive by being packed.
struct Packed {
    segment: Weak<Segment>,
    block: usize,
    level: usize,
}

impl Packed {
    fn is(&self, block: &SharedBlock) -> bool {
        self.block == block.block
            && std::ptr::eq(self.segment.as_ptr(), Arc::as_ptr(&block.segment))
    }
}

impl Pack {
    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The first position of every block, and whether it is one of `shared`, a prefix's own.
    pub(super) fn seen(&self, shared: &[SharedBlock]) -> impl Iterator<Item = (usize, bool)> {
        self.blocks.iter().map(|packed| {
            let own = shared.get(packed.level).is_some_and(|own| packed.is(own));
            (packed.level * BLOCK, own)
        })
    }
}

/// The blocks that were packed last.
pub(super) struct Packs {
    format: Format,
    last: Mutex<Option<Arc<Pack>>>,
}

impl Packs {
    pub(super) fn new(format: &Format) -> Self {
        // States are handed over, never shared.
        Self { format: Format { delta: None, ..format.clone() }, last: Mutex::default() }
    }

    /// A pack with all blocks of these prefixes; none where they have no full block. What was packed last serves as long
    /// as it has them and is not mostly others.
    pub(super) fn of<'a>(
        &self,
        prefixes: impl Iterator<Item = &'a [SharedBlock]>,
    ) -> Result<Option<Arc<Pack>>> {
        // Whoever brought a block in had brought in all before it: each prefix's own keep their order.
        let mut needed: Vec<&SharedBlock> = Vec::new();
        for block in prefixes.flatten() {
            let known = |other: &&SharedBlock| {
                other.block == block.block && Arc::ptr_eq(&other.segment, &block.segment)
            };
            if !needed.iter().any(known) {
                needed.push(block);
            }
        }
        if needed.is_empty() {
            return Ok(None);
        }
        let mut last = lock(&self.last);
        let serves = |pack: &&Arc<Pack>| {
            let has = |block: &&SharedBlock| pack.blocks.iter().any(|packed| packed.is(block));
            pack.len() <= 2 * needed.len() + 8 && needed.iter().all(has)
        };
        if let Some(pack) = last.as_ref().filter(serves) {
            return Ok(Some(Arc::clone(pack)));
        }
        *last = None;
        let store = Store::new(&self.format, 1, needed.len())?;
        let packed = needed.iter().enumerate().map(|(to, block)| {
            store.copy_block(0, to, &block.segment.store, block.block)?;
            let segment = Arc::downgrade(&block.segment);
            Ok(Packed { segment, block: block.block, level: block.level() })
        });
        let blocks = packed.collect::<Result<_>>()?;
        Ok(Some(Arc::clone(last.insert(Arc::new(Pack { blocks, store })))))
    }
}

/// A prefix, possibly none, and the tokens after it.
pub struct Sequence {
    pub(super) prefix: Prefix,
    pub(super) shared: Vec<SharedBlock>,
    /// Tokens after the prefix.
    pub(super) tail: usize,
    /// Where they are kept; none before the first of them.
    pub(super) slot: Option<Slot>,
    running: Option<Running>,
}

/// Copies of one text's states; none: those at the end of its prefix.
type Kept = Option<Arc<Vec<State>>>;

/// The way back in a text whose layers keep states. Those after its last computed token are in its slot.
struct Running {
    past: Past<Kept>,
    /// What the slot has to be given before it goes on.
    restore: Option<Kept>,
}

fn put_states(store: &Store, slot: usize, states: &[State]) -> Result<()> {
    let mut states = states.iter().enumerate();
    Ok(states.try_for_each(|(place, state)| store.put_state(place, slot, state))?)
}

impl Sequence {
    /// `states`: whether its layers keep any.
    pub(super) fn new(prefix: &Prefix, states: bool) -> Self {
        let running = states.then(|| Running { past: Past::new(None), restore: None });
        let shared = prefix.blocks();
        Self { prefix: prefix.clone(), shared, tail: 0, slot: None, running }
    }

    /// Number of tokens from position 0.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.running.as_ref().map_or(self.tail, |running| running.past.len())
    }

    /// Notes tokens whose keys, values and states were computed.
    pub(super) fn extend(&mut self, tokens: &[u32]) {
        self.tail += tokens.len();
        if let Some(running) = &mut self.running {
            running.past.see(tokens);
        }
    }

    /// Keeps the first `len` tokens, and the prefix in any case.
    pub(super) fn truncate(&mut self, len: usize) {
        let len = len.saturating_sub(self.prefix.len());
        match &mut self.running {
            None => self.tail = self.tail.min(len),
            Some(running) => {
                if let Some((state, seen)) = running.past.truncate(len) {
                    running.restore = Some(state);
                    self.tail = seen;
                }
            }
        }
    }

    /// Gives the slot the states that were gone back to, and takes out the tokens that have to be computed again
    /// before others follow.
    pub(super) fn owed(&mut self) -> Result<Vec<u32>> {
        let Some(running) = &mut self.running else { return Ok(Vec::new()) };
        if let (Some(kept), Some(slot)) = (running.restore.take(), &self.slot) {
            match kept {
                Some(states) => put_states(&slot.slab.store(), slot.index, &states)?,
                None => self.prefix.hand_over_states(&slot.slab.store(), slot.index)?,
            }
        }
        Ok(running.past.owed())
    }

    /// Keeps the states as they are now, to come back to.
    pub(super) fn mark(&mut self) -> Result<()> {
        if let (Some(running), Some(slot)) = (&mut self.running, &self.slot) {
            running.past.mark(Some(Arc::new(slot.slab.store().state_of(slot.index)?)));
        }
        Ok(())
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Slots for the tails of as many sequences as a pass has tokens.
pub(super) struct Slab {
    store: Mutex<Store>,
    free: Mutex<Vec<usize>>,
}

impl Slab {
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }
}

/// A place in a slab, given back when dropped.
pub(super) struct Slot {
    pub(super) slab: Arc<Slab>,
    pub(super) index: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.slab.free).push(self.index);
    }
}

/// All slabs of a decoder: one as long as no more sequences are alive than a pass has tokens.
pub(super) struct Slots {
    format: Format,
    width: usize,
    slabs: Mutex<Vec<Arc<Slab>>>,
}

impl Slots {
    /// Slabs of `width` slots each.
    pub(super) fn new(format: Format, width: usize) -> Self {
        Self { format, width, slabs: Mutex::default() }
    }

    /// A free slot.
    pub(super) fn take(&self) -> Result<Slot> {
        let mut slabs = lock(&self.slabs);
        for slab in slabs.iter() {
            if let Some(index) = lock(&slab.free).pop() {
                return Ok(Slot { slab: Arc::clone(slab), index });
            }
        }
        let slab = Arc::new(Slab {
            store: Mutex::new(Store::new(&self.format, self.width, 1)?),
            free: Mutex::new((1..self.width).rev().collect()),
        });
        slabs.push(Arc::clone(&slab));
        Ok(Slot { slab, index: 0 })
    }
}

/// A panic elsewhere leaves stores and lists as they were between two writes, which is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
