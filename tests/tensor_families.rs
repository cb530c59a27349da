//! Every family of models through the decoder of tensor operations, on candle's CPU backend: against
//! transformers in f32, near it in half precision, and against itself with other rows around.

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
use candor::decoder::{LanguageModel, Row};
use families::{each, open};
use fixtures::{TOLERANCE, all_logits, bits, distance, greedy};

/// Tokens of the text that is looked at on its own.
const SHORT: usize = 24;

#[test]
fn logits_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        let decoder = fixture.tensor_for(ids.len(), DType::F32);
        let far = distance(&all_logits(&decoder, &ids, 0, &[ids.len()]), &fixture.values("logits"));
        let decoder = fixture.tensor_for(SHORT, DType::F32);
        let short = all_logits(&decoder, &ids[..SHORT], 0, &[SHORT]);
        let near = distance(&short, &fixture.values("short"));
        // Where only transformers are far, the spec is to blame.
        let apart =
            distance(&short, &all_logits(&fixture.cpu_for(SHORT), &ids[..SHORT], 0, &[SHORT]));
        println!(
            "{name}: {far:.1e} over {} positions, {near:.1e} over {SHORT}, {apart:.1e} from the CPU's",
            ids.len()
        );
        assert!(far < TOLERANCE && near < TOLERANCE && apart < TOLERANCE, "{name}");
    });
}

#[test]
fn greedy_continuations_are_those_of_transformers() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let (ids, theirs) = (fixture.ids("ids"), fixture.ids("greedy"));
        let decoder = fixture.tensor_for(20 + theirs.len(), DType::F32);
        assert_eq!(greedy(&decoder, &ids[..20], theirs.len()), theirs, "{name}");
    });
}

/// The difference at a position, as a part of the largest logit there; the median of the positions is held to
/// a tolerance. At single ones these checkpoints of random weights are ill-conditioned: attention is near a
/// tie between two keys, or a router between two experts, and what is rounded falls to the other side.
#[test]
fn half_precision_is_near() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let (ids, theirs) = (fixture.ids("ids"), fixture.values("logits"));
        let v = fixture.model.spec.vocab_size;
        for (dtype, near) in [(DType::F16, 0.01), (DType::BF16, 0.08)] {
            let decoder = fixture.tensor_for(ids.len(), dtype);
            let ours = all_logits(&decoder, &ids, 37, &[64, 1, 200]);
            let pairs = ours.chunks(v).zip(theirs[37 * v..].chunks(v));
            let mut far: Vec<f32> = pairs.map(|(ours, theirs)| distance(ours, theirs)).collect();
            far.sort_by(f32::total_cmp);
            let (median, largest) = (far[far.len() / 2], far[far.len() - 1]);
            println!("{name} {dtype:?}: median {median:.1e}, largest {largest:.1e}");
            assert!(median < near, "{name} {dtype:?}: {median}");
        }
    });
}

#[test]
fn bits_do_not_depend_on_the_other_rows() {
    each(|name| {
        let (_joined, fixture) = open(name, "config.json");
        let ids = fixture.ids("ids");
        for dtype in [DType::F32, DType::BF16] {
            let decoder = fixture.tensor_for(ids.len(), dtype);
            assert_eq!(
                decoder.info().promise,
                "the same bits on this machine with this width of a pass"
            );
            let root = decoder.prefill(None, &ids[..33]).unwrap();
            let starts = [1, 20, 33, 64, 129, 200, 257, 290];
            // Two tokens after each start, by one step each; rows before 33 stand on a prefix of their own.
            let step = |chosen: &[usize]| -> Vec<Vec<u32>> {
                let fork = |&n: &usize| {
                    decoder.fork(&match n.checked_sub(33) {
                        Some(_) => decoder.prefill(Some(&root), &ids[33..n]).unwrap(),
                        None => decoder.prefill(None, &ids[..n]).unwrap(),
                    })
                };
                let mut sequences: Vec<_> = chosen.iter().map(fork).collect();
                let mut drawn = vec![Vec::new(); chosen.len()];
                for i in 0..2 {
                    let mut rows: Vec<_> = sequences
                        .iter_mut()
                        .zip(chosen)
                        .map(|(sequence, &n)| Row {
                            sequence,
                            tokens: &ids[n + i..=n + i],
                            logits: 1,
                        })
                        .collect();
                    let logits = decoder.step(&mut rows).unwrap();
                    drawn
                        .iter_mut()
                        .enumerate()
                        .for_each(|(r, d)| d.extend(bits(logits.row(r).unwrap())));
                }
                drawn
            };
            let together = step(&starts);
            for (row, start) in starts.iter().enumerate() {
                assert!(step(&[*start])[0] == together[row], "{name} {dtype:?}: row {row} alone");
            }
        }
    });
}
