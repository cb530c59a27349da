//! What a model of given sizes takes of the memory, and bytes for people.

use serde::Serialize;

use crate::decoder::{Precision, Quantize, weight_bytes};
use crate::error::Result;
use crate::model::Sizes;

/// Bytes that weights, keys and values take, computed from the sizes; norms and biases are not counted.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Memory {
    pub(in crate::cli) f32: u64,
    pub(in crate::cli) bf16: u64,
    pub(in crate::cli) q8_0: u64,
    pub(in crate::cli) q4_k_m: u64,
    /// Keys and values of 1,000 tokens in f32, as they are held beside dense weights.
    pub(in crate::cli) kv_1000_tokens_f32: u64,
    /// The same in f16, as they are held beside weights in blocks.
    pub(in crate::cli) kv_1000_tokens_f16: u64,
}

impl Memory {
    pub(in crate::cli) fn of(sizes: &Sizes) -> Result<Self> {
        let bytes = |precision| weight_bytes(sizes, precision);
        let blocks =
            |name: &str| -> Result<u64> { Ok(bytes(Precision::Blocks(name.parse::<Quantize>()?))) };
        Ok(Self {
            f32: bytes(Precision::F32),
            bf16: bytes(Precision::Bf16),
            q8_0: blocks("q8_0")?,
            q4_k_m: blocks("q4_k_m")?,
            kv_1000_tokens_f32: 1000 * 4 * sizes.kv_numbers_per_token(),
            kv_1000_tokens_f16: 1000 * 2 * sizes.kv_numbers_per_token(),
        })
    }

    /// For people: one line for the weights, one for keys and values.
    pub(in crate::cli) fn lines(&self) -> [(&'static str, String); 2] {
        let Self { f32, bf16, q8_0, q4_k_m, kv_1000_tokens_f32, kv_1000_tokens_f16 } = *self;
        let weights = [("f32", f32), ("bf16", bf16), ("q8_0", q8_0), ("q4_k_m", q4_k_m)];
        let weights = weights.map(|(name, bytes)| format!("{name} {}", size(bytes)));
        let kv = format!(
            "{} in f32, {} in f16 beside weights in blocks",
            size(kv_1000_tokens_f32),
            size(kv_1000_tokens_f16)
        );
        [("weights", weights.join(" · ")), ("1,000 tokens", kv)]
    }
}

/// Bytes for people, in powers of ten.
pub(in crate::cli) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
