//! Weights that a checkpoint keeps as small codes with scales beside them, as the dense matrices that they stand
//! for. Which tensors belong together is told by their names and types; the config is asked for what these do not
//! tell. Knows nothing about decoders.
//!
//! A matrix is widened when it is asked for, in the way of the format's own library: product in f32, rounded once
//! to the type of the scales where these are narrower, and once to the type that the config gives the model.
//!
//! Formats and where they are defined: MXFP4 and its scales, OCP Microscaling v1.0; FP8 E4M3 and E5M2,
//! arXiv 2209.05433; blocks of FP8, `FineGrainedFP8Config` of transformers; compressed-tensors 0.20; NVFP4 as
//! modelopt and compressed-tensors write it; GPTQ and AWQ as AutoGPTQ and AutoAWQ pack them; bitsandbytes 0.50.

mod bits;
mod float;
mod gather;
mod ggml;
mod matrix;
mod normal;
mod raw;
mod rounding;
mod scheme;

pub(super) use gather::gather;
pub(super) use ggml::Packing;
pub(super) use matrix::Coded;
pub(super) use raw::Raw;
pub(super) use scheme::Scheme;
