//! Prompts in, token streams out: the prefix tree, the batch with its drafts, the sampler, the stop rules, and
//! what all of it takes in memory.
//! Knows nothing about scenarios, tiers or text.

mod active;
mod address;
mod along;
mod batch;
mod choice;
mod draft;
mod explore;
mod job;
mod memory_plan;
mod normalizer;
mod prefix_tree;
mod sampler;
mod scoring;
mod states;
mod step;

pub use address::Address;
pub use along::along;
pub use batch::{Broken, Step, generate};
pub use choice::{Choice, choose};
pub use explore::{Explorer, explore};
pub use job::{BATCH_MAX, Completion, FinishReason, Job, Limits};
pub use memory_plan::{MemoryNeeds, MemoryPlan};
pub use normalizer::{Normalizer, log_probability};
pub use sampler::{Drawn, Sampling, candidates, draw, logprob};
pub use scoring::{Passage, Question, score};
pub use states::{StateQuery, states};
