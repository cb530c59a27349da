//! The codes of a block and their scales as vectors, for as many columns as a vector has lanes. Knows nothing about rows
//! or products.

use super::super::simd::Simd;
use super::{COLUMNS, Scaling, Width};

/// Codes 4v to 4v + 3 of as many columns as there are lanes.
///
/// # Safety
/// `lines` points at the block's first line, at the first column's byte.
#[inline(always)]
pub(super) unsafe fn codes<S: Simd>(width: Width, lines: *const u8, v: usize) -> S::I {
    // SAFETY: v is below eight, so these lines are the block's.
    unsafe {
        let line = |i: usize| S::bytes(lines.add(i * 64));
        let low = || S::bits(line(v / 2), (v % 2 * 4) as u32, 0, 15);
        match width {
            Width::Four => low(),
            Width::Five => S::or(low(), S::bits(line(4), v as u32, 4, 16)),
            Width::Six => S::or(low(), S::bits(line(4 + v / 4), (v % 4 * 2) as u32, 4, 48)),
            Width::Eight => line(v),
        }
    }
}

/// Scale and minimum of a part of a block, for as many columns as there are lanes; the minimum is zero where
/// there is none.
///
/// # Safety
/// `all` points at the scales of sixteen columns which have this block.
#[inline(always)]
pub(super) unsafe fn scales<S: Simd>(
    scaling: Scaling,
    all: *const u8,
    block: usize,
    part: usize,
    column: usize,
) -> (S::F, S::F) {
    let (at, factors) = scaling.place(block);
    // SAFETY: `place` stays within the block's own bytes, and so do the parts.
    unsafe {
        let halves = |at: usize| S::load_f16(all.add(at + column * 2).cast());
        let factor = |part: usize| all.add(factors + part * COLUMNS + column);
        match scaling {
            Scaling::Plain => (halves(at), S::splat(0.0)),
            Scaling::Minimum => (halves(at), halves(at + COLUMNS * 2)),
            Scaling::SuperHalves => {
                (S::mul(halves(at), S::load_i8(factor(part).cast())), S::splat(0.0))
            }
            Scaling::SuperMinimum | Scaling::SuperMinimumHalves => (
                S::mul(halves(at), S::load_u8(factor(part))),
                S::mul(halves(at + COLUMNS * 2), S::load_u8(factor(scaling.parts() + part))),
            ),
        }
    }
}
