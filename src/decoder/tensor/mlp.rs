//! One MLP: that of a dense layer, of an expert, or the one that all tokens pass beside their experts.
//!
//! Shapes: W tokens, D width, F width of the MLP.

use candle_core::{DType, Result};

use super::linear::Linear;
use super::loader::Loader;
use super::ops::{self, Tensor};
use crate::decoder::curve::{Curve, curve};
use crate::model::{Activation, LayerPart, MlpSpec, Projection};

pub(super) struct Mlp {
    form: MlpSpec,
    curve: Option<Curve>,
    inputs: Inputs,
    down: Linear,
}

/// From the residual stream to the MLP's width.
enum Inputs {
    Up(Linear),
    Gated {
        gate: Linear,
        up: Linear,
    },
    /// The gate's outputs before the other ones.
    Joined(Linear),
}

impl Inputs {
    fn new(gate: Option<Linear>, up: Linear) -> Result<Self> {
        let Some(gate) = gate else { return Ok(Self::Up(up)) };
        Ok(match Linear::joined(&[&gate, &up], 1)? {
            Some(joined) => Self::Joined(joined),
            None => Self::Gated { gate, up },
        })
    }

    fn matrices(&self) -> Vec<&Linear> {
        match self {
            Self::Up(map) | Self::Joined(map) => vec![map],
            Self::Gated { gate, up } => vec![gate, up],
        }
    }
}

impl Mlp {
    /// `part` says which part of the layer each projection is.
    pub(super) fn load(
        loader: &Loader<'_>,
        layer: usize,
        width: usize,
        part: impl Fn(Projection) -> LayerPart,
    ) -> crate::error::Result<Self> {
        let form = loader.spec.mlp;
        let d = loader.spec.hidden_size;
        let matrix =
            |projection, shape| loader.layer_matrix(layer, part(projection), shape, form.bias);
        Ok(Self {
            form,
            curve: curve(loader.spec, |number| loader.vector(layer, LayerPart::Curve(number), 1))?,
            inputs: Inputs::new(
                form.gated.then(|| matrix(Projection::Gate, [width, d])).transpose()?,
                matrix(Projection::Up, [width, d])?,
            )?,
            down: matrix(Projection::Down, [d, width])?,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Linear> {
        self.inputs.matrices().into_iter().chain([&self.down])
    }

    /// `h` [W, D] to [W, D], both in the decoder's type.
    pub(super) fn forward(&self, h: &Tensor) -> Result<Tensor> {
        // [W, F]
        let inner = match &self.inputs {
            Inputs::Joined(map) => {
                let both = map.forward(h)?;
                let f = both.dim(1)? / 2;
                gated(self.form.activation, &both.narrow(1, 0, f)?, &both.narrow(1, f, f)?)?
            }
            Inputs::Gated { gate, up } => {
                gated(self.form.activation, &gate.forward(h)?, &up.forward(h)?)?
            }
            Inputs::Up(up) => match &self.curve {
                Some(curve) => bent(curve, &up.forward(h)?)?,
                None => activate(self.form.activation, &up.forward(h)?)?,
            },
        };
        self.down.forward(&inner)
    }
}

/// activation(gate) × up.
fn gated(activation: Activation, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    let up = match activation {
        Activation::ClampedSwish { limit, .. } => (up.clamp(-limit, limit)? + 1.0)?,
        _ => up.clone(),
    };
    activate(activation, gate)? * up
}

/// xIELU, in f32.
fn bent(curve: &Curve, x: &Tensor) -> Result<Tensor> {
    let v = x.to_dtype(DType::F32)?;
    let straight = (&v * f64::from(curve.beta))?;
    let right = (v.sqr()? * f64::from(curve.right))?;
    let below = v.minimum(f64::from(curve.eps))?.exp()?.affine(1.0, -1.0)?;
    let left = ((below - &v)? * f64::from(curve.left))?;
    (v.gt(0f32)?.where_cond(&right, &left)? + straight)?.to_dtype(x.dtype())
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Silu => ops::silu(x),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::ReluSquared => x.relu()?.sqr(),
        // Its numbers are a layer's own: [`bent`].
        Activation::Xielu => Ok(x.clone()),
        // Several operations: in f32, so that it is rounded once.
        Activation::ClampedSwish { alpha, limit } => {
            let gate = x.to_dtype(DType::F32)?.minimum(limit)?;
            (&gate * ops::sigmoid(&(&gate * alpha)?)?)?.to_dtype(x.dtype())
        }
    }
}
