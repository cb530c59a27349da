//! Models whose layers keep a state: it is copied by a fork, goes on the same however a text is cut, and tokens can be
//! taken back.

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

use candle_core::DType;
use candor::decoder::{HiddenStates, LanguageModel, Row};
use families::open;
use fixtures::bits;

const FAMILIES: [&str; 3] = ["qwen3_next", "qwen3_5", "qwen3_5_moe"];

/// Logits of the last of `tokens`, fed behind the sequence one by one or together.
fn feed<M: LanguageModel>(
    model: &M,
    sequence: &mut M::Sequence,
    tokens: &[u32],
    piece: usize,
) -> Vec<u32> {
    let mut last = Vec::new();
    for tokens in tokens.chunks(piece) {
        let logits = model.step(&mut [Row { sequence, tokens, logits: 1 }]).unwrap();
        last = bits(logits.row(0).unwrap());
    }
    last
}

/// Goes forward and back in a text, by single tokens and by pieces, in front of and behind what was kept.
fn check_taking_back<M: LanguageModel>(name: &str, model: &M, ids: &[u32]) {
    let root = model.prefill(None, &ids[..33]).unwrap();
    for piece in [1, 7] {
        // What single tokens and pieces give may differ on a device, whose text is therefore fed alike.
        let fresh = |end: usize| feed(model, &mut model.fork(&root), &ids[33..end], piece);
        let (at_40, at_47) = (fresh(40), fresh(47));
        let mut sequence = model.fork(&root);
        assert_eq!(feed(model, &mut sequence, &ids[33..40], piece), at_40, "{name}");
        for _ in 0..3 {
            feed(model, &mut sequence, &ids[100..107], piece);
            model.truncate(&mut sequence, 40);
            assert_eq!(feed(model, &mut sequence, &ids[40..47], piece), at_47, "{name} {piece}");
            model.truncate(&mut sequence, 43);
            model.truncate(&mut sequence, 40);
        }
        // A shorter length than the prefix's leaves the prefix alone.
        model.truncate(&mut sequence, 3);
        assert_eq!(feed(model, &mut sequence, &ids[33..40], piece), at_40, "{name} {piece}");
        // Nobody else was touched.
        assert_eq!(fresh(40), at_40, "{name}");
    }
}

#[test]
fn tokens_can_be_taken_back() {
    for name in FAMILIES {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        check_taking_back(name, &fixture.cpu_for(ids.len()), &ids);
        check_taking_back(name, &fixture.tensor_for(ids.len(), DType::F32), &ids);
        check_taking_back(name, &fixture.tensor_for(ids.len(), DType::BF16), &ids);
    }
}

#[test]
fn forks_go_their_own_ways() {
    for name in FAMILIES {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let decoder = fixture.cpu_for(ids.len());
        let (root, alone) = (&ids[..70], |other: &[u32]| {
            let text = [&ids[..70], other].concat();
            feed(&decoder, &mut decoder.fork(&decoder.prefill(None, &[]).unwrap()), &text, 300)
        });
        let root = decoder.prefill(None, root).unwrap();
        let (mut a, mut b) = (decoder.fork(&root), decoder.fork(&root));
        let first = feed(&decoder, &mut a, &ids[100..120], 3);
        let second = feed(&decoder, &mut b, &ids[200..220], 1);
        assert_eq!(first, alone(&ids[100..120]), "{name}");
        assert_eq!(second, alone(&ids[200..220]), "{name}");
    }
}

#[test]
fn the_residual_stream_is_read_behind_states_too() {
    for name in FAMILIES {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let decoder = fixture.cpu_for(ids.len());
        let mut sequence = decoder.fork(&decoder.prefill(None, &ids[..20]).unwrap());
        let row = Row { sequence: &mut sequence, tokens: &ids[20..40], logits: 1 };
        let read = decoder.hidden(row, &[0, 3], &[19]).unwrap();
        let fresh = decoder.prefill(None, &ids[..39]).unwrap();
        let stepped = feed(&decoder, &mut decoder.fork(&fresh), &ids[39..40], 1);
        assert_eq!(bits(read.logits.row(0).unwrap()), stepped, "{name}");
        assert!(read.states.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn the_plan_knows_the_states() {
    let (_joined, fixture) = open("qwen3_5", "config.json");
    let (cpu, tensor) = (fixture.cpu_for(300), fixture.tensor_for(300, DType::BF16));
    // Two layers: six heads of 8 × 4, and three tokens of 2 · 2 · 8 + 6 · 4 channels.
    let state = 2 * (6 * 8 * 4 + 3 * (2 * 2 * 8 + 6 * 4)) * 4;
    assert_eq!((cpu.info().state_bytes, tensor.info().state_bytes), (state, state));
    // One layer of two heads keeps keys and values.
    assert_eq!(tensor.info().kv_bytes_per_token, 2 * 2 * 16 * 2);
    assert_eq!(cpu.info().draft_width, 1);
}
