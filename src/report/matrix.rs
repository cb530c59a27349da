//! Models against variants: the gap of every model under every variant, where there are several of both. Knows nothing
//! about how it is drawn.

use super::names::names;
use super::rows::{Row, rows};
use super::view::RunView;
use crate::stats::Estimates;

/// The aspects that the two sides of the table stand for, and what is pooled.
const SIDES: [&str; 2] = ["variant", crate::run::SEED];

/// The table.
pub(super) struct Matrix<'a> {
    /// The variants, in the order in which they come first.
    pub(super) variants: Vec<&'a str>,
    /// A model, with what else tells it from others, and its numbers under each variant, where there are some.
    pub(super) models: Vec<(String, Vec<Option<&'a Estimates>>)>,
}

/// The gaps by model and variant; none unless there are several of both, and one setting at most for a place.
pub(super) fn matrix(runs: &[RunView]) -> Option<Matrix<'_>> {
    let names = names(runs);
    let place = |row: &Row<'_>| {
        let at = runs.iter().position(|run| std::ptr::eq(run, row.run))?;
        let name = &names[at];
        Some(match name.without(&SIDES) {
            rest if rest.is_empty() => name.model.clone(),
            rest => format!("{} · {rest}", name.model),
        })
    };
    let mut matrix = Matrix { variants: Vec::new(), models: Vec::new() };
    let rows = rows(runs);
    for row in &rows {
        if !matrix.variants.contains(&&*row.run.variant) {
            matrix.variants.push(&row.run.variant);
        }
    }
    for row in rows {
        let model = place(&row)?;
        let column = matrix.variants.iter().position(|variant| *variant == row.run.variant)?;
        let at = matrix.models.iter().position(|(name, _)| *name == model).unwrap_or_else(|| {
            matrix.models.push((model, vec![None; matrix.variants.len()]));
            matrix.models.len() - 1
        });
        // Two settings in one place cannot be told apart in a table of these two sides.
        if matrix.models[at].1[column].replace(row.estimates).is_some() {
            return None;
        }
    }
    (matrix.variants.len() > 1 && matrix.models.len() > 1).then_some(matrix)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_table_needs_several_of_both_sides() {
        let run = |model: usize, variant: &str| {
            let mut run = sample::run(&sample::DEMO[model], 0, 4, 1, 1);
            run.variant = variant.to_owned();
            run
        };
        assert!(matrix(&[]).is_none());
        assert!(matrix(&[run(0, "a"), run(1, "a")]).is_none());
        assert!(matrix(&[run(0, "a"), run(0, "b")]).is_none());
        let runs = [run(0, "a"), run(1, "b"), run(0, "b")];
        let found = matrix(&runs).unwrap();
        assert_eq!(found.variants, ["a", "b"]);
        let there: Vec<(&str, Vec<bool>)> = found
            .models
            .iter()
            .map(|(name, cells)| (&**name, cells.iter().map(Option::is_some).collect()))
            .collect();
        assert_eq!(
            there,
            [("organism:faker", vec![true, true]), ("organism:weak-faker", vec![false, true])]
        );
        // Two runs that only a digest tells apart have no place of their own.
        let mut twins = vec![run(0, "a"), run(0, "a"), run(1, "b")];
        twins[1].digest = "other".to_owned();
        assert!(matrix(&twins).is_none());
    }
}
