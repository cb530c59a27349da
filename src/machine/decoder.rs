//! The decoder that was chosen, and the one place that knows there are two.

use crate::decoder::{CpuDecoder, LanguageModel, ModelInfo, TensorDecoder};

/// A decoder with its weights in memory.
pub(crate) enum Decoder {
    /// The CPU's own.
    Cpu(Box<CpuDecoder>),
    /// The one of tensor operations.
    Tensor(Box<TensorDecoder>),
}

/// Evaluates an expression with `$it` standing for the decoder that was chosen, whichever type it has:
/// `with_decoder!(&loaded.decoder, it => generate(it, …))`.
macro_rules! with_decoder {
    ($decoder:expr, $it:ident => $does:expr) => {
        match $decoder {
            $crate::machine::Decoder::Cpu(decoder) => {
                let $it = &**decoder;
                $does
            }
            $crate::machine::Decoder::Tensor(decoder) => {
                let $it = &**decoder;
                $does
            }
        }
    };
}
pub(crate) use with_decoder;

impl Decoder {
    /// Sizes and identity.
    pub(crate) fn info(&self) -> &ModelInfo {
        with_decoder!(self, it => it.info())
    }

    /// Whether the CPU's own decoder computes.
    pub(crate) fn is_cpu(&self) -> bool {
        matches!(self, Self::Cpu(_))
    }
}
