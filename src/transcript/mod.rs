//! A token stream's text taken apart into native reasoning, scratchpad and answer, with how it ended.
//! Knows nothing about models, prompts or judges.

/// Version of the reader of replies: raised whenever some reply comes to be taken apart in another way. A run's
/// manifest says by which version its transcripts were read, and only those of one version can be compared.
pub const READER: u32 = 1;

mod native;
mod record;
mod reply;

pub use crate::engine::FinishReason;
pub use native::opens_reasoning;
pub use record::{Outcome, Transcript};
pub use reply::{Reply, TagNames};
