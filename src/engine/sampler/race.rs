//! The token whose score and noise add up to most, without computing the noise of those that cannot win.
//!
//! A token can only win if its noise reaches `best` − score, and a token of the largest weight makes `best`
//! high from the start. That is a bound on its random word by the weight alone, so that most groups of words
//! are passed over after one comparison, and some need not be generated. What is left is compared exactly.

use super::super::address::{Address, gumbel, least_word};
use super::scores::{Scores, Weights};
use crate::decoder::kernels::{GROUP_WORDS, group_maxima};

/// The id with the largest sum of score and noise, of equals the lowest. A token draws the same noise
/// whatever else can be drawn.
pub(super) fn noisiest(
    scores: &Scores<'_>,
    weights: &Weights,
    address: &Address,
    position: u32,
) -> u32 {
    let mut maxima = Vec::with_capacity(weights.of.len().div_ceil(GROUP_WORDS));
    group_maxima(&weights.of, GROUP_WORDS, &mut maxima);
    let words = address.stream(position);
    let mut best_id = heaviest(&weights.of, &maxima);
    let mut best = scores.of(best_id) + gumbel(words.word(best_id as usize));
    let slack = weights.slack();
    // Noise of at least −ln(rate × weight) is needed to win.
    let rate = |best: f64| libm::exp(weights.top - best) * slack;
    let mut needed = rate(best);
    let mut large = Vec::with_capacity(GROUP_WORDS);
    for (group, &weight) in maxima.iter().enumerate() {
        let Some(floor) = least_word(f64::from(weight) * needed) else { continue };
        large.clear();
        words.large_words(group, floor, &mut large);
        for &(id, word) in &large {
            let Some(&weight) = weights.of.get(id) else { continue };
            let can_win = least_word(f64::from(weight) * needed).is_some_and(|floor| word >= floor);
            // Asked again, because a bound that is not a number rules out nothing.
            if !can_win || weight < 0.0 {
                continue;
            }
            let id = id as u32;
            let score = scores.of(id) + gumbel(word);
            if score > best || score == best && id < best_id {
                (best, best_id) = (score, id);
                needed = rate(best);
            }
        }
    }
    best_id
}

/// A token of the largest weight; `maxima` are those of the groups.
fn heaviest(weights: &[f32], maxima: &[f32]) -> u32 {
    let first = (0, f32::NEG_INFINITY);
    let larger = |best: (usize, f32), new: (usize, &f32)| {
        if *new.1 > best.1 { (new.0, *new.1) } else { best }
    };
    let (group, largest) = maxima.iter().enumerate().fold(first, larger);
    let start = group * GROUP_WORDS;
    let within = weights.iter().skip(start).position(|&weight| weight == largest);
    (start + within.unwrap_or(0)) as u32
}
