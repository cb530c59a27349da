//! Drawing one token, at the vocabularies of SmolLM2 (49,152) and Qwen3 (151,936), on one core.
//!
//! Flat rows are normal with a deviation of 1.6, peaked ones have one token with about half the probability
//! and a wide rest. Each row is drawn at another address, and must give the token that it gave first.

use std::hint::black_box;

use candor::engine::{Address, Sampling, draw};
use criterion::{Criterion, criterion_group, criterion_main};

/// Addresses that are drawn at in turn.
const ADDRESSES: u32 = 32;

/// Standard normal numbers, by Box and Muller's formula, from words of an address.
fn normal(words: &[u32]) -> impl Iterator<Item = f64> {
    words.chunks_exact(2).map(|pair| {
        let uniform = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
        let radius = (-2.0 * uniform(pair[0]).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform(pair[1])).cos()
    })
}

fn flat(vocabulary: usize) -> Vec<f32> {
    let words = Address::new(1, "flat", 0, None).words(0, 2 * vocabulary);
    normal(&words).map(|z| (1.6 * z) as f32).collect()
}

fn peaked(vocabulary: usize) -> Vec<f32> {
    let words = Address::new(1, "peaked", 0, None).words(0, 2 * vocabulary);
    let mut row: Vec<f32> = normal(&words).map(|z| (2.5 * z) as f32).collect();
    let rest: f64 = row.iter().map(|&l| f64::from(l).exp()).sum();
    row[vocabulary / 3] = rest.ln() as f32;
    row
}

fn bench(c: &mut Criterion) {
    let plain = Sampling::PLAIN;
    let settings = [
        ("plain", plain.clone()),
        ("temperature_0.7", Sampling { temperature: 0.7, ..plain.clone() }),
        ("top_p_0.95", Sampling { top_p: Some(0.95), ..plain.clone() }),
        ("top_k_40", Sampling { top_k: Some(40), ..plain.clone() }),
        ("min_p_0.05", Sampling { min_p: Some(0.05), ..plain.clone() }),
        ("greedy", Sampling { temperature: 0.0, ..plain }),
    ];
    let addresses: Vec<Address> =
        (0..ADDRESSES).map(|sample| Address::new(7, "bench", sample, None)).collect();
    for vocabulary in [49_152, 151_936] {
        for (shape, logits) in [("flat", flat(vocabulary)), ("peaked", peaked(vocabulary))] {
            for (name, sampling) in &settings {
                let ids = || -> Vec<u32> {
                    let id = |address| draw(&logits, [].into_iter(), sampling, address, 3).id;
                    addresses.iter().map(id).collect()
                };
                let expected = ids();
                c.bench_function(&format!("{vocabulary}/{shape}/{name}/32_draws"), |b| {
                    b.iter(|| assert_eq!(black_box(ids()), expected));
                });
            }
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
