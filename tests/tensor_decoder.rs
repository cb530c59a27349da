//! The decoder of tensor operations, on candle's CPU backend: against transformers, against the CPU's own
//! decoder, and against itself with the work arranged in other ways.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use candle_core::{DType, Device};
use candor::decoder::tensor::Identity;
use candor::decoder::{Act, HiddenStates, LanguageModel, Row, Steering, TensorDecoder};
use fixtures::{Fixture, MODELS, TOLERANCE, all_logits, assert_close, bits, distance, greedy};
use proptest::prelude::*;

const PROMISE: &str = "the same bits on this machine with this width of a pass";

fn decoders() -> impl Iterator<Item = (Fixture, TensorDecoder)> {
    MODELS.iter().map(|name| {
        let fixture = Fixture::open(name);
        let decoder = fixture.tensor(DType::F32, 64);
        (fixture, decoder)
    })
}

#[test]
fn logits_equal_those_of_transformers() {
    for (fixture, decoder) in decoders() {
        let ids = fixture.ids("ids");
        fixture.assert_reference(&all_logits(&decoder, &ids, 0, &[300]), 0);
        fixture.assert_reference(&all_logits(&decoder, &ids, 250, &[1]), 250);
    }
}

#[test]
fn greedy_continuations_equal_those_of_transformers() {
    for (fixture, decoder) in decoders() {
        let drawn = greedy(&decoder, &fixture.ids("ids")[..20], 64);
        assert_eq!(drawn, fixture.ids("greedy"), "{}", fixture.model.label);
    }
}

#[test]
fn any_cut_and_any_chain_of_prefixes_is_close_to_the_cpu_decoder() {
    let worlds: Vec<_> = decoders()
        .map(|(fixture, decoder)| {
            let ids = fixture.ids("ids");
            let ids = [&ids[..], &ids[..180]].concat();
            let theirs = all_logits(&fixture.cpu(), &ids, 0, &[ids.len()]);
            (ids, theirs, decoder)
        })
        .collect();
    let v = 300;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    // Which model, where the prefixes end, where the tail ends, and how long its pieces are.
    let strategy = (0..4usize, prop::collection::vec(0..480usize, 0..4), 1..40usize, 1..70usize);
    runner
        .run(&strategy, |(world, mut cuts, tail, piece)| {
            let (ids, theirs, decoder) = &worlds[world];
            cuts.sort_unstable();
            let mut prefix = decoder.prefill(None, &[]).unwrap();
            let mut at = 0;
            for cut in cuts {
                prefix = decoder.prefill(Some(&prefix), &ids[at..cut]).unwrap();
                at = cut;
                prop_assert_eq!(prefix.len(), at);
            }
            let mut sequence = decoder.fork(&prefix);
            for tokens in ids[at..(at + tail).min(ids.len())].chunks(piece) {
                let logits = tokens.len();
                let mut row = [Row { sequence: &mut sequence, tokens, logits }];
                let ours = decoder.step(&mut row).unwrap().into_values().unwrap();
                let far = distance(&ours, &theirs[at * v..(at + logits) * v]);
                prop_assert!(far < TOLERANCE, "{far} at {at}");
                at += logits;
            }
            prop_assert_eq!(sequence.len(), at);
            Ok(())
        })
        .unwrap();
}

#[test]
fn bits_of_a_step_do_not_depend_on_where_the_prompt_was_cut() {
    for (fixture, decoder) in decoders() {
        assert_eq!(decoder.info().promise, PROMISE);
        let ids = fixture.ids("ids");
        // Prompts that end before, at and after the edge of a block.
        for prompt in [40, 256, 270] {
            let step = |cuts: &[usize]| {
                let mut prefix = decoder.prefill(None, &ids[..cuts[0]]).unwrap();
                for cut in cuts.windows(2) {
                    prefix = decoder.prefill(Some(&prefix), &ids[cut[0]..cut[1]]).unwrap();
                }
                let mut sequence = decoder.fork(&prefix);
                let mut values = Vec::new();
                for tokens in ids[prompt..prompt + 4].chunks(1) {
                    let mut row = [Row { sequence: &mut sequence, tokens, logits: 1 }];
                    values.extend(decoder.step(&mut row).unwrap().into_values().unwrap());
                }
                bits(&values)
            };
            let whole = step(&[prompt]);
            for cuts in [&[1, prompt][..], &[33, 34, prompt], &[0, prompt - 1, prompt]] {
                assert!(step(cuts) == whole, "{}: {cuts:?}", fixture.model.label);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_other_rows() {
    for (fixture, decoder) in decoders() {
        let all = fixture.ids("ids");
        let root = decoder.prefill(None, &all[..40]).unwrap();
        let long = decoder.prefill(Some(&root), &all[40..280]).unwrap();
        let other = decoder.prefill(Some(&root), &all[20..290]).unwrap();
        // More rows than a pass has tokens, on three prefixes, with tails of one to five tokens.
        let step = |chosen: &[usize]| -> Vec<Vec<u32>> {
            let mut sequences: Vec<_> =
                chosen.iter().map(|&i| decoder.fork([&root, &long, &other][i % 3])).collect();
            let mut last = vec![Vec::new(); chosen.len()];
            for round in 0..5 {
                let (mut rows, mut stepped) = (Vec::new(), Vec::new());
                for (at, (sequence, &i)) in sequences.iter_mut().zip(chosen).enumerate() {
                    if i % 5 >= round {
                        let tokens = &all[i + round..=i + round];
                        rows.push(Row { sequence, tokens, logits: 1 });
                        stepped.push(at);
                    }
                }
                if rows.is_empty() {
                    continue;
                }
                let logits = decoder.step(&mut rows).unwrap();
                stepped
                    .iter()
                    .enumerate()
                    .for_each(|(i, &at)| last[at] = bits(logits.row(i).unwrap()));
            }
            last
        };
        let together: Vec<usize> = (0..70).collect();
        let backward: Vec<usize> = together.iter().rev().copied().collect();
        let expected = step(&together);
        let reversed: Vec<_> = step(&backward).into_iter().rev().collect();
        assert!(reversed == expected, "{}: reversed", fixture.model.label);
        for i in (0..70).step_by(9) {
            assert!(step(&[i])[0] == expected[i], "{}: row {i} alone", fixture.model.label);
        }
    }
}

#[test]
fn sequences_may_wait_while_another_outgrows_its_block() {
    for (fixture, decoder) in decoders() {
        let ids = fixture.ids("ids");
        fn drawn<M: LanguageModel>(model: &M, ids: &[u32]) -> Vec<f32> {
            // The second one's first token fills its last block to the brim.
            let starts = [240, 255, 30];
            let mut forks = starts.map(|n| model.fork(&model.prefill(None, &ids[..n]).unwrap()));
            let mut values = Vec::new();
            for i in 0..24 {
                let mut rows = Vec::new();
                for ((sequence, start), pause) in forks.iter_mut().zip(starts).zip([1, 10, 8]) {
                    if i % pause == 0 {
                        let at = start + i / pause;
                        rows.push(Row { sequence, tokens: &ids[at..=at], logits: 1 });
                    }
                }
                values.extend(model.step(&mut rows).unwrap().into_values().unwrap());
            }
            values
        }
        let (ours, theirs) = (drawn(&decoder, &ids), drawn(&fixture.cpu(), &ids));
        assert_close(&ours, &theirs, &fixture.model.label);
    }
}

#[test]
fn rows_of_one_and_of_several_tokens_share_a_step() {
    for (fixture, decoder) in decoders() {
        let (all, cpu) = (fixture.ids("ids"), fixture.cpu());
        fn step<M: LanguageModel>(model: &M, all: &[u32]) -> Vec<f32> {
            let root = model.prefill(None, &all[..30]).unwrap();
            let mut forks = [model.fork(&root), model.fork(&root), model.fork(&root)];
            let [a, b, c] = &mut forks;
            let mut rows = [
                Row { sequence: a, tokens: &all[30..31], logits: 1 },
                Row { sequence: b, tokens: &all[30..110], logits: 2 },
                Row { sequence: c, tokens: &all[50..51], logits: 0 },
            ];
            model.step(&mut rows).unwrap().into_values().unwrap()
        }
        let (ours, theirs) = (step(&decoder, &all), step(&cpu, &all));
        assert_eq!(ours.len(), 3 * decoder.info().vocab_size);
        assert_close(&ours, &theirs, &fixture.model.label);
    }
}

#[test]
fn tokens_that_are_taken_back_leave_no_trace() {
    for (fixture, decoder) in decoders() {
        let ids = fixture.ids("ids");
        let root = decoder.prefill(None, &ids[..40]).unwrap();
        let continued = |guesses: &[u32]| {
            let mut sequence = decoder.fork(&root);
            let step = |sequence: &mut _, tokens: &[u32]| {
                decoder
                    .step(&mut [Row { sequence, tokens, logits: 1 }])
                    .unwrap()
                    .into_values()
                    .unwrap()
            };
            step(&mut sequence, &ids[40..70]);
            if !guesses.is_empty() {
                step(&mut sequence, guesses);
                decoder.truncate(&mut sequence, 70);
            }
            assert_eq!(sequence.len(), 70);
            bits(&[step(&mut sequence, &ids[70..75]), step(&mut sequence, &ids[75..76])].concat())
        };
        let undisturbed = continued(&[]);
        for guesses in [&ids[100..101], &ids[20..270]] {
            let label = &fixture.model.label;
            assert!(continued(guesses) == undisturbed, "{label}: {} guesses", guesses.len());
        }
        let mut sequence = decoder.fork(&root);
        decoder.truncate(&mut sequence, 3);
        assert_eq!(sequence.len(), 40, "a prefix cannot be cut");
    }
}

#[test]
fn half_precision_is_near() {
    for name in ["llama", "qwen3"] {
        let fixture = Fixture::open(name);
        let ids = &fixture.ids("ids")[..100];
        let exact = all_logits(&fixture.cpu(), ids, 60, &[20, 1]);
        for (dtype, near) in [(DType::F16, 0.02), (DType::BF16, 0.15)] {
            let half = fixture.tensor(dtype, 64);
            let far = distance(&all_logits(&half, ids, 60, &[20, 1]), &exact);
            println!("{name} {dtype:?}: largest difference {far:.1e} of the largest logit");
            assert!(far < near, "{name} {dtype:?}: {far}");
            let spec = &fixture.model.spec;
            let elements = 2 * spec.layers.len() * spec.kv_heads * spec.head_dim;
            assert_eq!(half.info().kv_bytes_per_token, 2 * elements);
        }
    }
}

#[test]
fn what_it_says_of_itself_is_so() {
    let fixture = Fixture::open("llama");
    let decoder = fixture.tensor(DType::F32, 65);
    let info = decoder.info();
    let identity = Identity::parse(&info.numerics).unwrap();
    let kind = match fixtures::device() {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    };
    assert_eq!((identity.kind(), identity.dtype(), identity.width()), (kind, DType::F32, 65));
    assert_eq!((info.draft_width, info.prefill_chunk), (1, 65));
    assert_eq!((info.vocab_size, info.context), (300, 512));
    // keys and values, 2 layers, 2 heads of width 8, 4 bytes
    assert_eq!(info.kv_bytes_per_token, 2 * 2 * 2 * 8 * 4);
    // per layer 4 projections of 32 × 32 (key and value: half) and 3 of 32 × 48; embedding and output
    let weights = 2 * (3 * 32 * 32 + 3 * 32 * 48) + 2 * 300 * 32;
    assert_eq!(info.weight_bytes, 4 * weights);
    // All but the embedding are multiplied with, the output for logits alone.
    let products = candor::decoder::multiply_adds(&fixture.model.spec).unwrap();
    assert_eq!(products, ((weights - 2 * 300 * 32) as u64, 300 * 32));
    // A pass of another width is another identity.
    assert_ne!(fixture.tensor(DType::F32, 64).info().numerics, info.numerics);
}

#[test]
fn what_the_model_cannot_take_is_an_error() {
    let fixture = Fixture::open("llama");
    let (ours, theirs) = (fixture.tensor(DType::F32, 64), fixture.cpu());
    fn refusals<M: LanguageModel>(model: &M) -> Vec<String> {
        let (vocabulary, context) = (model.info().vocab_size as u32, model.info().context);
        let root = model.prefill(None, &[1, 2]).unwrap();
        let mut sequence = model.fork(&root);
        let mut step = |tokens: &[u32]| {
            let mut rows = [Row { sequence: &mut sequence, tokens, logits: 1 }];
            model.step(&mut rows).map(|_| ()).unwrap_err().to_string()
        };
        vec![
            step(&[vocabulary]),
            step(&vec![1; context - 1]),
            model.prefill(None, &[vocabulary]).map(|_| ()).unwrap_err().to_string(),
            model.prefill(Some(&root), &vec![1; context - 1]).map(|_| ()).unwrap_err().to_string(),
        ]
    }
    let refused = refusals(&ours);
    assert!(refused[0].contains("beyond the embedding"), "{}", refused[0]);
    assert!(refused[1].contains("beyond the context"), "{}", refused[1]);
    assert_eq!(refused, refusals(&theirs));

    // Weights that are not what the spec says are refused in the same words.
    let weights = fixture.model.weights().unwrap();
    for change in [
        |spec: &mut candor::model::Spec| spec.attention.qkv_bias = true,
        |spec: &mut candor::model::Spec| spec.layers.truncate(1),
        |spec: &mut candor::model::Spec| spec.intermediate_size = 40,
    ] {
        let mut spec = fixture.model.spec.clone();
        change(&mut spec);
        let ours = TensorDecoder::load(&spec, &weights, &Device::Cpu, DType::F32, 64);
        let theirs = candor::decoder::CpuDecoder::load(&spec, &weights, None);
        assert_eq!(
            ours.map(|_| ()).unwrap_err().to_string(),
            theirs.map(|_| ()).unwrap_err().to_string()
        );
    }
}

#[test]
fn hidden_states_and_steering_are_those_of_the_cpu_decoder() {
    for name in MODELS {
        let fixture = Fixture::open(name);
        let ids = fixture.ids("ids");
        for act in [None, Some(Act::Add(1.5)), Some(Act::Remove)] {
            let steering = act.map(|act| Steering {
                name: "test".into(),
                file: String::new(),
                depth: 1,
                act,
                direction: (0..32).map(|i| (i % 5) as f32 / 10.0 - 0.2).collect(),
            });
            let cpu = fixture.cpu().steered(steering.clone()).unwrap();
            let tensor = fixture.tensor(DType::F32, 64).steered(steering).unwrap();
            // More tokens than a pass has, behind a prefix that is not steered.
            let ours = read(&tensor, &ids);
            assert_close(&ours, &read(&cpu, &ids), name);
        }
    }
}

/// States and logits behind a prefix of 100 tokens.
fn read<M: HiddenStates>(model: &M, ids: &[u32]) -> Vec<f32> {
    let mut sequence = model.fork(&model.prefill(None, &ids[..100]).unwrap());
    let row = Row { sequence: &mut sequence, tokens: &ids[100..], logits: 3 };
    let hidden = model.hidden(row, &[0, 1, 2], &[0, 63, 64, 199]).unwrap();
    [hidden.states, hidden.logits.into_values().unwrap()].concat()
}
