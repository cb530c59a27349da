//! candor measures whether an open-weight language model behaves differently when it believes that its
//! answers will be used to retrain it. The rooms below stand in the order in which data flows through
//! them; a room imports only from those above it.

pub mod error;
pub mod files;
mod classifier;

pub mod table;
pub mod scenario;
pub mod model;
pub mod decoder;
pub mod engine;
pub mod events;
pub mod machine;
pub mod transcript;
pub mod run;
pub mod judge;
pub mod stats;
pub mod probe;
pub mod report;
pub mod exchange;
pub mod sweep;
pub mod organism;
pub mod study;
pub mod cli;
