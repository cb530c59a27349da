//! A change of a matrix as a product of two narrow ones. Knows nothing about files or names.

use std::sync::Arc;

use crate::model::view::Rows;

/// W + B·A of a matrix W [N, K], or of some rows of it. Cloning it copies no number: every part of a fused matrix has
/// the same A.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// R, the width between the two.
    pub rank: usize,
    /// [R, K]
    pub a: Arc<[f32]>,
    /// [N, R], scaling included.
    pub b: Arc<[f32]>,
    /// DoRA (Liu et al. 2024, arXiv 2402.09353): the length that each changed row is brought to, `[N]`.
    pub lengths: Option<Vec<f32>>,
    /// How much of the change is applied: 1 is all of it.
    pub strength: f32,
}

impl LowRank {
    /// K.
    pub fn inputs(&self) -> usize {
        self.a.len().checked_div(self.rank).unwrap_or(0)
    }

    /// N.
    pub fn outputs(&self) -> usize {
        self.b.len().checked_div(self.rank).unwrap_or(0)
    }

    /// The change of some rows; none if one of them is not there.
    pub(super) fn select(&self, rows: &Rows) -> Option<Self> {
        let outputs = self.outputs();
        let numbers: Vec<usize> = match rows {
            Rows::All => return Some(self.clone()),
            Rows::Range(range) => range.clone().collect(),
            Rows::List(list) => list.clone(),
        };
        if numbers.iter().any(|&row| row >= outputs) {
            return None;
        }
        let row = |&row: &usize| &self.b[row * self.rank..(row + 1) * self.rank];
        Some(Self {
            b: numbers.iter().flat_map(row).copied().collect(),
            lengths: self
                .lengths
                .as_ref()
                .map(|lengths| numbers.iter().map(|&row| lengths[row]).collect()),
            a: self.a.clone(),
            ..*self
        })
    }

    /// The change of the matrix with rows and columns changed over.
    pub(super) fn transposed(&self) -> Self {
        let (rank, inputs, outputs) = (self.rank, self.inputs(), self.outputs());
        Self {
            rank,
            a: turned(&self.b, outputs, rank).into(),
            b: turned(&self.a, rank, inputs).into(),
            lengths: None,
            strength: self.strength,
        }
    }
}

/// A matrix [rows, columns] as [columns, rows].
pub(super) fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B·A, [N, K].
    fn product(change: &LowRank) -> Vec<Vec<f32>> {
        let (r, k) = (change.rank, change.inputs());
        let row =
            |b: &[f32]| (0..k).map(|i| (0..r).map(|j| b[j] * change.a[j * k + i]).sum()).collect();
        change.b.chunks_exact(r).map(row).collect()
    }

    fn example() -> LowRank {
        let values = |count: usize| (0..count).map(|i| (i * i % 7) as f32 - 3.0).collect();
        LowRank { rank: 2, a: values(6), b: values(8), lengths: None, strength: 1.0 }
    }

    #[test]
    fn chosen_rows_are_those_of_the_product() {
        let change = example();
        let all = product(&change);
        let list = change.select(&Rows::List(vec![3, 0])).unwrap();
        assert_eq!(product(&list), [all[3].clone(), all[0].clone()]);
        assert_eq!(product(&change.select(&Rows::Range(1..3)).unwrap()), all[1..3]);
        assert_eq!(change.select(&Rows::List(vec![4])), None);
    }

    #[test]
    fn turned_over_it_is_the_product_turned_over() {
        let change = example();
        let (all, turned) = (product(&change), product(&change.transposed()));
        for (n, row) in all.iter().enumerate() {
            for (k, value) in row.iter().enumerate() {
                assert_eq!(*value, turned[k][n]);
            }
        }
    }
}
