use proptest::prelude::*;

use super::super::math::round_blocks;
use super::*;

const LAYOUTS: [(Width, Scaling, u32); 10] = [
    (Width::Four, Scaling::Plain, 3),
    (Width::Four, Scaling::Minimum, 0),
    (Width::Five, Scaling::Plain, 4),
    (Width::Five, Scaling::Minimum, 0),
    (Width::Eight, Scaling::Plain, 7),
    (Width::Four, Scaling::SuperMinimumHalves, 0),
    (Width::Four, Scaling::SuperHalves, 2),
    (Width::Four, Scaling::SuperMinimum, 0),
    (Width::Five, Scaling::SuperMinimum, 0),
    (Width::Six, Scaling::SuperHalves, 5),
];

/// A block of its own for each column and index, within the width.
fn block(width: Width, scaling: Scaling, seed: usize, column: usize, index: usize) -> Block {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition(
        which in 0..LAYOUTS.len(), rows in 1usize..20, supers in 1usize..3, seed in 0usize..1000,
    ) {
        let (width, scaling, zero_bits) = LAYOUTS[which];
        let layout = Layout { width, scaling, zero_bits };
        // Rows of plain blocks need not be whole super-blocks.
        let blocks = if scaling.shared() == 1 { supers * 3 } else { supers * SUPER };
        let (inputs, outputs, stride) = (blocks * BLOCK, 45, 70);
        let block = |column, index| block(width, scaling, seed, column, index);
        let mut weights = Blocks::zeroed(layout, outputs, inputs);
        weights.fill(0, 32, block);
        weights.fill(32, outputs - 32, |column, index| block(column + 32, index));
        let x: Vec<f32> = (0..rows * (inputs + 5))
            .map(|i| ((i * 7919 + seed) % 2003) as f32 / 1001.5 - 1.0)
            .collect();
        let rounded = Rounded::new(&x, inputs + 5, inputs);
        for level in Level::available() {
            let mut c = vec![0.25f32; rows * stride];
            for panel in 0..2 {
                let mut stripe = Stripe::new(&mut c[panel * 32..], rows, stride, 32);
                weights.multiply_at(level, &rounded, panel, &mut stripe);
            }
            for (i, x) in x.chunks_exact(inputs + 5).enumerate() {
                for j in 0..outputs {
                    let expected = defined(&x[..inputs], |index| block(j, index), layout, 0.25);
                    prop_assert_eq!(
                        c[i * stride + j].to_bits(), expected.to_bits(), "{:?} {:?} row {} column {}", level, layout, i, j
                    );
                }
                prop_assert!(c[i * stride + 64..(i + 1) * stride].iter().all(|&c| c == 0.25));
            }
        }
    }
}
