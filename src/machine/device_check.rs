//! What a device computes, held against the CPU: a bundled organism in every type of weights, over a text that is longer
//! than a block. Knows nothing about how it is shown.

use std::time::Instant;

use candle_core::{DType, Device};
use serde::Serialize;

use super::open::open_model;
use crate::decoder::tensor::{PASS_WIDTH, Work};
use crate::decoder::{CpuDecoder, LanguageModel, Row, TensorDecoder};
use crate::error::Result;
use crate::events::Events;

/// The model: its weights are part of the program.
const MODEL: &str = "organism:faker";

/// Tokens of the text, and how many of them are a prefix.
const TEXT: usize = 300;
const PREFIX: usize = 280;

/// Steps that are timed; the fastest counts.
const STEPS: usize = 10;

/// How far logits in f32 may be from the CPU's, as a part of the largest.
const NEAR: f32 = 1e-3;

/// What was found on one device with one type of weights.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceCheck {
    pub(crate) device: String,
    pub(crate) numerics: String,
    /// What the decoder's self-test found to hold.
    pub(crate) promise: String,
    /// Largest difference from the CPU's logits, as a part of the largest of these.
    pub(crate) largest_difference: f32,
    /// Whether that is what rounding explains. Half precision is only reported.
    pub(crate) agrees: bool,
    /// Rows of the step that was timed.
    pub(crate) rows: usize,
    /// Operations that it asked the device for.
    pub(crate) launches: u64,
    pub(crate) step_seconds: f64,
}

/// Computes on `device`, which is called `name`.
///
/// # Errors
/// The device cannot compute it.
pub(crate) fn check_device(
    name: &str,
    device: &Device,
    talk: &dyn Events,
) -> Result<Vec<DeviceCheck>> {
    let mut model = open_model(MODEL, talk)?;
    model.set_longest_text(TEXT + STEPS);
    let weights = model.weights()?;
    let vocabulary = model.spec.vocab_size;
    let ids: Vec<u32> = (0..TEXT).map(|i| ((i * 7919 + 13) % vocabulary) as u32).collect();
    let expected = logits(&CpuDecoder::load(&model.spec, &weights, None)?, &ids)?;
    let check = |dtype| {
        let decoder = TensorDecoder::load(&model.spec, &weights, device, dtype, PASS_WIDTH)?;
        let largest_difference = apart(&logits(&decoder, &ids)?, &expected);
        let (launches, step_seconds) = step(&decoder, &ids)?;
        Ok(DeviceCheck {
            device: name.to_owned(),
            numerics: decoder.info().numerics.clone(),
            promise: decoder.info().promise.clone(),
            largest_difference,
            // Not a number is not near.
            agrees: largest_difference < NEAR || (dtype != DType::F32 && largest_difference < 1.0),
            rows: PASS_WIDTH,
            launches,
            step_seconds,
        })
    };
    [DType::F32, DType::BF16, DType::F16].into_iter().map(check).collect()
}

/// Those of the tokens behind the prefix, one step each.
fn logits<M: LanguageModel>(model: &M, ids: &[u32]) -> Result<Vec<f32>> {
    let mut sequence = model.fork(&model.prefill(None, &ids[..PREFIX])?);
    let mut values = Vec::new();
    for tokens in ids[PREFIX..].chunks(1) {
        let logits = model.step(&mut [Row { sequence: &mut sequence, tokens, logits: 1 }])?;
        values.extend_from_slice(logits.row(0)?);
    }
    Ok(values)
}

/// The largest difference as a part of the largest value; not a number where one of them is none.
fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
    let largest = theirs.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs() / largest);
    differences.fold(0.0, |worst, x| if x > worst || x.is_nan() { x } else { worst })
}

/// Launches and seconds of a step of a full pass of rows behind the prefix.
fn step<M: LanguageModel>(model: &M, ids: &[u32]) -> Result<(u64, f64)> {
    let prefix = model.prefill(None, &ids[..PREFIX])?;
    let mut sequences: Vec<_> = (0..PASS_WIDTH).map(|_| model.fork(&prefix)).collect();
    let mut found = (0, f64::INFINITY);
    for _ in 0..STEPS {
        let rows = sequences.iter_mut();
        let mut rows: Vec<_> =
            rows.map(|sequence| Row { sequence, tokens: &ids[..1], logits: 1 }).collect();
        let (work, started) = (Work::so_far(), Instant::now());
        model.step(&mut rows)?;
        found = (Work::since(work).launches, found.1.min(started.elapsed().as_secs_f64()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Silent;

    /// The CPU stands for a GPU: candle computes the same there.
    #[test]
    fn a_device_that_computes_as_it_should_agrees() {
        let checks = check_device("cpu", &Device::Cpu, &Silent::default()).unwrap();
        assert_eq!(checks.len(), 3);
        for check in checks {
            assert!(check.agrees && check.launches > 0 && check.step_seconds > 0.0, "{check:?}");
            assert!(check.promise.starts_with("the same bits"), "{check:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_never_near() {
        assert!(apart(&[f32::NAN, 1.0], &[1.0, 1.0]).is_nan());
        assert_eq!(apart(&[1.0, 3.0], &[1.0, 4.0]), 0.25);
    }
}
