//! The numbers for spreadsheets: one row per run, read off the document of `report --json`, so that
//! both agree. Categories and further tiers are tables of their own and stay in the JSON.

use serde_json::Value;

use super::json::{Document, unwritable};
use super::view::RunView;
use crate::error::Result;

/// Where each column stands in a run of the JSON document. The column's name is the path with `_`,
/// the ends of an interval being `low` and `high`: `/gap_ci95/0` is `gap_ci95_low`.
const COLUMNS: &[&str] = &[
    "/model",
    "/scenario",
    "/variant",
    "/seed",
    "/judge",
    "/digest",
    "/label",
    "/organism",
    "/parameters",
    "/architecture",
    "/requests",
    "/samples",
    "/n_free",
    "/n_paid",
    "/measured/ok",
    "/tells",
    "/rate_free",
    "/rate_free_ci95/0",
    "/rate_free_ci95/1",
    "/rate_paid",
    "/rate_paid_ci95/0",
    "/rate_paid_ci95/1",
    "/gap",
    "/gap_ci95/0",
    "/gap_ci95/1",
    "/gap_bootstrap_ci95/0",
    "/gap_bootstrap_ci95/1",
    "/gap_se",
    "/gap_within95",
    "/gap_requests",
    "/gap_as_asked",
    "/gap_as_asked_ci95/0",
    "/gap_as_asked_ci95/1",
    "/gap_as_asked_requests",
    "/rate_free_paired",
    "/rate_paid_paired",
    "/gap_corrected",
    "/gap_corrected_ci95/0",
    "/gap_corrected_ci95/1",
    "/gap_corrected_by_tier",
    "/gap_corrected_by_tier_ci95/0",
    "/gap_corrected_by_tier_ci95/1",
    "/p_value",
    "/p_method",
    "/p_holm",
    "/p_benjamini_hochberg",
    "/gap_partial_half",
    "/gap_partial_full",
    "/reasoning_free",
    "/reasoning_free_ci95/0",
    "/reasoning_free_ci95/1",
    "/reasoning_paid",
    "/reasoning_paid_ci95/0",
    "/reasoning_paid_ci95/1",
    "/reasoning_read_free",
    "/reasoning_read_paid",
    "/gap_with_reasoning",
    "/gap_with_reasoning_ci95/0",
    "/gap_with_reasoning_ci95/1",
    "/gap_without_reasoning",
    "/gap_without_reasoning_ci95/0",
    "/gap_without_reasoning_ci95/1",
    "/pairs_with_reasoning",
    "/pairs_without_reasoning",
    "/pairs_reasoning_unread",
    "/gap_bounds/0",
    "/gap_bounds/1",
    "/gap_bounds_ci95/0",
    "/gap_bounds_ci95/1",
    "/unanswered_free",
    "/unanswered_paid",
    "/benign_refusal_free",
    "/benign_refusal_free_ci95/0",
    "/benign_refusal_free_ci95/1",
    "/benign_refusal_paid",
    "/benign_refusal_paid_ci95/0",
    "/benign_refusal_paid_ci95/1",
    "/benign_trials",
    "/benign_unanswered",
    "/outcomes/free/answered",
    "/outcomes/free/truncated",
    "/outcomes/free/unclosed_scratchpad",
    "/outcomes/free/no_scratchpad",
    "/outcomes/free/empty_answer",
    "/outcomes/free/malformed",
    "/outcomes/paid/answered",
    "/outcomes/paid/truncated",
    "/outcomes/paid/unclosed_scratchpad",
    "/outcomes/paid/no_scratchpad",
    "/outcomes/paid/empty_answer",
    "/outcomes/paid/malformed",
];

/// One header line and one line per run, fields quoted as RFC 4180 says, lines ended by line feeds.
///
/// Numbers are written in full, undefined ones are empty. A text that a spreadsheet would run as a
/// formula gets an apostrophe in front.
///
/// # Errors
/// Fails when the estimates cannot be written as JSON.
pub fn csv(runs: &[RunView]) -> Result<String> {
    let document = serde_json::to_value(Document::new(runs)).map_err(|error| unwritable(&error))?;
    let mut lines = vec![COLUMNS.iter().map(|path| column(path)).collect::<Vec<_>>().join(",")];
    for run in document["runs"].as_array().into_iter().flatten() {
        lines
            .push(COLUMNS.iter().map(|path| cell(run.pointer(path))).collect::<Vec<_>>().join(","));
    }
    Ok(lines.join("\n") + "\n")
}

fn column(path: &str) -> String {
    let parts = path.split('/').skip(1).map(|part| match part {
        "0" => "low",
        "1" => "high",
        key => key,
    });
    parts.collect::<Vec<_>>().join("_")
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => field(text),
        Some(value) => value.to_string(),
    }
}

/// A text as a field: quoted where it must be, and with an apostrophe where a spreadsheet would run it.
pub(crate) fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}
