//! The parts that a decoder asked for, as adapters change them, so that a tensor that it did not ask for is refused
//! rather than ignored.

use std::cell::{Cell, RefCell};

use super::change::{Changed, changed};
use crate::error::Result;
use crate::model::{Kind, LayerPart, Part, Stored, Weights};

/// Hands out parts and remembers the tensors that they are in.
pub(crate) struct Parts<'a> {
    weights: &'a Weights,
    asked: RefCell<Vec<String>>,
    /// Whether a change by an adapter is computed beside weights.
    beside: Cell<bool>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        Self { weights, asked: RefCell::default(), beside: Cell::default() }
    }

    /// A matrix of exactly this shape. `quantized` says that dense weights will be put into blocks of small codes.
    pub(crate) fn matrix(
        &self,
        part: Part,
        shape: [usize; 2],
        quantized: bool,
    ) -> Result<Changed<'a>> {
        self.ignore(part, Kind::Weight)?;
        let weight = self.weights.get(part, Kind::Weight, &shape)?;
        let changes = self.weights.changes(part, Kind::Weight, &shape)?;
        let in_blocks = quantized || weight.dtype().block_size() > 1;
        let changed = changed(weight, changes, in_blocks)
            .map_err(|error| error.within(format!("the {part}")))?;
        self.beside.set(self.beside.get() || changed.beside.is_some());
        Ok(changed)
    }

    /// The factors of a layer's convolution [tokens, channels], the oldest token first. They are stored by channel.
    pub(crate) fn kernel(&self, layer: usize, channels: usize, tokens: usize) -> Result<Vec<f32>> {
        let part = Part::Layer(layer, LayerPart::DeltaKernel);
        let stored = self.stored(part, Kind::Weight, &[channels, 1, tokens])?.to_f32()?;
        let of_token = |j: usize| (0..channels).map(move |c| c * tokens + j);
        Ok((0..tokens).flat_map(of_token).map(|at| stored[at]).collect())
    }

    /// A vector of exactly this length.
    pub(crate) fn stored_vector(&self, part: Part, kind: Kind, len: usize) -> Result<Stored<'a>> {
        self.stored(part, kind, &[len])
    }

    fn stored(&self, part: Part, kind: Kind, shape: &[usize]) -> Result<Stored<'a>> {
        self.ignore(part, kind)?;
        let vector = self.weights.get(part, kind, shape)?;
        let changes = self.weights.changes(part, kind, shape)?;
        let changed =
            changed(vector, changes, false).map_err(|error| error.within(format!("the {part}")))?;
        Ok(changed.weight)
    }

    /// The same, widened to f32 from whatever type it is stored in; all of it finite.
    pub(crate) fn vector(&self, part: Part, kind: Kind, len: usize) -> Result<Vec<f32>> {
        self.stored_vector(part, kind, len)?.to_f32()
    }

    /// Whether the change of some matrix is computed beside its weights.
    pub(crate) fn any_beside(&self) -> bool {
        self.beside.get()
    }

    /// Whether there is an output matrix of its own although the config says that it is the embedding: one that is
    /// stored and holds other numbers. transformers 5 computes with that one.
    pub(crate) fn has_own_output(&self) -> Result<bool> {
        self.ignore(Part::Output, Kind::Weight)?;
        self.weights.has_own_output()
    }

    fn ignore(&self, part: Part, kind: Kind) -> Result<()> {
        self.asked.borrow_mut().push(self.weights.name_of(part, kind)?);
        Ok(())
    }

    /// Refuses tensors that nobody asked for.
    pub(crate) fn refuse_unused(self) -> Result<()> {
        self.weights.check_all_used(&self.asked.into_inner())
    }
}
