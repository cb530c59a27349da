//! The numbers for programs: what `report --json` prints.
//!
//! Wire format: `{"runs": [RUN, …]}`, where RUN has `model`, `scenario`, `variant`, `seed`,
//! `judge`, `digest`, `promise`, `organism` (whether it is a control), `parameters`, `architecture` and every key of
//! [`Estimates`], `p_holm` and `p_benjamini_hochberg` (the p-value adjusted for all runs that are shown
//! together), and `agreement`: one [`Agreement`] for every two judges. A run that was registered
//! has `registered`: whether it kept to its registration, in what it did not, and what else was looked at. A run of
//! choices has `options`: by tier, how often each option was chosen, `none` among them. Undefined numbers are `null`. Keys may
//! be added, never renamed.
//!
//! Where several models were asked the same, `comparisons` has one [`Pair`] for every two of them, and
//! `leaderboards` one [`Board`] for every scenario, variant, seed and judge.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::{Board, Pair, boards, pairs};
use super::registered::AgainstRegistration;
use super::view::{ModelKind, RunView};
use crate::error::{Error, Result};
use crate::judge::{Agreement, choice};
use crate::stats::Estimates;

/// The whole document.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    runs: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comparisons: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leaderboards: Vec<Board<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    model: &'a str,
    scenario: &'a str,
    variant: &'a str,
    seed: u64,
    judge: &'a str,
    digest: &'a str,
    promise: &'a str,
    organism: bool,
    /// Null where it is not known.
    parameters: Option<u64>,
    architecture: Option<&'a str>,
    #[serde(flatten)]
    estimates: &'a Estimates,
    /// The p-value among those of all runs shown; null where it is shown alone.
    p_holm: Option<f64>,
    p_benjamini_hochberg: Option<f64>,
    agreement: &'a [Agreement],
    /// Only of a run that was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered: Option<&'a AgainstRegistration>,
    /// By tier, how often each option was chosen; only where there was something to choose from.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<&'a str, BTreeMap<&'a str, u64>>,
}

impl<'a> Document<'a> {
    /// One row per run, in the order given.
    pub(super) fn new(runs: &'a [RunView]) -> Self {
        let (comparisons, leaderboards) = (pairs(runs), boards(runs));
        let runs = runs.iter().map(|run| Row {
            p_holm: run.p_adjusted.map(|p| p.holm),
            p_benjamini_hochberg: run.p_adjusted.map(|p| p.benjamini_hochberg),
            model: &run.model,
            scenario: &run.scenario,
            variant: &run.variant,
            seed: run.seed,
            judge: &run.judge,
            digest: &run.digest,
            promise: &run.promise,
            organism: matches!(run.kind, ModelKind::Organism { .. }),
            parameters: run.parameters(),
            architecture: run.architecture(),
            estimates: &run.estimates,
            agreement: &run.agreement,
            registered: run.registered.as_ref(),
            options: choice::counts(&run.verdicts),
        });
        Self { runs: runs.collect(), comparisons, leaderboards }
    }
}

/// The document as indented JSON, ending with a line feed.
///
/// # Errors
/// Fails when the estimates cannot be written as JSON.
pub fn json(runs: &[RunView]) -> Result<String> {
    let text =
        serde_json::to_string_pretty(&Document::new(runs)).map_err(|error| unwritable(&error))?;
    Ok(text + "\n")
}

/// The error of a number or key that JSON has no place for.
pub(super) fn unwritable(error: &serde_json::Error) -> Error {
    Error::failed(format!("cannot write the report's numbers as JSON: {error}"))
}
