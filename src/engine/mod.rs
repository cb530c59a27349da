//! Prompts in, token streams out: the shared prefixes, the batch, the sampler, the stop rules.
//! Knows nothing about scenarios, tiers or text.

mod address;
mod batch;
mod sampler;
mod score;
mod shared_prefix;

pub use address::Address;
pub use batch::{Completion, FinishReason, Job, Limits, Step, generate};
pub use sampler::{Drawn, Sampling, candidates, draw};
pub use score::logits_after;
