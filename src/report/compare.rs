//! The models among the runs that are shown together: every two that were asked the same, and where each stands.
//! Knows nothing about how the comparisons were computed.

use serde::Serialize;

use super::view::{Place, RunView};
use super::{text, words};
use crate::engine::Sampling;
use crate::stats::{Comparison, Interval};

/// What the models of a group were asked, and who judged the answers.
#[derive(Serialize, Clone, Copy, PartialEq)]
pub(super) struct Asked<'a> {
    scenario: &'a str,
    variant: &'a str,
    seed: u64,
    sampling: Option<&'a Sampling>,
    judge: &'a str,
}

/// Two models.
#[derive(Serialize)]
pub(super) struct Pair<'a> {
    #[serde(flatten)]
    pub(super) asked: Asked<'a>,
    pub(super) models: [String; 2],
    #[serde(flatten)]
    pub(super) comparison: Comparison,
    /// The p-value among those of all comparisons.
    pub(super) p_holm: f64,
    pub(super) p_benjamini_hochberg: f64,
}

/// The models that were asked the same, the largest gap first.
#[derive(Serialize)]
pub(super) struct Board<'a> {
    #[serde(flatten)]
    pub(super) asked: Asked<'a>,
    pub(super) models: Vec<Standing<'a>>,
}

/// Where a model stands.
#[derive(Serialize)]
pub(super) struct Standing<'a> {
    /// Its name, with the form of its weights where that is not the stored one.
    pub(super) model: String,
    pub(super) gap: Option<f64>,
    pub(super) gap_ci95: Option<Interval>,
    pub(super) parameters: Option<u64>,
    pub(super) architecture: Option<&'a str>,
    /// The places that the comparisons leave open, 1 being the largest gap.
    place_from: usize,
    place_to: usize,
}

impl<'a> Asked<'a> {
    pub(super) fn of(run: &'a RunView) -> Self {
        Self {
            scenario: &run.scenario,
            variant: &run.variant,
            seed: run.seed,
            sampling: run.sampling.as_ref(),
            judge: &run.judge,
        }
    }

    /// On one line.
    pub(super) fn title(&self) -> String {
        let [scenario, variant, judge] = [self.scenario, self.variant, self.judge].map(text::name);
        let temperature =
            self.sampling.map_or_else(String::new, |s| format!(" · temperature {}", s.temperature));
        format!("{scenario} · {variant} · seed {}{temperature} · {judge}", self.seed)
    }
}

impl Standing<'_> {
    /// `2` or `2–4`.
    pub(super) fn places(&self) -> String {
        match (self.place_from, self.place_to) {
            (from, to) if from == to => from.to_string(),
            (from, to) => format!("{from}–{to}"),
        }
    }
}

/// Every two models that were compared, in the order of the runs.
pub(super) fn pairs(runs: &[RunView]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    for run in runs {
        pairs.extend(run.against.iter().map(|against| Pair {
            asked: Asked::of(run),
            models: [run.weights(), against.model.clone()],
            comparison: against.comparison,
            p_holm: against.adjusted.holm,
            p_benjamini_hochberg: against.adjusted.benjamini_hochberg,
        }));
    }
    pairs
}

/// One board for each group of models, in the order of the runs.
pub(super) fn boards(runs: &[RunView]) -> Vec<Board<'_>> {
    let mut boards: Vec<Board<'_>> = Vec::new();
    for run in runs {
        let Some(Place { from, to, .. }) = run.place else { continue };
        let standing = Standing {
            model: run.weights(),
            gap: run.estimates.gap,
            gap_ci95: run.estimates.gap_ci95,
            parameters: run.parameters(),
            architecture: run.architecture(),
            place_from: from,
            place_to: to,
        };
        let asked = Asked::of(run);
        match boards.iter_mut().find(|board| board.asked == asked) {
            Some(board) => board.models.push(standing),
            None => boards.push(Board { asked, models: vec![standing] }),
        }
    }
    for board in &mut boards {
        // Where no gap can be stated, a model comes last.
        let size = |standing: &Standing<'_>| standing.gap.unwrap_or(f64::NEG_INFINITY);
        board.models.sort_by(|a, b| size(b).total_cmp(&size(a)));
    }
    boards
}

/// The boards for a terminal, each line at most so many columns wide.
pub(super) fn text(runs: &[RunView], width: usize) -> String {
    let mut out = String::new();
    for board in boards(runs) {
        let title = text::shorten(&board.asked.title(), width - 20);
        out += &format!("\nplaces by gap ({title}):\n");
        for standing in &board.models {
            let gap = words::points(standing.gap);
            let interval = words::points_interval(standing.gap_ci95);
            let name = text::shorten(&text::name(&standing.model), width / 2);
            out += &format!("  {:>7}  {gap:>6} {interval:16}  {name}\n", standing.places());
        }
    }
    if !out.is_empty() {
        out += "A place is open unless a comparison by request rules it out at 5 % (Holm).\n";
    }
    out
}
