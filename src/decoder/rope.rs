//! Rotary position embedding: frequencies once, angles per position, the rotation of one head.
//!
//! Su et al. 2021 (arXiv 2104.09864) in the half-split layout of Hugging Face checkpoints; the Llama 3.1
//! stretching as in transformers' `_compute_llama3_parameters`.

use crate::model::{Rope, RopeScaling};

/// Inverse frequencies [E/2], radians per position.
pub(crate) fn inverse_frequencies(rope: &Rope, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| {
            let base = libm::pow(rope.theta, -((2 * i) as f64) / head_dim as f64);
            let frequency = match rope.scaling {
                RopeScaling::None => base,
                RopeScaling::Linear { factor } => base / factor,
                RopeScaling::Llama3 {
                    factor,
                    low_freq_factor,
                    high_freq_factor,
                    original_context,
                } => {
                    let turns = original_context as f64 * base / std::f64::consts::TAU;
                    let keep = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    let keep = keep.clamp(0.0, 1.0);
                    (1.0 - keep) * base / factor + keep * base
                }
            };
            frequency as f32
        })
        .collect()
}

/// Cosines and sines [E/2] of the angles at `position`. The angle is rounded to f32 as in the reference.
pub(crate) fn angles(inverse_frequencies: &[f32], position: usize) -> (Vec<f32>, Vec<f32>) {
    inverse_frequencies
        .iter()
        .map(|&f| {
            let angle = f64::from(f * position as f32);
            (libm::cos(angle) as f32, libm::sin(angle) as f32)
        })
        .unzip()
}

/// Rotates one head [E] in place: element i with element i + E/2.
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (low, high) = head.split_at_mut(cos.len());
    for (((a, b), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    }
}
