//! Blocks of quantised weights as GGML stores them: what a weight's codes and scales are in its bytes.
//!
//! The layouts are those of llama.cpp's `ggml-common.h`; each is held against candle's own reading by a
//! test. Knows nothing about files or kernels' order of memory.

use candle_core::quantized::GgmlDType;
use half::f16;

use super::kernels::{BLOCK, Block, Layout, Scaling, Width};

/// How the kernel is to hold weights of this type; none for types that are not in blocks or that no file has.
pub(crate) fn layout(dtype: GgmlDType) -> Option<Layout> {
    use GgmlDType::*;
    use Scaling::*;
    use Width::*;
    let (width, scaling, zero_bits) = match dtype {
        Q4_0 => (Four, Plain, 3),
        Q4_1 => (Four, Minimum, 0),
        Q5_0 => (Five, Plain, 4),
        Q5_1 => (Five, Minimum, 0),
        Q8_0 => (Eight, Plain, 7),
        Q2K => (Four, SuperMinimumHalves, 0),
        Q3K => (Four, SuperHalves, 2),
        Q4K => (Four, SuperMinimum, 0),
        Q5K => (Five, SuperMinimum, 0),
        Q6K => (Six, SuperHalves, 5),
        F32 | F16 | BF16 | Q8_1 | Q8K => return None,
    };
    Some(Layout { width, scaling, zero_bits })
}

/// The `index`-th block of 32 weights in a row of whole blocks of `dtype`.
pub(crate) fn block(dtype: GgmlDType, row: &[u8], index: usize) -> Block {
    let per = dtype.block_size() / BLOCK;
    let bytes = &row[index / per * dtype.type_size()..][..dtype.type_size()];
    let part = index % per;
    match dtype {
        GgmlDType::Q4_0 => small(bytes, false, false),
        GgmlDType::Q4_1 => small(bytes, true, false),
        GgmlDType::Q5_0 => small(bytes, false, true),
        GgmlDType::Q5_1 => small(bytes, true, true),
        GgmlDType::Q8_0 => Block {
            codes: std::array::from_fn(|k| bytes[2 + k] ^ 0x80),
            scale: half(bytes, 0),
            ..EMPTY
        },
        GgmlDType::Q2K => q2(bytes, part),
        GgmlDType::Q3K => q3(bytes, part),
        GgmlDType::Q4K => q4_or_q5(bytes, part, false),
        GgmlDType::Q5K => q4_or_q5(bytes, part, true),
        GgmlDType::Q6K => q6(bytes, part),
        // `layout` has no kernel for these, so nobody asks.
        GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 | GgmlDType::Q8_1 | GgmlDType::Q8K => {
            EMPTY
        }
    }
}

const EMPTY: Block = Block {
    codes: [0; BLOCK],
    scale: f16::ZERO,
    minimum: f16::ZERO,
    factors: [0; 2],
    minimum_factors: [0; 2],
};

fn half(bytes: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Q4_0, Q4_1, Q5_0, Q5_1: scale, possibly a minimum that is added, possibly 32 fifth bits, then nibbles: the
/// low ones are the first 16 codes.
fn small(bytes: &[u8], has_minimum: bool, has_fifth: bool) -> Block {
    let at = if has_minimum { 4 } else { 2 };
    let (fifth, at) = match has_fifth {
        true => (u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i])), at + 4),
        false => (0, at),
    };
    let codes = std::array::from_fn(|k| {
        bytes[at + k % 16] >> (k / 16 * 4) & 15 | ((fifth >> k & 1) as u8) << 4
    });
    // Ours is subtracted.
    let minimum = if has_minimum { -half(bytes, 2) } else { f16::ZERO };
    Block { codes, scale: half(bytes, 0), minimum, ..EMPTY }
}

/// 16 bytes of factors (low nibble of the scale, high nibble of the minimum), 64 of codes, scale, minimum.
fn q2(bytes: &[u8], part: usize) -> Block {
    let quarter = &bytes[16 + part / 4 * 32..][..32];
    let factors = [bytes[part * 2], bytes[part * 2 + 1]];
    Block {
        codes: std::array::from_fn(|k| quarter[k] >> (part % 4 * 2) & 3),
        scale: half(bytes, 80),
        minimum: half(bytes, 82),
        factors: factors.map(|f| f & 15),
        minimum_factors: factors.map(|f| f >> 4),
    }
}

/// 32 bytes of third bits, 64 of codes, 12 of factors with six bits each, scale.
fn q3(bytes: &[u8], part: usize) -> Block {
    let quarter = &bytes[32 + part / 4 * 32..][..32];
    let factors = &bytes[96..108];
    let factor = |i: usize| {
        let low = factors[i % 8] >> (i / 8 * 4) & 15;
        let high = factors[8 + i % 4] >> (i / 4 * 2) & 3;
        (low | high << 4).wrapping_sub(32)
    };
    Block {
        codes: std::array::from_fn(|k| {
            quarter[k] >> (part % 4 * 2) & 3 | (bytes[k] >> part & 1) << 2
        }),
        scale: half(bytes, 108),
        factors: [factor(part * 2), factor(part * 2 + 1)],
        ..EMPTY
    }
}

/// Scale, minimum, 12 bytes of six-bit factors, for Q5_K 32 bytes of fifth bits, 128 of nibbles.
fn q4_or_q5(bytes: &[u8], part: usize, has_fifth: bool) -> Block {
    let packed = &bytes[4..16];
    let (factor, minimum_factor) = match part {
        0..4 => (packed[part] & 63, packed[part + 4] & 63),
        _ => (
            packed[part + 4] & 15 | packed[part - 4] >> 6 << 4,
            packed[part + 4] >> 4 | packed[part] >> 6 << 4,
        ),
    };
    let nibbles = &bytes[if has_fifth { 48 } else { 16 }..];
    let codes = std::array::from_fn(|k| {
        let fifth = if has_fifth { bytes[16 + k] >> part & 1 } else { 0 };
        nibbles[part / 2 * 32 + k] >> (part % 2 * 4) & 15 | fifth << 4
    });
    Block {
        codes,
        scale: half(bytes, 0),
        minimum: half(bytes, 2),
        factors: [factor; 2],
        minimum_factors: [minimum_factor; 2],
    }
}

/// 128 bytes of nibbles, 64 of fifth and sixth bits, 16 signed factors, scale.
fn q6(bytes: &[u8], part: usize) -> Block {
    let (side, quarter) = (part / 4, part % 4);
    let nibbles = &bytes[side * 64 + quarter % 2 * 32..][..32];
    let high = &bytes[128 + side * 32..][..32];
    Block {
        codes: std::array::from_fn(|k| {
            nibbles[k] >> (quarter / 2 * 4) & 15 | (high[k] >> (quarter * 2) & 3) << 4
        }),
        scale: half(bytes, 208),
        factors: [bytes[192 + part * 2], bytes[192 + part * 2 + 1]],
        ..EMPTY
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::decoder::kernels::Blocks;

    #[test]
    fn every_type_is_read_as_candle_reads_it() {
        use GgmlDType::*;
        let (rows, inputs) = (40, 512);
        let weights: Vec<f32> = (0..rows * inputs)
            .map(|i| ((i * 7919) % 4099) as f32 / 2049.5 - 1.0 + (i % 7) as f32 * 0.1)
            .collect();
        let weights = Tensor::from_vec(weights, (rows, inputs), &Device::Cpu).unwrap();
        for dtype in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K] {
            let quantized = QTensor::quantize(&weights, dtype).unwrap();
            let bytes = quantized.data().unwrap();
            let theirs = quantized.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            let row_bytes = bytes.len() / rows;
            let mut ours = Blocks::zeroed(layout(dtype).unwrap(), rows, inputs);
            ours.fill(0, rows, |column, index| {
                block(dtype, &bytes[column * row_bytes..][..row_bytes], index)
            });
            for (column, theirs) in theirs.iter().enumerate() {
                let mut numbers = vec![0.0; inputs];
                ours.column(column, &mut numbers);
                for (k, (a, b)) in numbers.iter().zip(theirs).enumerate() {
                    assert!((a - b).abs() < 1e-6, "{dtype:?} [{column}, {k}]: {a} and {b}");
                }
            }
        }
    }
}
