//! One model through one variant: from a plan to a run folder that is sealed, judged and reported.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::compute::{Compute, Decoder};
use super::stopping::enough;
use super::talk::Talk;
use super::verdicts::{arms, settle};
use super::{interrupt, memory, model};
use crate::engine::MemoryPlan;
use crate::error::{Error, Kind, Result};
use crate::model::Model;
use crate::report::RunView;
use crate::run::{
    Folder, Manifest, Pace, Part, Plan, Progress, Shard, execute, read_json, write_json,
};
use crate::transcript::Transcript;

/// `performance.json`: everything that may differ between two equal runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Performance {
    /// The model as the user named it.
    pub(super) model: String,
    /// One entry for each time that trials were made.
    tries: Vec<Try>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Try {
    /// The shard that it belongs to, where the run was made in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
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
    /// What the run was reckoned to take, weights included.
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

const PERFORMANCE: &str = "performance.json";

/// A model with its weights in memory.
pub(super) struct Loaded {
    /// As the user named it.
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) decoder: Decoder,
    /// Bytes that were available before the weights were read; none where the system does not say.
    pub(super) available: Option<usize>,
}

impl Loaded {
    /// Opens a model; `longest` says how many tokens the longest text will have.
    pub(super) fn open(
        name: &str,
        compute: &Compute,
        longest: impl FnOnce(&Model) -> Result<usize>,
        talk: &Talk,
    ) -> Result<Self> {
        let mut model = model::open(name, talk)?;
        model.set_longest_text(longest(&model)?);
        for note in &model.notes {
            talk.say(format!("note: {note}"));
        }
        let available = compute.available_bytes();
        let decoder =
            compute.load(&model, talk).map_err(|error| error.within(format!("model `{name}`")))?;
        Ok(Self { name: name.to_owned(), model, decoder, available })
    }
}

/// Makes the run in `out`, or in its default place, and gives its folder and view.
pub(super) fn experiment(
    loaded: &Loaded,
    plan: &Plan<'_>,
    out: Option<PathBuf>,
    pace: Pace,
    talk: &Talk,
) -> Result<(PathBuf, RunView)> {
    let folder = make(loaded, plan, None, out, pace, talk)?;
    let view = settle(folder.lock(), talk)?;
    Ok((folder.path().to_owned(), view))
}

/// Makes the transcripts of a run, or of a part of one to which the plan was cut, and gives the folder, still locked.
pub(super) fn make(
    loaded: &Loaded,
    plan: &Plan<'_>,
    part: Option<&Part>,
    out: Option<PathBuf>,
    pace: Pace,
    talk: &Talk,
) -> Result<Folder> {
    for note in &plan.notes {
        talk.say(format!("note: {note}"));
    }
    let info = loaded.decoder.info();
    let memory = memory::fit(loaded, plan, pace, talk)?;
    let pace = Pace { batch: memory.batch, ..pace };
    let manifest = Manifest::new(plan, info)?;
    let path = match out {
        Some(path) => path,
        None => default_folder(&manifest, part)?,
    };
    let mut folder = Folder::open_part(&path, &manifest, part)?;
    if folder.set_aside > 0 {
        talk.say(format!(
            "note: {} bytes of an unfinished record were set aside in `{}`; its trials are made again",
            folder.set_aside,
            path.join("journal.cut").display()
        ));
    }

    let bar = talk.trials(&loaded.model.label);
    let started = Instant::now();
    let mut last = Progress::default();
    let on_progress = |progress| {
        last = progress;
        bar.update(progress);
    };
    let stop = interrupt::flag()?;
    let arms = arms(&manifest.scenario.tiers)?;
    let looked = |look, there: &[Transcript]| Ok(enough(&manifest, &arms, look, there));
    let made = match &loaded.decoder {
        Decoder::Cpu(decoder) => {
            execute(plan, &**decoder, pace, &mut folder, stop, on_progress, looked)
        }
        Decoder::Tensor(decoder) => {
            execute(plan, &**decoder, pace, &mut folder, stop, on_progress, looked)
        }
    };
    bar.clear();
    let seconds = started.elapsed().as_secs_f64();
    let recorded = match last.tokens_drawn {
        0 => Ok(()),
        _ => record(&path, loaded, part, last, &memory, seconds),
    };
    // What stopped the run is told before what could not be noted about it.
    if let Err(error) = made {
        return Err(match error.kind() {
            Kind::Interrupted => Error::interrupted(format!(
                "interrupted: {} of {} trials are recorded in `{}`",
                last.trials_done,
                last.trials,
                path.display()
            ))
            .hint("run the same command again to go on from there"),
            _ => error,
        });
    }
    recorded?;
    Ok(folder)
}

/// `runs/<model>-<scenario>-<digest>`, and for a shard which one.
fn default_folder(manifest: &Manifest, part: Option<&Part>) -> Result<PathBuf> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let digest = manifest.digest()?;
    let mut name = format!("{}-{}-{}", manifest.model.label, manifest.scenario.name, &digest[..12]);
    if let Some(part) = part {
        name += &format!("-{}", part.shard.file_name());
    }
    Ok(Path::new("runs").join(name.chars().map(plain).collect::<String>()))
}

fn record(
    path: &Path,
    loaded: &Loaded,
    part: Option<&Part>,
    progress: Progress,
    memory: &MemoryPlan,
    seconds: f64,
) -> Result<()> {
    let at = path.join(PERFORMANCE);
    let mut performance = read_performance(path)
        .unwrap_or_else(|_| Performance { model: loaded.name.clone(), tries: Vec::new() });
    performance.model.clone_from(&loaded.name);
    performance.tries.push(Try {
        shard: part.map(|part| part.shard),
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
        instruction_set: loaded.decoder.info().instruction_set.clone(),
        operating_system: std::env::consts::OS.into(),
    });
    write_json(&at, &performance)
}

/// Puts the performance records of shards together in the folder that they became. A shard that was empty, or
/// that was moved without its record, adds nothing.
pub(super) fn record_merged(shards: &[PathBuf], out: &Path) -> Result<()> {
    let records: Vec<Performance> =
        shards.iter().filter_map(|shard| read_performance(shard).ok()).collect();
    let Some(model) = records.first().map(|record| record.model.clone()) else { return Ok(()) };
    let tries = records.into_iter().flat_map(|record| record.tries).collect();
    write_json(&out.join(PERFORMANCE), &Performance { model, tries })
}

/// The performance record of a run folder.
pub(super) fn read_performance(path: &Path) -> Result<Performance> {
    read_json(&path.join(PERFORMANCE))
}
