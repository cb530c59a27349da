//! What the decoder of tensor operations asks of a device for a step, counted on candle's CPU backend: a GPU is asked for
//! the same. Per layer: what four layers take beyond what two take.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/tensors.rs"]
mod tensors;

use candle_core::DType;
use candor::decoder::tensor::Work;
use candor::decoder::{LanguageModel, Row, TensorDecoder};
use candor::model::Model;
use tensors::Tensors;

/// Positions of a block.
const BLOCK: usize = 256;

/// A reference model with as many layers, its own two in turn, for texts of up to 4,096 tokens.
fn model(name: &str, layers: usize) -> (tempfile::TempDir, Model) {
    let source = fixtures::Fixture::open(name).folder;
    let folder = tempfile::tempdir().unwrap();
    let mut all = Tensors::new();
    for entry in std::fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if file.starts_with("model") && file.ends_with(".safetensors") {
            all.extend(tensors::read(&path));
        } else if file.starts_with("tokenizer") {
            std::fs::copy(&path, folder.path().join(file)).unwrap();
        }
    }
    for layer in 2..layers {
        let from = format!("model.layers.{}.", layer % 2);
        let own: Tensors = all
            .iter()
            .filter(|(name, _)| name.starts_with(&from))
            .map(|(n, t)| (n.clone(), t.clone()))
            .collect();
        all.extend(
            own.into_iter().map(|(n, t)| (n.replace(&from, &format!("model.layers.{layer}.")), t)),
        );
    }
    tensors::write(&folder.path().join("model.safetensors"), &all);
    let config = std::fs::read_to_string(source.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["num_hidden_layers"] = layers.into();
    config["max_position_embeddings"] = 4096.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let opened = Model::open(folder.path().to_str().unwrap()).unwrap();
    (folder, opened)
}

/// What there is to do in a step.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Full blocks that every row shares.
    shared: usize,
    rows: usize,
    /// Blocks of the longest row after these.
    tail: usize,
}

fn ids(count: usize) -> Vec<u32> {
    (0..count).map(|i| (i * 7 % 300) as u32).collect()
}

/// The work of one step, what comes once for a new set of prefixes left out.
fn work(decoder: &TensorDecoder, step: Step) -> Work {
    let prefix = decoder.prefill(None, &ids(step.shared * BLOCK)).unwrap();
    let mut sequences: Vec<_> = (0..step.rows).map(|_| decoder.fork(&prefix)).collect();
    let tail = ids((step.tail - 1) * BLOCK + 1);
    let row = Row { sequence: &mut sequences[0], tokens: &tail, logits: 0 };
    decoder.step(&mut [row]).unwrap();
    let mut made = Work::default();
    for _ in 0..2 {
        let tokens = ids(1);
        let rows = sequences.iter_mut();
        let mut rows: Vec<_> =
            rows.map(|sequence| Row { sequence, tokens: &tokens, logits: 1 }).collect();
        let before = Work::so_far();
        decoder.step(&mut rows).unwrap();
        made = Work::since(before);
    }
    made
}

/// Launches of a layer and of what is not in layers, and the bytes that a layer moves.
fn measure(name: &str, dtype: DType, steps: &[Step]) -> Vec<[u64; 3]> {
    let load = |layers| {
        let (_folder, model) = model(name, layers);
        TensorDecoder::load(&model.spec, &model.weights().unwrap(), &fixtures::device(), dtype, 64)
            .unwrap()
    };
    let (two, four) = (load(2), load(4));
    let each = steps.iter().map(|&step| {
        let (two, four) = (work(&two, step), work(&four, step));
        assert_eq!(two.downloads, 1, "only logits come back");
        assert_eq!(four.uploads, two.uploads, "no layer brings anything to the device");
        let layer = (four.launches - two.launches) / 2;
        let found = [layer, two.launches - 2 * layer, (four.bytes - two.bytes) / 2];
        println!(
            "{name} {dtype:?} {step:?}: {} a layer and {} besides, {} bytes",
            found[0], found[1], found[2]
        );
        found
    });
    each.collect()
}

const STEPS: [Step; 6] = [
    Step { shared: 0, rows: 1, tail: 1 },
    Step { shared: 1, rows: 1, tail: 1 },
    Step { shared: 8, rows: 1, tail: 1 },
    Step { shared: 8, rows: 64, tail: 1 },
    Step { shared: 1, rows: 8, tail: 3 },
    Step { shared: 8, rows: 64, tail: 3 },
];

/// Before shares of blocks were met in one product each, it was 30 with no shared block, and 7 more for each of them.
#[test]
fn launches_of_a_layer_have_a_ceiling() {
    for (name, dtype, ceiling) in [
        ("llama", DType::F32, 27),
        ("llama", DType::BF16, 36),
        ("qwen3", DType::F32, 32),
        ("qwen3", DType::BF16, 41),
    ] {
        let found = measure(name, dtype, &STEPS);
        for [launches, ..] in &found {
            assert!(*launches <= ceiling, "{name} {dtype:?}: {launches} launches a layer");
        }
        // Rows change nothing, and neither do blocks, as soon as there are several of a kind: one sum each.
        let [_, _, one_row, rows, _, most] = found[..] else { panic!("{found:?}") };
        assert_eq!(one_row, rows);
        assert_eq!(rows[0] + 1, most[0]);
    }
}
