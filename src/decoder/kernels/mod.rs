//! The arithmetic on the path to a token, on f32 slices, with bits that do not depend on the processor.
//! Unsafe code lives here and nowhere else in the decoder. Knows nothing about models.

mod gemm;
mod math;

pub(crate) use gemm::{COLUMN_STEP, Element, Shape, gemm, instruction_set};
pub(crate) use math::{rms_norm, scale, silu_mul, softmax_terms};
