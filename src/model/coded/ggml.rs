//! GGML's blocks of four-bit codes for uneven steps, which candle does not know: IQ4_NL, IQ4_XS and MXFP4, as `gguf-py`
//! takes them apart (`gguf.quants`). Works on the bytes of single blocks.

use half::f16;

use super::float::e2m1;

/// What the sixteen codes of IQ4 stand for (`kvalues_iq4nl` of `ggml-common.h`).
const STEPS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// One of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Packing {
    Iq4Nl,
    Iq4Xs,
    Mxfp4,
}

impl Packing {
    /// The packing of a type by its name.
    pub(in crate::model) fn of(name: &str) -> Option<(Self, &'static str)> {
        Some(match name {
            "IQ4_NL" => (Self::Iq4Nl, "IQ4_NL"),
            "IQ4_XS" => (Self::Iq4Xs, "IQ4_XS"),
            "MXFP4" => (Self::Mxfp4, "MXFP4"),
            _ => return None,
        })
    }

    /// Elements and bytes of a block.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::Iq4Nl => (32, 18),
            Self::Iq4Xs => (256, 136),
            Self::Mxfp4 => (32, 17),
        }
    }

    /// Element `i` of a block, whose bytes are as many as [`Self::block`] says.
    pub(super) fn number(self, block: &[u8], i: usize) -> f32 {
        let byte = |at: usize| block.get(at).copied().unwrap_or(0);
        let half = |at: usize| f16::from_le_bytes([byte(at), byte(at + 1)]).to_f32();
        // Of 32 neighbours the first 16 have the low halves of 16 bytes, the others the high ones.
        let code = |first: usize| byte(first + i / 32 * 16 + i % 16) >> (4 * (i % 32 / 16)) & 15;
        let step = |code: u8| f32::from(STEPS[usize::from(code)]);
        match self {
            Self::Iq4Nl => half(0) * step(code(2)),
            Self::Iq4Xs => {
                let part = i / 32;
                let low = byte(4 + part / 2) >> (4 * (part % 2)) & 15;
                let high = u16::from_le_bytes([byte(2), byte(3)]) >> (2 * part) & 3;
                let scale = f32::from(low) + 16.0 * f32::from(high) - 32.0;
                half(0) * scale * step(code(8))
            }
            // The scale is halved, and so that it stays a number the codes are doubled. Their zero has no sign.
            Self::Mxfp4 => half_power(byte(0)) * (2.0 * e2m1(code(1)) + 0.0),
        }
    }
}

/// 2^(exponent − 128), also where that is no normal number (`ggml_e8m0_to_fp32_half`).
fn half_power(exponent: u8) -> f32 {
    let bits = match exponent {
        0 | 1 => 0x0020_0000 << exponent,
        exponent => (u32::from(exponent) - 1) << 23,
    };
    f32::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn blocks_are_what_gguf_py_makes_of_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/coded/ggml.safetensors");
        let stored = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        for name in ["IQ4_NL", "IQ4_XS", "MXFP4"] {
            let (packing, _) = Packing::of(name).unwrap();
            let (elements, bytes) = packing.block();
            let flat = |kind: &str| stored[&format!("{name}.{kind}")].flatten_all().unwrap();
            let blocks: Vec<u8> = flat("blocks").to_dtype(DType::U8).unwrap().to_vec1().unwrap();
            let values: Vec<f32> = flat("values").to_vec1().unwrap();
            assert_eq!(blocks.len() / bytes * elements, values.len());
            for (i, value) in values.iter().enumerate() {
                let block = &blocks[i / elements * bytes..][..bytes];
                let ours = packing.number(block, i % elements);
                assert_eq!(ours.to_bits(), value.to_bits(), "{name} {i}: {ours} {value}");
            }
        }
    }
}
