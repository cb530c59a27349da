//! Norms of rows with their gradients. The weights learn nothing.

use candle_core::{D, Result, Tensor};

use crate::model::{NormKind, NormSpec};

/// A norm over the last dimension.
pub(super) struct Norm {
    spec: NormSpec,
    /// With the offset; one for each element, or [heads, 1, elements].
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Norm {
    pub(super) fn new(spec: NormSpec, weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self { spec, weight: (weight + spec.offset)?, bias })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = match self.spec.kind {
            NormKind::Rms => x.clone(),
            NormKind::Layer => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
        };
        let deviation = (x.sqr()?.mean_keepdim(D::Minus1)? + self.spec.eps)?.sqrt()?;
        let normed = x.broadcast_div(&deviation)?.broadcast_mul(&self.weight)?;
        match &self.bias {
            Some(bias) => normed.broadcast_add(bias),
            None => Ok(normed),
        }
    }
}
