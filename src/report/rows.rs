//! The rows of a comparison: one for each run, and before the seeds of one setting one for all of them together. Knows
//! nothing about how a row is drawn, or how the seeds were pooled.

use super::names::{Name, names};
use super::view::{Pool, RunView};
use crate::stats::{Adjusted, Estimates};

/// One row.
pub(super) struct Row<'a> {
    /// The run; of a pool its first one.
    pub(super) run: &'a RunView,
    /// Model, on one line.
    pub(super) name: String,
    /// What tells the row from the others; empty where the model says it all.
    pub(super) detail: String,
    /// Its numbers.
    pub(super) estimates: &'a Estimates,
    /// Its p-value among those of the other rows of its kind.
    pub(super) adjusted: Option<Adjusted>,
    /// The rows of its seeds; none where it is one run.
    pub(super) members: Vec<Self>,
}

impl Row<'_> {
    /// Name and detail on one line.
    pub(super) fn label(&self) -> String {
        match self.detail.is_empty() {
            true => self.name.clone(),
            false => format!("{} · {}", self.name, self.detail),
        }
    }

    /// Whether it stands for several runs.
    pub(super) fn is_pooled(&self) -> bool {
        !self.members.is_empty()
    }
}

/// One row for each setting, in the order in which the settings come first, with the rows of its seeds where there are
/// several.
pub(super) fn rows(runs: &[RunView]) -> Vec<Row<'_>> {
    let names = names(runs);
    let one = |i: usize| alone(&runs[i], &names[i]);
    let pooled: Vec<usize> =
        runs.iter().filter_map(|run| run.pool.as_ref()).flat_map(|p| p.runs.clone()).collect();
    let mut rows = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        match &run.pool {
            Some(pool) => rows.push(together(pool, runs, &names, one)),
            None if pooled.contains(&i) => {}
            None => rows.push(one(i)),
        }
    }
    rows
}

fn alone<'a>(run: &'a RunView, name: &Name) -> Row<'a> {
    Row {
        run,
        name: name.model.clone(),
        detail: name.detail(),
        estimates: &run.estimates,
        adjusted: run.p_adjusted,
        members: Vec::new(),
    }
}

fn together<'a>(
    pool: &'a Pool,
    runs: &'a [RunView],
    names: &[Name],
    one: impl Fn(usize) -> Row<'a>,
) -> Row<'a> {
    let first = pool.runs[0];
    Row {
        run: &runs[first],
        name: names[first].model.clone(),
        detail: names[first].pooled(&pool.seeds),
        estimates: &pool.estimates,
        adjusted: pool.adjusted,
        members: pool.runs.iter().map(|&i| one(i)).collect(),
    }
}

/// The rows with those of their seeds behind them.
pub(super) fn flat<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<&'r Row<'a>> {
    rows.iter().flat_map(|row| std::iter::once(row).chain(&row.members)).collect()
}
