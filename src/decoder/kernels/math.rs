//! Exponentials, norms and sums with a fixed order of operations.
//!
//! A sum over a row goes into sixteen lanes (element i into lane i mod 16) which are then added as a
//! binary tree, on every processor alike. The exponential is a polynomial of our own, because the
//! system's differs between C libraries and even between processors under one library.

/// Elements of a rounded row that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Lanes of a sum.
pub(super) const LANES: usize = 16;

/// Adding and subtracting 1.5 × 2^23 rounds a small number to the nearest integer, ties to even.
const ROUND: f32 = 12_582_912.0;

/// Compiles `$body` once for each instruction set and calls the best at run time. The body is plain
/// Rust, so all of them give the same bits; they differ in speed only.
macro_rules! per_processor {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,fma")]
                fn avx512($($arg: $type),*) $(-> $out)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $out)? {
                    body($($arg),*)
                }
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
                    // SAFETY: the processor was asked for these features.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(super) use per_processor;

/// e^x, for x clamped to the range of normal f32 results; relative error below 2e-7.
///
/// Range reduction by Cody and Waite, then the degree-6 minimax polynomial of the Cephes library.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // The rounded number is left in the low bits of the sum.
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let mut p = 1.987_569_1e-4_f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 0.5);
    let power = p.mul_add(r * r, r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) << 23;
    f32::from_bits(power.to_bits().wrapping_add(exponent))
}

#[inline(always)]
pub(super) fn tree_sum(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The largest value; minus infinity of none. A NaN is passed over.
#[inline(always)]
pub(crate) fn maximum(values: &[f32]) -> f32 {
    let mut maxima = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (m, &v) in maxima.iter_mut().zip(block) {
            *m = if v > *m { v } else { *m };
        }
    }
    for (m, &v) in maxima.iter_mut().zip(rest) {
        *m = if v > *m { v } else { *m };
    }
    maxima.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

per_processor! {
    /// Replaces each score of a row by exp(score − maximum) and returns their sum, to which `sink` adds as if
    /// it were a score; minus infinity adds nothing to it, bit for bit.
    fn softmax_terms(scores: &mut [f32], sink: f32) -> f32 {
        let maximum = maximum(scores);
        let maximum = if sink > maximum { sink } else { maximum };
        let mut sums = [0f32; LANES];
        let (blocks, rest) = scores.as_chunks_mut::<LANES>();
        for block in blocks {
            for (sum, s) in sums.iter_mut().zip(block) {
                *s = exp(*s - maximum);
                *sum += *s;
            }
        }
        for (sum, s) in sums.iter_mut().zip(rest) {
            *s = exp(*s - maximum);
            *sum += *s;
        }
        tree_sum(sums) + exp(sink - maximum)
    }
}

/// 1 / √x, and NaN where x has overflowed: 1 / √∞ would be 0, and turn a row that is no longer known into zeros.
#[inline(always)]
fn inverse_root(x: f32) -> f32 {
    if x == f32::INFINITY { f32::NAN } else { 1.0 / x.sqrt() }
}

per_processor! {
    /// `out` = `x` / sqrt(mean(x²) + eps) × `weight`; all of one length.
    fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        let mut sums = [0f32; LANES];
        let (blocks, rest) = x.as_chunks::<LANES>();
        for block in blocks {
            for (sum, &v) in sums.iter_mut().zip(block) {
                *sum = v.mul_add(v, *sum);
            }
        }
        for (sum, &v) in sums.iter_mut().zip(rest) {
            *sum = v.mul_add(v, *sum);
        }
        let scale = inverse_root(tree_sum(sums) / x.len() as f32 + eps);
        for ((out, &v), &w) in out.iter_mut().zip(x).zip(weight) {
            *out = (v * scale) * w;
        }
    }
}

per_processor! {
    /// `out` = (`x` − mean(x)) / sqrt(variance(x) + eps) × `weight`; all of one length.
    fn layer_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        let n = x.len() as f32;
        let mut sums = [0f32; LANES];
        let (blocks, rest) = x.as_chunks::<LANES>();
        for block in blocks {
            for (sum, &v) in sums.iter_mut().zip(block) {
                *sum += v;
            }
        }
        for (sum, &v) in sums.iter_mut().zip(rest) {
            *sum += v;
        }
        let mean = tree_sum(sums) / n;
        let mut squares = [0f32; LANES];
        for block in blocks {
            for (sum, &v) in squares.iter_mut().zip(block) {
                *sum = (v - mean).mul_add(v - mean, *sum);
            }
        }
        for (sum, &v) in squares.iter_mut().zip(rest) {
            *sum = (v - mean).mul_add(v - mean, *sum);
        }
        let scale = inverse_root(tree_sum(squares) / n + eps);
        for ((out, &v), &w) in out.iter_mut().zip(x).zip(weight) {
            *out = ((v - mean) * scale) * w;
        }
    }
}

per_processor! {
    /// x ← cap · tanh(x / cap).
    fn softcap(x: &mut [f32], cap: f32) {
        for x in x {
            // tanh(y) = 1 − 2 / (exp(2y) + 1); beyond ±9 it is 1 in f32.
            let y = (*x / cap).clamp(-9.5, 9.5);
            *x = cap * (1.0 - 2.0 / (exp(2.0 * y) + 1.0));
        }
    }
}

per_processor! {
    /// `x` += `y` × `factor`.
    fn add_scaled(x: &mut [f32], y: &[f32], factor: f32) {
        for (x, &y) in x.iter_mut().zip(y) {
            *x = y.mul_add(factor, *x);
        }
    }
}

/// 1 / (1 + exp(−x)).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

per_processor! {
    /// `out` = `x` × `factor`.
    fn scale(x: &[f32], factor: f32, out: &mut [f32]) {
        for (out, &v) in out.iter_mut().zip(x) {
            *out = v * factor;
        }
    }
}

per_processor! {
    /// Rounds a row to eight bits, `BLOCK` elements to a scale: x ≈ scale × code, with scale = max |x| / 127
    /// over the block and code rounded to the nearest, ties to even. A scale is NaN where a number of its block
    /// is NaN or infinite, so that what is no number stays none.
    fn round_blocks(x: &[f32], codes: &mut [i8], scales: &mut [f32]) {
        let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0);
        for ((x, codes), scale) in blocks.zip(scales) {
            let (mut maxima, mut spoiled) = ([0f32; LANES], [0f32; LANES]);
            for part in x.as_chunks::<LANES>().0 {
                for ((m, s), x) in maxima.iter_mut().zip(&mut spoiled).zip(part) {
                    *m = if x.abs() > *m { x.abs() } else { *m };
                    // 0 for every number, NaN for what is none.
                    *s += x.abs() * 0.0;
                }
            }
            let largest = maxima.iter().fold(0f32, |a, &b| if b > a { b } else { a });
            *scale = largest / 127.0 + tree_sum(spoiled);
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            for (code, x) in codes.iter_mut().zip(x) {
                // The rounded number is left in the low bits of the sum.
                *code = (x * inverse + ROUND).to_bits() as i8;
            }
        }
    }
}

per_processor! {
    /// `x` += `y`.
    fn add(x: &mut [f32], y: &[f32]) {
        for (x, &y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exp_is_close_over_its_whole_range() {
        let mut x = -87.0f32;
        while x < 88.0 {
            let exact = f64::from(x).exp();
            let relative = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(relative < 2e-7, "exp({x}) is off by {relative}");
            x += 0.0137;
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1000.0) < 1e-37);
    }

    proptest! {
        #[test]
        fn softmax_terms_sum_to_what_f64_says(scores in prop::collection::vec(-30f32..30.0, 1..200)) {
            let maximum = scores.iter().copied().fold(f32::MIN, f32::max);
            let exact: f64 = scores.iter().map(|&s| f64::from(s - maximum).exp()).sum();
            let mut terms = scores.clone();
            let sum = f64::from(softmax_terms(&mut terms, f32::NEG_INFINITY));
            prop_assert!((sum - exact).abs() / exact < 1e-5);
        }

        #[test]
        fn what_is_no_number_stays_none(
            at in 0usize..64, kind in 0usize..4, mut x in prop::collection::vec(-2f32..2.0, 64),
        ) {
            x[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30][kind];
            let (mut codes, mut scales) = ([0i8; 64], [0f32; 2]);
            round_blocks(&x, &mut codes, &mut scales);
            prop_assert_eq!(scales[at / BLOCK].is_nan(), kind < 3);
            prop_assert!(scales[1 - at / BLOCK].is_finite());
            let (weight, mut out) = (vec![1.0; 64], vec![0.0; 64]);
            rms_norm(&x, &weight, 1e-6, &mut out);
            prop_assert!(out.iter().all(|x| x.is_nan()) || kind == 0 || out[at].is_nan());
            layer_norm(&x, &weight, 1e-6, &mut out);
            prop_assert!(out[at].is_nan());
        }

        #[test]
        fn rms_norm_matches_f64(x in prop::collection::vec(-5f32..5.0, 1..100)) {
            let mean = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / x.len() as f64;
            let weight: Vec<f32> = (0..x.len()).map(|i| 0.5 + i as f32 * 0.01).collect();
            let mut out = vec![0.0; x.len()];
            rms_norm(&x, &weight, 1e-5, &mut out);
            for ((&y, &v), &w) in out.iter().zip(&x).zip(&weight) {
                let exact = f64::from(v) / (mean + 1e-5).sqrt() * f64::from(w);
                prop_assert!((f64::from(y) - exact).abs() < 1e-5 * (1.0 + exact.abs()));
            }
        }
    }
}
