//! The types that a tensor's elements may have in a GGUF file: numbers as in `ggml.h` (`enum ggml_type`),
//! sizes as in `gguf-py`'s `GGML_QUANT_SIZES`. Knows nothing about tensors.

use std::fmt;

use candle_core::quantized::GgmlDType;

/// A type by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) struct Element(pub(in crate::model) u32);

/// Number, name, elements in a block, bytes of a block, and the same type in candle.
type Row = (u32, &'static str, usize, usize, Option<GgmlDType>);

const TYPES: [Row; 35] = [
    (0, "F32", 1, 4, Some(GgmlDType::F32)),
    (1, "F16", 1, 2, Some(GgmlDType::F16)),
    (2, "Q4_0", 32, 18, Some(GgmlDType::Q4_0)),
    (3, "Q4_1", 32, 20, Some(GgmlDType::Q4_1)),
    (6, "Q5_0", 32, 22, Some(GgmlDType::Q5_0)),
    (7, "Q5_1", 32, 24, Some(GgmlDType::Q5_1)),
    (8, "Q8_0", 32, 34, Some(GgmlDType::Q8_0)),
    (9, "Q8_1", 32, 36, None),
    (10, "Q2_K", 256, 84, Some(GgmlDType::Q2K)),
    (11, "Q3_K", 256, 110, Some(GgmlDType::Q3K)),
    (12, "Q4_K", 256, 144, Some(GgmlDType::Q4K)),
    (13, "Q5_K", 256, 176, Some(GgmlDType::Q5K)),
    (14, "Q6_K", 256, 210, Some(GgmlDType::Q6K)),
    (15, "Q8_K", 256, 292, None),
    (16, "IQ2_XXS", 256, 66, None),
    (17, "IQ2_XS", 256, 74, None),
    (18, "IQ3_XXS", 256, 98, None),
    (19, "IQ1_S", 256, 50, None),
    (20, "IQ4_NL", 32, 18, None),
    (21, "IQ3_S", 256, 110, None),
    (22, "IQ2_S", 256, 82, None),
    (23, "IQ4_XS", 256, 136, None),
    (24, "I8", 1, 1, None),
    (25, "I16", 1, 2, None),
    (26, "I32", 1, 4, None),
    (27, "I64", 1, 8, None),
    (28, "F64", 1, 8, None),
    (29, "IQ1_M", 256, 56, None),
    (30, "BF16", 1, 2, Some(GgmlDType::BF16)),
    (34, "TQ1_0", 256, 54, None),
    (35, "TQ2_0", 256, 66, None),
    (39, "MXFP4", 32, 17, None),
    (40, "NVFP4", 64, 36, None),
    (41, "Q1_0", 128, 18, None),
    (42, "Q2_0", 64, 18, None),
];

impl Element {
    fn row(self) -> Option<&'static Row> {
        TYPES.iter().find(|row| row.0 == self.0)
    }

    /// Elements in a block and bytes of a block; none if the number is unknown.
    pub(super) fn block(self) -> Option<(usize, usize)> {
        self.row().map(|row| (row.2, row.3))
    }

    /// The same type in candle, of those that weights are stored in.
    pub(in crate::model) fn dtype(self) -> Option<GgmlDType> {
        self.row().and_then(|row| row.4)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => f.write_str(row.1),
            None => write!(f, "number {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_candle() {
        for (number, name, elements, bytes, dtype) in TYPES {
            assert_eq!(Element(number).to_string(), name);
            if let Some(dtype) = dtype {
                assert_eq!((elements, bytes), (dtype.block_size(), dtype.type_size()), "{name}");
            }
        }
        assert_eq!(Element(31).to_string(), "number 31");
        assert_eq!(Element(31).block(), None);
    }
}
