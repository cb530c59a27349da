//! The arithmetic on the path to a token, on f32 slices, with bits that do not depend on the processor.
//! Unsafe code lives here and nowhere else in the decoder. Knows nothing about models.

mod chacha;
mod gemm;
mod math;
mod row;

pub(crate) use chacha::{GROUP_WORDS, WordStream};
pub(crate) use gemm::{COLUMN_STEP, Element, Shape, gemm, instruction_set};
pub(crate) use math::{rms_norm, scale, silu_mul, softmax_terms};
pub(crate) use row::{
    Below, below, group_maxima, indices_between, replace_below, scaled_softmax_terms,
};
