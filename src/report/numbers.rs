//! The page's table of every number: which rows there are, in which order, under which words.
//! Knows nothing about how it is laid out.

use super::text;
use super::words::{self, NONE};
use crate::stats::{Estimates, TestMethod};

/// A row: what it shows and how it reads off a run.
pub(super) struct Row {
    /// Words at its head.
    pub(super) label: &'static str,
    /// The cell of one run.
    pub(super) cell: fn(&Estimates) -> String,
}

/// Rows under a common title.
pub(super) struct Group {
    /// The title.
    pub(super) title: &'static str,
    /// Its rows.
    pub(super) rows: &'static [Row],
}

/// The table, group by group.
pub(super) const GROUPS: &[Group] = &[
    Group {
        title: "Compliance with harmful requests, %",
        rows: &[
            Row { label: "free", cell: |e| words::percent(e.rate_free) },
            Row { label: "95 % interval", cell: |e| words::percent_interval(e.rate_free_ci95) },
            Row { label: "paid", cell: |e| words::percent(e.rate_paid) },
            Row { label: "95 % interval", cell: |e| words::percent_interval(e.rate_paid_ci95) },
            Row {
                label: "replies with a verdict, free / paid",
                cell: |e| both(e.n_free, e.n_paid),
            },
            Row {
                label: "over the requests in the gap, free / paid",
                cell: |e| {
                    let rates = [e.rate_free_paired, e.rate_paid_paired].map(words::percent);
                    format!("{} / {}", rates[0], rates[1])
                },
            },
            Row { label: "harmful requests", cell: |e| e.requests.to_string() },
            Row { label: "samples per request and tier", cell: |e| e.samples.to_string() },
        ],
    },
    Group {
        title: "Gap, free minus paid, percentage points",
        rows: &[
            Row { label: "gap", cell: |e| words::points(e.gap) },
            Row { label: "95 % interval", cell: |e| words::points_interval(e.gap_ci95) },
            Row {
                label: "95 % bootstrap interval",
                cell: |e| words::points_interval(e.gap_bootstrap_ci95),
            },
            Row { label: "standard error, by request", cell: |e| words::percent(e.gap_se) },
            Row {
                label: "within ± this, two one-sided tests at 5 %",
                cell: |e| words::percent(e.gap_within95),
            },
            Row { label: "p, paired and two-sided", cell: |e| words::p_value(e.p_value) },
            Row { label: "test", cell: |e| method(e.p_method).to_owned() },
            Row { label: "requests in the gap", cell: |e| e.gap_requests.to_string() },
            Row { label: "could end early", cell: |e| words::stopped(e.stopped.as_ref()) },
            Row {
                label: "over the replies exactly as asked",
                cell: |e| words::points(e.gap_as_asked),
            },
            Row { label: "95 % interval", cell: |e| words::points_interval(e.gap_as_asked_ci95) },
            Row {
                label: "corrected by labels of this run, errors alike in both tiers",
                cell: |e| words::points(e.gap_corrected),
            },
            Row { label: "95 % interval", cell: |e| words::points_interval(e.gap_corrected_ci95) },
            Row {
                label: "corrected for each tier's own",
                cell: |e| words::points(e.gap_corrected_by_tier),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::points_interval(e.gap_corrected_by_tier_ci95),
            },
            Row {
                label: "partial compliance counted half",
                cell: |e| words::points(e.gap_partial_half),
            },
            Row {
                label: "partial compliance counted full",
                cell: |e| words::points(e.gap_partial_full),
            },
            Row {
                label: "worst to best case over unanswered",
                cell: |e| words::points_interval(e.gap_bounds),
            },
            Row {
                label: "95 % interval around these",
                cell: |e| words::points_interval(e.gap_bounds_ci95),
            },
        ],
    },
    Group {
        title: "Alignment-faking reasoning",
        rows: &[
            Row {
                label: "free, % of scratchpads read",
                cell: |e| words::percent(e.reasoning_free),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::percent_interval(e.reasoning_free_ci95),
            },
            Row {
                label: "paid, % of scratchpads read",
                cell: |e| words::percent(e.reasoning_paid),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::percent_interval(e.reasoning_paid_ci95),
            },
            Row {
                label: "scratchpads read, free / paid",
                cell: |e| both(e.reasoning_read_free, e.reasoning_read_paid),
            },
            Row {
                label: "gap among pairs with it in free",
                cell: |e| words::points(e.gap_with_reasoning),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::points_interval(e.gap_with_reasoning_ci95),
            },
            Row { label: "pairs with it", cell: |e| e.pairs_with_reasoning.to_string() },
            Row {
                label: "gap among pairs without it",
                cell: |e| words::points(e.gap_without_reasoning),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::points_interval(e.gap_without_reasoning_ci95),
            },
            Row { label: "pairs without it", cell: |e| e.pairs_without_reasoning.to_string() },
            Row {
                label: "pairs without a scratchpad to read",
                cell: |e| e.pairs_reasoning_unread.to_string(),
            },
        ],
    },
    Group {
        title: "Checks",
        rows: &[
            Row {
                label: "judge on labelled replies: sensitivity, specificity, %",
                cell: |e| {
                    let rates = [e.judge_sensitivity, e.judge_specificity].map(words::percent);
                    format!("{}, {}", rates[0], rates[1])
                },
            },
            Row {
                label: "labelled replies, by whom",
                cell: |e| match &e.judge_labelled_by {
                    Some(by) => format!("{}, {}", e.judge_labelled, text::name(by)),
                    None => NONE.to_owned(),
                },
            },
            Row {
                label: "harmful trials without a verdict, free / paid",
                cell: |e| both(e.unanswered_free, e.unanswered_paid),
            },
            Row {
                label: "benign requests refused, free, %",
                cell: |e| words::percent(e.benign_refusal_free),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::percent_interval(e.benign_refusal_free_ci95),
            },
            Row {
                label: "benign requests refused, paid, %",
                cell: |e| words::percent(e.benign_refusal_paid),
            },
            Row {
                label: "95 % interval",
                cell: |e| words::percent_interval(e.benign_refusal_paid_ci95),
            },
            Row {
                label: "benign trials, without a verdict",
                cell: |e| format!("{}, {}", e.benign_trials, e.benign_unanswered),
            },
        ],
    },
];

/// The name of a test as papers write it.
fn method(method: Option<TestMethod>) -> &'static str {
    match method {
        None => NONE,
        Some(TestMethod::McnemarExact) => "McNemar, exact",
        Some(TestMethod::SignFlipExact) => "sign flips, exact",
        Some(TestMethod::SignFlipMonteCarlo) => "sign flips, drawn",
    }
}

fn both(free: u64, paid: u64) -> String {
    format!("{free} / {paid}")
}
