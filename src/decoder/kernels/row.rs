//! Passes over one row of the vocabulary: its softmax terms, where the large ones are, and how much lies
//! below a bound. Knows nothing about tokens or sampling.

use super::math::{LANES, exp, maximum, per_processor, tree_sum};

per_processor! {
    /// Writes exp((score − maximum) × `factor`) for each score and returns maximum and sum: with a factor of
    /// 1 the bits of [`super::softmax_terms`]. Both slices have one length.
    fn scaled_softmax_terms(scores: &[f32], factor: f32, terms: &mut [f32]) -> (f32, f32) {
        let maximum = maximum(scores);
        let mut sums = [0f32; LANES];
        let (blocks, rest) = scores.as_chunks::<LANES>();
        let (term_blocks, term_rest) = terms.as_chunks_mut::<LANES>();
        for (block, terms) in blocks.iter().zip(term_blocks) {
            for ((sum, term), &s) in sums.iter_mut().zip(terms).zip(block) {
                *term = exp((s - maximum) * factor);
                *sum += *term;
            }
        }
        for ((sum, term), &s) in sums.iter_mut().zip(term_rest).zip(rest) {
            *term = exp((s - maximum) * factor);
            *sum += *term;
        }
        (maximum, tree_sum(sums))
    }
}

per_processor! {
    /// The largest value of each group of `size` values (the last may be shorter), appended to `maxima`.
    fn group_maxima(values: &[f32], size: usize, maxima: &mut Vec<f32>) {
        for group in values.chunks(size) {
            maxima.push(maximum(group));
        }
    }
}

/// What lies below a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Below {
    /// How many values.
    pub count: usize,
    /// Sum of those that are positive, to about seven digits.
    pub sum: f64,
}

per_processor! {
    /// Counts and adds up the values below `bound`.
    fn below(values: &[f32], bound: f32) -> Below {
        // Short enough for f32 sums that round to nothing that matters, long enough to keep f64 out of the way.
        const STRETCH: usize = 64 * LANES;
        let (mut totals, mut count) = ([0f64; LANES], 0);
        for stretch in values.chunks(STRETCH) {
            let mut sums = [0f32; LANES];
            let (blocks, rest) = stretch.as_chunks::<LANES>();
            for block in blocks {
                for (sum, &v) in sums.iter_mut().zip(block) {
                    let inside = if v < bound { v } else { 0.0 };
                    *sum += if inside > 0.0 { inside } else { 0.0 };
                }
            }
            for (sum, &v) in sums.iter_mut().zip(rest) {
                *sum += if v < bound && v > 0.0 { v } else { 0.0 };
            }
            // Without the box the compiler adds pairs of lanes from here backwards, at half the speed.
            let sums = std::hint::black_box(sums);
            for (total, &sum) in totals.iter_mut().zip(&sums) {
                *total += f64::from(sum);
            }
            count += stretch.iter().map(|&v| u32::from(v < bound)).sum::<u32>() as usize;
        }
        Below { count, sum: totals.iter().sum() }
    }
}

per_processor! {
    /// Appends the indices of the values that are not below `low` and not at or above `high`, in order; those
    /// of NaN are among them.
    fn indices_between(values: &[f32], low: f32, high: f32, indices: &mut Vec<u32>) {
        let outside = |v: f32| u32::from(v < low) | u32::from(v >= high);
        let (stretches, rest) = values.as_chunks::<{ 4 * LANES }>();
        for (first, stretch) in (0..).step_by(4 * LANES).zip(stretches) {
            let mut all = [1u32; LANES];
            for block in stretch.as_chunks::<LANES>().0 {
                for (all, &v) in all.iter_mut().zip(block) {
                    *all &= outside(v);
                }
            }
            if all.iter().fold(1, |all, &lane| all & lane) == 0 {
                let inside = (first..).zip(stretch).filter(|&(_, &v)| outside(v) == 0);
                indices.extend(inside.map(|(i, _)| i));
            }
        }
        let first = (values.len() - rest.len()) as u32;
        let inside = (first..).zip(rest).filter(|&(_, &v)| outside(v) == 0);
        indices.extend(inside.map(|(i, _)| i));
    }
}

per_processor! {
    /// Overwrites the values below `bound`.
    fn replace_below(values: &mut [f32], bound: f32, by: f32) {
        for v in values {
            *v = if *v < bound { by } else { *v };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::kernels::softmax_terms;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn factor_one_gives_the_bits_of_softmax_terms(scores in prop::collection::vec(-100f32..30.0, 1..200)) {
            let mut expected = scores.clone();
            let sum = softmax_terms(&mut expected, f32::NEG_INFINITY);
            let mut terms = vec![0.0; scores.len()];
            prop_assert_eq!(scaled_softmax_terms(&scores, 1.0, &mut terms).1.to_bits(), sum.to_bits());
            prop_assert_eq!(terms, expected);
        }

        #[test]
        fn passes_find_what_a_plain_loop_finds(
            mut values in prop::collection::vec(-1f32..1.0, 1..3000), low in -1f32..1.0, width in 0f32..0.1,
        ) {
            let high = low + width;
            let found = below(&values, high);
            let expected: Vec<f32> = values.iter().copied().filter(|&v| v < high).collect();
            prop_assert_eq!(found.count, expected.len());
            let sum: f64 = expected.iter().filter(|&&v| v > 0.0).map(|&v| f64::from(v)).sum();
            prop_assert!((found.sum - sum).abs() <= 1e-6 * sum);

            let mut indices = Vec::new();
            indices_between(&values, low, high, &mut indices);
            let between = |&i: &u32| values[i as usize] >= low && values[i as usize] < high;
            prop_assert_eq!(indices, (0..values.len() as u32).filter(between).collect::<Vec<_>>());

            let mut maxima = Vec::new();
            group_maxima(&values, 256, &mut maxima);
            let plain = values.chunks(256).map(|g| g.iter().copied().fold(f32::MIN, f32::max));
            prop_assert_eq!(maxima, plain.collect::<Vec<_>>());

            let replaced: Vec<f32> = values.iter().map(|&v| if v < low { -1.0 } else { v }).collect();
            replace_below(&mut values, low, -1.0);
            prop_assert_eq!(values, replaced);
        }
    }
}
