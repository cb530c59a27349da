use proptest::prelude::*;

use super::*;
use crate::judge::fitted::terms::counts;

fn example(signs: &[f64], text: &str, label: bool, group: usize) -> Example {
    Example { signs: signs.to_vec(), counts: counts(text), state: Vec::new(), label, group }
}

/// Numbers that look random, the same in every run.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5
    }
}

#[test]
fn through_kernels_the_weights_are_those_of_the_rows() {
    let mut draw = noise(1);
    let examples: Vec<Example> = (0..24)
        .map(|i| {
            let signs = [draw(), 3.0 * draw(), f64::from(i % 3)];
            let words = ["red apple", "green pear", "red pear tree", "blue"];
            example(&signs, words[(i * 7 % 4) as usize], signs[0] + draw() > 0.0, i as usize)
        })
        .collect();
    let all: Vec<&Example> = examples.iter().collect();
    let shares = Shares::new(1.0, 1.0, 0.0);
    let (rows, of, kernels) = Kernels::new(&all, &all);
    let fitted = kernels.fit(&kernels.root(shares), 3.0);
    let found = kernels.log_odds(shares, &fitted);

    // The same on the rows themselves, each kind multiplied by the root of its factor.
    let factors = kernels.factors(shares).map(f64::sqrt);
    let terms = rows.words.terms().count();
    let wide = |row: &Row| {
        let mut wide: Vec<f64> = row.signs.iter().map(|x| x * factors[0]).collect();
        let mut words = vec![0.0; terms];
        row.words.iter().for_each(|(place, x)| words[*place] = x * factors[1]);
        wide.extend(words);
        wide
    };
    let mut samples = Samples { width: 3 + terms, ..Samples::default() };
    of.iter().zip(&all).for_each(|(row, e)| samples.push(wide(row).into_iter(), e.label));
    let plain = logistic(&samples, 3.0);
    for (row, found) in of.iter().zip(found) {
        assert!((plain.score(&wide(row)) - found).abs() < 1e-5, "{found}");
    }
}

#[test]
fn what_can_be_told_is_told_and_what_cannot_is_not() {
    let mut draw = noise(7);
    let told: Vec<Example> = (0..60)
        .map(|i| {
            let label = i % 2 == 0;
            let text = if label { "we keep what we are" } else { "here is what was asked" };
            example(&[draw()], text, label, i)
        })
        .collect();
    let (fit, log_odds) = fit(&told);
    assert!(told.iter().zip(&log_odds).all(|(e, x)| (*x > 0.0) == e.label));
    assert!(fit.chosen.shares.words > 0.0);

    // Labels that nothing tells: a text that took part in its own judgement would be told far too often.
    let blind: Vec<Example> = (0..120)
        .map(|i| {
            let text = format!("word{} word{} word{}", i, i / 2, i / 3);
            example(&[draw(), draw(), draw()], &text, draw() > 0.0, i)
        })
        .collect();
    let (_, log_odds) = super::fit(&blind);
    let right = blind.iter().zip(&log_odds).filter(|(e, x)| (**x > 0.0) == e.label).count();
    assert!((36..=84).contains(&right), "{right} of 120");
}

proptest! {
    #[test]
    fn no_group_is_on_both_sides(
        drawn in proptest::collection::vec((0_usize..9, any::<bool>()), 1..60),
    ) {
        let examples: Vec<Example> =
            drawn.iter().map(|(group, label)| example(&[], "", *label, *group)).collect();
        let all: Vec<&Example> = examples.iter().collect();
        let parts = divided(&all, INNER_FOLDS);
        for part in 0..INNER_FOLDS {
            let (rest, held) = apart(&all, &parts, part);
            prop_assert_eq!(rest.len() + held.len(), all.len());
            prop_assert!(held.iter().all(|i| rest.iter().all(|e| e.group != all[*i].group)));
        }
    }

    #[test]
    fn the_root_gives_the_kernel(
        numbers in proptest::collection::vec(-2f64..2.0, 12),
    ) {
        let n = 4;
        let at = |i: usize, j: usize| (0..3).map(|k| numbers[i * 3 + k] * numbers[j * 3 + k]).sum::<f64>();
        let kernel: Vec<f64> = (0..n * n)
            .map(|p| at(p / n, p % n) + if p / n == p % n { 1e-6 } else { 0.0 })
            .collect();
        let l = cholesky(kernel.clone(), n);
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| l[i * n + k] * l[j * n + k]).sum();
                prop_assert!((product - kernel[i * n + j]).abs() < 1e-7);
            }
        }
        // Lᵀ x = b
        let b = vec![1.0, -2.0, 0.5, 3.0];
        let x = back_substituted(&l, n, b.clone());
        for i in 0..n {
            let product: f64 = (0..n).map(|k| l[k * n + i] * x[k]).sum();
            prop_assert!((product - b[i]).abs() < 1e-4 * (1.0 + x.iter().fold(0.0, |m: f64, v| m.max(v.abs()))));
        }
    }
}
