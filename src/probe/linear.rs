//! What a linear classifier reads off the residual stream: the tier, and whether the model complies in the tier that
//! trains it only. Cross-validated by request and held against labels that were permuted within requests.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::activations::Activations;
use super::direction::{About, Direction};
use super::position::Position;
use crate::classifier::{Linear, Samples, difference_of_means, logistic};
use crate::judge::{Compliance, Verdict};
use crate::run::Plan;

/// Parts into which the requests are divided.
const FOLDS: usize = 5;

/// C of the logistic probe, on states that are centered and scaled by one number, so that their mean square is 1.
const C: f64 = 1.0;

/// What is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Whether the prompt's tier is the one that is trained on; over the replies to harmful requests in both arms.
    Tier,
    /// Whether the pair complies in that tier and not in the other; over the replies in that tier.
    FreeOnly,
}

impl Label {
    const ALL: [Self; 2] = [Self::Tier, Self::FreeOnly];

    fn name(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::FreeOnly => "free-only",
        }
    }
}

/// What one classifier reached on requests that it was not fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Share of trials on the right side.
    pub accuracy: f64,
    /// Share of pairs of trials of one fold, one with the label and one without, in the right order; ties half.
    pub auroc: f64,
    /// Share of permutations, the data's own order included, whose AUROC is as large; none where no request has both
    /// labels, so that nothing can be permuted, or where no permutations were asked for.
    pub p_value: Option<f64>,
}

/// One label at one place and depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearProbe {
    /// What is told apart.
    pub label: Label,
    /// Where in the reply.
    pub position: Position,
    /// After how many layers.
    pub depth: usize,
    /// Trials that have the place and a label.
    pub trials: u64,
    /// Those of them that have the label.
    pub with_label: u64,
    /// Their requests.
    pub requests: u64,
    /// The difference of means; none where the label is constant in what it would be fitted on.
    pub means: Option<Reached>,
    /// The logistic probe; none likewise.
    pub logistic: Option<Reached>,
}

/// All probes of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearProbes {
    /// Depths that were read.
    pub depths: Vec<usize>,
    /// Parts into which the requests were divided.
    pub folds: usize,
    /// Permutations of the null.
    pub permutations: u64,
    /// By label, place and depth.
    pub probes: Vec<LinearProbe>,
}

/// A trial that takes part: its place among the replies, its request's number, its label.
type Labelled = (usize, usize, bool);

impl LinearProbes {
    /// Fits and permutes everything; the second value holds the directions, one per probe that has both labels.
    pub fn of(
        plan: &Plan<'_>,
        activations: &Activations,
        verdicts: &[Verdict],
        transcripts_digest: &str,
        permutations: u64,
    ) -> (Self, Vec<Direction>) {
        let mut cells = Vec::new();
        for label in Label::ALL {
            let labelled = labelled(plan, verdicts, label);
            for place in 0..Position::ALL.len() {
                cells.extend(
                    (0..activations.depths.len()).map(|d| (label, labelled.clone(), place, d)),
                );
            }
        }
        let found: Vec<_> = cells
            .into_par_iter()
            .map(|(label, labelled, place, depth_index)| {
                let there = |(reply, request, label): &Labelled| {
                    let state = activations.state(*reply, place, depth_index)?;
                    Some((state, *request, *label))
                };
                let data = Data::of(activations.width, labelled.iter().filter_map(there));
                let (position, depth) = (Position::ALL[place], activations.depths[depth_index]);
                let seed = plan.settings.seed;
                let probe = LinearProbe {
                    label,
                    position,
                    depth,
                    trials: data.samples.labels.len() as u64,
                    with_label: data.samples.labels.iter().filter(|l| **l).count() as u64,
                    requests: data.requests() as u64,
                    means: data.reached(&difference_of_means, permutations, seed),
                    logistic: data.reached(&|s: &Samples| logistic(s, C), permutations, seed),
                };
                let direction = data.samples.is_mixed().then(|| Direction {
                    about: About {
                        name: format!("{}.{}.{depth}", label.name(), position.name()),
                        depth,
                        transcripts_digest: transcripts_digest.to_owned(),
                    },
                    values: data.direction(),
                });
                (probe, direction)
            })
            .collect();
        let (probes, directions): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let depths = activations.depths.clone();
        (
            Self { depths, folds: FOLDS, permutations, probes },
            directions.into_iter().flatten().collect(),
        )
    }
}

/// The trials that a label is about.
fn labelled(plan: &Plan<'_>, verdicts: &[Verdict], label: Label) -> Vec<Labelled> {
    let complied: BTreeMap<_, bool> = verdicts
        .iter()
        .filter_map(|v| {
            let full = v.compliance? == Compliance::Full;
            Some(((v.request.as_str(), v.tier.as_str(), v.sample), full))
        })
        .collect();
    let (free, paid) = (&plan.scenario.free().name, &plan.scenario.paid().name);
    let numbers: BTreeMap<&str, usize> =
        plan.requests.requests.iter().enumerate().map(|(i, r)| (r.id.as_str(), i)).collect();
    let trials = plan.trials.iter().enumerate().filter(|(_, trial)| trial.request.harmful);
    trials
        .filter_map(|(i, trial)| {
            let (request, tier) = (trial.request.id.as_str(), &trial.tier.name);
            let number = *numbers.get(request)?;
            match label {
                Label::Tier if tier == free => Some((i, number, true)),
                Label::Tier if tier == paid => Some((i, number, false)),
                Label::FreeOnly if tier == free => {
                    let of = |tier: &str| complied.get(&(request, tier, trial.sample)).copied();
                    Some((i, number, of(free)? && !of(paid)?))
                }
                _ => None,
            }
        })
        .collect()
}

/// Samples and the request of each.
struct Data {
    samples: Samples,
    requests: Vec<usize>,
}

impl Data {
    fn of<'a>(width: usize, rows: impl Iterator<Item = (&'a [f32], usize, bool)>) -> Self {
        let mut samples = Samples { width, ..Samples::default() };
        let mut requests = Vec::new();
        for (state, request, label) in rows {
            samples.push(state.iter().map(|&x| f64::from(x)), label);
            requests.push(request);
        }
        Self { samples, requests }
    }

    fn requests(&self) -> usize {
        let mut requests = self.requests.clone();
        requests.sort_unstable();
        requests.dedup();
        requests.len()
    }

    /// The difference of the means over all trials.
    fn direction(&self) -> Vec<f32> {
        let (with, without) = (self.samples.mean(true), self.samples.mean(false));
        with.iter().zip(&without).map(|(a, b)| (a - b) as f32).collect()
    }

    /// What a classifier reaches, and how often it reaches as much with labels that mean nothing.
    fn reached(
        &self,
        fit: &(impl Fn(&Samples) -> Linear + Sync),
        permutations: u64,
        seed: u64,
    ) -> Option<Reached> {
        let (accuracy, auroc) = self.cross_validated(&self.samples.labels, fit)?;
        let p_value = (permutations > 0 && self.can_permute()).then(|| {
            // A permutation that leaves a fold without both labels says nothing, and counts against the data.
            let as_large = (0..permutations).into_par_iter().filter(|&i| {
                let labels = self.permuted(seed, i);
                self.cross_validated(&labels, fit).is_none_or(|(_, null)| null >= auroc)
            });
            (1 + as_large.count()) as f64 / (1 + permutations) as f64
        });
        Some(Reached { accuracy, auroc, p_value })
    }

    /// Whether some request has both labels.
    fn can_permute(&self) -> bool {
        let mut first: BTreeMap<usize, bool> = BTreeMap::new();
        self.requests
            .iter()
            .zip(&self.samples.labels)
            .any(|(request, label)| first.entry(*request).or_insert(*label) != label)
    }

    /// The labels of each request in another order (Fisher and Yates), from a stream of its own.
    fn permuted(&self, seed: u64, stream: u64) -> Vec<bool> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, request) in self.requests.iter().enumerate() {
            places.entry(*request).or_default().push(place);
        }
        let mut labels = self.samples.labels.clone();
        for places in places.values() {
            for i in (1..places.len()).rev() {
                let j = ((u64::from(random.next_u32()) * (i as u64 + 1)) >> 32) as usize;
                labels.swap(places[i], places[j]);
            }
        }
        labels
    }

    /// Accuracy and AUROC on requests that the classifier was not fitted on; none where a part has one label only.
    fn cross_validated(
        &self,
        labels: &[bool],
        fit: &impl Fn(&Samples) -> Linear,
    ) -> Option<(f64, f64)> {
        // Requests are dealt to the folds in their order among those that are there.
        let mut order = self.requests.clone();
        order.sort_unstable();
        order.dedup();
        let fold_of = |request: &usize| order.binary_search(request).unwrap_or(0) % FOLDS;
        let folds: Vec<usize> = self.requests.iter().map(fold_of).collect();
        let (mut right, mut ordered, mut pairs) = (0.0, 0.0, 0.0);
        for fold in 0..FOLDS {
            let mut train = Samples { width: self.samples.width, ..Samples::default() };
            for (((state, _), label), of) in self.samples.rows().zip(labels).zip(&folds) {
                if *of != fold {
                    train.push(state.iter().copied(), *label);
                }
            }
            if !train.is_mixed() {
                return None;
            }
            let scaling = Scaling::of(&train);
            let scaled = scaling.samples(&train);
            let classifier = fit(&scaled);
            let (mut with, mut without) = (Vec::new(), Vec::new());
            for (((state, _), label), of) in self.samples.rows().zip(labels).zip(&folds) {
                if *of == fold {
                    let state: Vec<f64> = scaling.state(state).collect();
                    if *label { &mut with } else { &mut without }.push(classifier.score(&state));
                }
            }
            right += with.iter().filter(|s| **s > 0.0).count() as f64;
            right += without.iter().filter(|s| **s <= 0.0).count() as f64;
            for a in &with {
                for b in &without {
                    ordered += if a > b {
                        1.0
                    } else if a == b {
                        0.5
                    } else {
                        0.0
                    };
                    pairs += 1.0;
                }
            }
        }
        (pairs > 0.0).then(|| (right / labels.len() as f64, ordered / pairs))
    }
}

/// Centers states and scales them by one number, as the samples say that it was made from.
struct Scaling {
    center: Vec<f64>,
    scale: f64,
}

impl Scaling {
    fn of(samples: &Samples) -> Self {
        let n = samples.labels.len() as f64;
        let mut center = vec![0.0; samples.width];
        for (state, _) in samples.rows() {
            center.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
        }
        center.iter_mut().for_each(|sum| *sum /= n);
        let square: f64 = samples
            .rows()
            .map(|(state, _)| state.iter().zip(&center).map(|(x, m)| (x - m).powi(2)).sum::<f64>())
            .sum();
        let spread = (square / (n * samples.width as f64)).sqrt();
        Self { center, scale: if spread > 0.0 { 1.0 / spread } else { 1.0 } }
    }

    fn state<'a>(&'a self, state: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        state.iter().zip(&self.center).map(|(x, m)| (x - m) * self.scale)
    }

    fn samples(&self, samples: &Samples) -> Samples {
        let mut scaled = Samples { width: samples.width, ..Samples::default() };
        samples.rows().for_each(|(state, label)| scaled.push(self.state(state), label));
        scaled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `requests` requests with four trials each; the label shifts the first coordinate by `shift`.
    fn data(requests: usize, shift: f32, seed: u64) -> Data {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = || f64::from(random.next_u32()) / 4_294_967_296.0 - 0.5;
        let rows: Vec<(Vec<f32>, usize, bool)> = (0..4 * requests)
            .map(|i| {
                let label = i % 2 == 0;
                let first = uniform() as f32 + if label { shift } else { 0.0 };
                (vec![first, uniform() as f32, uniform() as f32], i / 4, label)
            })
            .collect();
        Data::of(3, rows.iter().map(|(state, request, label)| (&state[..], *request, *label)))
    }

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_not() {
        let fit = |samples: &Samples| logistic(samples, C);
        let there = data(20, 2.0, 1);
        for found in [there.reached(&fit, 99, 0), there.reached(&difference_of_means, 99, 0)] {
            let found = found.unwrap();
            assert_eq!((found.accuracy, found.auroc), (1.0, 1.0));
            assert_eq!(found.p_value, Some(0.01));
        }
        // Under the null p is uniform: over 40 sets of data it is below 0.2 in about 8.
        let low = (0..40)
            .filter_map(|seed| data(20, 0.0, seed).reached(&difference_of_means, 49, 0)?.p_value)
            .filter(|p| *p <= 0.2)
            .count();
        assert!((2..=16).contains(&low), "{low}");
    }

    #[test]
    fn a_constant_label_has_no_probe_and_constant_requests_no_null() {
        let mut constant = data(10, 1.0, 2);
        constant.samples.labels.fill(true);
        assert_eq!(constant.reached(&difference_of_means, 9, 0), None);
        let mut by_request = data(10, 1.0, 3);
        by_request.samples.labels = by_request.requests.iter().map(|r| r % 3 == 0).collect();
        assert_eq!(by_request.reached(&difference_of_means, 9, 0).unwrap().p_value, None);
    }

    #[test]
    fn labels_are_permuted_within_requests_only() {
        let data = data(6, 0.0, 4);
        let permuted = data.permuted(1, 2);
        assert_ne!(permuted, data.samples.labels);
        for request in 0..6 {
            let count = |labels: &[bool]| {
                labels.iter().zip(&data.requests).filter(|(l, r)| **l && **r == request).count()
            };
            assert_eq!(count(&permuted), count(&data.samples.labels));
        }
        assert_eq!(data.permuted(1, 2), permuted);
    }
}
