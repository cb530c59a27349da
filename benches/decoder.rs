//! The decoder on CPU, dense and in blocks: a prompt, and steps of 1 to 64 rows behind a shared prefix.
//!
//! The model is a bundled organism, so that nothing is fetched; `candor bench` measures a model of one's own,
//! and `compare.py` real shapes beside llama.cpp. Every iteration is asserted to give the same logits.

#![allow(clippy::unwrap_used, reason = "a bench may stop where it stands")]

use std::hint::black_box;

use candor::decoder::{CpuDecoder, LanguageModel, Prefix, Row};
use candor::model::Model;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const PROMPT: usize = 512;
const ROWS: [usize; 4] = [1, 8, 32, 64];

fn decoder(quantize: Option<&str>) -> CpuDecoder {
    let model = Model::open("organism:faker").unwrap();
    let quantize = quantize.map(|name| name.parse().unwrap());
    CpuDecoder::load(&model.spec, &model.weights().unwrap(), quantize).unwrap()
}

fn ids(decoder: &CpuDecoder, count: usize) -> Vec<u32> {
    let vocabulary = decoder.info().vocab_size;
    (0..count).map(|i| (i * 7919 % vocabulary) as u32).collect()
}

/// One step of `rows` forks; the logits' bits.
fn step(decoder: &CpuDecoder, prefix: &Prefix, rows: usize) -> Vec<u32> {
    let tokens = ids(decoder, rows);
    let mut sequences: Vec<_> = (0..rows).map(|_| decoder.fork(prefix)).collect();
    let rows = sequences.iter_mut().zip(tokens.chunks(1));
    let mut rows: Vec<_> =
        rows.map(|(sequence, tokens)| Row { sequence, tokens, logits: 1 }).collect();
    decoder.step(&mut rows).unwrap().into_values().unwrap().iter().map(|l| l.to_bits()).collect()
}

fn bench(criterion: &mut Criterion) {
    for (name, quantize) in [("f32", None), ("q8_0", Some("q8_0")), ("q4_0", Some("q4_0"))] {
        let decoder = decoder(quantize);
        let prompt = ids(&decoder, PROMPT);
        let prefix = decoder.prefill(None, &prompt).unwrap();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(PROMPT as u64));
        group.bench_function("prefill", |bencher| {
            bencher.iter(|| decoder.prefill(None, black_box(&prompt)).unwrap());
        });
        for rows in ROWS {
            let expected = step(&decoder, &prefix, rows);
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_with_input(BenchmarkId::new("decode", rows), &rows, |bencher, &rows| {
                bencher.iter(|| assert!(step(&decoder, &prefix, black_box(rows)) == expected));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
