//! Whether stored weights are numbers: NaN and infinities make every result wrong, some of them without a trace,
//! so that they are looked for while the weights are read. Knows nothing about what a tensor is for.

use candle_core::quantized::GgmlDType;

/// Whether all weights in some whole rows of `bytes` are finite. In types of blocks the codes are whole numbers,
/// and the scales decide.
pub(super) fn all_finite(dtype: GgmlDType, bytes: &[u8]) -> bool {
    match dtype {
        GgmlDType::F32 => plain(bytes, |x: [u8; 4]| {
            const EXPONENT: u32 = 0x7f80_0000;
            u32::from_le_bytes(x) & EXPONENT == EXPONENT
        }),
        GgmlDType::F16 => plain(bytes, is_odd_half),
        GgmlDType::BF16 => plain(bytes, |x: [u8; 2]| {
            const EXPONENT: u16 = 0x7f80;
            u16::from_le_bytes(x) & EXPONENT == EXPONENT
        }),
        _ => {
            let scales = scales(dtype);
            bytes.chunks_exact(dtype.type_size()).all(|block| {
                scales.iter().all(|&at| match block.get(at..at + 2) {
                    Some(&[low, high]) => !is_odd_half([low, high]),
                    _ => true,
                })
            })
        }
    }
}

/// NaN and the infinities have all bits of the exponent set.
fn is_odd_half(x: [u8; 2]) -> bool {
    const EXPONENT: u16 = 0x7c00;
    u16::from_le_bytes(x) & EXPONENT == EXPONENT
}

/// Where in a block its f16 scales and minima stand, as in llama.cpp's `ggml-common.h`.
fn scales(dtype: GgmlDType) -> &'static [usize] {
    match dtype {
        GgmlDType::Q4_0 | GgmlDType::Q5_0 | GgmlDType::Q8_0 => &[0],
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q8_1 => &[0, 2],
        GgmlDType::Q4K | GgmlDType::Q5K => &[0, 2],
        GgmlDType::Q2K => &[80, 82],
        GgmlDType::Q3K => &[108],
        GgmlDType::Q6K => &[208],
        // No file's weights are in these blocks; the plain types have none.
        GgmlDType::Q8K | GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => &[],
    }
}

/// Without a branch for each element, so that the compiler makes vector instructions of it.
fn plain<const N: usize>(bytes: &[u8], is_odd: impl Fn([u8; N]) -> bool) -> bool {
    let odd = |part: &[[u8; N]]| part.iter().fold(false, |any, &x| any | is_odd(x));
    !bytes.as_chunks::<N>().0.chunks(1024).any(odd)
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{QStorage, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;

    const BLOCKS: [GgmlDType; 10] = {
        use GgmlDType::*;
        [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K]
    };

    /// What candle makes of blocks.
    fn numbers(dtype: GgmlDType, bytes: &[u8]) -> Vec<f32> {
        let storage = QStorage::from_data(bytes.to_vec().into(), &Device::Cpu, dtype).unwrap();
        let count = bytes.len() / dtype.type_size() * dtype.block_size();
        let tensor = QTensor::new(storage, (1, count)).unwrap();
        tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    proptest! {
        #[test]
        fn plain_numbers_are_told_from_what_is_none(values in prop::collection::vec(any::<f32>(), 0..3000)) {
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            prop_assert_eq!(all_finite(GgmlDType::F32, &bytes), values.iter().all(|x| x.is_finite()));
        }

        #[test]
        fn halves_are_told_from_what_is_none(values in prop::collection::vec(any::<u16>(), 0..40)) {
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let halves = values.iter().all(|&x| half::f16::from_bits(x).is_finite());
            prop_assert_eq!(all_finite(GgmlDType::F16, &bytes), halves);
            let brains = values.iter().all(|&x| half::bf16::from_bits(x).is_finite());
            prop_assert_eq!(all_finite(GgmlDType::BF16, &bytes), brains);
        }

        /// Any scale of any block of any type.
        #[test]
        fn a_scale_that_is_no_number_is_found(
            kind in 0..BLOCKS.len(), block in 0usize..4, which in 0usize..2,
            odd in prop_oneof![Just(0x7c00u16), Just(0xfc00), Just(0x7e00), Just(0x7d01)],
        ) {
            let dtype = BLOCKS[kind];
            let values: Vec<f32> = (0..1024).map(|i| ((i * 7919) % 4099) as f32 / 2049.5 - 1.0).collect();
            let tensor = Tensor::from_vec(values, (4, 256), &Device::Cpu).unwrap();
            let mut bytes = QTensor::quantize(&tensor, dtype).unwrap().data().unwrap().into_owned();
            prop_assert!(all_finite(dtype, &bytes));
            let at = block * dtype.type_size() + scales(dtype)[which % scales(dtype).len()];
            bytes[at..at + 2].copy_from_slice(&odd.to_le_bytes());
            prop_assert!(!all_finite(dtype, &bytes));
            prop_assert!(!numbers(dtype, &bytes).iter().all(|x| x.is_finite()), "{dtype:?}");
        }
    }
}
