//! The decoder against transformers, and against itself with the work arranged in other ways.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candor::decoder::{CpuDecoder, HiddenStates, LanguageModel, Quantize, Row, Stream};
use candor::model::Model;

const MODELS: [&str; 4] = ["llama", "llama3-rope", "qwen2", "qwen3"];

/// All ways to quantise, for what must not change a bit.
const KINDS: [&str; 11] =
    ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "q4_k_m"];

fn open(name: &str) -> (CpuDecoder, HashMap<String, Tensor>) {
    open_as(name, None)
}

fn open_as(name: &str, quantize: Option<Quantize>) -> (CpuDecoder, HashMap<String, Tensor>) {
    let folder = format!("{}/tests/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let load = |folder: &str| {
        let model = Model::open(folder).unwrap();
        CpuDecoder::load(&model.spec, &model.weights().unwrap(), quantize).unwrap()
    };
    if name == "wide" {
        let folder = wide();
        let ids = Tensor::from_iter((0..300u32).map(|i| i * 7919 % 320), &Device::Cpu).unwrap();
        return (load(folder.path().to_str().unwrap()), HashMap::from([("ids".to_owned(), ids)]));
    }
    let reference = format!("{folder}/reference.safetensors");
    (load(&folder), candle_core::safetensors::load(reference, &Device::Cpu).unwrap())
}

/// Every model with dense weights, and with each kind of blocks one of them and a wider one.
fn each() -> impl Iterator<Item = (&'static str, Option<Quantize>)> {
    let dense = MODELS.into_iter().map(|name| (name, None));
    let blocks =
        KINDS.into_iter().zip(MODELS.into_iter().cycle()).map(|(q, m)| (m, q.parse().ok()));
    let wide = KINDS.into_iter().map(|q| ("wide", q.parse().ok()));
    dense.chain(blocks).chain(wide)
}

/// A model of random weights whose rows are whole super-blocks; the small ones' are not.
fn wide() -> tempfile::TempDir {
    let (d, f, v, kv) = (256, 512, 320, 64);
    let fixture = format!("{}/tests/fixtures/models/llama", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        std::fs::copy(format!("{fixture}/{file}"), folder.path().join(file)).unwrap();
    }
    let config = serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": d, "intermediate_size": f, "vocab_size": v, "num_hidden_layers": 3,
        "num_attention_heads": 8, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "max_position_embeddings": 512, "tie_word_embeddings": true,
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let mut seed = 1u32;
    let mut random = |rows: usize, columns: usize| {
        let values: Vec<f32> = (0..rows * columns)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 8) as f32 / 8_388_608.0 - 1.0) / (columns as f32).sqrt() * 1.7
            })
            .collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    };
    let ones = || Tensor::ones(d, DType::F32, &Device::Cpu).unwrap();
    let mut tensors = HashMap::new();
    tensors.insert("model.embed_tokens.weight".to_owned(), random(v, d));
    tensors.insert("model.norm.weight".to_owned(), ones());
    for layer in 0..3 {
        for (name, rows, columns) in [
            ("self_attn.q_proj", d, d),
            ("self_attn.k_proj", kv, d),
            ("self_attn.v_proj", kv, d),
            ("self_attn.o_proj", d, d),
            ("mlp.gate_proj", f, d),
            ("mlp.up_proj", f, d),
            ("mlp.down_proj", d, f),
        ] {
            tensors.insert(format!("model.layers.{layer}.{name}.weight"), random(rows, columns));
        }
        for name in ["input_layernorm", "post_attention_layernorm"] {
            tensors.insert(format!("model.layers.{layer}.{name}.weight"), ones());
        }
    }
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    folder
}

fn ids(tensor: &Tensor) -> Vec<u32> {
    tensor.to_dtype(DType::U32).unwrap().to_vec1().unwrap()
}

/// Logits of all positions of `ids`, fed in pieces of the given lengths (the last one repeats).
fn all_logits(decoder: &CpuDecoder, ids: &[u32], prefix: usize, pieces: &[usize]) -> Vec<f32> {
    let root = decoder.prefill(None, &ids[..prefix]).unwrap();
    let mut sequence = decoder.fork(&root);
    let (mut at, mut values) = (prefix, Vec::new());
    let mut lengths = pieces.iter().copied().chain(std::iter::repeat(pieces[pieces.len() - 1]));
    while at < ids.len() {
        let n = lengths.next().unwrap().min(ids.len() - at);
        let mut row = [Row { sequence: &mut sequence, tokens: &ids[at..at + n], logits: n }];
        values.extend(decoder.step(&mut row).unwrap().into_values().unwrap());
        at += n;
    }
    values
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn logits_equal_those_of_transformers() {
    for name in MODELS {
        let (decoder, reference) = open(name);
        let v = decoder.info().vocab_size;
        let ours = all_logits(&decoder, &ids(&reference["ids"]), 0, &[300]);
        let theirs: Vec<Vec<f32>> = reference["logits"].to_vec2().unwrap();
        let mut worst = 0f32;
        for (&position, theirs) in ids(&reference["positions"]).iter().zip(&theirs) {
            let scale = theirs.iter().fold(0f32, |a, &b| a.max(b.abs()));
            for (a, b) in ours[position as usize * v..].iter().zip(theirs) {
                worst = worst.max((a - b).abs() / scale);
            }
        }
        println!("{name}: largest difference {worst:.1e} of the largest logit");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}

#[test]
fn quantised_logits_are_near_those_of_the_dense_weights() {
    for (quantize, most) in
        [("q8_0", 0.05), ("q6_k", 0.1), ("q5_1", 0.2), ("q4_k_m", 0.3), ("q4_0", 0.4)]
    {
        let (dense, reference) = open_as("wide", None);
        let (quantised, _) = open_as("wide", Some(quantize.parse().unwrap()));
        let ids = &ids(&reference["ids"])[..100];
        let (exact, near) =
            (all_logits(&dense, ids, 0, &[100]), all_logits(&quantised, ids, 0, &[100]));
        let power: f32 = exact.iter().map(|x| x * x).sum();
        let error: f32 = exact.iter().zip(&near).map(|(a, b)| (a - b).powi(2)).sum();
        let relative = (error / power).sqrt();
        println!("{quantize}: root mean square error {relative:.4} of the logits");
        assert!(relative > 0.0 && relative < most, "{quantize}: {relative}");
    }
}

#[test]
fn greedy_continuations_equal_those_of_transformers() {
    for name in MODELS {
        let (decoder, reference) = open(name);
        let prompt = ids(&reference["ids"])[..20].to_vec();
        let root = decoder.prefill(None, &prompt[..19]).unwrap();
        let mut sequence = decoder.fork(&root);
        let (mut next, mut drawn) = (prompt[19], Vec::new());
        for _ in 0..64 {
            let mut row = [Row { sequence: &mut sequence, tokens: &[next], logits: 1 }];
            let logits = decoder.step(&mut row).unwrap();
            let best = logits
                .row(0)
                .unwrap()
                .iter()
                .enumerate()
                .fold((0, f32::MIN), |best, (id, &l)| if l > best.1 { (id, l) } else { best });
            next = best.0 as u32;
            drawn.push(next);
        }
        assert_eq!(drawn, ids(&reference["greedy"]), "{name}");
    }
}

#[test]
fn bits_do_not_depend_on_how_a_text_is_cut() {
    for (name, quantize) in each() {
        let (decoder, reference) = open_as(name, quantize);
        let ids = &ids(&reference["ids"])[..150];
        let v = decoder.info().vocab_size;
        let whole = bits(&all_logits(&decoder, ids, 0, &[150]));
        for (prefix, pieces) in
            [(0, &[1][..]), (1, &[7]), (31, &[40, 3]), (32, &[64]), (33, &[1]), (149, &[1])]
        {
            let cut = bits(&all_logits(&decoder, ids, prefix, pieces));
            assert!(cut == whole[prefix * v..], "{name}: prefix {prefix}, pieces {pieces:?}");
        }
        // A chain of prefixes, each the parent of the next.
        let mut chain = decoder.prefill(None, &ids[..5]).unwrap();
        for piece in ids[5..149].chunks(36) {
            chain = decoder.prefill(Some(&chain), piece).unwrap();
        }
        let mut sequence = decoder.fork(&chain);
        let logits = decoder
            .step(&mut [Row { sequence: &mut sequence, tokens: &ids[149..], logits: 1 }])
            .unwrap();
        assert!(bits(&logits.into_values().unwrap()) == whole[149 * v..], "{name}: chain");
    }
}

#[test]
fn bits_do_not_depend_on_the_other_rows_or_the_threads() {
    for (name, quantize) in each() {
        let (decoder, reference) = open_as(name, quantize);
        let all = ids(&reference["ids"]);
        let root = decoder.prefill(None, &all[..40]).unwrap();
        let tails: Vec<&[u32]> =
            (0..23).map(|i| &all[40 + i * 7..40 + i * 7 + 1 + i % 5]).collect();
        let step = |chosen: &[usize]| -> Vec<Vec<u32>> {
            let other = decoder.prefill(Some(&root), &all[200..210]).unwrap();
            let mut sequences: Vec<_> = chosen
                .iter()
                .map(|&i| decoder.fork(if i % 2 == 0 { &root } else { &other }))
                .collect();
            let mut rows: Vec<_> = sequences
                .iter_mut()
                .zip(chosen)
                .map(|(sequence, &i)| Row { sequence, tokens: tails[i], logits: 1 })
                .collect();
            let logits = decoder.step(&mut rows).unwrap();
            (0..chosen.len()).map(|i| bits(logits.row(i).unwrap())).collect()
        };
        let alone: Vec<_> = (0..tails.len()).map(|i| step(&[i]).remove(0)).collect();
        let forward: Vec<usize> = (0..tails.len()).collect();
        let backward: Vec<usize> = forward.iter().rev().copied().collect();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| step(&forward)), alone, "{name}: {threads} threads");
            let reversed: Vec<_> = pool.install(|| step(&backward)).into_iter().rev().collect();
            assert_eq!(reversed, alone, "{name}: {threads} threads, reversed");
        }
    }
}

#[test]
fn tokens_that_are_taken_back_leave_no_trace() {
    for (name, quantize) in each() {
        let (decoder, reference) = open_as(name, quantize);
        let ids = &ids(&reference["ids"])[..150];
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
            bits(&step(&mut sequence, &ids[70..75]))
        };
        let undisturbed = continued(&[]);
        for guesses in [&ids[100..101], &ids[100..150]] {
            assert_eq!(continued(guesses), undisturbed, "{name}: {} guesses", guesses.len());
        }
        let mut sequence = decoder.fork(&root);
        decoder.truncate(&mut sequence, 3);
        assert_eq!(sequence.len(), 40, "a prefix cannot be cut");
    }
}

#[test]
fn what_the_model_cannot_take_is_an_error() {
    let (decoder, _) = open("llama");
    let context = decoder.info().context;
    let beyond =
        decoder.prefill(None, &[decoder.info().vocab_size as u32]).map(|_| ()).unwrap_err();
    assert!(beyond.to_string().contains("beyond the embedding"), "{beyond}");
    let long = vec![1; context + 1];
    let error = decoder.prefill(None, &long).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("beyond the context"), "{error}");
}

#[test]
fn hidden_states_equal_those_of_transformers_and_reading_them_changes_no_bit() {
    for name in ["llama", "qwen3"] {
        let (decoder, reference) = open(name);
        let folder = format!("{}/tests/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
        let file = format!("{folder}/hidden.safetensors");
        let expected = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let ids: Vec<u32> = reference["ids"]
            .to_dtype(DType::U32)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        let at: Vec<usize> = expected["positions"]
            .to_vec1::<i64>()
            .unwrap()
            .into_iter()
            .map(|position| position as usize)
            .collect();
        assert_eq!(decoder.stream(), Stream { width: 32, layers: 2 });
        let nothing = decoder.prefill(None, &[]).unwrap();
        let mut sequence = decoder.fork(&nothing);
        let row = Row { sequence: &mut sequence, tokens: &ids, logits: ids.len() };
        let read = decoder.hidden(row, &[0, 1, 2], &at).unwrap();
        let theirs: Vec<f32> = expected["hidden"].flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(read.states.len(), theirs.len());
        let largest = theirs.iter().fold(0f32, |top, x| top.max(x.abs()));
        for (ours, theirs) in read.states.iter().zip(&theirs) {
            assert!((ours - theirs).abs() < 1e-4 * largest, "{name}: {ours} {theirs}");
        }
        let mut sequence = decoder.fork(&nothing);
        let row = Row { sequence: &mut sequence, tokens: &ids, logits: ids.len() };
        let unread = decoder.step(&mut [row]).unwrap();
        let bits = |logits: &[f32]| logits.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read.logits.into_values().unwrap()), bits(&unread.into_values().unwrap()));
    }
}
