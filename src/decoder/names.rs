//! The tensors that a decoder asked for, so that one it did not ask for is refused rather than ignored.

use std::cell::RefCell;

use candle_core::Tensor;

use crate::error::Result;
use crate::model::{Stored, Weights};

/// Hands out tensors by name and remembers the names.
pub(crate) struct Names<'a> {
    weights: &'a Weights,
    asked: RefCell<Vec<String>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        Self { weights, asked: RefCell::default() }
    }

    /// The tensor `name` of exactly this shape, still in its file.
    pub(crate) fn stored(&self, name: &str, shape: &[usize]) -> Result<Stored<'a>> {
        self.asked.borrow_mut().push(name.to_owned());
        self.weights.get(name, shape)
    }

    /// The tensor `name` of exactly this shape, as stored.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.asked.borrow_mut().push(name.to_owned());
        self.weights.tensor(name, shape)
    }

    /// Marks a tensor as known without reading it: a tied output matrix that is stored all the same.
    pub(crate) fn ignore(&self, name: &str) {
        self.asked.borrow_mut().push(name.to_owned());
    }

    /// Refuses tensors that nobody asked for.
    pub(crate) fn refuse_unused(self) -> Result<()> {
        let asked = self.asked.into_inner();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        self.weights.check_all_used(&asked)
    }
}
