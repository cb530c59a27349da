//! Two linear classifiers of rows of numbers: the difference of means, and logistic regression with an L2 penalty.
//! Judges that are fitted to labels and probes of a model's states use them. Knows nothing about what is told apart.
//!
//! All in f64 and in a fixed order, so that equal data give equal bits.

/// States [n, D] and which of them have the label.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    /// D.
    pub(crate) width: usize,
    /// Row after row.
    pub(crate) states: Vec<f64>,
    /// Of each row.
    pub(crate) labels: Vec<bool>,
}

/// w · x + b; above 0 it says that x has the label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    /// w [D].
    pub(crate) weights: Vec<f64>,
    /// b.
    pub(crate) bias: f64,
}

impl Linear {
    /// The score of a state.
    pub(crate) fn score(&self, state: &[f64]) -> f64 {
        dot(&self.weights, state) + self.bias
    }
}

impl Samples {
    /// Adds a row.
    pub(crate) fn push(&mut self, state: impl Iterator<Item = f64>, label: bool) {
        self.states.extend(state);
        self.labels.push(label);
    }

    /// The rows with their labels.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[f64], bool)> {
        self.states.chunks_exact(self.width.max(1)).zip(self.labels.iter().copied())
    }

    /// Whether both labels are there.
    pub(crate) fn is_mixed(&self) -> bool {
        self.labels.contains(&true) && self.labels.contains(&false)
    }

    /// The mean of the rows with this label.
    pub(crate) fn mean(&self, label: bool) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        let mut count = 0.0;
        for (state, _) in self.rows().filter(|(_, of)| *of == label) {
            sum.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
            count += 1.0;
        }
        sum.iter_mut().for_each(|sum| *sum /= count);
        sum
    }
}

/// Along the difference of the two means, divided halfway between them.
pub(crate) fn difference_of_means(samples: &Samples) -> Linear {
    let (with, without) = (samples.mean(true), samples.mean(false));
    let weights: Vec<f64> = with.iter().zip(&without).map(|(a, b)| a - b).collect();
    let middle: Vec<f64> = with.iter().zip(&without).map(|(a, b)| (a + b) / 2.0).collect();
    Linear { bias: -dot(&weights, &middle), weights }
}

/// The largest entry of the gradient at which the fit is done.
const GRADIENT_MAX: f64 = 1e-7;
/// Steps after which it is done in any case.
const STEPS_MAX: usize = 500;
/// Steps that the approximation of the curvature remembers.
const MEMORY: usize = 12;

/// Minimizes |w|²/2 + C Σ ln(1 + exp(−s(w · x + b))) with s = ±1, as scikit-learn's `LogisticRegression` does, by
/// L-BFGS (Liu and Nocedal 1989) from zero.
pub(crate) fn logistic(samples: &Samples, c: f64) -> Linear {
    let d = samples.width;
    // b stands behind w.
    let mut at = vec![0.0; d + 1];
    let (mut loss, mut gradient) = logistic_loss(samples, c, &at);
    let mut steps: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for _ in 0..STEPS_MAX {
        if gradient.iter().all(|g| g.abs() <= GRADIENT_MAX) {
            break;
        }
        let direction = descent(&gradient, &steps);
        let slope = dot(&direction, &gradient);
        // The first direction has the gradient's length, which says nothing about the distance.
        let mut size = if steps.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
        let found = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(x, p)| x + size * p).collect();
            let (next_loss, next_gradient) = logistic_loss(samples, c, &next);
            if next_loss <= loss + 1e-4 * size * slope + 1e-13 * loss.abs() {
                break Some((next, next_loss, next_gradient));
            }
            size /= 2.0;
            if size < 1e-12 {
                break None;
            }
        };
        let Some((next, next_loss, next_gradient)) = found else { break };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let bent: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&moved, &bent) > 0.0 {
            if steps.len() == MEMORY {
                steps.remove(0);
            }
            steps.push((moved, bent));
        }
        (at, loss, gradient) = (next, next_loss, next_gradient);
    }
    let bias = at.pop().unwrap_or_default();
    Linear { weights: at, bias }
}

/// The loss and its gradient.
fn logistic_loss(samples: &Samples, c: f64, at: &[f64]) -> (f64, Vec<f64>) {
    let (weights, bias) = at.split_at(samples.width);
    let mut gradient = weights.to_vec();
    gradient.push(0.0);
    let mut loss = 0.0;
    for (state, label) in samples.rows() {
        let sign = if label { 1.0 } else { -1.0 };
        let margin = sign * (dot(weights, state) + bias[0]);
        // ln(1 + exp(−m)) and 1/(1 + exp(m)) without overflow.
        let small = libm::exp(-margin.abs());
        loss += libm::log1p(small) + (-margin).max(0.0);
        let miss = if margin > 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
        let pull = -c * sign * miss;
        gradient.iter_mut().zip(state).for_each(|(g, x)| *g += pull * x);
        gradient[samples.width] += pull;
    }
    (dot(weights, weights) / 2.0 + c * loss, gradient)
}

/// The direction of the next step: the gradient through the inverse curvature of the last steps.
fn descent(gradient: &[f64], steps: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let add = |to: &mut [f64], factor: f64, of: &[f64]| {
        to.iter_mut().zip(of).for_each(|(to, of)| *to += factor * of);
    };
    let mut taken = Vec::with_capacity(steps.len());
    for (moved, bent) in steps.iter().rev() {
        let share = dot(moved, &q) / dot(moved, bent);
        add(&mut q, -share, bent);
        taken.push(share);
    }
    if let Some((moved, bent)) = steps.last() {
        let scale = dot(moved, bent) / dot(bent, bent);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((moved, bent), share) in steps.iter().zip(taken.iter().rev()) {
        let back = dot(bent, &q) / dot(moved, bent);
        add(&mut q, share - back, moved);
    }
    q
}

/// Lanes of [`dot`].
const LANES: usize = 8;

/// The sum of products, in lanes that are added up at the end.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `tests/fixtures/logistic.json`, made by scikit-learn.
    #[derive(serde::Deserialize)]
    struct Case {
        width: usize,
        c: f64,
        states: Vec<f64>,
        labels: Vec<bool>,
        weights: Vec<f64>,
        bias: f64,
    }

    #[test]
    fn logistic_regression_is_that_of_scikit_learn() {
        let text = include_str!("../tests/fixtures/logistic.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 4);
        for case in cases {
            let samples = Samples { width: case.width, states: case.states, labels: case.labels };
            let found = logistic(&samples, case.c);
            assert_eq!(found.weights.len(), case.weights.len());
            let pairs = found.weights.iter().zip(&case.weights).chain([(&found.bias, &case.bias)]);
            for (ours, theirs) in pairs {
                assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs} (width {})", case.width);
            }
        }
    }

    proptest! {
        #[test]
        fn the_fit_is_a_minimum(
            states in proptest::collection::vec(-3f64..3.0, 60),
            labels in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let samples = Samples { width: 3, states, labels };
            prop_assume!(samples.is_mixed());
            let found = logistic(&samples, 1.0);
            let at = [&found.weights[..], &[found.bias]].concat();
            let (_, gradient) = logistic_loss(&samples, 1.0, &at);
            prop_assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");
        }

        #[test]
        fn halfway_between_the_means_the_score_is_zero(
            states in proptest::collection::vec(-3f64..3.0, 20),
        ) {
            let labels = (0..10).map(|i| i % 2 == 0).collect();
            let samples = Samples { width: 2, states, labels };
            let found = difference_of_means(&samples);
            let (a, b) = (samples.mean(true), samples.mean(false));
            let middle: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a + b) / 2.0).collect();
            prop_assert!(found.score(&middle).abs() < 1e-12);
            prop_assert!(found.score(&a) >= found.score(&b));
        }
    }
}
