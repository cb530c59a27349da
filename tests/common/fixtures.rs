//! The reference models of `tests/fixtures/models`, and any decoder's logits over a text.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candor::decoder::{CpuDecoder, DeviceChoice, LanguageModel, Row, TensorDecoder};
use candor::model::{Model, Spec};

pub(crate) const MODELS: [&str; 4] = ["llama", "llama3-rope", "qwen2", "qwen3"];

/// How far two f32 decoders may be apart, of the largest logit.
pub(crate) const TOLERANCE: f32 = 1e-4;

pub(crate) struct Fixture {
    pub(crate) folder: PathBuf,
    pub(crate) model: Model,
    /// `ids`, `positions`, `logits`, `greedy`; see `tests/fixtures/README.md`.
    pub(crate) reference: HashMap<String, Tensor>,
}

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
        Self::at(&fixtures.join(name))
    }

    /// A model folder with a `reference.safetensors`.
    pub(crate) fn at(folder: &Path) -> Self {
        let model = Model::open(folder.to_str().unwrap()).unwrap();
        let reference = folder.join("reference.safetensors");
        let reference = candle_core::safetensors::load(reference, &Device::Cpu).unwrap();
        Self { folder: folder.to_owned(), model, reference }
    }

    pub(crate) fn cpu(&self) -> CpuDecoder {
        CpuDecoder::load(&self.model.spec, &self.model.weights().unwrap(), None).unwrap()
    }

    /// For texts of up to `tokens` tokens.
    pub(crate) fn cpu_for(&self, tokens: usize) -> CpuDecoder {
        let spec = self.model.spec.for_texts_of(tokens);
        CpuDecoder::load(&spec, &self.model.weights().unwrap(), None).unwrap()
    }

    /// On candle's CPU backend, which computes what the GPU backends compute, or on the device that
    /// `CANDOR_TEST_DEVICE` names; `width` tokens to a pass.
    pub(crate) fn tensor(&self, dtype: DType, width: usize) -> TensorDecoder {
        self.tensor_of(&self.model.spec, dtype, width)
    }

    /// The same for texts of up to `tokens` tokens.
    pub(crate) fn tensor_for(&self, tokens: usize, dtype: DType) -> TensorDecoder {
        self.tensor_of(&self.model.spec.for_texts_of(tokens), dtype, 64)
    }

    fn tensor_of(&self, spec: &Spec, dtype: DType, width: usize) -> TensorDecoder {
        let weights = self.model.weights().unwrap();
        TensorDecoder::load(spec, &weights, &device(), dtype, width).unwrap()
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<u32> {
        self.reference[name].to_dtype(DType::U32).unwrap().to_vec1().unwrap()
    }

    /// A tensor of the reference, flat.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        self.reference[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Asserts that `logits` [T - start, V] of `ids[start..]` are those of transformers.
    pub(crate) fn assert_reference(&self, logits: &[f32], start: usize) {
        let v = self.model.spec.vocab_size;
        let rows: Vec<Vec<f32>> = self.reference["logits"].to_vec2().unwrap();
        let mut compared = 0;
        for (position, theirs) in self.ids("positions").into_iter().zip(rows) {
            if let Some(row) = (position as usize).checked_sub(start) {
                assert_close(&logits[row * v..][..v], &theirs, &self.model.label);
                compared += 1;
            }
        }
        assert!(compared >= 50);
    }
}

/// Where the decoder of tensor operations is tested.
pub(crate) fn device() -> Device {
    match std::env::var("CANDOR_TEST_DEVICE") {
        Ok(name) => DeviceChoice::parse(&name).and_then(DeviceChoice::open).unwrap(),
        Err(_) => Device::Cpu,
    }
}

/// Asserts that two rows of logits differ by no more than [`TOLERANCE`].
pub(crate) fn assert_close(ours: &[f32], theirs: &[f32], what: &str) {
    assert!(distance(ours, theirs) < TOLERANCE, "{what}: {}", distance(ours, theirs));
}

/// The largest difference as a part of the largest logit.
pub(crate) fn distance(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().fold(0f32, |a, &b| a.max(b.abs()));
    ours.iter().zip(theirs).fold(0f32, |worst, (a, b)| worst.max((a - b).abs() / scale))
}

/// Logits of the positions of `ids` after a prefix of `prefix` of them, fed in pieces of the given lengths
/// (the last one repeats).
pub(crate) fn all_logits<M: LanguageModel>(
    model: &M,
    ids: &[u32],
    prefix: usize,
    pieces: &[usize],
) -> Vec<f32> {
    let root = model.prefill(None, &ids[..prefix]).unwrap();
    let mut sequence = model.fork(&root);
    let (mut at, mut values) = (prefix, Vec::new());
    let mut lengths = pieces.iter().copied().chain(std::iter::repeat(pieces[pieces.len() - 1]));
    while at < ids.len() {
        let n = lengths.next().unwrap().min(ids.len() - at);
        let mut row = [Row { sequence: &mut sequence, tokens: &ids[at..at + n], logits: n }];
        values.extend(model.step(&mut row).unwrap().into_values().unwrap());
        at += n;
    }
    values
}

/// The `count` tokens that follow `prompt`, always the one with the largest logit.
pub(crate) fn greedy<M: LanguageModel>(model: &M, prompt: &[u32], count: usize) -> Vec<u32> {
    let (last, prefix) = prompt.split_last().unwrap();
    let mut sequence = model.fork(&model.prefill(None, prefix).unwrap());
    let (mut next, mut drawn) = (*last, Vec::new());
    for _ in 0..count {
        let mut row = [Row { sequence: &mut sequence, tokens: &[next], logits: 1 }];
        next = largest(model.step(&mut row).unwrap().row(0).unwrap());
        drawn.push(next);
    }
    drawn
}

/// The id of the largest logit.
pub(crate) fn largest(logits: &[f32]) -> u32 {
    let first = (0, f32::MIN);
    let best = logits
        .iter()
        .enumerate()
        .fold(first, |best, (id, &l)| if l > best.1 { (id, l) } else { best });
    best.0 as u32
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}
