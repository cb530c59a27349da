//! To what type a product of code and scale is rounded before it is widened again. Knows nothing about formats.

use half::{bf16, f16};

/// To what type a product is rounded first.
#[derive(Clone, Copy)]
pub(super) enum Rounding {
    F32,
    F16,
    Bf16,
}

impl Rounding {
    pub(super) fn of(dtype: &str) -> Self {
        match dtype {
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            _ => Self::F32,
        }
    }

    pub(super) fn round(self, value: f32) -> f32 {
        match self {
            Self::F32 => value,
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::Bf16 => bf16::from_f32(value).to_f32(),
        }
    }
}
