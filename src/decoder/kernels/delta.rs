//! One token through the gated delta rule and through the short convolution before it. Every element is one chain
//! of fused multiply-adds, over the key's elements or the tokens from the oldest on.

use super::math::{exp, per_processor};

per_processor! {
    /// `out` [C] ← silu(Σ `weights`[j] × `inputs`[j]) over the tokens j, both [tokens, C], silu(x) = x / (1 + exp(−x)).
    fn convolve(inputs: &[f32], weights: &[f32], out: &mut [f32]) {
        let channels = out.len();
        out.fill(0.0);
        for (x, w) in inputs.chunks_exact(channels).zip(weights.chunks_exact(channels)) {
            for ((out, &x), &w) in out.iter_mut().zip(x).zip(w) {
                *out = x.mul_add(w, *out);
            }
        }
        for out in out {
            *out /= 1.0 + exp(-*out);
        }
    }
}

per_processor! {
    /// Changes a head's `state` M [K, U] by a token's query [K], key [K] and value [U] and reads it:
    /// M ← `decay` · M, d = `strength` · (value − Mᵀ key), M ← M + key dᵀ, `out` [U] ← Mᵀ query.
    fn delta_step(
        state: &mut [f32],
        token: [&[f32]; 3],
        decay: f32,
        strength: f32,
        change: &mut [f32],
        out: &mut [f32]
    ) {
        let [query, key, value] = token;
        change.fill(0.0);
        for (row, &k) in state.chunks_exact_mut(value.len()).zip(key) {
            for (m, known) in row.iter_mut().zip(change.iter_mut()) {
                *m *= decay;
                *known = m.mul_add(k, *known);
            }
        }
        for (change, &v) in change.iter_mut().zip(value) {
            *change = (v - *change) * strength;
        }
        out.fill(0.0);
        for ((row, &k), &q) in state.chunks_exact_mut(value.len()).zip(key).zip(query) {
            for ((m, &change), out) in row.iter_mut().zip(change.iter()).zip(out.iter_mut()) {
                *m = k.mul_add(change, *m);
                *out = m.mul_add(q, *out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_changes_the_state_as_the_definition_says(
            before in prop::collection::vec(-2f32..2.0, 3 * 5), query in prop::collection::vec(-1f32..1.0, 3),
            key in prop::collection::vec(-1f32..1.0, 3), value in prop::collection::vec(-2f32..2.0, 5),
            decay in 0f32..1.0, strength in 0f32..1.0,
        ) {
            let mut state = before.clone();
            let (mut change, mut out) = ([0f32; 5], [0f32; 5]);
            delta_step(&mut state, [&query, &key, &value], decay, strength, &mut change, &mut out);
            for u in 0..5 {
                let old = |k: usize| f64::from(before[k * 5 + u]) * f64::from(decay);
                let known: f64 = (0..3).map(|k| old(k) * f64::from(key[k])).sum();
                let change = f64::from(strength) * (f64::from(value[u]) - known);
                let new = |k: usize| old(k) + f64::from(key[k]) * change;
                let read: f64 = (0..3).map(|k| new(k) * f64::from(query[k])).sum();
                prop_assert!((f64::from(out[u]) - read).abs() < 1e-5);
                for k in 0..3 {
                    prop_assert!((f64::from(state[k * 5 + u]) - new(k)).abs() < 1e-5);
                }
            }
        }

        #[test]
        fn the_convolution_is_a_weighted_sum_through_silu(
            inputs in prop::collection::vec(-2f32..2.0, 4 * 3), weights in prop::collection::vec(-1f32..1.0, 4 * 3),
        ) {
            let mut out = [0f32; 3];
            convolve(&inputs, &weights, &mut out);
            for c in 0..3 {
                let terms = (0..4).map(|j| f64::from(inputs[j * 3 + c]) * f64::from(weights[j * 3 + c]));
                let sum: f64 = terms.sum();
                prop_assert!((f64::from(out[c]) - sum / (1.0 + (-sum).exp())).abs() < 1e-5);
            }
        }
    }
}
