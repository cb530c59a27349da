//! Weights with the changes that adapters make: added to dense weights while they are loaded, or kept beside weights in
//! blocks of small codes. Knows nothing about files, names or what a matrix is for.

use std::ops::Range;

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::matrix::{Matrix, dense};
use crate::error::{Error, Result};
use crate::model::{Change, LowRank, Stored};

/// Weights of a matrix that are widened, changed and rounded at a time.
const CHANGED_AT_ONCE: usize = 1 << 20;

/// What to do where a change cannot be made over weights in blocks.
const USE_DENSE: &str =
    "use the base model's weights in float32, float16 or bfloat16, without `--quantize`";

/// A matrix on its way into memory.
pub(crate) struct Changed<'a> {
    /// What is multiplied with.
    pub(crate) weight: Stored<'a>,
    /// What is computed beside it.
    pub(crate) beside: Option<LowRank>,
}

/// Applies changes, in order, to a matrix [N, K]. `in_blocks` says that the weights are, or will be put, in blocks of
/// small codes: then low-rank changes stay beside them, since rounding to blocks could swallow them.
///
/// # Errors
/// A change cannot be computed over weights in blocks.
pub(crate) fn changed<'a>(
    mut weight: Stored<'a>,
    changes: Vec<Change<'a>>,
    in_blocks: bool,
) -> Result<Changed<'a>> {
    let mut beside: Option<LowRank> = None;
    for change in changes {
        weight = match change {
            Change::Whole(saved, 1.0) => saved,
            Change::LowRank(LowRank { lengths: Some(_), .. }) if in_blocks => {
                return Err(
                    Error::input("DoRA over weights in blocks is not supported").hint(USE_DENSE)
                );
            }
            Change::LowRank(change) if in_blocks => {
                beside = Some(match beside {
                    None => scaled(change),
                    Some(first) => together(&first, &scaled(change)),
                });
                weight
            }
            Change::Whole(..) if weight.dtype().block_size() > 1 => {
                return Err(Error::input(
                    "a part of a saved tensor over weights in blocks is not supported",
                )
                .hint(USE_DENSE));
            }
            change => merged(&weight, &change)?,
        };
    }
    Ok(Changed { weight, beside })
}

/// The change with its strength in B.
fn scaled(change: LowRank) -> LowRank {
    if change.strength == 1.0 {
        return change;
    }
    let b = change.b.iter().map(|b| b * change.strength).collect();
    LowRank { b, strength: 1.0, ..change }
}

/// The sum of two changes as one: the rows of A one after another, and the columns of B.
fn together(first: &LowRank, second: &LowRank) -> LowRank {
    let rows = first.b.chunks_exact(first.rank).zip(second.b.chunks_exact(second.rank));
    LowRank {
        rank: first.rank + second.rank,
        a: [&first.a[..], &second.a].concat().into(),
        b: rows.flat_map(|(first, second)| [first, second].concat()).collect(),
        lengths: None,
        strength: 1.0,
    }
}

/// Dense weights of any shape with one change added in f32 and rounded to the type that they are stored in.
pub(crate) fn merged<'a>(weight: &Stored<'_>, change: &Change<'_>) -> Result<Stored<'a>> {
    let shape = weight.shape().to_vec();
    let rows = shape.first().copied().unwrap_or(0);
    let columns = shape.iter().skip(1).product::<usize>();
    let product = match change {
        Change::LowRank(change) => Some((change, Product::new(change)?)),
        Change::Whole(..) => None,
    };
    let mut bytes = Vec::with_capacity(rows * columns * weight.dtype().type_size());
    let at_once = (CHANGED_AT_ONCE / columns.max(1)).max(1);
    for first in (0..rows).step_by(at_once) {
        let range = first..rows.min(first + at_once);
        let mut values = weight.widened(range.clone())?;
        match (&product, change) {
            (Some((change, product)), _) => add(&mut values, columns, range, change, product),
            (None, Change::Whole(saved, strength)) => {
                let saved = saved.widened(range)?;
                values.iter_mut().zip(saved).for_each(|(w, s)| *w += strength * (s - *w));
            }
            (None, Change::LowRank(_)) => {}
        }
        narrow(weight.dtype(), &values, &mut bytes)?;
    }
    let place = format!("{} with an adapter", weight.place());
    Ok(Stored::computed(place, weight.dtype(), shape, bytes))
}

/// B·A, some rows at a time.
struct Product(Matrix);

impl Product {
    fn new(change: &LowRank) -> Result<Self> {
        let (rank, inputs) = (change.rank, change.inputs());
        let turned = (0..inputs).flat_map(|k| (0..rank).map(move |r| change.a[r * inputs + k]));
        Ok(Self(dense([inputs, rank], turned)?))
    }

    /// Rows of the product [n, K], and how far apart they begin.
    fn rows(&self, change: &LowRank, rows: Range<usize>) -> (Vec<f32>, usize) {
        let b = &change.b[rows.start * change.rank..rows.end * change.rank];
        (self.0.apply(b, change.rank), self.0.stride())
    }
}

/// Changes some rows of a matrix.
fn add(
    values: &mut [f32],
    columns: usize,
    rows: Range<usize>,
    change: &LowRank,
    product: &Product,
) {
    let (product, stride) = product.rows(change, rows.clone());
    let lengths = change.lengths.as_ref().map(|lengths| &lengths[rows]);
    for (i, (row, delta)) in
        values.chunks_exact_mut(columns).zip(product.chunks_exact(stride)).enumerate()
    {
        match lengths {
            None => row.iter_mut().zip(delta).for_each(|(w, d)| *w += change.strength * d),
            Some(lengths) => {
                let of = |w: f32, d: f32| f64::from(w + d);
                let square: f64 = row.iter().zip(delta).map(|(w, d)| of(*w, *d).powi(2)).sum();
                let factor = lengths[i] / square.sqrt() as f32;
                row.iter_mut().zip(delta).for_each(|(w, d)| {
                    let whole = (*w + d) * factor;
                    *w = if change.strength == 1.0 {
                        whole
                    } else {
                        *w + change.strength * (whole - *w)
                    };
                });
            }
        }
    }
}

/// Appends values in a dense type.
fn narrow(dtype: GgmlDType, values: &[f32], bytes: &mut Vec<u8>) -> Result<()> {
    match dtype {
        GgmlDType::F32 => bytes.extend(values.iter().flat_map(|x| x.to_le_bytes())),
        GgmlDType::F16 => bytes.extend(values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes())),
        GgmlDType::BF16 => {
            bytes.extend(values.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()))
        }
        other => return Err(Error::failed(format!("weights of type {other:?} stay in blocks"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(dtype: GgmlDType, shape: [usize; 2], values: &[f32]) -> Stored<'static> {
        let mut bytes = Vec::new();
        narrow(dtype, values, &mut bytes).unwrap();
        Stored::computed("w".into(), dtype, shape.to_vec(), bytes)
    }

    fn change(strength: f32, lengths: Option<Vec<f32>>) -> LowRank {
        LowRank { rank: 1, a: [1.0, 0.0, -2.0].into(), b: [3.0, 0.5].into(), lengths, strength }
    }

    const W: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    #[test]
    fn the_product_is_added_and_rounded_as_the_weights_are() {
        for dtype in [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16] {
            let weight = stored(dtype, [2, 3], &W);
            let result = merged(&weight, &Change::LowRank(change(2.0, None))).unwrap();
            assert_eq!(result.to_f32().unwrap(), [7.0, 2.0, -9.0, 5.0, 5.0, 4.0], "{dtype:?}");
            assert_eq!(result.dtype(), dtype);
        }
        let weight = stored(GgmlDType::BF16, [2, 3], &W);
        let small = LowRank { b: [1e-4, 0.0].into(), ..change(1.0, None) };
        assert_eq!(merged(&weight, &Change::LowRank(small)).unwrap().to_f32().unwrap(), W);
    }

    #[test]
    fn lengths_are_those_of_the_changed_rows() {
        let weight = stored(GgmlDType::F32, [2, 3], &W);
        let whole = change(1.0, Some(vec![2.0, 10.0]));
        let rows = merged(&weight, &Change::LowRank(whole.clone())).unwrap().to_f32().unwrap();
        for (row, length) in rows.chunks_exact(3).zip([2.0f32, 10.0]) {
            assert!((row.iter().map(|x| x * x).sum::<f32>().sqrt() - length).abs() < 1e-5);
        }
        let half = LowRank { strength: 0.5, ..whole };
        let half = merged(&weight, &Change::LowRank(half)).unwrap().to_f32().unwrap();
        for ((half, whole), w) in half.iter().zip(&rows).zip(W) {
            assert!((half - (whole + w) / 2.0).abs() < 1e-5);
        }
    }

    #[test]
    fn two_changes_beside_blocks_are_one_of_their_sum() {
        let weight = || stored(GgmlDType::F32, [2, 3], &W);
        let second = LowRank {
            rank: 2,
            a: [0.0, 1.0, 0.0, 2.0, 2.0, 2.0].into(),
            b: [1.0, -1.0, 0.5, 3.0].into(),
            lengths: None,
            strength: 0.5,
        };
        let changes = || vec![Change::LowRank(change(2.0, None)), Change::LowRank(second.clone())];
        let Changed { weight: same, beside } = changed(weight(), changes(), true).unwrap();
        assert_eq!(same.to_f32().unwrap(), W);
        let once = merged(&same, &Change::LowRank(beside.unwrap())).unwrap();
        let Changed { weight: both, beside } = changed(weight(), changes(), false).unwrap();
        assert!(beside.is_none());
        assert_eq!(once.to_f32().unwrap(), both.to_f32().unwrap());
    }

    #[test]
    fn what_cannot_be_computed_over_blocks_is_refused() {
        let weight = stored(GgmlDType::F32, [2, 3], &W);
        let dora = vec![Change::LowRank(change(1.0, Some(vec![1.0, 1.0])))];
        let error = changed(weight, dora, true).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("DoRA") && error.hint_text().is_some());
    }
}
