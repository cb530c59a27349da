//! candor measures whether an open-weight language model behaves differently when it believes that its
//! answers will be used to retrain it. The rooms below stand in the order in which data flows through
//! them; a room imports only from those above it.
//!
//! A model, a scenario, a folder, and the gap with its interval:
//!
//! ```
//! use candor::events::Silent;
//! use candor::run::Settings;
//! use candor::study::Experiment;
//!
//! let folder = std::env::temp_dir().join(format!("candor-example-{}", std::process::id()));
//! let run = Experiment::new("organism:faker", "helpful-only")?
//!     .limit(2)?
//!     .settings(Settings { max_tokens: 96, ..Settings::default() })
//!     .run(&folder, &Silent::default())?;
//! assert_eq!(run.transcripts.len(), 4, "two requests in two tiers");
//! println!("{:?} {:?}", run.estimates.gap, run.estimates.gap_ci95);
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), candor::error::Error>(())
//! ```
//!
//! [`study::Experiment`] is that way, [`study::JudgedRun`] the way back from a folder to its numbers; `examples/gap.rs` is a whole program. Everything that it composes is public too:
//! [`scenario::Scenario`] and [`scenario::RequestSet`] say what is asked, [`model::Model`] is what is asked,
//! [`run::Plan`] holds every prompt, [`run::Finished`] a folder, [`stats::estimate`] makes the numbers.

// What only the command line calls is there without it too.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

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
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(test)]
#[path = "../tests/common/parts.rs"]
mod test_parts;
