//! The contrasts that a scenario declares, among runs that are shown together: the same model, asked in the same way in
//! several variants. Knows nothing about how they are shown.

use crate::report::{ContrastView, DosePoint, DoseView, RunView};
use crate::stats::{adjust, contrast, slope};

/// Finds what runs show of the contrasts and doses of their scenarios. All contrasts of one model in one setting are a
/// family.
pub(super) fn contrast_variants(views: &mut [RunView]) {
    for first in 0..views.len() {
        let group: Vec<usize> =
            (0..views.len()).filter(|&other| together(&views[first], &views[other])).collect();
        if group[0] != first {
            continue;
        }
        let run_of = |name: &str| group.iter().copied().find(|&run| views[run].variant == name);
        let declared: Vec<_> = views[first]
            .declared
            .contrasts
            .iter()
            .filter_map(|declared| {
                let of = run_of(&declared.of)?;
                let against = match &declared.against {
                    Some(against) => Some(run_of(against)?),
                    None => None,
                };
                Some((declared.clone(), of, against))
            })
            .collect();
        let family = declared.len();
        let mut found: Vec<ContrastView> = declared
            .into_iter()
            .filter_map(|(declared, of, against)| {
                let against = against.map(|against| &views[against].request_gaps);
                let seed = views[first].seed;
                let numbers = contrast(&views[of].request_gaps, against, family, seed)?;
                Some(ContrastView { declared, numbers, p_holm: numbers.p_value })
            })
            .collect();
        let p_values: Vec<_> = found.iter().map(|found| Some(found.numbers.p_value)).collect();
        for (found, adjusted) in found.iter_mut().zip(adjust(&p_values)) {
            found.p_holm = adjusted.map_or(found.p_holm, |adjusted| adjusted.holm);
        }
        let doses = dose_response(views, &group);
        views[first].contrasts = found;
        views[first].doses = doses;
    }
}

/// Whether two runs are of one model in one setting, whatever their variants.
fn together(one: &RunView, other: &RunView) -> bool {
    one.weights() == other.weights()
        && one.declared.scenario == other.declared.scenario
        && (&one.scenario, one.seed, &one.sampling, &one.judge)
            == (&other.scenario, other.seed, &other.sampling, &other.judge)
}

/// The gap at each dose, smallest first, and its slope; none where fewer than two doses are there.
fn dose_response(views: &[RunView], group: &[usize]) -> Option<DoseView> {
    let mut runs: Vec<(f64, &RunView)> =
        group.iter().filter_map(|&run| Some((views[run].declared.dose?, &views[run]))).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let gaps: Vec<_> = runs.iter().map(|(dose, run)| (*dose, &run.request_gaps)).collect();
    let numbers = slope(&gaps, runs.first()?.1.seed)?;
    let point = |(dose, run): &(f64, &RunView)| DosePoint {
        dose: *dose,
        variant: run.variant.clone(),
        gap: run.estimates.gap,
        gap_ci95: run.estimates.gap_ci95,
    };
    Some(DoseView { points: runs.iter().map(point).collect(), numbers })
}
