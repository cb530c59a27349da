//! A run and its folder: what is to be done, what is done, and the proof of it. Everything that survives a
//! crash lives here. Knows nothing about judges, statistics or how anything is shown.
//!
//! The order of writing is the promise: `manifest.json` before the first trial, a journal line synced before
//! its trial counts as done, `transcripts.jsonl` and then `seal.json` when all are. All but the journal are written
//! beside their place, synced and renamed into it, and then their folder is synced; all under the lock.

mod changes;
mod command;
mod conditions;
mod departures;
mod difference;
mod execute;
mod files;
mod folder;
mod found;
mod given;
mod journal;
mod lock;
mod making;
mod manifest;
mod merge;
mod plan;
mod prompt;
mod prompt_texts;
mod record;
mod registration;
mod settings;
mod shard;
mod stopping;
mod trials;
mod verify;

pub use changes::{Change, changes, in_words, versions};
pub use conditions::{AS_STORED, Condition, QUANTIZE, SEED, Telling};
pub use departures::departures;
pub use difference::{Stretch, stretches};
pub use execute::{End, Pace, RunProgress, Watcher, execute};
pub(crate) use files::unwritten;
pub use files::{
    file_digest, lines_text, read_json, read_lines, write_json, write_lines, write_whole,
};
pub use folder::{Finished, Folder, Seal, State, import};
pub use found::{Found, Skipped, found};
pub use journal::{Entry, Span, TrialCount};
pub use lock::Lock;
pub use making::Making;
pub use manifest::{FORMAT, Manifest, ModelRecord, TierRecord};
pub use merge::merge;
pub use plan::{Plan, Rendered};
pub use prompt::Prompt;
pub use prompt_texts::PromptTexts;
pub use record::{Imported, LogRecord, ReadingRecord, Record};
pub use registration::{Registered, Registration};
pub use settings::{ControlText, Settings};
pub use shard::{Shard, ShardPart};
pub use stopping::{PlannedLook, Stopping};
pub use trials::{Reread, read_again};
pub use verify::{
    Difference, Digests, Regenerated, check_digests, check_journal, check_trials, derived,
    regenerate,
};
