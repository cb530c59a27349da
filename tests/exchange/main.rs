//! Runs in the files of other tools, and logs of other tools as runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says what it skips"
)]

#[path = "../common/mod.rs"]
mod common;
mod import;
mod inspect;
mod python;
mod runs;
mod schema;
mod show;
mod tables;
