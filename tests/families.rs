//! Every family of models against transformers: logits at all positions, greedy continuations, and the same
//! bits however the work is arranged. See `tests/fixtures/README.md` for the checkpoints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/families.rs"]
mod families;
#[path = "common/fixtures.rs"]
mod fixtures;

use candor::decoder::{LanguageModel, Row};

use families::{checkpoints, each, open};
use fixtures::{Fixture, all_logits, bits, distance, greedy};

/// How far logits may be from those of transformers, as a part of the largest.
const TOLERANCE: f32 = 1e-4;

/// Tokens of the text that is looked at on its own.
const SHORT: usize = 24;

#[test]
fn logits_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let long = all_logits(&fixture.cpu_for(ids.len()), &ids, 0, &[ids.len()]);
        let far = distance(&long, &fixture.values("logits"));
        let short = all_logits(&fixture.cpu_for(SHORT), &ids[..SHORT], 0, &[SHORT]);
        let near = distance(&short, &fixture.values("short"));
        println!("{name}: {far:.1e} over {} positions, {near:.1e} over {SHORT}", ids.len());
        assert!(far < TOLERANCE && near < TOLERANCE, "{name}");
    });
}

#[test]
fn greedy_continuations_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let (ids, theirs) = (fixture.ids("ids"), fixture.ids("greedy"));
        assert_eq!(theirs.len(), 64);
        let ours = greedy(&fixture.cpu_for(20 + theirs.len()), &ids[..20], theirs.len());
        assert_eq!(ours, theirs, "{name}");
    });
}

#[test]
fn a_config_of_the_original_release_says_the_same() {
    each(|name| {
        if !checkpoints().join(name).join("config.published.json").exists() {
            return;
        }
        let spec = |config| open(name, config).1.model.spec;
        assert_eq!(spec("config.json"), spec("config.published.json"), "{name}");
    });
}

#[test]
fn prefixes_pieces_and_neighbors_change_no_bit() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let decoder = fixture.cpu_for(ids.len());
        let fresh = all_logits(&decoder, &ids, 0, &[ids.len()]);
        let v = fixture.model.spec.vocab_size;
        for (prefix, pieces) in [(0, &[1, 70][..]), (37, &[5, 1]), (130, &[90])] {
            let forked = all_logits(&decoder, &ids, prefix, pieces);
            assert_eq!(bits(&forked), bits(&fresh[prefix * v..]), "{name}: prefix {prefix}");
        }
        // Nine rows of one step, each at another position of the text.
        let starts = [1, 20, 33, 64, 100, 129, 200, 257, 299];
        let mut sequences: Vec<_> = starts
            .iter()
            .map(|&n| decoder.fork(&decoder.prefill(None, &ids[..n]).unwrap()))
            .collect();
        let mut rows: Vec<_> = sequences
            .iter_mut()
            .zip(&starts)
            .map(|(sequence, &n)| Row { sequence, tokens: &ids[n..=n], logits: 1 })
            .collect();
        let together = decoder.step(&mut rows).unwrap();
        for (i, &n) in starts.iter().enumerate() {
            assert_eq!(
                bits(together.row(i).unwrap()),
                bits(&fresh[n * v..(n + 1) * v]),
                "{name}: row {i}"
            );
        }
    });
}

#[test]
fn experts_in_a_stack_are_those_that_stand_one_by_one() {
    let (joined, fixture) = open("qwen3_5_moe", "config.json");
    let ids = fixture.ids("ids");
    let apart = all_logits(&fixture.cpu_for(SHORT), &ids[..SHORT], 0, &[SHORT]);
    let path = joined.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    for layer in 0..3 {
        let experts = format!("model.language_model.layers.{layer}.mlp.experts");
        let mut take = |expert: usize, name: &str| {
            tensors.remove(&format!("{experts}.{expert}.{name}_proj.weight")).unwrap()
        };
        let of = |expert| {
            let gate_up = [take(expert, "gate"), take(expert, "up")];
            (candle_core::Tensor::cat(&gate_up, 0).unwrap(), take(expert, "down"))
        };
        let (gate_up, down): (Vec<_>, Vec<_>) = (0..4).map(of).unzip();
        let stack = |parts: &[candle_core::Tensor]| candle_core::Tensor::stack(parts, 0).unwrap();
        tensors.insert(format!("{experts}.gate_up_proj"), stack(&gate_up));
        tensors.insert(format!("{experts}.down_proj"), stack(&down));
    }
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let stacked = Fixture::at(joined.path());
    let stacked = all_logits(&stacked.cpu_for(SHORT), &ids[..SHORT], 0, &[SHORT]);
    assert_eq!(bits(&stacked), bits(&apart));
}
