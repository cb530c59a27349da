//! How far two classifications of the same things agree: share, Cohen's kappa, area under the ROC curve.
//! Knows nothing about what is classified. What is not defined is none.

/// Share of the counted things that stand on the table's diagonal; none for an empty table.
pub(super) fn agreement<const N: usize>(table: &[[u64; N]; N]) -> Option<f64> {
    let total = total(table);
    (total > 0).then(|| diagonal(table) as f64 / total as f64)
}

/// Cohen's kappa (Cohen 1960): (pₒ − pₑ) / (1 − pₑ), with pₒ the share on the diagonal and pₑ the share that two
/// classifiers with the same margins would reach by chance. None for an empty table, and where both put
/// everything into one and the same class, for then chance explains all.
pub(super) fn kappa<const N: usize>(table: &[[u64; N]; N]) -> Option<f64> {
    let total = u128::from(total(table));
    let by_chance: u128 = (0..N)
        .map(|class| {
            let row: u64 = table[class].iter().sum();
            let column: u64 = table.iter().map(|row| row[class]).sum();
            u128::from(row) * u128::from(column)
        })
        .sum();
    // Both shares over total²: whole numbers, so that nothing is rounded before the one division.
    let (observed, all) = (u128::from(diagonal(table)) * total, total * total);
    (all > by_chance)
        .then(|| (observed as f64 - by_chance as f64) / (all as f64 - by_chance as f64))
}

/// The table with all classes but the first as one.
pub(super) fn first_against_rest<const N: usize>(table: &[[u64; N]; N]) -> [[u64; 2]; 2] {
    let mut two = [[0; 2]; 2];
    for (row, counts) in table.iter().enumerate() {
        for (column, count) in counts.iter().enumerate() {
            two[row.min(1)][column.min(1)] += count;
        }
    }
    two
}

/// Area under the ROC curve of a score, as the probability that a positive scores higher than a negative,
/// ties counted half (Mann and Whitney 1947; Hanley and McNeil 1982). None without positives or without
/// negatives. Scores must be numbers.
pub(super) fn auroc(scored: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let mut scored: Vec<(f64, bool)> = scored.into_iter().collect();
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut twice_won, mut positives) = (0_u128, 0_u128, 0_u128);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, positive)| *positive).count() as u128;
        let negative = tied.len() as u128 - positive;
        twice_won += positive * (2 * below + negative);
        below += negative;
        positives += positive;
    }
    (positives > 0 && below > 0).then(|| twice_won as f64 / (2 * positives * below) as f64)
}

fn total<const N: usize>(table: &[[u64; N]; N]) -> u64 {
    table.iter().flatten().sum()
}

fn diagonal<const N: usize>(table: &[[u64; N]; N]) -> u64 {
    (0..N).map(|class| table[class][class]).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        first: Vec<usize>,
        second: Vec<usize>,
        score: Vec<f64>,
        confusion: [[u64; 3]; 3],
        agreement: Option<f64>,
        kappa: Option<f64>,
        kappa_first: Option<f64>,
        auroc_first: Option<f64>,
    }

    fn close(ours: Option<f64>, theirs: Option<f64>, what: &str) {
        match (ours, theirs) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{what}: {a} and {b}"),
            (a, b) => assert_eq!(a, b, "{what}"),
        }
    }

    #[test]
    fn as_scikit_learn_computes_them() {
        let text = include_str!("../../tests/fixtures/agreement.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 10);
        for case in cases {
            let mut table = [[0; 3]; 3];
            for (row, column) in case.first.iter().zip(&case.second) {
                table[*row][*column] += 1;
            }
            let what = &case.name;
            assert_eq!(table, case.confusion, "{what}");
            close(agreement(&table), case.agreement, what);
            close(kappa(&table), case.kappa, what);
            close(kappa(&first_against_rest(&table)), case.kappa_first, what);
            let scored = case.score.iter().zip(&case.second).map(|(s, class)| (*s, *class == 0));
            close(auroc(scored), case.auroc_first, what);
        }
    }

    proptest! {
        #[test]
        fn kappa_does_not_know_who_is_first(counts in prop::array::uniform9(0_u64..1000)) {
            let table = [0, 1, 2].map(|r| [0, 1, 2].map(|c| counts[3 * r + c]));
            let turned = [0, 1, 2].map(|r| [0, 1, 2].map(|c| table[c][r]));
            prop_assert_eq!(kappa(&table), kappa(&turned));
            prop_assert_eq!(agreement(&table), agreement(&turned));
            if let Some(kappa) = kappa(&table) {
                prop_assert!((-1.0..=1.0).contains(&kappa));
            }
        }

        #[test]
        fn those_who_say_the_same_agree(counts in prop::array::uniform3(0_u64..1000)) {
            let table = [0, 1, 2].map(|r| [0, 1, 2].map(|c| if r == c { counts[r] } else { 0 }));
            let classes = counts.iter().filter(|count| **count > 0).count();
            prop_assert_eq!(kappa(&table), (classes > 1).then_some(1.0));
            prop_assert_eq!(agreement(&table), (classes > 0).then_some(1.0));
        }

        #[test]
        fn the_area_is_what_all_pairs_say(scored in prop::collection::vec((0_u8..6, any::<bool>()), 0..40)) {
            let scored: Vec<(f64, bool)> = scored.into_iter().map(|(s, p)| (f64::from(s), p)).collect();
            let (mut won, mut met) = (0.0, 0.0);
            for (high, _) in scored.iter().filter(|(_, positive)| *positive) {
                for (low, _) in scored.iter().filter(|(_, positive)| !positive) {
                    won += if high > low { 1.0 } else if high == low { 0.5 } else { 0.0 };
                    met += 1.0;
                }
            }
            prop_assert_eq!(auroc(scored.iter().copied()), (met > 0.0).then_some(won / met));
            let turned = auroc(scored.iter().map(|(score, positive)| (-score, *positive)));
            let one = auroc(scored.iter().copied()).zip(turned).map(|(a, b)| a + b);
            prop_assert!(one.is_none_or(|one| (one - 1.0).abs() < 1e-12));
        }
    }
}
