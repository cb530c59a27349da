//! Logits of the positions that a step was asked for, each row checked when it is made: a number that is not
//! finite never reaches whoever draws, scores or judges. Knows nothing about layers.

use std::fmt;

use candle_core::DType;

use super::ModelInfo;
use super::tensor::Identity;
use crate::error::{Error, Result};

/// Logits of the asked positions, in the order of rows and of tokens within a row.
#[derive(Debug)]
pub struct Logits {
    /// [positions, V], each row `vocab_size` long.
    values: Vec<f32>,
    vocab_size: usize,
    /// Positions whose row holds NaN or an infinity, ascending; nearly always none.
    spoiled: Vec<usize>,
    /// What may help, where a row is spoiled.
    remedy: String,
}

/// Rows of logits on their way into [`Logits`]. A soft cap turns infinities into numbers, so that whoever caps
/// looks before.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// [positions, V]
    pub(super) values: Vec<f32>,
    /// Positions whose logits are not all finite, ascending.
    pub(super) spoiled: Vec<usize>,
}

/// A row of logits that are not all finite, and what may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFinite {
    remedy: String,
}

impl Logits {
    /// The rows [positions, V] that a decoder made, checked in one pass.
    pub fn new(values: Vec<f32>, info: &ModelInfo) -> Self {
        let spoiled = spoiled_rows(&values, info.vocab_size);
        Self::join(vec![Rows { values, spoiled }], info)
    }

    /// The rows of a step from those of its parts.
    pub(super) fn join(parts: Vec<Rows>, info: &ModelInfo) -> Self {
        let (mut values, mut spoiled) = (Vec::new(), Vec::new());
        for part in parts {
            let before = values.len() / info.vocab_size;
            spoiled.extend(part.spoiled.into_iter().map(|row| before + row));
            match values.is_empty() {
                true => values = part.values,
                false => values.extend_from_slice(&part.values),
            }
        }
        let remedy = if spoiled.is_empty() { String::new() } else { remedy(info) };
        Self { values, vocab_size: info.vocab_size, spoiled, remedy }
    }

    /// Positions.
    pub fn len(&self) -> usize {
        self.values.len() / self.vocab_size.max(1)
    }

    /// Whether no position was asked for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Logits of the i-th asked position, `[V]`, all of them finite.
    ///
    /// # Errors
    /// Some of them are not.
    pub fn row(&self, i: usize) -> Result<&[f32], NotFinite> {
        match self.spoiled.binary_search(&i) {
            Ok(_) => Err(NotFinite { remedy: self.remedy.clone() }),
            Err(_) => Ok(&self.values[i * self.vocab_size..(i + 1) * self.vocab_size]),
        }
    }

    /// All rows [positions, V], all of them finite.
    ///
    /// # Errors
    /// Some of them are not.
    pub fn into_values(self) -> Result<Vec<f32>, NotFinite> {
        match self.spoiled.is_empty() {
            true => Ok(self.values),
            false => Err(NotFinite { remedy: self.remedy }),
        }
    }

    /// The rows of the i-th position as it was made, finite or not, for whoever compares bits only.
    pub(super) fn raw(&self, i: usize) -> &[f32] {
        &self.values[i * self.vocab_size..(i + 1) * self.vocab_size]
    }
}

impl NotFinite {
    /// The error, with where it happened: `place` ends a sentence such as "… at token 3 of the reply".
    pub fn at(&self, place: impl fmt::Display) -> Error {
        Error::failed(format!("the model's logits are not finite numbers {place}"))
            .hint(self.remedy.clone())
    }
}

impl From<NotFinite> for Error {
    fn from(broken: NotFinite) -> Self {
        broken.at("at a position that was asked for")
    }
}

/// What the user may try, most likely first.
fn remedy(info: &ModelInfo) -> String {
    let dtype = Identity::parse(&info.numerics).map(|identity| identity.dtype());
    let compute = match dtype {
        Some(DType::F16) => "f16 ends at 65,504: use `--dtype bf16` or `--dtype f32`; otherwise ",
        Some(DType::BF16) => "use `--dtype f32`; otherwise ",
        _ => "",
    };
    let steering = match info.steering {
        Some(_) => "steer less, or leave `--steer` out; otherwise ",
        None => "",
    };
    format!(
        "{steering}{compute}compare the digests of the weights (`candor models inspect` prints them) with those of \
         the release: a file that is damaged, or that an unfinished training wrote, computes no numbers"
    )
}

/// The rows [V] of `values` that hold a number that is not finite.
pub(super) fn spoiled_rows(values: &[f32], vocab_size: usize) -> Vec<usize> {
    let rows = values.chunks_exact(vocab_size.max(1)).enumerate();
    rows.filter(|(_, row)| !all_finite(row)).map(|(i, _)| i).collect()
}

/// Whether all numbers are finite. A plain loop over the bits, which the compiler turns into vector
/// instructions: NaN and the infinities are what has all bits of the exponent set.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let spoiled = |part: &[f32]| {
        part.iter().fold(0u32, |any, x| any | u32::from(x.to_bits() & EXPONENT == EXPONENT)) != 0
    };
    !values.chunks(1024).any(spoiled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info(numerics: &str) -> ModelInfo {
        ModelInfo {
            numerics: numerics.into(),
            vocab_size: 7,
            context: 8,
            quantize: None,
            adapters_beside: false,
            steering: None,
            promise: String::new(),
            instruction_set: String::new(),
            weight_bytes: 0,
            kv_bytes_per_token: 0,
            state_bytes: 0,
            step_bytes_per_token: 0,
            prefill_chunk: 1,
            draft_width: 1,
        }
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![any::<f32>(), Just(0.0), Just(-0.0), Just(f32::MAX), Just(f32::MIN_POSITIVE)]
    }

    proptest! {
        #[test]
        fn every_row_that_is_not_finite_is_refused_and_no_other(
            rows in prop::collection::vec(prop::collection::vec(number(), 7), 0..20),
        ) {
            let logits = Logits::new(rows.concat(), &info(""));
            prop_assert_eq!(logits.len(), rows.len());
            for (i, row) in rows.iter().enumerate() {
                let finite = row.iter().all(|x| x.is_finite());
                prop_assert_eq!(logits.row(i).is_ok(), finite);
            }
            let all = rows.iter().flatten().all(|x| x.is_finite());
            prop_assert_eq!(logits.into_values().is_ok(), all);
        }

        #[test]
        fn one_bad_number_is_found_wherever_it_stands(len in 1usize..5000, at in 0usize..5000, kind in 0..3) {
            let mut values = vec![1.5f32; len];
            prop_assert!(all_finite(&values));
            values[at % len] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][kind as usize];
            prop_assert!(!all_finite(&values));
        }
    }

    #[test]
    fn what_to_try_depends_on_what_computes() {
        let hint = |numerics: &str| {
            let logits = Logits::new(vec![f32::NAN; 7], &info(numerics));
            let error = logits.row(0).unwrap_err().at("at token 0");
            error.hint_text().unwrap().to_owned()
        };
        assert!(hint("tensor-cuda-f16/2:pass=64:A").contains("--dtype bf16"));
        assert!(hint("tensor-cuda-bf16/2:pass=64:A").contains("--dtype f32"));
        assert!(!hint("cpu-f32-fma-chain/1").contains("--dtype"));
    }
}
