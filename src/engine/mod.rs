//! Prompts in, token streams out: the shared prefixes, the batch, the sampler, the stop rules.
//! Knows nothing about scenarios, tiers or text.

mod active;
mod address;
mod batch;
mod draft;
mod prefix_tree;
mod sampler;
mod score;

pub use address::Address;
pub use batch::{Completion, FinishReason, Job, Limits, Step, generate};
pub use sampler::{Drawn, Sampling, candidates, draw};
pub use score::logits_after;
