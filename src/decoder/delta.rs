//! What both decoders compute of the gated delta rule number by number. Knows nothing about how a state is kept.

/// Added to the square of a query's or key's length before it is divided by that.
pub(crate) const UNIT_EPS: f64 = 1e-6;

/// Above this, softplus(x) is x in f32.
const SOFTPLUS_LINEAR: f32 = 20.0;

/// What a head keeps of its state, exp(−`rate` · softplus(`x`)).
pub(crate) fn decay(rate: f32, x: f32) -> f32 {
    let softplus = if x > SOFTPLUS_LINEAR { x } else { libm::log1pf(libm::expf(x)) };
    libm::expf(-rate * softplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_is_what_f64_says() {
        for i in -200..200 {
            let x = f64::from(i) / 7.0;
            for rate in [0.01, 1.0, 16.0] {
                let exact = (-rate * x.exp().ln_1p()).exp();
                let ours = f64::from(decay(rate as f32, x as f32));
                assert!(
                    (ours - exact).abs() < 1e-5 * exact.max(1e-2),
                    "{x} {rate}: {ours} {exact}"
                );
            }
        }
        assert!(decay(1.0, f32::NAN).is_nan());
    }
}
