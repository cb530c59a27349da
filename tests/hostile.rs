//! Files of a model made to hang or to kill whoever reads them, put together by seed from ways to grow and ways to
//! look: every one ends in an answer or a refusal, within 20 seconds of work and 4 GB of addresses. What honest
//! models bring must not be touched by that; `templates.rs` and `tokenizers.rs` hold it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;
#[path = "hostile/templates.rs"]
mod templates;
#[path = "hostile/tokenizers.rs"]
mod tokenizers;
