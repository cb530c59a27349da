//! Reads parts into the forms that the device computes with. Knows nothing about how they belong together.

use candle_core::{DType, Device};

use super::linear::Linear;
use super::norm::Norm;
use super::ops::Tensor;
use crate::decoder::parts::Parts;
use crate::decoder::quantize::Role;
use crate::error::Result;
use crate::model::{Kind, LayerPart, NormSpec, Part, Spec};

/// The parts of one model, on their way onto a device.
pub(super) struct Loader<'a> {
    pub(super) spec: &'a Spec,
    pub(super) parts: Parts<'a>,
    /// Type of dense matrices.
    pub(super) dtype: DType,
    pub(super) device: &'a Device,
}

impl Loader<'_> {
    /// A linear map [outputs, inputs] with or without a bias [outputs]. A router's is f32, whatever the
    /// decoder's type: a rounded score may choose another expert.
    pub(super) fn matrix(&self, part: Part, shape: [usize; 2], bias: bool) -> Result<Linear> {
        let changed = self.parts.matrix(part, shape, false)?;
        let bias = match bias {
            true => Some(self.parts.stored_vector(part, Kind::Bias, shape[0])?),
            false => None,
        };
        let dtype = match Role::of(part, self.spec.tied_embeddings) {
            Role::Router => DType::F32,
            _ => self.dtype,
        };
        Linear::new(&changed.weight, bias.as_ref(), dtype, self.device)
            .and_then(|linear| linear.with_beside(changed.beside.as_ref(), self.device))
            .map_err(|error| error.within(format!("the {part}")))
    }

    /// The same for a part of a layer.
    pub(super) fn layer_matrix(
        &self,
        layer: usize,
        part: LayerPart,
        shape: [usize; 2],
        bias: bool,
    ) -> Result<Linear> {
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
            true => Some(self.tensor(self.parts.vector(part, Kind::Bias, len)?)?),
            false => None,
        };
        Norm::new(spec, self.tensor(weight)?, bias)
    }

    /// A vector of a layer.
    pub(super) fn vector(&self, layer: usize, part: LayerPart, len: usize) -> Result<Vec<f32>> {
        self.parts.vector(Part::Layer(layer, part), Kind::Weight, len)
    }

    fn tensor(&self, values: Vec<f32>) -> Result<Tensor> {
        let len = values.len();
        Ok(Tensor::from_vec(values, len, self.device)?)
    }
}
