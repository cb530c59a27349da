//! Weights that checkpoints keep as codes and scales, against what the formats' own libraries make of them: every
//! number equal, and the decoder's logits those of the dense checkpoint, bit for bit. See
//! `tests/fixtures/coded/make_coded.py`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candor::decoder::{CpuDecoder, TensorDecoder};
use candor::model::Model;
use fixtures::{all_logits, bits};
use serde_json::Value;

const IDS: [u32; 12] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 89, 79];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The checkpoint `name` with a tokenizer, its weights those of `weights`.
fn open(name: &str, weights: &str) -> (tempfile::TempDir, Model) {
    let joined = tempfile::tempdir().unwrap();
    let (from, to) = (folder().join("coded").join(name), joined.path());
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(folder().join("families/tokenizer").join(file), to.join(file)).unwrap();
    }
    std::fs::copy(from.join(weights), to.join("model.safetensors")).unwrap();
    let config = std::fs::read(from.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    if weights == "dense.safetensors" {
        config.as_object_mut().unwrap().remove("quantization_config");
    }
    std::fs::write(to.join("config.json"), config.to_string()).unwrap();
    let model = Model::open(to.to_str().unwrap()).unwrap();
    (joined, model)
}

fn each(check: impl Fn(&str)) {
    let mut names: Vec<String> = std::fs::read_dir(folder().join("coded"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let failed: Vec<&String> = names
        .iter()
        .filter(|name| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(name))).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn every_number_is_that_of_the_formats_own_library() {
    each(|name| {
        let (_joined, model) = open(name, "model.safetensors");
        let weights = model.weights().unwrap();
        let dense = folder().join("coded").join(name).join("dense.safetensors");
        let dense = candle_core::safetensors::load(dense, &Device::Cpu).unwrap();
        let mut compared = 0;
        for (tensor, theirs) in &dense {
            let ours = weights.named(tensor, theirs.dims()).unwrap();
            let ours: Vec<f32> = ours.to_f32().unwrap();
            let theirs: Vec<f32> =
                theirs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let other = ours.iter().zip(&theirs).position(|(a, b)| {
                // The sign of a zero is left aside: a kernel of bitsandbytes gives one, its own table does not.
                (*a + 0.0).to_bits() != (*b + 0.0).to_bits()
            });
            assert_eq!(other, None, "{name}: {tensor}: {:?}", other.map(|i| (ours[i], theirs[i])));
            compared += ours.len();
        }
        assert!(compared > 5000, "{name}: {compared}");
        let listed = weights.list();
        assert!(
            listed.iter().any(|tensor| !["F32", "F16", "BF16"].contains(&tensor.dtype.as_str())),
            "{name}"
        );
        // What is planned for is what the dense numbers take.
        let (_other, plain) = open(name, "dense.safetensors");
        assert_eq!(weights.bytes(None), plain.weights().unwrap().bytes(None), "{name}");
        assert_eq!(weights.parameters(), plain.weights().unwrap().parameters(), "{name}");
        assert!(
            model.notes.iter().any(|note| note.contains("widened")),
            "{name}: {:?}",
            model.notes
        );
    });
}

#[test]
fn logits_are_those_of_the_dense_checkpoint() {
    each(|name| {
        let logits = |weights: &str| {
            let (_joined, model) = open(name, weights);
            let weights = model.weights().unwrap();
            let cpu = CpuDecoder::load(&model.spec, &weights, None).unwrap();
            let tensor =
                TensorDecoder::load(&model.spec, &weights, &Device::Cpu, DType::F32, 64).unwrap();
            [all_logits(&cpu, &IDS, 0, &[IDS.len()]), all_logits(&tensor, &IDS, 0, &[IDS.len()])]
        };
        let (coded, dense) = (logits("model.safetensors"), logits("dense.safetensors"));
        for (coded, dense) in coded.iter().zip(&dense) {
            assert_eq!(bits(coded), bits(dense), "{name}");
        }
    });
}

/// A damaged file is refused or read, and nothing else.
#[test]
fn damaged_files_never_panic() {
    each(|name| {
        let path = folder().join("coded").join(name);
        let bytes = std::fs::read(path.join("model.safetensors")).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let (_joined, _) = open(name, "model.safetensors");
        for seed in 0..60u64 {
            // One byte of the header, or of what follows.
            let place = blake3::hash(&seed.to_le_bytes());
            let place = u64::from_le_bytes(place.as_bytes()[..8].try_into().unwrap()) as usize;
            let mut damaged = bytes.clone();
            let at = if seed % 3 == 0 {
                8 + length + place % (bytes.len() - 8 - length)
            } else {
                8 + place % length
            };
            damaged[at] ^= 1 << (place % 7);
            std::fs::write(_joined.path().join("model.safetensors"), &damaged).unwrap();
            let Ok(model) = Model::open(_joined.path().to_str().unwrap()) else { continue };
            let Ok(weights) = model.weights() else { continue };
            if let Ok(decoder) = CpuDecoder::load(&model.spec, &weights, None) {
                drop(decoder);
            }
        }
    });
}

#[test]
fn a_matrix_without_its_scales_is_refused_by_name() {
    let (joined, _) = open("fp8-block", "model.safetensors");
    let path = joined.path().join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    // An int8 matrix with nothing beside it.
    let mut kept: std::collections::HashMap<String, Tensor> =
        tensors.into_iter().filter(|(name, _)| !name.contains("q_proj")).collect();
    let codes = Tensor::zeros((32, 32), DType::U8, &Device::Cpu).unwrap();
    kept.insert("model.layers.0.self_attn.q_proj.weight".into(), codes);
    candle_core::safetensors::save(&kept, &path).unwrap();
    let model = Model::open(joined.path().to_str().unwrap()).unwrap();
    let error = model.weights().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("q_proj.weight_scale` is missing"), "{error}");
}
