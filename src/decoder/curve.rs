//! An activation with numbers of each layer's own, xIELU (arXiv 2411.13010). Knows nothing about matrices.

use crate::error::Result;
use crate::model::{Activation, Spec};

/// Its numbers, as they are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve {
    /// softplus(α₊)
    pub(crate) right: f32,
    /// β + softplus(α₋)
    pub(crate) left: f32,
    pub(crate) beta: f32,
    pub(crate) eps: f32,
}

/// The curve of a layer; `number` gives what is stored: α₊, α₋, β, ε. None where the activation has no such numbers.
pub(crate) fn curve(
    spec: &Spec,
    number: impl Fn(usize) -> Result<Vec<f32>>,
) -> Result<Option<Curve>> {
    if spec.mlp.activation != Activation::Xielu {
        return Ok(None);
    }
    let one = |at| number(at).map(|values| values.first().copied().unwrap_or(0.0));
    let softplus = |x: f32| libm::log1p(libm::exp(f64::from(x))) as f32;
    let (plus, minus, beta, eps) = (one(0)?, one(1)?, one(2)?, one(3)?);
    Ok(Some(Curve { right: softplus(plus), left: beta + softplus(minus), beta, eps }))
}

impl Curve {
    /// `x` ← the activation of `x`.
    pub(crate) fn apply(&self, x: &mut [f32]) {
        for x in x {
            let v = *x;
            *x = if v > 0.0 {
                self.right * v * v + self.beta * v
            } else {
                (libm::expm1f(v.min(self.eps)) - v) * self.left + self.beta * v
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_what_f64_says() {
        let curve = Curve { right: 0.8, left: 0.9, beta: 0.5, eps: -1e-6 };
        for i in -300..300 {
            let v = f64::from(i) / 30.0;
            let exact = if v > 0.0 {
                0.8 * v * v + 0.5 * v
            } else {
                ((v.min(-1e-6)).exp_m1() - v) * 0.9 + 0.5 * v
            };
            let mut x = [v as f32];
            curve.apply(&mut x);
            assert!((f64::from(x[0]) - exact).abs() < 1e-5 * (1.0 + exact.abs()), "{v}");
        }
    }
}
