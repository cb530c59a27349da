//! Which experts a token passes, and with what shares. Knows nothing about where its scores come from.

use super::kernels;
use crate::model::{Experts, Shares};

/// The experts of a token with these `scores` [N], and their shares. `correction` [N] is added where they
/// are ranked. Of equal ones the first is taken.
pub(crate) fn choose(
    spec: &Experts,
    correction: Option<&[f32]>,
    scores: &[f32],
) -> Vec<(usize, f32)> {
    if spec.shares == Shares::Mixer {
        return mixed(scores, spec.spread as f32);
    }
    let mut shares = scores.to_vec();
    match spec.shares {
        Shares::Softmax => softmax(&mut shares),
        Shares::Sigmoid => shares.iter_mut().for_each(|x| *x = kernels::sigmoid(*x)),
        Shares::SoftmaxOfChosen | Shares::Mixer => {}
    }
    let mut ranks = shares.clone();
    if let Some(correction) = correction {
        ranks.iter_mut().zip(correction).for_each(|(rank, c)| *rank += c);
    }
    if let Some(groups) = spec.groups {
        let size = spec.count / groups.count;
        let of_groups: Vec<f32> = ranks
            .chunks_exact(size)
            .map(|group| best(group, groups.scored_by).iter().map(|&i| group[i]).sum())
            .collect();
        let kept = best(&of_groups, groups.used);
        for (g, group) in ranks.chunks_exact_mut(size).enumerate() {
            if !kept.contains(&g) {
                group.fill(f32::NEG_INFINITY);
            }
        }
    }
    let chosen = best(&ranks, spec.used);
    let mut weights: Vec<f32> = chosen.iter().map(|&i| shares[i]).collect();
    if spec.shares == Shares::SoftmaxOfChosen {
        softmax(&mut weights);
    }
    if spec.normalized {
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
    }
    let scale = spec.scale as f32;
    chosen.into_iter().zip(weights).map(|(i, w)| (i, w * scale)).collect()
}

/// The best expert, and the best of the others; each with its share of a softmax over those of the rest that are
/// within `spread` of it, relative to the larger of its score and the other's size.
fn mixed(scores: &[f32], spread: f32) -> Vec<(usize, f32)> {
    let mut left = scores.to_vec();
    let mut chosen = Vec::with_capacity(2);
    for _ in 0..2 {
        let Some(&index) = best(&left, 1).first() else { break };
        let top = left[index];
        let near = |score: f32| (top - score) / score.abs().max(top) <= spread;
        let mut shares: Vec<f32> = left
            .iter()
            .zip(scores)
            .map(|(&left, &score)| if near(score) { left } else { f32::NEG_INFINITY })
            .collect();
        softmax(&mut shares);
        chosen.push((index, shares[index]));
        left[index] = f32::NEG_INFINITY;
    }
    chosen
}

/// Indices of the `count` largest values, the largest first; of equal ones the first comes first.
fn best(values: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order.truncate(count);
    order
}

fn softmax(values: &mut [f32]) {
    let sum = kernels::softmax_terms(values, f32::NEG_INFINITY);
    values.iter_mut().for_each(|v| *v /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_of_equal_ones_the_first() {
        assert_eq!(best(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
        assert_eq!(best(&[f32::NEG_INFINITY, -1.0], 1), [1]);
    }
}
