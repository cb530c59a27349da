//! What the sampler is held to: the same draws and the same filters, written without anything that makes
//! them fast.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Drawn, Sampling, candidates, draw};
use crate::decoder::kernels::softmax_terms;
use crate::engine::address::{Address, gumbel};

/// Every score, and every filter on the sorted vocabulary.
fn plain_candidates(logits: &[f32], seen: &[u32], s: &Sampling) -> Vec<(u32, f64)> {
    let penalize = |(id, &logit): (u32, &f32)| {
        let logit = f64::from(logit);
        let sign =
            if logit < 0.0 { logit * s.repetition_penalty } else { logit / s.repetition_penalty };
        (id, if seen.contains(&id) { sign } else { logit })
    };
    let mut order: Vec<(u32, f64)> = (0..).zip(logits).map(penalize).collect();
    if s.temperature == 0.0 {
        return order;
    }
    order.iter_mut().for_each(|(_, l)| *l /= s.temperature);
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let top = order[0].1;
    if let Some(k) = s.top_k.filter(|&k| k < order.len()) {
        let kth = order[k - 1].1;
        order.retain(|&(_, l)| l >= kth);
    }
    if let Some(p) = s.top_p {
        let terms: Vec<f64> = order.iter().map(|&(_, l)| libm::exp(l - top)).collect();
        let total: f64 = terms.iter().sum();
        let mut dropped = 0.0;
        while order.len() > 1 {
            dropped += terms[order.len() - 1] / total;
            if dropped > 1.0 - p {
                break;
            }
            order.pop();
        }
    }
    if let Some(p) = s.min_p {
        order.retain(|&(_, l)| l >= top + libm::log(p));
    }
    order.sort_by_key(|&(id, _)| id);
    order
}

/// Noise for every id, the largest sum, the lowest id of equals.
fn plain_draw(
    logits: &[f32],
    kept: &[(u32, f64)],
    address: &Address,
    position: u32,
    greedy: bool,
) -> Drawn {
    let words = address.words(position, logits.len());
    let sums =
        kept.iter().map(|&(id, l)| (id, if greedy { l } else { l + gumbel(words[id as usize]) }));
    let none = (0, f64::NEG_INFINITY);
    let id = sums.fold(none, |best, new| if new.1 > best.1 { new } else { best }).0;
    Drawn { id, logprob: log_probability(logits, id) }
}

/// ln softmax(logits)[id].
pub(super) fn log_probability(logits: &[f32], id: u32) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut terms = logits.to_vec();
    let sum = f64::from(softmax_terms(&mut terms, f32::NEG_INFINITY));
    (f64::from(logits[id as usize] - top) - libm::log(sum)) as f32
}

/// Rows of all sizes: flat and peaked ones, with equal logits (rounded to quarters) and with masked ones.
fn rows() -> impl Strategy<Value = Vec<f32>> {
    let spread = prop_oneof![Just(0.0f32), Just(1.6), Just(8.0), Just(40.0), Just(4e4)];
    let size = prop_oneof![1usize..40, 1000usize..1100, 1usize..5000];
    (size, spread, 0u8..4, any::<u64>(), any::<Index>()).prop_map(
        |(size, spread, kind, seed, peak)| {
            let words = Address::new(seed, "row", 0, None).words(0, 2 * size);
            let logistic = |w: &[u32]| (gumbel(w[0]) - gumbel(w[1])) as f32 * spread;
            let mut row: Vec<f32> = words.chunks(2).map(logistic).collect();
            match kind {
                1 => row.iter_mut().for_each(|l| *l = (*l * 4.0).round() / 4.0),
                2 => row.iter_mut().step_by(3).for_each(|l| *l = f32::NEG_INFINITY),
                3 => row[peak.index(size)] += 6.0 * (spread + 1.0),
                _ => {}
            }
            row
        },
    )
}

fn temperatures() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), Just(0.0), Just(0.7), Just(1e-3), Just(1e-9), Just(1e5), 0.05..3.0]
}

fn plain(temperature: f64) -> Sampling {
    Sampling { temperature, ..Sampling::PLAIN }
}

proptest! {
    #[test]
    fn plain_draws_are_those_of_the_definition(
        logits in rows(), temperature in temperatures(), sample: u32, position in 0u32..9,
    ) {
        let address = Address::new(5, "r", sample, None);
        let kept = plain_candidates(&logits, &[], &plain(temperature));
        let expected = plain_draw(&logits, &kept, &address, position, temperature == 0.0);
        let drawn = draw(&logits, [].into_iter(), &plain(temperature), &address, position);
        prop_assert_eq!(drawn.id, expected.id);
        prop_assert_eq!(drawn.logprob.to_bits(), expected.logprob.to_bits());
    }

    #[test]
    fn filtered_draws_are_those_of_the_definition(
        logits in rows(),
        temperature in temperatures(),
        top_k in prop::option::of(prop_oneof![1usize..60, 1usize..5000]),
        top_p in prop::option::of(prop_oneof![0.01..1.0, Just(0.95), Just(1.0)]),
        min_p in prop::option::of(prop_oneof![0.001..1.0, Just(1e-30), Just(1e-60)]),
        repetition_penalty in prop_oneof![Just(1.0), 0.5..2.0],
        seen in prop::collection::vec(0u32..5000, 0..60),
        sample: u32,
    ) {
        let sampling = Sampling { temperature, top_k, top_p, min_p, repetition_penalty };
        let address = Address::new(6, "r", sample, None);
        let kept = plain_candidates(&logits, &seen, &sampling);
        prop_assert_eq!(&candidates(&logits, seen.iter().copied(), &sampling), &kept);
        let expected = plain_draw(&logits, &kept, &address, 3, temperature == 0.0);
        let drawn = draw(&logits, seen.iter().copied(), &sampling, &address, 3);
        prop_assert_eq!(drawn.id, expected.id);
        prop_assert_eq!(drawn.logprob.to_bits(), expected.logprob.to_bits());
    }
}
