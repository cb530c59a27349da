//! A token stream's text taken apart into native reasoning, scratchpad and answer, with how it ended.
//! Knows nothing about models, prompts or judges.

mod digest;
mod native;
mod record;
mod reply;

pub use crate::engine::FinishReason;
pub use digest::token_digest;
pub use native::opens_reasoning;
pub use record::{Outcome, Transcript};
pub use reply::{Reply, TagNames};
