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
//! Each run has `label`, what it is called among those shown: by what differs among them. Where runs differ in their
//! seed alone, `pooled` has them together: `label`, `seeds`, `runs` (places in the list above), and every key of
//! [`Estimates`] over all their replies.
//!
//! Where the variants of a scenario that declares contrasts are shown together, `contrasts` has an entry for each model
//! and setting, with what each contrast shows and, where variants have doses, `doses`.
//!
//! Where several models were asked the same, `comparisons` has one [`Pair`] for every two of them, and
//! `leaderboards` one [`Board`] for every scenario, variant, seed and judge.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::{Board, Pair, boards, pairs};
use super::contrasts::{Contrasts, contrasts};
use super::names::labels;
use super::registered::AgainstRegistration;
use super::rows::rows;
use super::view::{ModelKind, RunView, TierDifference};
use crate::error::{Error, Result};
use crate::judge::{Agreement, choice};
use crate::stats::Estimates;

/// The whole document.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    runs: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pooled: Vec<Pooled<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comparisons: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leaderboards: Vec<Board<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contrasts: Vec<Contrasts<'a>>,
}

/// The seeds of one setting, taken together.
#[derive(Serialize)]
struct Pooled<'a> {
    /// What the setting is called among those shown.
    label: String,
    seeds: &'a [u64],
    /// The places of its runs in `runs`.
    runs: &'a [usize],
    #[serde(flatten)]
    estimates: &'a Estimates,
    /// The p-value among those of all settings shown; null where it is shown alone.
    p_holm: Option<f64>,
    p_benjamini_hochberg: Option<f64>,
}

#[derive(Serialize)]
struct Row<'a> {
    /// What the run is called among those shown.
    label: String,
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
    /// Every two tiers, where there are more than two.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tier_differences: &'a [TierDifference],
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
        let contrasts = contrasts(runs);
        let pooled = rows(runs)
            .into_iter()
            .filter_map(|row| {
                let pool = row.run.pool.as_ref().filter(|_| row.is_pooled())?;
                Some(Pooled {
                    label: row.label(),
                    seeds: &pool.seeds,
                    runs: &pool.runs,
                    estimates: &pool.estimates,
                    p_holm: pool.adjusted.map(|p| p.holm),
                    p_benjamini_hochberg: pool.adjusted.map(|p| p.benjamini_hochberg),
                })
            })
            .collect();
        let runs = runs.iter().zip(labels(runs)).map(|(run, label)| Row {
            label,
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
            tier_differences: &run.tier_differences,
            registered: run.registered.as_ref(),
            options: choice::counts(&run.verdicts),
        });
        Self { runs: runs.collect(), pooled, comparisons, leaderboards, contrasts }
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
