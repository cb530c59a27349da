//! What a product over blocks is by definition, one element at a time, and blocks to hold the kernels to it with: for the
//! tests, and for the check that `candor doctor` makes on the machine at hand.

use half::f16;

use super::super::math::{BLOCK, round_blocks};
use super::super::rounded::Rounded;
use super::super::simd::Level;
use super::super::stripe::Stripe;
use super::{Block, Blocks, Layout, SUPER, Scaling, Width};

/// Every layout that weights come in.
pub(super) const LAYOUTS: [Layout; 10] = [
    Layout { width: Width::Four, scaling: Scaling::Plain, zero_bits: 3 },
    Layout { width: Width::Four, scaling: Scaling::Minimum, zero_bits: 0 },
    Layout { width: Width::Five, scaling: Scaling::Plain, zero_bits: 4 },
    Layout { width: Width::Five, scaling: Scaling::Minimum, zero_bits: 0 },
    Layout { width: Width::Eight, scaling: Scaling::Plain, zero_bits: 7 },
    Layout { width: Width::Four, scaling: Scaling::SuperMinimumHalves, zero_bits: 0 },
    Layout { width: Width::Four, scaling: Scaling::SuperHalves, zero_bits: 2 },
    Layout { width: Width::Four, scaling: Scaling::SuperMinimum, zero_bits: 0 },
    Layout { width: Width::Five, scaling: Scaling::SuperMinimum, zero_bits: 0 },
    Layout { width: Width::Six, scaling: Scaling::SuperHalves, zero_bits: 5 },
];

/// A block of its own for each column and index, within the width.
fn block(layout: Layout, seed: usize, column: usize, index: usize) -> Block {
    let Layout { width, scaling, .. } = layout;
    let mut state = (seed * 1_000_003 + column * 8191 + index * 131 + 7) as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let bits = match width {
        Width::Four => 4,
        Width::Five => 5,
        Width::Six => 6,
        Width::Eight => 8,
    };
    let shared = scaling.shared();
    let own = |seed: u32| f16::from_f32(0.01 + (seed % 97) as f32 / 500.0);
    // Blocks of one super-block have its scales.
    let scales = (column * 31 + index / shared * 17 + seed) as u32;
    Block {
        codes: std::array::from_fn(|_| (next() & ((1 << bits) - 1)) as u8),
        scale: own(scales),
        minimum: own(scales / 3),
        factors: [next() as u8, next() as u8].map(|f| match scaling {
            Scaling::SuperHalves => f,
            _ => f & 63,
        }),
        minimum_factors: [next() as u8 & 63, next() as u8 & 63],
    }
}

/// The definition, one element at a time.
fn defined(x: &[f32], column: impl Fn(usize) -> Block, layout: Layout, start: f32) -> f32 {
    let Layout { scaling, zero_bits, .. } = layout;
    let mut sum = start;
    for (index, x) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
        let (mut codes, mut x_scale) = ([0; BLOCK], [0.0]);
        round_blocks(x, &mut codes, &mut x_scale);
        let (x_scale, x) = (x_scale[0], codes);
        let block = column(index);
        let len = BLOCK / scaling.parts();
        for part in 0..scaling.parts() {
            let range = part * len..(part + 1) * len;
            let zero = if scaling.has_minimum() { 0 } else { 1 << zero_bits };
            let dot: i32 =
                range.clone().map(|k| (i32::from(block.codes[k]) - zero) * i32::from(x[k])).sum();
            let (mut scale, mut minimum) = (block.scale.to_f32(), block.minimum.to_f32());
            if scaling.shared() > 1 {
                scale *= match scaling {
                    Scaling::SuperHalves => f32::from(block.factors[part] as i8),
                    _ => f32::from(block.factors[part]),
                };
                minimum *= f32::from(block.minimum_factors[part]);
            }
            sum = (dot as f32).mul_add(scale * x_scale, sum);
            if scaling.has_minimum() {
                let total: i32 = range.map(|k| -i32::from(x[k])).sum();
                sum = minimum.mul_add(total as f32 * x_scale, sum);
            }
        }
    }
    sum
}

/// Whether a level's products over blocks of every layout have the bits of the definition.
pub(in super::super) fn agrees(level: Level) -> bool {
    LAYOUTS.into_iter().all(|layout| differs_at(level, layout, [5, SUPER * BLOCK], 1).is_none())
}

/// The first row and column, of so many rows and inputs, at which a level's product over blocks of one layout has other
/// bits than the definition, or at which it writes though there is no column.
pub(super) fn differs_at(
    level: Level,
    layout: Layout,
    [rows, inputs]: [usize; 2],
    seed: usize,
) -> Option<[usize; 2]> {
    // The last columns of the second panel are not there.
    let (outputs, stride, start) = (45, 70, 0.25);
    let mut weights = Blocks::zeroed(layout, outputs, inputs);
    weights.fill(0, 32, |column, index| block(layout, seed, column, index));
    weights.fill(32, outputs - 32, |column, index| block(layout, seed, column + 32, index));
    let gap = inputs + 5;
    let x: Vec<f32> =
        (0..rows * gap).map(|i| ((i * 7919 + seed) % 2003) as f32 / 1001.5 - 1.0).collect();
    let rounded = Rounded::new(&x, gap, inputs);
    let mut c = vec![start; rows * stride];
    for panel in 0..2 {
        let mut stripe = Stripe::new(&mut c[panel * 32..], rows, stride, 32);
        weights.multiply_at(level, &rounded, panel, &mut stripe);
    }
    let is_right = |i: usize, j: usize| {
        let expected = match j < outputs {
            true => {
                let x = &x[i * gap..][..inputs];
                defined(x, |index| block(layout, seed, j, index), layout, start)
            }
            false => start,
        };
        c[i * stride + j].to_bits() == expected.to_bits()
    };
    // Between the columns that are there and the end of their panel anything may stand.
    let columns = || (0..outputs).chain(64..stride);
    let mut places = (0..rows).flat_map(|i| columns().map(move |j| [i, j]));
    places.find(|&[i, j]| !is_right(i, j))
}
