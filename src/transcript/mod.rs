mod record; pub use record::{FinishReason, Outcome, Transcript};
