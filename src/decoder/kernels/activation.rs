//! What stands between the projections of an MLP. Knows nothing about matrices.

use super::math::{exp, per_processor, sigmoid};
use crate::model::Activation;

/// √(2 / π).
const TANH_FACTOR: f32 = 0.797_884_6;

/// `gate` ← activation(gate) × up.
pub(crate) fn gate(activation: Activation, gate: &mut [f32], up: &[f32]) {
    match activation {
        Activation::Silu => silu_mul(gate, up),
        Activation::ClampedSwish { alpha, limit } => {
            clamped_swish_mul(gate, up, alpha as f32, limit as f32);
        }
        _ => {
            activate(activation, gate);
            multiply(gate, up);
        }
    }
}

/// `x` ← activation(x).
pub(crate) fn activate(activation: Activation, x: &mut [f32]) {
    match activation {
        Activation::Silu => x.iter_mut().for_each(|x| *x *= sigmoid(*x)),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Gelu => {
            let half = |x: f32| 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
            x.iter_mut().for_each(|x| *x = half(*x));
        }
        Activation::ReluSquared => x.iter_mut().for_each(|x| *x = x.max(0.0) * x.max(0.0)),
        // Its numbers are a layer's own: `decoder/curve.rs` computes it.
        Activation::Xielu => {}
        // Only ever gates: without something to gate it is the swish alone.
        Activation::ClampedSwish { alpha, limit } => x.iter_mut().for_each(|x| {
            let y = x.min(limit as f32);
            *x = y * sigmoid(y * alpha as f32);
        }),
    }
}

per_processor! {
    /// `gate` ← silu(gate) × up, with silu(x) = x / (1 + exp(−x)).
    fn silu_mul(gate: &mut [f32], up: &[f32]) {
        for (g, &u) in gate.iter_mut().zip(up) {
            *g = *g / (1.0 + exp(-*g)) * u;
        }
    }
}

per_processor! {
    /// x ← x · (1 + tanh(u)) / 2 = x / (1 + exp(−2u)), u = √(2/π) · (x + 0.044715 x³).
    fn gelu_tanh(x: &mut [f32]) {
        for x in x {
            let v = *x;
            let u = TANH_FACTOR * (0.044_715 * v * v).mul_add(v, v);
            *x = v / (1.0 + exp(-2.0 * u));
        }
    }
}

per_processor! {
    /// `x` ← x × y.
    fn multiply(x: &mut [f32], y: &[f32]) {
        for (x, &y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    }
}

per_processor! {
    /// `gate` ← g · sigmoid(α g) · (u + 1), g the gate cut off above `limit`, u `up` cut off at ± `limit`.
    fn clamped_swish_mul(gate: &mut [f32], up: &[f32], alpha: f32, limit: f32) {
        for (g, &u) in gate.iter_mut().zip(up) {
            let (x, u) = (if *g > limit { limit } else { *g }, u.clamp(-limit, limit));
            *g = x / (1.0 + exp(-alpha * x)) * (u + 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_what_f64_says() {
        for i in -600..600 {
            let x = i as f32 / 50.0;
            let v = f64::from(x);
            let tanh = 0.5
                * v
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v * v * v)).tanh());
            let erf = 0.5 * v * (1.0 + libm::erf(v / std::f64::consts::SQRT_2));
            let sigmoid = 1.0 / (1.0 + (-v).exp());
            for (activation, exact) in [
                (Activation::GeluTanh, tanh),
                (Activation::Gelu, erf),
                (Activation::Silu, v * sigmoid),
                (Activation::ReluSquared, if v > 0.0 { v * v } else { 0.0 }),
            ] {
                let mut ours = [x];
                activate(activation, &mut ours);
                assert!(
                    (f64::from(ours[0]) - exact).abs() < 2e-6 * (1.0 + exact.abs()),
                    "{activation:?}({x})"
                );
                let mut gated = [x];
                gate(activation, &mut gated, &[2.0]);
                assert!((gated[0] - 2.0 * ours[0]).abs() < 1e-5 * (1.0 + ours[0].abs()));
            }
        }
    }
}
