//! Runs that are shown together: their p-values, and the gaps of different models on the same requests.

use super::contrasts::contrast_variants;
use super::pool::pool_seeds;
use crate::report::{Against, Place, RunView};
use crate::stats::{adjust, compare, places};

/// Level of the comparisons that decide which places are open to a model.
const LEVEL: f64 = 0.05;

/// Adjusts the p-values of runs for each other, and compares the models among them.
pub(crate) fn compare_together(views: &mut [RunView]) {
    contrast_variants(views);
    if views.len() < 2 {
        return;
    }
    let p_values: Vec<Option<f64>> = views.iter().map(|view| view.estimates.p_value).collect();
    for (view, adjusted) in views.iter_mut().zip(adjust(&p_values)) {
        view.p_adjusted = adjusted;
    }
    pool_seeds(views);
    compare_models(views);
}

/// Compares every two models that were asked the same: one scenario, variant, seed and judge. All comparisons are one
/// family of tests.
fn compare_models(views: &mut [RunView]) {
    let mut pairs = Vec::new();
    for second in 0..views.len() {
        for first in 0..second {
            let (a, b) = (&views[first], &views[second]);
            if !a.asked_as(b) || a.weights() == b.weights() {
                continue;
            }
            if let Some(found) = compare(&a.request_gaps, &b.request_gaps, a.seed) {
                pairs.push((first, second, found));
            }
        }
    }
    let p_values: Vec<Option<f64>> = pairs.iter().map(|(_, _, c)| Some(c.p_value)).collect();
    let mut clear = Vec::new();
    for ((first, second, comparison), adjusted) in pairs.into_iter().zip(adjust(&p_values)) {
        let Some(adjusted) = adjusted else { continue };
        if adjusted.holm < LEVEL {
            let first_is_larger = comparison.difference > 0.0;
            clear.push(if first_is_larger { (first, second) } else { (second, first) });
        }
        let model = views[second].weights();
        views[first].against.push(Against { model, comparison, adjusted });
    }
    // The places of a group are those among its members only.
    let count = views.len();
    for (at, [from, to]) in places(count, &clear).into_iter().enumerate() {
        let view = &views[at];
        let rivals =
            views.iter().filter(|other| view.asked_as(other) && view.weights() != other.weights());
        let of = 1 + rivals.count();
        views[at].place = (of > 1).then(|| Place { from, to: (to + of).saturating_sub(count), of });
    }
}
