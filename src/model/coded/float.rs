//! The numbers that small floating-point codes stand for. Works on single codes.

use half::f16;

/// E4M3 without infinities (arXiv 2209.05433, section 3): bias 7, all bits set is NaN.
pub(super) fn e4m3(code: u8) -> f32 {
    let sign = if code & 0x80 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let size = match (exponent, code & 7) {
        (15, 7) => return f32::NAN,
        (0, _) => mantissa / 8.0 * power_of_two(-6),
        _ => (1.0 + mantissa / 8.0) * power_of_two(exponent - 7),
    };
    sign * size
}

/// E5M2, the upper half of an f16.
pub(super) fn e5m2(code: u8) -> f32 {
    f16::from_bits(u16::from(code) << 8).to_f32()
}

/// E2M1 in the low four bits of a code.
pub(super) fn e2m1(code: u8) -> f32 {
    const SIZES: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
    let size = SIZES[usize::from(code & 7)];
    if code & 8 == 0 { size } else { -size }
}

/// E8M0, a power of two; all bits set is NaN.
pub(super) fn e8m0(code: u8) -> f32 {
    match code {
        255 => f32::NAN,
        code => power_of_two(i32::from(code) - 127),
    }
}

fn power_of_two(exponent: i32) -> f32 {
    libm::exp2(f64::from(exponent)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_the_definitions_say() {
        assert_eq!(
            [e4m3(0x7e), e4m3(0xfe), e4m3(0x01), e4m3(0x38)],
            [448.0, -448.0, 0.001_953_125, 1.0]
        );
        assert!(e4m3(0x7f).is_nan() && e4m3(0xff).is_nan());
        assert_eq!([e5m2(0x7b), e5m2(0x3c), e5m2(0x80)], [57344.0, 1.0, -0.0]);
        assert!(e5m2(0x7c).is_infinite());
        assert_eq!([e2m1(7), e2m1(15), e2m1(1), e2m1(9)], [6.0, -6.0, 0.5, -0.5]);
        assert_eq!([e8m0(127), e8m0(128), e8m0(0)], [1.0, 2.0, libm::exp2(-127.0) as f32]);
        assert!(e8m0(255).is_nan());
    }
}
