//! The arithmetic on the path to a token, on slices, with bits that do not depend on the processor.
//! Unsafe code lives here and nowhere else in the decoder. Knows nothing about models.

mod activation;
mod blocks;
mod chacha;
mod delta;
mod distribution;
mod gemm;
mod math;
mod peak;
mod rounded;
mod row;
mod self_check;
mod simd;
mod slab;
mod stripe;

pub(crate) use activation::{activate, gate};
pub(crate) use blocks::{Block, Blocks, Layout, Scaling, Width};
pub(crate) use chacha::{GROUP_WORDS, WordStream};
pub(crate) use delta::{convolve, delta_step};
pub(crate) use distribution::{divergences, exponential_sum};
pub(crate) use gemm::{COLUMN_STEP, Element, gemm};
pub(crate) use math::BLOCK;
pub(crate) use math::{
    add, add_scaled, layer_norm, maximum, rms_norm, scale, sigmoid, softcap, softmax_terms,
};
pub(crate) use peak::{Peaks, peaks};
pub(crate) use rounded::Rounded;
pub(crate) use row::{
    Below, below, group_maxima, indices_between, replace_below, scaled_softmax_terms,
};
pub(crate) use self_check::self_check;
pub(crate) use slab::Slab;
pub(crate) use stripe::Stripe;

/// The instruction set that the kernels use on this processor. The bits do not depend on it.
pub(crate) fn instruction_set() -> &'static str {
    simd::Level::best().name()
}
