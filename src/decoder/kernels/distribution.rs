//! Sums over next-token distributions in f64: what normalizes one, and how far two are apart.
//!
//! As in [`super::math`], everything is plain Rust in a fixed order: element i goes into lane i mod [`LANES`], lanes are
//! added as a binary tree, and exponential and logarithm are of our own. Knows nothing about what the distributions
//! are of.

use super::math::per_processor;

/// Lanes of a sum.
const LANES: usize = 8;
/// Elements whose terms are made before they are added: a loop without sums that go from one to the next is one that
/// the compiler takes several elements of at once.
const CHUNK: usize = 256;

/// Adding and subtracting 1.5 × 2^52 rounds a number to the nearest integer, ties to even.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts (Cody and Waite 1980).
const LN_2_HIGH: f64 = std::f64::consts::LN_2;
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
/// Below it the exponential is taken as 0: it is under 10⁻³⁰⁰.
const LEAST: f64 = -700.0;

/// e^x for x up to 0, within 10⁻¹⁵ of itself: range reduction, then the Taylor polynomial of degree 13.
#[inline(always)]
fn exp(x: f64) -> f64 {
    const FACTORIALS: [f64; 12] = [
        6_227_020_800.0,
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
    ];
    let inside = if x > LEAST { x } else { LEAST };
    // The rounded number is left in the low bits of the sum.
    let shifted = inside.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, inside));
    let mut p = 1.0 / FACTORIALS[0];
    for factorial in &FACTORIALS[1..] {
        p = p.mul_add(r, 1.0 / factorial);
    }
    let power = p.mul_add(r * r, r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) << 52;
    let value = f64::from_bits(power.to_bits().wrapping_add(exponent));
    if x > LEAST { value } else { 0.0 }
}

/// ln x for normal positive x, within 10⁻¹⁵ of itself or of 1: with x = 2ⁿ·f and f around 1 it is
/// n·ln 2 + 2·atanh((f − 1)/(f + 1)). Finite for 0.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const ONE: u64 = 1.0_f64.to_bits();
    /// √½: f lies between it and √2.
    const LEAST_FRACTION: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// 2⁵²: with it a whole number is the low bits of a float.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    const BIAS: u64 = 1023;
    let biased = (x.to_bits() + (ONE - LEAST_FRACTION)) >> 52;
    let n = f64::from_bits(biased | WHOLE.to_bits()) - (WHOLE + BIAS as f64);
    let f = f64::from_bits(x.to_bits().wrapping_sub(biased.wrapping_sub(BIAS) << 52));
    let s = (f - 1.0) / (f + 1.0);
    let square = s * s;
    let mut p: f64 = 1.0 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        p = p.mul_add(square, 1.0 / odd);
    }
    let rest = (2.0 * s).mul_add(p * square, 2.0 * s);
    n.mul_add(LN_2_HIGH, n.mul_add(LN_2_LOW, rest))
}

#[inline(always)]
fn tree_sum(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Adds the elements of a row to the lanes.
#[inline(always)]
fn add_to(sums: &mut [f64; LANES], terms: &[f64]) {
    let (blocks, rest) = terms.as_chunks::<LANES>();
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, term)| *sum += term);
    }
    sums.iter_mut().zip(rest).for_each(|(sum, term)| *sum += term);
}

per_processor! {
    /// Σ exp(logit − `top`) over a row; `top` is the largest of its logits.
    fn exponential_sum(logits: &[f32], top: f32) -> f64 {
        let (mut sums, mut terms) = ([0f64; LANES], [0f64; CHUNK]);
        for logits in logits.chunks(CHUNK) {
            for (term, &logit) in terms.iter_mut().zip(logits) {
                *term = exp(f64::from(logit) - f64::from(top));
            }
            add_to(&mut sums, &terms[..logits.len()]);
        }
        tree_sum(sums)
    }
}

/// p·x, and 0 where p is: what cannot be drawn adds nothing.
#[inline(always)]
fn weighted(p: f64, x: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * x }
}

/// A number, and 0 for one that rounding made negative.
#[inline(always)]
fn at_least_zero(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

per_processor! {
    /// KL(p ‖ q), KL(q ‖ p) and the Jensen–Shannon divergence, in nats, of the softmax of two rows of logits; the
    /// shifts are what normalizes each, subtracted from its logits one after the other. None is negative, and equal
    /// log-probabilities add exactly 0.
    ///
    /// A sum of p·ln(p/q) is taken as one of p·ln(p/q) − p + q, whose terms are never negative (both distributions sum
    /// to 1), so that rounding cannot make a divergence negative.
    fn divergences(p_logits: &[f32], q_logits: &[f32], p_shifts: [f64; 2], q_shifts: [f64; 2]) -> [f64; 3] {
        let (mut kl_sums, mut reverse_sums, mut js_sums) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        let (mut kl, mut reverse, mut js) = ([0f64; CHUNK], [0f64; CHUNK], [0f64; CHUNK]);
        for (p_logits, q_logits) in p_logits.chunks(CHUNK).zip(q_logits.chunks(CHUNK)) {
            let terms = kl.iter_mut().zip(&mut reverse).zip(&mut js);
            for ((&p_logit, &q_logit), ((kl, reverse), js)) in p_logits.iter().zip(q_logits).zip(terms) {
                let ln_p = f64::from(p_logit) - p_shifts[0] - p_shifts[1];
                let ln_q = f64::from(q_logit) - q_shifts[0] - q_shifts[1];
                let (p, q) = (exp(ln_p), exp(ln_q));
                let ln_m = ln(0.5 * (p + q));
                let there = at_least_zero(weighted(p, ln_p - ln_q) - p + q);
                let back = at_least_zero(weighted(q, ln_q - ln_p) - q + p);
                let between = at_least_zero(0.5 * (weighted(p, ln_p - ln_m) + weighted(q, ln_q - ln_m)));
                let equal = ln_p == ln_q;
                *kl = if equal { 0.0 } else { there };
                *reverse = if equal { 0.0 } else { back };
                *js = if equal { 0.0 } else { between };
            }
            let n = p_logits.len();
            add_to(&mut kl_sums, &kl[..n]);
            add_to(&mut reverse_sums, &reverse[..n]);
            add_to(&mut js_sums, &js[..n]);
        }
        [tree_sum(kl_sums), tree_sum(reverse_sums), tree_sum(js_sums)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_libm_to_the_last_bits() {
        for i in 0..200_000 {
            let x = -f64::from(i) * 0.0036;
            let (found, expected) = (exp(x), libm::exp(x));
            let error = if x > LEAST { 1e-15 * expected } else { 1e-300 };
            assert!((found - expected).abs() <= error, "{x}: {found} {expected}");
        }
        assert_eq!([exp(0.0), exp(-0.0), exp(f64::NEG_INFINITY)], [1.0, 1.0, 0.0]);
    }

    #[test]
    fn ln_is_that_of_libm_to_the_last_bits() {
        for i in 0..200_000 {
            for x in [1.0 - f64::from(i) * 5e-6, libm::exp(-f64::from(i) * 0.0035)] {
                let (found, expected) = (ln(x), libm::log(x));
                let error = 1e-15 * expected.abs().max(1.0);
                assert!((found - expected).abs() <= error, "{x}: {found} {expected}");
            }
        }
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(0.0).is_finite());
    }

    #[test]
    fn what_one_distribution_never_gives_is_infinitely_far_in_one_direction() {
        let never = f32::NEG_INFINITY;
        let half = std::f64::consts::LN_2;
        let [kl, kl_reverse, js] =
            divergences(&[0.0, never, never], &[0.0, 0.0, never], [0.0, 0.0], [0.0, half]);
        // (1, 0) from (1/2, 1/2): ln 2; and js = (ln (4/3) + (1/2)·ln (2/3) + (1/2)·ln 2)/2.
        let expected = 0.5 * (libm::log(4.0 / 3.0) + 0.5 * libm::log(2.0 / 3.0) + 0.5 * half);
        assert!((kl - half).abs() < 1e-15 && (js - expected).abs() < 1e-15, "{kl} {js}");
        assert_eq!(kl_reverse, f64::INFINITY);
    }

    #[test]
    fn a_row_of_any_length_is_summed_whole() {
        for n in 0..40u16 {
            let logits: Vec<f32> = (0..n).map(|i| -0.1 * f32::from(i)).collect();
            let plain: f64 = logits.iter().map(|&l| libm::exp(f64::from(l))).sum();
            assert!((exponential_sum(&logits, 0.0) - plain).abs() < 1e-12);
        }
    }
}
