//! Norms of rows, in f32. Knows nothing about where they stand in a layer.

use candle_core::{D, Result};

use super::ops::{self, Tensor};
use crate::model::{NormKind, NormSpec};

/// A norm over rows of one length, N.
pub(super) struct Norm {
    form: Form,
    /// [N]
    weight: Tensor,
    eps: f32,
}

/// Kinds of norms and their bias [N].
enum Form {
    Rms(Option<Tensor>),
    Layer(Tensor),
}

impl Norm {
    /// `weight` [N] with its offset, `bias` [N], both f32.
    pub(super) fn new(
        spec: &NormSpec,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> crate::error::Result<Self> {
        let form = match (spec.kind, bias) {
            (NormKind::Rms, bias) => Form::Rms(bias),
            (NormKind::Layer, Some(bias)) => Form::Layer(bias),
            (NormKind::Layer, None) => Form::Layer(weight.zeros_like()?),
        };
        Ok(Self { form, weight, eps: spec.eps as f32 })
    }

    /// The same norm with a weight of 1 and without a bias.
    pub(super) fn of_weight_one(&self) -> crate::error::Result<Self> {
        let ones = self.weight.zeros_like()?.affine(0.0, 1.0)?;
        let form = match &self.form {
            Form::Rms(_) => Form::Rms(None),
            Form::Layer(bias) => Form::Layer(bias.zeros_like()?),
        };
        Ok(Self { form, weight: ones, eps: self.eps })
    }

    /// What it multiplies by, [N].
    pub(super) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Every row of `x` [.., N], which has no gaps.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.form {
            Form::Rms(None) => ops::rms_norm(x, &self.weight, self.eps),
            Form::Rms(Some(bias)) => ops::rms_norm(x, &self.weight, self.eps)?.broadcast_add(bias),
            Form::Layer(bias) => ops::layer_norm(x, &self.weight, bias, self.eps),
        }
    }

    /// Every N neighbouring elements of `x`, whose last dimensions are as long as a multiple of N.
    pub(super) fn parts(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.reshape(((), self.weight.dim(D::Minus1)?))?;
        self.forward(&rows)?.reshape(x.shape())
    }
}
