//! A run and its folder: what is to be done, what is done, and the proof of it. Everything that survives a
//! crash lives here. Knows nothing about judges, statistics or how anything is shown.
//!
//! The order of writing is the promise: `manifest.json` before the first trial, a journal line synced before
//! its trial counts as done, `transcripts.jsonl` and then `seal.json` when all are, each of the last three
//! written beside its place, synced and renamed into it.

mod difference;
mod execute;
mod files;
mod folder;
mod journal;
mod manifest;
mod merge;
mod plan;
mod prompt;
mod record;
mod shard;
mod verify;

pub use difference::{Stretch, stretches};
pub use execute::{Pace, Progress, execute};
pub use files::{read_json, read_lines, write_json, write_lines, write_whole};
pub use folder::{Finished, Folder, Lock, Seal, State, import};
pub use manifest::{Manifest, ModelRecord, TierRecord};
pub use merge::merge;
pub use plan::{Plan, Settings};
pub use prompt::Prompt;
pub use record::{Imported, LogRecord, ReadingRecord, Record};
pub use shard::{Part, Shard};
pub use verify::{Difference, Digests, Regenerated, check_digests, regenerate};
