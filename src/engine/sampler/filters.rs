//! Top-k, top-p and min-p: which tokens can be drawn. None of them sorts the vocabulary: a few passes over
//! the weights leave a narrow band around the boundary, and only within it scores are compared one by one.
//! Knows nothing about noise.

use super::scores::{DROPPED, Scores, Weights};
use crate::decoder::kernels::{self, Below};

/// Drops all but the `k` largest scores and those equal to the k-th.
pub(super) fn keep_top_k(scores: &Scores<'_>, weights: &mut Weights, k: usize) {
    let len = weights.of.len();
    if k >= len {
        return;
    }
    let band = Band::around(&weights.of, 0.0, |below| below.count > len - k);
    let mut values: Vec<f64> = band.ids.iter().map(|&id| scores.of(id)).collect();
    // Out of range only in a row with NaN, which is above every bound.
    let above = len - band.below_high.count;
    let Some(rank) = k.checked_sub(above + 1).filter(|&rank| rank < values.len()) else { return };
    let (_, &mut kth, _) = values.select_nth_unstable_by(rank, |a, b| b.total_cmp(a));
    let small = band.ids.iter().filter(|&&id| scores.of(id) < kth);
    band.drop_ids(weights, small);
}

/// Drops the smallest probabilities as long as their sum does not exceed 1 − p; the largest always stays.
pub(super) fn keep_top_p(scores: &Scores<'_>, weights: &mut Weights, p: f64) {
    let all = kernels::below(&weights.of, f32::INFINITY);
    // So many tokens of this weight can be dropped and more.
    let certain = (1.0 - p) * all.sum / all.count.max(1) as f64;
    let band = Band::around(&weights.of, certain as f32, |below| below.sum > (1.0 - p) * all.sum);
    let mut order: Vec<(u32, f64)> = band.ids.iter().map(|&id| (id, scores.of(id))).collect();
    order.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let terms: Vec<f64> = order.iter().map(|&(_, score)| libm::exp(score - weights.top)).collect();
    let above = all.sum - band.below_high.sum;
    let total = above + terms.iter().sum::<f64>() + band.below_low.sum;
    let fewest = usize::from(band.below_high.count == all.count);
    let mut dropped = band.below_low.sum / total;
    let mut len = order.len();
    while len > fewest {
        dropped += terms[len - 1] / total;
        if dropped > 1.0 - p {
            break;
        }
        len -= 1;
    }
    band.drop_ids(weights, order[len..].iter().map(|(id, _)| id));
}

/// Drops what is less than `p` times the largest probability.
pub(super) fn keep_min_p(scores: &Scores<'_>, weights: &mut Weights, p: f64) {
    let floor = weights.likeliest(scores).1 + libm::log(p);
    let slack = weights.slack();
    let low = (p / slack) as f32;
    // The smallest weight stands for all below it.
    let high = (p.max(f64::from(f32::MIN_POSITIVE) * 2.0) * slack) as f32;
    let mut ids = Vec::new();
    kernels::indices_between(&weights.of, low, high, &mut ids);
    kernels::replace_below(&mut weights.of, low, DROPPED);
    for id in ids.into_iter().filter(|&id| scores.of(id) < floor) {
        weights.of[id as usize] = DROPPED;
    }
}

/// The weights around a boundary: what is below `low` is dropped, what is at least `high` stays.
struct Band {
    low: f32,
    below_low: Below,
    below_high: Below,
    /// What is between, in the order of ids.
    ids: Vec<u32>,
}

impl Band {
    /// `too_many` says whether dropping all that is below a bound would drop too much; it does not for
    /// `certain`. The band is where that turns.
    fn around(weights: &[f32], certain: f32, too_many: impl Fn(Below) -> bool) -> Self {
        /// Few enough to be sorted in a fraction of the time of a pass.
        const FEW: usize = 1024;
        /// Weights this close may stand in another order than their scores.
        const UNORDERED: f32 = 1e-6;
        // Positive floats are ordered as their bits are, so that halving these finds the boundary in at most
        // 31 passes however the weights lie. No weight exceeds 1.
        let certain = if certain > 0.0 { certain.min(1.0) } else { 0.0 };
        let (mut low, mut high) = (certain.to_bits(), 1f32.to_bits() + 1);
        let mut count_low = kernels::below(weights, f32::from_bits(low)).count;
        let mut count_high = weights.len();
        while count_high - count_low > FEW && high - low > 1 {
            let middle = low + (high - low) / 2;
            let below = kernels::below(weights, f32::from_bits(middle));
            if too_many(below) {
                (high, count_high) = (middle, below.count);
            } else {
                (low, count_low) = (middle, below.count);
            }
        }
        let low = f32::from_bits(low) * (1.0 - UNORDERED);
        let high = f32::from_bits(high) * (1.0 + UNORDERED);
        let mut ids = Vec::new();
        kernels::indices_between(weights, low, high, &mut ids);
        let below = |bound| kernels::below(weights, bound);
        Self { low, below_low: below(low), below_high: below(high), ids }
    }

    /// Drops what is below the band, and `ids`.
    fn drop_ids<'a>(&self, weights: &mut Weights, ids: impl Iterator<Item = &'a u32>) {
        kernels::replace_below(&mut weights.of, self.low, DROPPED);
        for &id in ids {
            weights.of[id as usize] = DROPPED;
        }
    }
}
