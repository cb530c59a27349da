//! What variants of a scenario show when they are held against each other, in words. Computes nothing.

use serde::Serialize;

use super::columns::hanging;
use super::view::{ContrastView, DoseView, RunView};
use super::{text, words};

/// The contrasts of one model in one setting.
#[derive(Serialize)]
pub(super) struct Contrasts<'a> {
    model: String,
    scenario: &'a str,
    seed: u64,
    judge: &'a str,
    contrasts: &'a [ContrastView],
    /// Null where the scenario has no doses, or fewer than two of them were run.
    doses: Option<&'a DoseView>,
}

/// Those of all models and settings that are shown.
pub(super) fn contrasts(runs: &[RunView]) -> Vec<Contrasts<'_>> {
    let has = |run: &&RunView| !run.contrasts.is_empty() || run.doses.is_some();
    runs.iter()
        .filter(has)
        .map(|run| Contrasts {
            model: run.weights(),
            scenario: &run.scenario,
            seed: run.seed,
            judge: &run.judge,
            contrasts: &run.contrasts,
            doses: run.doses.as_ref(),
        })
        .collect()
}

impl Contrasts<'_> {
    /// What the table is of, on one line.
    pub(super) fn title(&self) -> String {
        let [model, scenario, judge] = [&*self.model, self.scenario, self.judge].map(text::name);
        format!("{model} · {scenario} · seed {} · {judge}", self.seed)
    }

    /// One row for each contrast.
    pub(super) fn rows(&self) -> impl Iterator<Item = ContrastRow> {
        self.contrasts.iter().map(|found| {
            let numbers = &found.numbers;
            ContrastRow {
                name: found.declared.name.clone(),
                arms: match &found.declared.against {
                    Some(against) => format!("{} − {against}", found.declared.of),
                    None => format!("{} alone", found.declared.of),
                },
                requests: numbers.requests,
                difference: words::points(Some(numbers.difference)),
                interval: words::points_interval(Some(numbers.difference_ci95)),
                simultaneous: words::points_interval(Some(numbers.difference_ci95_simultaneous)),
                p: words::p_value(Some(numbers.p_value)),
                holm: words::p_value(Some(found.p_holm)),
                means: found.declared.means.clone(),
                cannot: found.declared.cannot.clone(),
            }
        })
    }

    /// What the doses show, in a sentence.
    pub(super) fn slope(&self) -> Option<String> {
        let DoseView { points, numbers } = self.doses?;
        let point = |point: &super::view::DosePoint| {
            format!("{} at {}", words::points(point.gap), words::decimal(Some(point.dose)))
        };
        let points: Vec<String> = points.iter().map(point).collect();
        Some(format!(
            "the gap is {}; slope {} points for a dose of 1 ({}; p {}; {} requests)",
            points.join(", "),
            words::points(Some(numbers.slope)),
            words::points_interval(Some(numbers.slope_ci95)),
            words::p_value(Some(numbers.p_value)),
            numbers.requests
        ))
    }
}

/// One contrast, each number as it is shown.
pub(super) struct ContrastRow {
    pub(super) name: String,
    pub(super) arms: String,
    pub(super) requests: u64,
    pub(super) difference: String,
    pub(super) interval: String,
    pub(super) simultaneous: String,
    pub(super) p: String,
    pub(super) holm: String,
    pub(super) means: String,
    pub(super) cannot: String,
}

/// All of it in a terminal; empty where there is none.
pub(super) fn in_terminal(runs: &[RunView], width: usize) -> String {
    let mut out = String::new();
    for found in contrasts(runs) {
        out += "\n";
        out += &hanging(&format!("contrasts of {}, points", found.title()), width);
        for row in found.rows() {
            let numbers = format!(
                "{} ({}): {} {}, all together {}, p {} (Holm {}), {} requests. {} {}",
                row.name,
                row.arms,
                row.difference,
                row.interval,
                row.simultaneous,
                row.p,
                row.holm,
                row.requests,
                row.means,
                row.cannot
            );
            out += &hanging(&numbers, width);
        }
        if let Some(slope) = found.slope() {
            out += &hanging(&slope, width);
        }
    }
    out
}
