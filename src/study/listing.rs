//! What can be said of a run folder at a glance, without judging or estimating anything: for lists of many.

use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::error::Result;
use crate::judge::Verdicts;
use crate::run::{Condition, Finished, State, TrialCount};
use crate::stats::Interval;

/// One run of a list.
pub(crate) struct Listed {
    /// The model, as the user named it.
    pub(crate) model: String,
    /// What it was made under.
    pub(crate) conditions: Vec<Condition>,
    /// How far it is.
    pub(crate) state: State,
    /// Trials on record.
    pub(crate) trials_done: usize,
    /// Trials in all; none where that is not known.
    pub(crate) trials: Option<usize>,
    /// The gap as the folder's summary has it; none where there is no summary.
    pub(crate) gap: Option<f64>,
    /// Its 95 % interval.
    pub(crate) gap_ci95: Option<Interval>,
    /// Requests in the gap.
    pub(crate) requests: Option<u64>,
    /// Who has judged it.
    pub(crate) judges: Vec<String>,
    /// When anything of its record was written last.
    pub(crate) changed: Option<SystemTime>,
}

/// The part of `summary.json` that a list shows.
#[derive(Deserialize)]
struct Gap {
    gap: Option<f64>,
    gap_ci95: Option<Interval>,
    gap_requests: Option<u64>,
}

/// Looks at a run folder.
///
/// # Errors
/// Its manifest, its journal or its verdicts cannot be read.
pub(crate) fn look(path: &Path) -> Result<Listed> {
    let record = Finished::record(path)?;
    let state = State::of(path).unwrap_or(State::Begun);
    let trials = record.trials();
    let done = match (state, trials) {
        (State::Sealed, Some(trials)) if record.stopping().is_none() => trials,
        _ => TrialCount::of(path).now()?,
    };
    let summary = crate::files::read_text(&path.join("summary.json"), crate::files::TEXT_MAX).ok();
    let gap = summary.and_then(|text| serde_json::from_str::<Gap>(&text).ok());
    let gap = gap.filter(|_| state == State::Sealed);
    let changed = ["seal.json", "journal.jsonl", "manifest.json"]
        .iter()
        .filter_map(|name| path.join(name).metadata().ok()?.modified().ok())
        .max();
    Ok(Listed {
        model: record.model_name(),
        conditions: record.conditions(),
        state,
        trials_done: done,
        trials,
        gap: gap.as_ref().and_then(|gap| gap.gap),
        gap_ci95: gap.as_ref().and_then(|gap| gap.gap_ci95),
        requests: gap.as_ref().and_then(|gap| gap.gap_requests),
        judges: Verdicts::judges(path)?,
        changed,
    })
}
