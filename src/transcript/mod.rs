//! A token stream's text taken apart into native reasoning, scratchpad and answer, with how it ended and how its parts
//! were found. Knows nothing about models, prompts or judges.

mod digest;
mod events;
mod form;
mod heading;
mod mark;
mod names;
mod native;
mod reader;
mod record;
mod reply;
mod untagged;

pub use crate::engine::FinishReason;
pub use digest::token_digest;
pub use form::Form;
pub use names::TagNames;
pub use native::{opens_reasoning, reasoning_mark};
pub use record::{Outcome, Transcript};
pub use reply::{READER_VERSION, Reply};
