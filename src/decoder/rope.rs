//! Rotary position embedding: frequencies once, angles per position, the rotation of one head.
//!
//! Su et al. 2021 (arXiv 2104.09864) in the half-split layout of Hugging Face checkpoints; stretched as in
//! transformers' `modeling_rope_utils.py`.

use crate::model::{Growth, Rope, RopeScaling};

/// What a rope turns by: radians per position for each pair of elements, and a factor on what is turned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frequencies {
    /// [rotary dim / 2]
    inverse: Vec<f32>,
    factor: f32,
}

/// Cosines and sines [rotary dim / 2] at one position.
pub(crate) type Angles = (Vec<f32>, Vec<f32>);

impl Frequencies {
    pub(crate) fn new(rope: &Rope) -> Self {
        let dim = rope.rotary_dim;
        let base = |i: usize| libm::pow(rope.theta, -((2 * i) as f64) / dim as f64);
        let inverse = (0..dim / 2).map(|i| stretched(rope, i, base(i)) as f32).collect();
        let factor = match rope.scaling {
            RopeScaling::Yarn { attention_factor, .. }
            | RopeScaling::Long { attention_factor, .. } => attention_factor as f32,
            _ => 1.0,
        };
        Self { inverse, factor }
    }

    /// How many pairs of elements are turned.
    pub(crate) fn len(&self) -> usize {
        self.inverse.len()
    }

    /// Cosines and sines of the angles at `position`. The angle is rounded to f32 as in the reference.
    pub(crate) fn angles(&self, position: usize) -> Angles {
        let turn = |&f: &f32| {
            let angle = f64::from(f * position as f32);
            (libm::cos(angle) as f32 * self.factor, libm::sin(angle) as f32 * self.factor)
        };
        self.inverse.iter().map(turn).unzip()
    }
}

/// The i-th inverse frequency, whose unstretched value is `base`.
fn stretched(rope: &Rope, i: usize, base: f64) -> f64 {
    let turns = |context: usize| context as f64 * base / std::f64::consts::TAU;
    match &rope.scaling {
        RopeScaling::None => base,
        RopeScaling::Linear { factor } => base / factor,
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            let keep =
                (turns(*original_context) - low_freq_factor) / (high_freq_factor - low_freq_factor);
            let keep = keep.clamp(0.0, 1.0);
            (1.0 - keep) * base / factor + keep * base
        }
        RopeScaling::Yarn { factor, beta_fast, beta_slow, truncate, original_context, .. } => {
            let dim = rope.rotary_dim as f64;
            // The element whose frequency makes this many turns over the original context.
            let element = |turns: f64| {
                let length = *original_context as f64 / (turns * std::f64::consts::TAU);
                dim * libm::log(length) / (2.0 * libm::log(rope.theta))
            };
            let (mut low, mut high) = (element(*beta_fast), element(*beta_slow));
            if *truncate {
                (low, high) = (low.floor(), high.ceil());
            }
            let (low, mut high) = (low.max(0.0), high.min(dim - 1.0));
            if low == high {
                high += 0.001;
            }
            let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
            divided * base / factor + (1.0 - divided) * base
        }
        // Of a spec that was made for a length of text both lists are the same.
        RopeScaling::Long { short, .. } => base / short[i],
    }
}

/// Rotates the first elements of a head in place: element i with element i + half of them.
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (low, high) = head.split_at_mut(cos.len());
    for (((a, b), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    }
}

/// What queries at `position` are multiplied by.
pub(crate) fn growth(growth: &Growth, position: usize) -> f32 {
    let turns = ((position + growth.from) / growth.context) as f64;
    (1.0 + growth.beta * libm::log(1.0 + turns)) as f32
}
