//! Logits to a token: penalty, temperature and filters in Hugging Face's order, then the largest of logit
//! plus addressed Gumbel noise, which is an exact draw from the filtered distribution.
//!
//! The order is that of transformers' `generate`: repetition penalty, temperature, top-k, top-p, min-p.
//! Equal logits go to the lowest id wherever one of them must be chosen. Knows nothing about models.

#[cfg(test)]
mod definition;
mod filters;
mod race;
mod scores;

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::address::Address;
use scores::{Scores, Weights};

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    /// Keep the k largest logits (and those equal to the k-th); none keeps all.
    pub top_k: Option<usize>,
    /// Keep the smallest set of largest probabilities whose sum reaches p; none keeps all.
    pub top_p: Option<f64>,
    /// Keep what is at least this fraction of the largest probability; none keeps all.
    pub min_p: Option<f64>,
    /// Divides positive and multiplies negative logits of tokens that were seen; 1 does nothing.
    pub repetition_penalty: f64,
}

impl Sampling {
    /// From the whole distribution, as the model has it.
    pub const PLAIN: Self =
        Self { temperature: 1.0, top_k: None, top_p: None, min_p: None, repetition_penalty: 1.0 };
}

/// A token that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// Its id.
    pub id: u32,
    /// Natural log of its probability under the model, before penalty, temperature and filters.
    pub logprob: f32,
}

thread_local! {
    /// The weights' memory, of the size of the vocabulary, kept from one draw to the next.
    static SCRATCH: Cell<Weights> = Cell::default();
}

/// Draws the token at `position` of a reply. `seen` holds the ids of prompt and reply, for the penalty.
pub fn draw(
    logits: &[f32],
    seen: impl Iterator<Item = u32>,
    sampling: &Sampling,
    address: &Address,
    position: u32,
) -> Drawn {
    let mut weights = SCRATCH.take();
    let scores = sampling.scores(logits, seen);
    let (largest, sum) = weights.fill(&scores);
    let id = if sampling.temperature == 0.0 {
        weights.likeliest(&scores).0
    } else {
        sampling.filter(&scores, &mut weights);
        race::noisiest(&scores, &weights, address, position)
    };
    SCRATCH.set(weights);
    Drawn { id, logprob: log_softmax(logits, id, (largest, sum)) }
}

/// The log-probability that a token has on record when it is drawn from these logits, bit for bit.
pub fn logprob(logits: &[f32], id: u32) -> f32 {
    let mut weights = SCRATCH.take();
    let largest_and_sum = weights.fill(&Scores::new(logits, std::iter::empty(), 1.0, 1.0));
    SCRATCH.set(weights);
    log_softmax(logits, id, largest_and_sum)
}

/// ln softmax(logits)[id], from the largest logit and the sum of exp(logit − largest).
fn log_softmax(logits: &[f32], id: u32, (largest, sum): (f32, f32)) -> f32 {
    let logit = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
    (f64::from(logit - largest) - libm::log(f64::from(sum))) as f32
}

/// The ids that can be drawn and their logits after penalty, temperature and filters, in the order of ids.
/// At temperature 0 the temperature and the filters are left out: they cannot change the largest.
pub fn candidates(
    logits: &[f32],
    seen: impl Iterator<Item = u32>,
    sampling: &Sampling,
) -> Vec<(u32, f64)> {
    let mut weights = Weights::default();
    let scores = sampling.scores(logits, seen);
    weights.fill(&scores);
    if sampling.temperature != 0.0 {
        sampling.filter(&scores, &mut weights);
    }
    let kept = (0..).zip(&weights.of).filter(|&(_, &weight)| weight != scores::DROPPED);
    kept.map(|(id, _)| (id, scores.of(id))).collect()
}

impl Sampling {
    fn scores<'a>(&self, logits: &'a [f32], seen: impl Iterator<Item = u32>) -> Scores<'a> {
        let temperature = if self.temperature == 0.0 { 1.0 } else { self.temperature };
        Scores::new(logits, seen, self.repetition_penalty, temperature)
    }

    fn filter(&self, scores: &Scores<'_>, weights: &mut Weights) {
        if let Some(k) = self.top_k {
            filters::keep_top_k(scores, weights, k);
        }
        if let Some(p) = self.top_p {
            filters::keep_top_p(scores, weights, p);
        }
        if let Some(p) = self.min_p {
            filters::keep_min_p(scores, weights, p);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::definition::log_probability;
    use super::*;
    use crate::engine::address::gumbel;
    use proptest::prelude::*;
    use serde::Deserialize;

    fn plain(temperature: f64) -> Sampling {
        Sampling { temperature, ..Sampling::PLAIN }
    }

    fn largest(kept: &[(u32, f64)]) -> f64 {
        kept.iter().map(|&(_, l)| l).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn greedy_takes_the_lowest_id_of_equals() {
        let address = Address::new(0, "r", 0, None);
        let drawn = draw(&[0.5, 2.0, 2.0, 1.0], [].into_iter(), &plain(0.0), &address, 0);
        assert_eq!(drawn.id, 1);
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.0f32, 1.0, 2.0, -1.0];
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        let mut counts = [0f64; 4];
        let draws = 40_000;
        for sample in 0..draws {
            let address = Address::new(7, "r", sample, None);
            counts[draw(&logits, [].into_iter(), &plain(1.0), &address, 0).id as usize] += 1.0;
        }
        assert_eq!(counts.len(), logits.len());
        for (count, &l) in counts.iter().zip(&logits) {
            let p = f64::from(l).exp() / total;
            let sigma = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!((count / f64::from(draws) - p).abs() < 4.5 * sigma, "{counts:?}");
        }
    }

    #[derive(Deserialize)]
    struct Fixture {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        logits: Vec<f32>,
        generated: Vec<u32>,
        settings: Settings,
        /// Equal values of which an arbitrary one was kept: only the sorted probabilities can be compared.
        kept_is_arbitrary: bool,
        probabilities: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Settings {
        temperature: Option<f64>,
        top_k: Option<usize>,
        top_p: Option<f64>,
        min_p: Option<f64>,
        repetition_penalty: Option<f64>,
    }

    #[test]
    fn filters_equal_those_of_transformers() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../../tests/fixtures/sampling.json")).unwrap();
        assert!(fixture.cases.len() >= 30);
        for case in fixture.cases {
            let s = case.settings;
            let sampling = Sampling {
                temperature: s.temperature.unwrap_or(1.0),
                top_k: s.top_k.filter(|&k| k > 0),
                top_p: s.top_p,
                min_p: s.min_p,
                repetition_penalty: s.repetition_penalty.unwrap_or(1.0),
            };
            let kept = candidates(&case.logits, case.generated.iter().copied(), &sampling);
            let top = largest(&kept);
            let total: f64 = kept.iter().map(|&(_, l)| (l - top).exp()).sum();
            let mut ours = vec![0.0; case.logits.len()];
            for (id, l) in kept {
                ours[id as usize] = (l - top).exp() / total;
            }
            let mut theirs = case.probabilities;
            if case.kept_is_arbitrary {
                ours.sort_by(f64::total_cmp);
                theirs.sort_by(f64::total_cmp);
            }
            assert_eq!(ours.len(), theirs.len());
            for (a, b) in ours.iter().zip(&theirs) {
                assert!((a - b).abs() < 1e-6, "{}: {ours:?} {theirs:?}", case.name);
            }
        }
    }

    /// The alternative to Gumbel noise: one uniform through the inverse distribution in the order of ids.
    fn inverse(logits: &[f32], uniform: f64) -> usize {
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        let mut sum = 0.0;
        logits
            .iter()
            .position(|&l| {
                sum += f64::from(l).exp() / total;
                uniform < sum
            })
            .unwrap_or(logits.len() - 1)
    }

    /// How often two tiers with slightly different logits draw the same token: the figures in METHODS.md.
    #[test]
    fn shared_gumbel_noise_agrees_more_often_than_a_shared_uniform() {
        let normal = |words: &[u32]| gumbel(words[0]) - gumbel(words[1]); // logistic, which is as good here
        for (difference, least) in [(0.1, 0.9), (0.5, 0.6), (2.0, 0.2)] {
            let (mut by_noise, mut by_uniform, mut possible) = (0, 0, 0.0);
            let draws = 4000;
            for i in 0..draws {
                let words = Address::new(i, "pair", 0, None).words(0, 402);
                let free: Vec<f32> =
                    (0..100).map(|v| 1.5 * normal(&words[2 * v..]) as f32).collect();
                let paid: Vec<f32> = (0..100)
                    .map(|v| free[v] + (difference * normal(&words[200 + 2 * v..])) as f32)
                    .collect();
                let address = Address::new(i, "draw", 0, None);
                let id = |logits: &[f32]| draw(logits, [].into_iter(), &plain(1.0), &address, 0).id;
                by_noise += i32::from(id(&free) == id(&paid));
                let uniform = (f64::from(words[400]) + 0.5) / 4_294_967_296.0;
                by_uniform += i32::from(inverse(&free, uniform) == inverse(&paid, uniform));
                let p = |logits: &[f32], v: u32| f64::from(log_probability(logits, v)).exp();
                possible += (0..100).map(|v| p(&free, v).min(p(&paid, v))).sum::<f64>();
            }
            let share = |n: i32| f64::from(n) / draws as f64;
            println!(
                "logits differ by {difference}: noise {:.3}, uniform {:.3}, at most {:.3}",
                share(by_noise),
                share(by_uniform),
                possible / draws as f64
            );
            assert!(by_noise > by_uniform && share(by_noise) > least);
        }
    }

    proptest! {
        #[test]
        fn noise_of_a_token_does_not_depend_on_what_else_is_kept(
            logits in prop::collection::vec(-4f32..4.0, 2..40), k in 1usize..10, sample in 0u32..1000,
        ) {
            let address = Address::new(3, "r", sample, None);
            let free = draw(&logits, [].into_iter(), &plain(1.0), &address, 5).id;
            let narrow = Sampling { top_k: Some(k), ..plain(1.0) };
            let kept = candidates(&logits, [].into_iter(), &narrow);
            let drawn = draw(&logits, [].into_iter(), &narrow, &address, 5).id;
            prop_assert!(kept.iter().any(|c| c.0 == drawn));
            if kept.iter().any(|c| c.0 == free) {
                prop_assert_eq!(drawn, free);
            }
        }

        #[test]
        fn logprobs_sum_to_one(logits in prop::collection::vec(-9f32..9.0, 1..60)) {
            let sum: f64 = (0..logits.len()).map(|i| f64::from(log_probability(&logits, i as u32)).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-5);
        }
    }
}
