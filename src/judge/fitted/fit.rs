//! Weights from labelled texts: logistic regression with an L2 penalty over signs, words and states of a model. How much
//! each of the three counts and how strong the penalty is are chosen by cross-validation, and how well that does is
//! measured by a second cross-validation around the choice, so that no text is judged by weights, vocabulary, scales or
//! choices that it took part in. Knows nothing about what the labels mean.
//!
//! The three kinds of numbers meet as sums of products between texts (kernels), each divided by its mean over the texts
//! that are fitted, so that their shares can be compared. All in f64 and in a fixed order: equal labels, equal bits.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::terms::{Counts, Sparse, Vocabulary, dot};
use crate::classifier::{Linear, Samples, logistic};

/// Parts of the outer cross-validation, which measures, and of the inner one, which chooses.
pub(super) const FOLDS: usize = 10;
const INNER_FOLDS: usize = 5;
/// Inverse strengths of the penalty that are tried.
const PENALTIES: [f64; 4] = [0.3, 3.0, 30.0, 300.0];
/// Added to the diagonal of a kernel, relative to its mean, so that texts that are equal can be told apart by rounding
/// alone and the matrix still has its root.
const RIDGE: f64 = 1e-9;

/// How much of the kernel each kind of numbers is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shares {
    /// The signs of `rules`.
    pub(super) signs: f64,
    /// Words and pairs of words.
    pub(super) words: f64,
    /// States of a model.
    pub(super) states: f64,
}

impl Shares {
    const fn new(signs: f64, words: f64, states: f64) -> Self {
        Self { signs, words, states }
    }

    /// What is tried: each kind alone and the sums, the simplest first.
    fn tried(has_states: bool) -> &'static [Self] {
        const ALL: [Shares; 7] = [
            Shares::new(1.0, 0.0, 0.0),
            Shares::new(0.0, 1.0, 0.0),
            Shares::new(1.0, 1.0, 0.0),
            Shares::new(0.0, 0.0, 1.0),
            Shares::new(1.0, 0.0, 1.0),
            Shares::new(0.0, 1.0, 1.0),
            Shares::new(1.0, 1.0, 1.0),
        ];
        &ALL[..if has_states { ALL.len() } else { 3 }]
    }
}

/// What is chosen by the inner cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    /// How much each kind of numbers counts.
    pub(super) shares: Shares,
    /// Inverse strength of the penalty: C of scikit-learn's `LogisticRegression`.
    pub(super) c: f64,
}

/// A labelled text as numbers.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) signs: Vec<f64>,
    pub(super) counts: Counts,
    /// Empty without a model.
    pub(super) state: Vec<f64>,
    pub(super) label: bool,
    /// Texts of one group, such as the replies to one request, are never on both sides of a division.
    pub(super) group: usize,
}

/// Mean and spread of numbers, by which they are brought to mean 0 and mean square 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub(super) mean: Vec<f64>,
    pub(super) spread: Vec<f64>,
}

impl Scale {
    /// Each column by itself; one that is constant stays 0.
    fn of<'a>(rows: impl Iterator<Item = &'a [f64]> + Clone) -> Self {
        let width = rows.clone().next().map_or(0, <[f64]>::len);
        let count = rows.clone().count().max(1) as f64;
        let mut mean = vec![0.0; width];
        for row in rows.clone() {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
        }
        let mut spread = vec![0.0; width];
        for row in rows {
            let from = row.iter().zip(&mean);
            spread.iter_mut().zip(from).for_each(|(s, (x, mean))| *s += (x - mean).powi(2) / count);
        }
        spread.iter_mut().for_each(|s| *s = s.sqrt());
        Self { mean, spread }
    }

    /// All columns by one number, so that those that vary most keep their weight.
    fn together(self) -> Self {
        let squares: f64 = self.spread.iter().map(|s| s * s).sum();
        let one = (squares / self.spread.len().max(1) as f64).sqrt();
        Self { spread: vec![one; self.spread.len()], ..self }
    }

    pub(super) fn row(&self, row: &[f64]) -> Vec<f64> {
        let of = row.iter().zip(&self.mean).zip(&self.spread);
        of.map(|((x, mean), s)| if *s > 1e-12 { (x - mean) / s } else { 0.0 }).collect()
    }
}

/// How texts become rows, learned from those that are fitted.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) signs: Scale,
    pub(super) words: Vocabulary,
    pub(super) states: Scale,
}

/// The numbers of one text.
pub(super) struct Row {
    pub(super) signs: Vec<f64>,
    pub(super) words: Sparse,
    pub(super) states: Vec<f64>,
}

impl Rows {
    fn of(examples: &[&Example]) -> Self {
        Self {
            signs: Scale::of(examples.iter().map(|e| &e.signs[..])),
            words: Vocabulary::of(examples.iter().map(|e| &e.counts)),
            states: Scale::of(examples.iter().map(|e| &e.state[..])).together(),
        }
    }

    fn row(&self, example: &Example) -> Row {
        Row {
            signs: self.signs.row(&example.signs),
            words: self.words.row(&example.counts),
            states: self.states.row(&example.state),
        }
    }
}

impl Row {
    /// The three sums of products with another text.
    fn dots(&self, other: &Self) -> [f64; 3] {
        let dense = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        [
            dense(&self.signs, &other.signs),
            dot(&self.words, &other.words),
            dense(&self.states, &other.states),
        ]
    }
}

/// Texts that are fitted and texts that are judged, as far as their sums of products go.
struct Kernels {
    /// Between the fitted texts, [n, n].
    fitted: Vec<[f64; 3]>,
    /// Of each judged text with each fitted one, [m, n].
    judged: Vec<[f64; 3]>,
    /// Mean of each kind over the fitted texts with themselves; 1 where it is 0.
    mean: [f64; 3],
    labels: Vec<bool>,
}

impl Kernels {
    fn new(fitted: &[&Example], judged: &[&Example]) -> (Rows, Vec<Row>, Self) {
        let rows = Rows::of(fitted);
        let of: Vec<Row> = fitted.iter().map(|e| rows.row(e)).collect();
        let judged: Vec<Row> = judged.iter().map(|e| rows.row(e)).collect();
        let against = |from: &[Row]| -> Vec<[f64; 3]> {
            from.iter().flat_map(|a| of.iter().map(|b| a.dots(b))).collect()
        };
        let own = of.iter().map(|row| row.dots(row));
        let mut mean = own.fold([0.0; 3], |sum, d| std::array::from_fn(|k| sum[k] + d[k]));
        mean.iter_mut().for_each(|mean| {
            *mean /= of.len().max(1) as f64;
            if *mean <= 0.0 {
                *mean = 1.0;
            }
        });
        let kernels = Self {
            fitted: against(&of),
            judged: against(&judged),
            mean,
            labels: fitted.iter().map(|e| e.label).collect(),
        };
        (rows, of, kernels)
    }

    /// What each product of the three kinds is multiplied by.
    fn factors(&self, shares: Shares) -> [f64; 3] {
        let shares = [shares.signs, shares.words, shares.states];
        std::array::from_fn(|k| shares[k] / self.mean[k])
    }

    /// The root of the fitted texts' kernel under these shares.
    fn root(&self, shares: Shares) -> (Vec<f64>, usize) {
        let n = self.labels.len();
        let factors = self.factors(shares);
        let mut kernel: Vec<f64> = self.fitted.iter().map(|dots| sum(factors, dots)).collect();
        let mean = (0..n).map(|i| kernel[i * n + i]).sum::<f64>() / n.max(1) as f64;
        (0..n).for_each(|i| kernel[i * n + i] += RIDGE * mean.max(1e-9));
        (cholesky(kernel, n), n)
    }

    /// How much each fitted text counts, and the constant.
    fn fit(&self, (root, n): &(Vec<f64>, usize), c: f64) -> Linear {
        let samples = Samples { width: *n, states: root.clone(), labels: self.labels.clone() };
        let found = logistic(&samples, c);
        Linear { weights: back_substituted(root, *n, found.weights), bias: found.bias }
    }

    /// The log-odds of the judged texts.
    fn log_odds(&self, shares: Shares, fitted: &Linear) -> Vec<f64> {
        let n = self.labels.len().max(1);
        let factors = self.factors(shares);
        let of = |row: &[[f64; 3]]| {
            let sums = row.iter().zip(&fitted.weights);
            sums.map(|(dots, weight)| weight * sum(factors, dots)).sum::<f64>() + fitted.bias
        };
        self.judged.chunks(n).map(of).collect()
    }
}

fn sum(factors: [f64; 3], dots: &[f64; 3]) -> f64 {
    factors[0] * dots[0] + factors[1] * dots[1] + factors[2] * dots[2]
}

/// L [n, n] with L Lᵀ = A; A is symmetric and has no negative direction.
fn cholesky(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    for j in 0..n {
        for i in j..n {
            let (row_i, row_j) = (&a[i * n..i * n + j], &a[j * n..j * n + j]);
            let before: f64 = row_i.iter().zip(row_j).map(|(x, y)| x * y).sum();
            let left = a[i * n + j] - before;
            a[i * n + j] = if i == j { left.max(1e-12).sqrt() } else { left / a[j * n + j] };
        }
        (j + 1..n).for_each(|k| a[j * n + k] = 0.0);
    }
    a
}

/// x with Lᵀ x = b.
fn back_substituted(l: &[f64], n: usize, mut b: Vec<f64>) -> Vec<f64> {
    for i in (0..n).rev() {
        b[i] /= l[i * n + i];
        let x = b[i];
        (0..i).for_each(|k| b[k] -= l[i * n + k] * x);
    }
    b
}

/// The weights of a fit, ready to judge any text.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) chosen: Chosen,
    pub(super) rows: Rows,
    pub(super) signs: Vec<f64>,
    pub(super) words: Vec<f64>,
    pub(super) states: Vec<f64>,
    pub(super) constant: f64,
}

/// Everything that is fitted to these examples, and the log-odds that each would have had without itself.
pub(super) fn fit(examples: &[Example]) -> (Fit, Vec<f64>) {
    let all: Vec<&Example> = examples.iter().collect();
    let parts = divided(&all, FOLDS);
    let scored: Vec<(usize, f64)> = (0..FOLDS)
        .into_par_iter()
        .flat_map_iter(|part| {
            let (rest, held) = apart(&all, &parts, part);
            let judged: Vec<&Example> = held.iter().map(|i| all[*i]).collect();
            let found = match judged.is_empty() {
                true => Vec::new(),
                false => {
                    let chosen = choose(&rest);
                    let (.., kernels) = Kernels::new(&rest, &judged);
                    let fitted = kernels.fit(&kernels.root(chosen.shares), chosen.c);
                    kernels.log_odds(chosen.shares, &fitted)
                }
            };
            held.into_iter().zip(found)
        })
        .collect();
    let mut log_odds = vec![0.0; all.len()];
    scored.into_iter().for_each(|(i, found)| log_odds[i] = found);
    (last(&all), log_odds)
}

/// The weights from all examples.
fn last(all: &[&Example]) -> Fit {
    let chosen = choose(all);
    let (rows, of, kernels) = Kernels::new(all, &[]);
    let fitted = kernels.fit(&kernels.root(chosen.shares), chosen.c);
    let factors = kernels.factors(chosen.shares);
    let mut signs = vec![0.0; rows.signs.mean.len()];
    let mut words = vec![0.0; rows.words.terms().count()];
    let mut states = vec![0.0; rows.states.mean.len()];
    for (row, weight) in of.iter().zip(&fitted.weights) {
        let add = |to: &mut [f64], factor: f64, row: &[f64]| {
            to.iter_mut().zip(row).for_each(|(to, x)| *to += weight * factor * x);
        };
        add(&mut signs, factors[0], &row.signs);
        row.words.iter().for_each(|(place, x)| words[*place] += weight * factors[1] * x);
        add(&mut states, factors[2], &row.states);
    }
    Fit { chosen, rows, signs, words, states, constant: fitted.bias }
}

/// The shares and the penalty under which texts that were left out are told best: by the likelihood of their labels,
/// which at few texts varies less than the share of right verdicts. Equals go to the one that is tried first.
fn choose(examples: &[&Example]) -> Chosen {
    let has_states = examples.iter().any(|e| !e.state.is_empty());
    let tried = Shares::tried(has_states);
    let parts = divided(examples, INNER_FOLDS);
    let mut losses = vec![0.0; tried.len() * PENALTIES.len()];
    for part in 0..INNER_FOLDS {
        let (rest, held) = apart(examples, &parts, part);
        let judged: Vec<&Example> = held.iter().map(|i| examples[*i]).collect();
        if judged.is_empty() {
            continue;
        }
        let (.., kernels) = Kernels::new(&rest, &judged);
        for (shares, losses) in tried.iter().zip(losses.chunks_mut(PENALTIES.len())) {
            let root = kernels.root(*shares);
            for (c, loss) in PENALTIES.iter().zip(losses) {
                let found = kernels.log_odds(*shares, &kernels.fit(&root, *c));
                *loss += judged.iter().zip(found).map(|(e, x)| miss(e.label, x)).sum::<f64>();
            }
        }
    }
    let mut best = 0;
    (1..losses.len()).for_each(|i| {
        if losses[i] < losses[best] {
            best = i;
        }
    });
    Chosen { shares: tried[best / PENALTIES.len()], c: PENALTIES[best % PENALTIES.len()] }
}

/// −ln P of a label under these log-odds.
fn miss(label: bool, log_odds: f64) -> f64 {
    let margin = if label { log_odds } else { -log_odds };
    libm::log1p(libm::exp(-margin.abs())) + (-margin).max(0.0)
}

/// The part of each example: groups are dealt out in their order, those with mostly positive labels first, so that
/// every part has its share of both.
fn divided(examples: &[&Example], parts: usize) -> Vec<usize> {
    let mut groups: std::collections::BTreeMap<usize, (usize, usize)> = Default::default();
    for example in examples {
        let (positive, all) = groups.entry(example.group).or_default();
        *positive += usize::from(example.label);
        *all += 1;
    }
    let mut order: Vec<(bool, usize)> =
        groups.iter().map(|(group, (positive, all))| (2 * positive < *all, *group)).collect();
    order.sort_unstable();
    let part: std::collections::BTreeMap<usize, usize> =
        order.into_iter().enumerate().map(|(place, (_, group))| (group, place % parts)).collect();
    examples.iter().map(|example| part[&example.group]).collect()
}

/// The examples outside a part, and the places of those in it.
fn apart<'a>(
    examples: &[&'a Example],
    parts: &[usize],
    part: usize,
) -> (Vec<&'a Example>, Vec<usize>) {
    let (held, rest): (Vec<usize>, Vec<usize>) =
        (0..examples.len()).partition(|i| parts[*i] == part);
    (rest.into_iter().map(|i| examples[i]).collect(), held)
}

#[cfg(test)]
mod tests;
