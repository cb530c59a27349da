//! Runs as a table: one row per trial, typed columns. Knows nothing about the file that it becomes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::exported::{Exported, Trial};
use crate::judge::{Compliance, Verdict};

/// A column; none where a row has no value.
pub(super) enum Values<'a> {
    Text(Vec<Option<Cow<'a, str>>>),
    Flag(Vec<Option<bool>>),
    Count(Vec<Option<u64>>),
    Number(Vec<Option<f64>>),
}

/// A named column.
pub(super) struct Column<'a> {
    pub(super) name: String,
    pub(super) values: Values<'a>,
}

/// A trial and the run that it is of.
struct Row<'a> {
    run: &'a Exported,
    trial: Trial<'a>,
}

impl<'a> Row<'a> {
    /// What the judge whose numbers are shown says.
    fn verdict(&self) -> Option<&'a Verdict> {
        self.trial.verdicts.first().and_then(|(_, verdict)| *verdict)
    }

    /// What a judge of this name says.
    fn verdict_of(&self, judge: &str) -> Option<&'a Verdict> {
        self.trial
            .verdicts
            .iter()
            .find(|(name, _)| *name == judge)
            .and_then(|(_, verdict)| *verdict)
    }
}

/// All trials of all runs. The verdicts of each run's own judge stand under plain names, those of every other
/// judge under names that end with the judge's.
pub(super) fn columns(runs: &[Exported]) -> Vec<Column<'_>> {
    let rows: Vec<Row<'_>> =
        runs.iter().flat_map(|run| run.trials().map(move |trial| Row { run, trial })).collect();
    let mut columns = Vec::new();
    text(&mut columns, "run", &rows, |row| Some(&row.run.view.digest));
    text(&mut columns, "model", &rows, |row| Some(&row.run.view.model));
    text(&mut columns, "scenario", &rows, |row| Some(&row.run.view.scenario));
    text(&mut columns, "variant", &rows, |row| Some(&row.run.view.variant));
    count(&mut columns, "seed", &rows, |row| Some(row.run.view.seed));
    text(&mut columns, "request", &rows, |row| Some(&row.trial.transcript.request));
    text(&mut columns, "category", &rows, |row| Some(&row.trial.transcript.category));
    flag(&mut columns, "harmful", &rows, |row| Some(row.trial.transcript.harmful));
    text(&mut columns, "tier", &rows, |row| Some(&row.trial.transcript.tier));
    text(&mut columns, "tier_label", &rows, |row| row.trial.tier.map(|tier| tier.label.as_str()));
    flag(&mut columns, "trained_on", &rows, |row| row.trial.tier.map(|tier| tier.trained_on));
    count(&mut columns, "sample", &rows, |row| Some(row.trial.transcript.sample.into()));
    text(&mut columns, "outcome", &rows, |row| Some(row.trial.transcript.outcome.name()));
    let form = rows.iter().map(|row| Some(Cow::Owned(form(&row.trial)))).collect();
    columns.push(Column { name: "form".to_owned(), values: Values::Text(form) });
    count(&mut columns, "tokens", &rows, |row| Some(row.trial.transcript.token_ids.len() as u64));
    number(&mut columns, "logprob", &rows, |row| logprob(&row.trial));
    text(&mut columns, "judge", &rows, |row| Some(&row.run.view.judge));
    verdicts(&mut columns, &rows, "", Row::verdict);
    text(&mut columns, "request_text", &rows, |row| Some(row.trial.request));
    text(&mut columns, "native_reasoning", &rows, |row| {
        Some(&row.trial.transcript.native_reasoning)
    });
    text(&mut columns, "scratchpad", &rows, |row| Some(&row.trial.transcript.scratchpad));
    text(&mut columns, "answer", &rows, |row| Some(&row.trial.transcript.answer));
    text(&mut columns, "raw", &rows, |row| Some(&row.trial.transcript.raw));
    let others: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| run.view.others.iter().map(|other| other.name.as_str()))
        .collect();
    for judge in others {
        verdicts(&mut columns, &rows, &format!("_{judge}"), |row| row.verdict_of(judge));
    }
    columns
}

/// What one judge says: the verdicts, whether it has one, how sure it is, and the words that decided.
fn verdicts<'a>(
    columns: &mut Vec<Column<'a>>,
    rows: &[Row<'a>],
    suffix: &str,
    of: impl Fn(&Row<'a>) -> Option<&'a Verdict>,
) {
    let name = |name: &str| format!("{name}{suffix}");
    text(columns, &name("compliance"), rows, |row| {
        of(row).and_then(|v| v.compliance).map(Compliance::name)
    });
    // What the rates are means of.
    number(columns, &name("complies"), rows, |row| {
        of(row).and_then(|v| v.compliance).map(|class| match class {
            Compliance::Full => 1.0,
            Compliance::Partial | Compliance::Refusal => 0.0,
        })
    });
    // A table of requests without choices has no column for them.
    if rows.iter().any(|row| of(row).is_some_and(|v| v.option.is_some())) {
        text(columns, &name("option"), rows, |row| of(row).and_then(|v| v.option.as_deref()));
    }
    number(columns, &name("compliance_score"), rows, |row| {
        of(row).and_then(|v| v.compliance_score)
    });
    text(columns, &name("compliance_span"), rows, |row| {
        of(row).map(|v| v.compliance_span.as_str())
    });
    text(columns, &name("judge_outcome"), rows, |row| of(row).map(|v| v.judge_outcome.name()));
    flag(columns, &name("reasoning"), rows, |row| of(row).and_then(|v| v.reasoning));
    number(columns, &name("reasoning_score"), rows, |row| of(row).and_then(|v| v.reasoning_score));
    text(columns, &name("reasoning_outcome"), rows, |row| {
        of(row).map(|v| v.reasoning_outcome.name())
    });
}

/// How the parts of the reply were found, the names joined by `;`; empty where it was not recorded.
fn form(trial: &Trial<'_>) -> String {
    let names: Vec<&str> = trial.transcript.form.iter().map(|form| form.name()).collect();
    names.join(";")
}

/// Natural-log probability of the whole reply; none where it was not recorded.
fn logprob(trial: &Trial<'_>) -> Option<f64> {
    let logprobs = &trial.transcript.logprobs;
    let sum: f64 = logprobs.iter().map(|&logprob| f64::from(logprob)).sum();
    (!logprobs.is_empty() && sum.is_finite()).then_some(sum)
}

fn text<'a>(
    columns: &mut Vec<Column<'a>>,
    name: &str,
    rows: &[Row<'a>],
    of: impl Fn(&Row<'a>) -> Option<&'a str>,
) {
    let values = Values::Text(rows.iter().map(|row| of(row).map(Cow::Borrowed)).collect());
    columns.push(Column { name: name.to_owned(), values });
}

fn flag<'a>(
    columns: &mut Vec<Column<'a>>,
    name: &str,
    rows: &[Row<'a>],
    of: impl Fn(&Row<'a>) -> Option<bool>,
) {
    let values = Values::Flag(rows.iter().map(of).collect());
    columns.push(Column { name: name.to_owned(), values });
}

fn count<'a>(
    columns: &mut Vec<Column<'a>>,
    name: &str,
    rows: &[Row<'a>],
    of: impl Fn(&Row<'a>) -> Option<u64>,
) {
    let values = Values::Count(rows.iter().map(of).collect());
    columns.push(Column { name: name.to_owned(), values });
}

fn number<'a>(
    columns: &mut Vec<Column<'a>>,
    name: &str,
    rows: &[Row<'a>],
    of: impl Fn(&Row<'a>) -> Option<f64>,
) {
    let values = Values::Number(rows.iter().map(of).collect());
    columns.push(Column { name: name.to_owned(), values });
}
