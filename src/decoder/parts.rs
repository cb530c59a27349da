//! The parts that a decoder asked for, so that a tensor that it did not ask for is refused rather than ignored.

use std::cell::RefCell;

use crate::error::Result;
use crate::model::{Kind, Part, Stored, Weights};

/// Hands out parts and remembers the tensors that they are in.
pub(crate) struct Parts<'a> {
    weights: &'a Weights,
    asked: RefCell<Vec<String>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        Self { weights, asked: RefCell::default() }
    }

    /// A part of exactly this shape, still in its file.
    pub(crate) fn stored(&self, part: Part, kind: Kind, shape: &[usize]) -> Result<Stored<'a>> {
        self.ignore(part, kind)?;
        self.weights.get(part, kind, shape)
    }

    /// A vector, widened to f32 from whatever type it is stored in; all of it finite.
    pub(crate) fn vector(&self, part: Part, kind: Kind, len: usize) -> Result<Vec<f32>> {
        self.stored(part, kind, &[len])?.to_f32()
    }

    /// Marks the output matrix as known where it is the embedding, and refuses one that is stored all the same and
    /// holds other numbers.
    pub(crate) fn tied_output(&self) -> Result<()> {
        self.weights.check_tied()?;
        self.ignore(Part::Output, Kind::Weight)
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
