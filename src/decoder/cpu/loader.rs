//! Reads parts into the forms that the CPU computes with. Knows nothing about how they belong together.

use super::norm::Norm;
use crate::decoder::matrix::Matrix;
use crate::decoder::parts::Parts;
use crate::decoder::quantize::{Quantize, Role};
use crate::error::Result;
use crate::model::{Kind, LayerPart, NormSpec, Part, Spec, Weights};

/// The parts of one model, on their way into memory.
pub(super) struct Loader<'a> {
    pub(super) spec: &'a Spec,
    pub(super) parts: Parts<'a>,
    quantize: Option<Quantize>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(spec: &'a Spec, weights: &'a Weights, quantize: Option<Quantize>) -> Self {
        Self { spec, parts: Parts::new(weights), quantize }
    }

    /// A linear map [outputs, inputs] with or without a bias [outputs].
    pub(super) fn matrix(
        &self,
        part: Part,
        [outputs, inputs]: [usize; 2],
        bias: bool,
    ) -> Result<Matrix> {
        let role = Role::of(part, self.spec.tied_embeddings);
        let dtype = self.quantize.and_then(|q| q.dtype(role, self.spec.layers.len(), inputs));
        let changed = self.parts.matrix(part, [outputs, inputs], dtype.is_some())?;
        let bias = match bias {
            true => Some(self.parts.stored_vector(part, Kind::Bias, outputs)?),
            false => None,
        };
        Matrix::new(&changed.weight, bias.as_ref(), dtype)
            .and_then(|matrix| matrix.with_beside(changed.beside.as_ref()))
            .map_err(|error| error.within(format!("the {part}")))
    }

    /// The same for a part of a layer.
    pub(super) fn layer_matrix(
        &self,
        layer: usize,
        part: LayerPart,
        shape: [usize; 2],
        bias: bool,
    ) -> Result<Matrix> {
        self.matrix(Part::Layer(layer, part), shape, bias)
    }

    /// A norm over `len` elements, in the form that `spec` says.
    pub(super) fn norm(&self, part: Part, len: usize, spec: &NormSpec) -> Result<Norm> {
        let weight = match spec.weight {
            true => self.parts.vector(part, Kind::Weight, len)?,
            false => vec![1.0; len],
        };
        let weight = weight.into_iter().map(|w| w + spec.offset as f32).collect();
        let bias = match spec.bias {
            true => Some(self.parts.vector(part, Kind::Bias, len)?),
            false => None,
        };
        Ok(Norm::new(spec, weight, bias))
    }

    /// A vector of a layer.
    pub(super) fn vector(&self, layer: usize, part: LayerPart, len: usize) -> Result<Vec<f32>> {
        self.parts.vector(Part::Layer(layer, part), Kind::Weight, len)
    }
}
