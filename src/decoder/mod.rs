//! Token ids in, logits out: one decoder described by a [`crate::model::Spec`], and the memory of its keys
//! and values. Knows nothing about text, sampling or what the tokens are for.

mod change;
mod cpu;
mod curve;
mod delta;
mod device;
mod effort;
mod footprint;
mod ggml;
mod hidden;
pub(crate) mod kernels;
mod logits;
mod matrix;
mod memory;
mod parts;
mod past;
mod quantize;
pub(crate) mod rope;
mod router;
pub mod tensor;

pub use cpu::CpuDecoder;
pub use device::{DeviceChoice, parse_dtype};
pub use effort::multiply_adds;
pub use footprint::{Precision, weight_bytes};
pub use hidden::{Act, Hidden, HiddenStates, Steering, Stream};
pub use logits::{Logits, NotFinite};
pub use memory::{Prefix, Sequence};
pub use quantize::Quantize;
pub use tensor::TensorDecoder;

use crate::error::{Error, Result};

/// What a caller may know of a model.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// Rows of the embedding, V: every token id is below it.
    pub vocab_size: usize,
    /// Positions that a sequence can have.
    pub context: usize,
    /// What computes: everything that can change a bit, raised whenever one changes.
    pub numerics: String,
    /// Into which blocks dense weights were put while they were loaded.
    pub quantize: Option<Quantize>,
    /// Whether what adapters change is computed beside weights in blocks rather than merged into them.
    pub adapters_beside: bool,
    /// What is done to the residual stream, if anything.
    pub steering: Option<Steering>,
    /// What may be promised of tokens drawn from these logits.
    pub promise: String,
    /// The instruction set or device in use, which changes speed and no bit.
    pub instruction_set: String,
    /// Bytes of the weights in memory.
    pub weight_bytes: usize,
    /// Bytes of keys and values that each token of a prefix or a tail takes.
    pub kv_bytes_per_token: usize,
    /// Bytes that each prefix and each sequence takes besides, where layers keep a state.
    pub state_bytes: usize,
    /// Bytes that each token of a step takes while the step runs, logits not counted.
    pub step_bytes_per_token: usize,
    /// Most tokens that [`LanguageModel::prefill`] puts through the layers at once.
    pub prefill_chunk: usize,
    /// Tokens of a step that together take little longer than one alone, so that guesses may fill it up;
    /// 1 where guesses have nothing to win, or where they could change a bit.
    pub draft_width: usize,
}

impl ModelInfo {
    /// Refuses tokens that have no embedding, and those that would not fit behind `len` others.
    fn check(&self, len: usize, tokens: &[u32]) -> Result<()> {
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= self.vocab_size) {
            let rows = self.vocab_size;
            return Err(Error::input(format!(
                "token id {id} is beyond the embedding's {rows} rows"
            )));
        }
        let (end, context) = (len + tokens.len(), self.context);
        if end > context {
            return Err(Error::input(format!("position {end} is beyond the context of {context}")));
        }
        Ok(())
    }
}

/// New tokens for one sequence in one step.
pub struct Row<'a, S> {
    /// The sequence that the tokens are appended to.
    pub sequence: &'a mut S,
    /// One token or more.
    pub tokens: &'a [u32],
    /// How many of the last of these tokens are asked for their logits.
    pub logits: usize,
}

/// The one trait between the engine and any model.
///
/// A row's logits are a function of its sequence's tokens alone: other rows of the step, the way in which
/// its tokens were cut into prefixes and steps, and the number of threads do not change a bit.
pub trait LanguageModel: Sync {
    /// Tokens whose keys and values are computed once and shared; cheap to clone.
    type Prefix: Clone + Send + Sync;
    /// A prefix and a tail of its own.
    type Sequence: Send;

    /// Sizes and identity.
    fn info(&self) -> &ModelInfo;

    /// Computes the keys and values of `ids`, which follow `parent`.
    ///
    /// # Errors
    /// When an id is not in the vocabulary or the context would be exceeded.
    fn prefill(&self, parent: Option<&Self::Prefix>, ids: &[u32]) -> Result<Self::Prefix>;

    /// A new sequence that begins with `prefix`.
    fn fork(&self, prefix: &Self::Prefix) -> Self::Sequence;

    /// Takes the last tokens of a sequence back, so that `len` are left. Its prefix cannot be cut: a shorter
    /// `len` leaves the prefix alone.
    fn truncate(&self, sequence: &mut Self::Sequence, len: usize);

    /// Appends every row's tokens to its sequence and computes the logits that are asked for.
    ///
    /// # Errors
    /// As for [`Self::prefill`].
    fn step(&self, rows: &mut [Row<'_, Self::Sequence>]) -> Result<Logits>;
}
