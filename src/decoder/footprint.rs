//! How much memory weights, keys and values of given sizes take, without a weight being there. Knows nothing
//! about files.

use super::quantize::{Quantize, Role};
use crate::model::{Matrices, Purpose, Sizes};

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes each.
    F32,
    /// Two bytes each.
    Bf16,
    /// In blocks; matrices whose rows are no whole number of them stay in bf16.
    Blocks(Quantize),
}

/// Bytes of all matrices of a model at a precision.
pub fn weight_bytes(sizes: &Sizes, precision: Precision) -> u64 {
    sizes.matrices().iter().map(|matrices| bytes(matrices, sizes.layers, precision)).sum()
}

fn bytes(matrices: &Matrices, layers: usize, precision: Precision) -> u64 {
    let Matrices { purpose, outputs, inputs, count } = *matrices;
    let numbers = outputs as u64 * inputs as u64 * count as u64;
    let quantize = match precision {
        Precision::F32 => return 4 * numbers,
        Precision::Bf16 => return 2 * numbers,
        Precision::Blocks(quantize) => quantize,
    };
    let role = match purpose {
        Purpose::Output => Role::Output,
        Purpose::Value(layer) => Role::Value { layer },
        Purpose::Down(layer) => Role::Down { layer },
        Purpose::Embedding | Purpose::Other => Role::Other,
    };
    match quantize.dtype(role, layers, inputs) {
        Some(dtype) => numbers / dtype.block_size() as u64 * dtype.type_size() as u64,
        None => 2 * numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::GgmlDType;

    fn sizes(hidden: usize) -> Sizes {
        Sizes {
            layers: 2,
            hidden,
            heads: 4,
            kv_heads: 2,
            head_dim: 64,
            intermediate: 512,
            vocabulary: 1000,
            tied: false,
            gated_mlp: true,
            experts: None,
        }
    }

    #[test]
    fn every_precision_takes_what_its_blocks_take() {
        let sizes = sizes(256);
        let n = sizes.parameters();
        assert_eq!(n, 2 * 1000 * 256 + 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256));
        assert_eq!(weight_bytes(&sizes, Precision::F32), 4 * n);
        assert_eq!(weight_bytes(&sizes, Precision::Bf16), 2 * n);
        let q8 = Precision::Blocks(Quantize::Uniform(GgmlDType::Q8_0));
        assert_eq!(weight_bytes(&sizes, q8), n / 32 * 34);
        // The mixture lies between its two types, 144 and 210 bytes for 256 weights.
        let mixed = weight_bytes(&sizes, Precision::Blocks(Quantize::Q4KM));
        assert!(n / 256 * 144 < mixed && mixed < n / 256 * 210, "{mixed}");
    }

    #[test]
    fn rows_that_are_no_whole_blocks_stay_as_they_are() {
        let sizes = sizes(250);
        let q8 = weight_bytes(&sizes, Precision::Blocks(Quantize::Uniform(GgmlDType::Q8_0)));
        let whole = 2 * (512 * 250 + 256 * 250);
        assert_eq!(q8, (sizes.parameters() - whole) * 2 + whole / 32 * 34);
    }
}
