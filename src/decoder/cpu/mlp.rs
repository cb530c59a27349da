//! One MLP: that of a dense layer, of an expert, or the one that all tokens pass beside their experts.
//!
//! Shapes: T tokens, D width, F width of the MLP.

use rayon::prelude::*;

use super::ROWS_PER_TASK;
use super::loader::Loader;
use crate::decoder::curve::{Curve, curve};
use crate::decoder::kernels;
use crate::decoder::matrix::Matrix;
use crate::error::Result;
use crate::model::{LayerPart, MlpSpec, Projection};

pub(super) struct Mlp {
    form: MlpSpec,
    curve: Option<Curve>,
    gate: Option<Matrix>,
    up: Matrix,
    down: Matrix,
}

impl Mlp {
    /// `part` says which part of the layer each projection is.
    pub(super) fn load(
        loader: &Loader<'_>,
        layer: usize,
        width: usize,
        part: impl Fn(Projection) -> LayerPart,
    ) -> Result<Self> {
        let form = loader.spec.mlp;
        let d = loader.spec.hidden_size;
        let matrix =
            |projection, shape| loader.layer_matrix(layer, part(projection), shape, form.bias);
        Ok(Self {
            form,
            curve: curve(loader.spec, |number| loader.vector(layer, LayerPart::Curve(number), 1))?,
            gate: form.gated.then(|| matrix(Projection::Gate, [width, d])).transpose()?,
            up: matrix(Projection::Up, [width, d])?,
            down: matrix(Projection::Down, [d, width])?,
        })
    }

    pub(super) fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.gate.iter().chain([&self.up, &self.down])
    }

    /// `h` [T, D] to [T, ≥ D], rows [`Self::stride`] apart.
    pub(super) fn apply(&self, h: &[f32], d: usize) -> Vec<f32> {
        let inner = match &self.gate {
            Some(gate) => {
                let [mut gate, up] = Matrix::apply_all([gate, &self.up], h, d); // [T, F] both
                let task = ROWS_PER_TASK * self.up.stride();
                gate.par_chunks_mut(task)
                    .zip(up.par_chunks(task))
                    .for_each(|(gate, up)| kernels::gate(self.form.activation, gate, up));
                gate
            }
            None => {
                let mut up = self.up.apply(h, d);
                let task = ROWS_PER_TASK * self.up.stride();
                up.par_chunks_mut(task).for_each(|up| match &self.curve {
                    Some(curve) => curve.apply(up),
                    None => kernels::activate(self.form.activation, up),
                });
                up
            }
        };
        self.down.apply(&inner, self.up.stride())
    }

    /// Elements from one row of the result to the next.
    pub(super) fn stride(&self) -> usize {
        self.down.stride()
    }
}
