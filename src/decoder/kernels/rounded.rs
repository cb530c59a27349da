//! Rows of activations rounded to eight bits, a scale for every 32 of them, laid out for the block kernel.
//!
//! x ≈ scale × code, with scale = max |x| / 127 over the block and code rounded to the nearest, ties to even.
//! A block's codes depend on its own 32 numbers only, so a row is the same whatever stands beside it.
//! Knows nothing about weights.

use rayon::prelude::*;

use super::math::{BLOCK, round_blocks};

/// Most rows of a tile.
pub(crate) const TILE: usize = 8;

/// Rows that a thread rounds at once.
const ROWS_PER_TASK: usize = 4 * TILE;

/// Rows [T, K] in tiles: eights, and at the end a tile of 1, 2, 4 or 8, filled up with zeros.
pub(crate) struct Rounded {
    rows: usize,
    blocks: usize,
    /// Per tile and block: [k / 4][row][4].
    pub(super) codes: Vec<i8>,
    /// Per tile and block: [row].
    pub(super) scales: Vec<f32>,
    /// Per tile and block, minus the sum of the codes: [whole, first half, second half][row].
    pub(super) sums: Vec<i32>,
    /// The same × scale.
    pub(super) offsets: Vec<f32>,
}

impl Rounded {
    /// Rounds the rows of `x`, `inputs` elements each (a multiple of [`BLOCK`]), `stride` apart.
    pub(crate) fn new(x: &[f32], stride: usize, inputs: usize) -> Self {
        let (rows, blocks) = (x.len() / stride, inputs / BLOCK);
        let held = held_rows(rows);
        let mut rounded = Self {
            rows,
            blocks,
            codes: vec![0; held * inputs],
            scales: vec![0.0; held * blocks],
            sums: vec![0; held * blocks * 3],
            offsets: vec![0.0; held * blocks * 3],
        };
        let (per_task, n) = (ROWS_PER_TASK, blocks);
        let codes = rounded.codes.par_chunks_mut(per_task * inputs);
        let scales = rounded.scales.par_chunks_mut(per_task * n);
        let sums = rounded.sums.par_chunks_mut(per_task * n * 3);
        let offsets = rounded.offsets.par_chunks_mut(per_task * n * 3);
        codes.zip(scales).zip(sums.zip(offsets)).zip(x.par_chunks(per_task * stride)).for_each(
            |(((codes, scales), (sums, offsets)), x)| {
                let rows = x.len() / stride;
                let (mut row_codes, mut row_scales) = (vec![0; inputs], vec![0.0; n]);
                for (first, height) in tiles(rows) {
                    for i in 0..height.min(rows - first) {
                        let row = &x[(first + i) * stride..][..inputs];
                        round_blocks(row, &mut row_codes, &mut row_scales);
                        let blocks = row_codes.as_chunks::<BLOCK>().0.iter().zip(&row_scales);
                        for (b, (rounded, &scale)) in blocks.enumerate() {
                            let at = first * n + b * height;
                            scales[at + i] = scale;
                            for (group, four) in rounded.as_chunks::<4>().0.iter().enumerate() {
                                codes[at * BLOCK + (group * height + i) * 4..][..4]
                                    .copy_from_slice(four);
                            }
                            let halves = rounded.as_chunks::<{ BLOCK / 2 }>().0;
                            let [low, high] = [0, 1].map(|h| -> i32 {
                                halves[h].iter().map(|&code| -i32::from(code)).sum()
                            });
                            for (part, sum) in [low + high, low, high].into_iter().enumerate() {
                                sums[at * 3 + part * height + i] = sum;
                                offsets[at * 3 + part * height + i] = sum as f32 * scale;
                            }
                        }
                    }
                }
            },
        );
        rounded
    }

    /// T.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// K / 32.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }
}

/// First row and height of every tile.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TILE).map(move |first| (first, (rows - first).next_power_of_two().min(TILE)))
}

/// Rows with those that fill up the last tile.
fn held_rows(rows: usize) -> usize {
    tiles(rows).map(|(_, height)| height).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tiles_cover_all_rows_and_little_more() {
        assert_eq!(tiles(21).collect::<Vec<_>>(), [(0, 8), (8, 8), (16, 8)]);
        assert_eq!(tiles(11).collect::<Vec<_>>(), [(0, 8), (8, 4)]);
        assert_eq!(tiles(1).collect::<Vec<_>>(), [(0, 1)]);
        assert_eq!(tiles(0).count(), 0);
    }

    proptest! {
        #[test]
        fn codes_are_the_nearest(x in prop::array::uniform32(-50f32..50.0)) {
            let (mut codes, mut scale) = ([0; BLOCK], [0.0]);
            round_blocks(&x, &mut codes, &mut scale);
            for (x, code) in x.into_iter().zip(codes) {
                prop_assert!((x - scale[0] * f32::from(code)).abs() <= scale[0] * 0.5001);
            }
            prop_assert!(codes.iter().any(|code| code.abs() == 127));
        }
    }
}
