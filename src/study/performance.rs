//! `performance.json` of a run folder: clock, tokens, memory, machine. All that may differ between two equal runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::decoder::ModelInfo;
use crate::engine::MemoryPlan;
use crate::error::Result;
use crate::machine::memory;
use crate::run::{RunProgress, Shard, read_json, write_json};

const FILE: &str = "performance.json";

/// The record of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Performance {
    /// The model as the user named it.
    pub(crate) model: String,
    /// One entry for each time that trials were made.
    tries: Vec<Try>,
}

/// One time that trials were made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Try {
    /// The shard that it belongs to, where the run was made in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
    /// Runs of the model that were made together until this one had ended; what follows is of all of them.
    #[serde(default = "alone", skip_serializing_if = "is_alone")]
    runs_together: usize,
    seconds: f64,
    tokens_drawn: usize,
    tokens_prefilled: usize,
    #[serde(default)]
    tokens_guessed: usize,
    #[serde(default)]
    tokens_accepted: usize,
    tokens_per_second: f64,
    /// The one that was used, which can be smaller than the one asked for.
    batch: usize,
    /// What was reckoned to be taken, weights included.
    #[serde(default)]
    memory_planned_bytes: usize,
    /// The most that the process has held so far, files mapped into memory included; none where the system
    /// does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_peak_bytes: Option<usize>,
    threads: usize,
    instruction_set: String,
    operating_system: String,
}

fn alone() -> usize {
    1
}

fn is_alone(runs: &usize) -> bool {
    *runs == 1
}

impl Try {
    /// What runs that were made together took.
    pub(crate) fn new(
        shard: Option<Shard>,
        runs_together: usize,
        progress: RunProgress,
        seconds: f64,
        memory: &MemoryPlan,
        info: &ModelInfo,
    ) -> Self {
        Self {
            shard,
            runs_together,
            seconds,
            tokens_drawn: progress.tokens_drawn,
            tokens_prefilled: progress.tokens_prefilled,
            tokens_guessed: progress.tokens_guessed,
            tokens_accepted: progress.tokens_accepted,
            // A clock that jumps can say that no time has passed.
            tokens_per_second: progress.tokens_drawn as f64 / seconds.max(1e-9),
            batch: memory.batch,
            memory_planned_bytes: memory.total(),
            memory_peak_bytes: memory::peak_bytes(),
            threads: rayon::current_num_threads(),
            instruction_set: info.instruction_set.clone(),
            operating_system: std::env::consts::OS.into(),
        }
    }
}

impl Performance {
    /// The record in a run folder.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        read_json(&folder.join(FILE))
    }

    /// Adds a try to the record in a run folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn add(folder: &Path, model: &str, made: Try) -> Result<()> {
        let mut tries = Self::read(folder).map_or_else(|_| Vec::new(), |record| record.tries);
        tries.push(made);
        write_json(&folder.join(FILE), &Self { model: model.to_owned(), tries })
    }

    /// Puts the records of shards together in the folder that they became. A shard that was empty, or that was moved
    /// without its record, adds nothing.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn merge(shards: &[PathBuf], out: &Path) -> Result<()> {
        let records: Vec<Self> = shards.iter().filter_map(|shard| Self::read(shard).ok()).collect();
        let Some(model) = records.first().map(|record| record.model.clone()) else { return Ok(()) };
        let tries = records.into_iter().flat_map(|record| record.tries).collect();
        write_json(&out.join(FILE), &Self { model, tries })
    }
}
