//! `candor run --dry-run`: what a run would do, where, and how long it would take. Writes nothing.

use crate::cli::args::RunArgs;
use crate::cli::interrupt;
use crate::cli::screen::memory_table::memory_table;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show as print};
use crate::cli::screen::time::time;
use crate::engine::Sampling;
use crate::error::Result;
use crate::events::shown;
use crate::judge::rules;
use crate::machine::Loaded;
use crate::run::{
    Finished, Manifest, Pace, Record, State, TrialCount, changes, in_words, versions,
};
use crate::study::experiment::{Wanted, folder_of};
use crate::study::fit::fit;
use crate::study::reckoning::seconds_at_most;

/// Says what one variant of a run would do.
pub(in crate::cli) fn dry_run(
    args: &RunArgs,
    loaded: &Loaded,
    wanted: &Wanted<'_>,
    pace: Pace,
    talk: &Talk,
) -> Result<()> {
    let plan = &wanted.plan;
    plan.notes.iter().for_each(|note| talk.say(format!("note: {note}")));
    let memory = fit(loaded, &[plan], pace, talk)?;
    print(&memory_table(&plan.variant.name, &memory, loaded.available))?;
    let info = loaded.decoder.info();
    let manifest = Manifest::new(plan, info)?;
    let folder = folder_of(&manifest, wanted)?;
    let device = if loaded.decoder.is_cpu() { "cpu" } else { &args.device.device };
    let weights = match (&info.quantize, &args.device.dtype) {
        (Some(quantize), _) => quantize.to_string(),
        (None, Some(dtype)) => dtype.clone(),
        (None, None) => "as stored".to_owned(),
    };
    let judges = match args.judge.as_str() {
        rules::NAME => rules::NAME.to_owned(),
        model => {
            format!("{}, then {model} with the rubric {}", rules::NAME, args.judge_model.rubric)
        }
    };
    let seconds = seconds_at_most(loaded, plan, memory.batch, interrupt::flag()?)?;
    print(&show::pairs([
        ("folder", shown(&folder)),
        ("recorded", recorded(&folder, &manifest)?),
        ("digest", manifest.digest()?),
        ("device", format!("{device}, {}", info.instruction_set)),
        ("weights", weights),
        ("numerics", info.numerics.clone()),
        ("promise", info.promise.clone()),
        ("seed", plan.settings.seed.to_string()),
        ("sampling", sampling(&plan.settings.sampling)),
        ("judges", judges),
        ("time", format!("{} at most, from the first tokens of a few replies", time(seconds))),
    ]))
}

/// What of the run is on record in its folder, or why it could not go on there.
fn recorded(folder: &std::path::Path, manifest: &Manifest) -> Result<String> {
    let Some(state) = State::of(folder) else { return Ok("nothing yet".to_owned()) };
    let there = match Finished::record(folder)? {
        Record::Made(there) => there,
        Record::Imported(_) => {
            return Ok("a run that was made elsewhere: this one is refused".into());
        }
    };
    let mut differ = versions(&there, manifest);
    if differ.is_empty() {
        differ = changes(&there, manifest)?;
    }
    if !differ.is_empty() {
        let words = in_words(&differ, ["there", "here"]);
        return Ok(format!("another run, so that this one is refused: {words}"));
    }
    Ok(match state {
        State::Sealed => "all trials: the run has finished".to_owned(),
        State::Begun => format!("{} trials", TrialCount::of(folder).now()?),
    })
}

/// How tokens are drawn, in words.
fn sampling(sampling: &Sampling) -> String {
    let Sampling { temperature, top_k, top_p, min_p, repetition_penalty } = sampling;
    let mut words = vec![format!("temperature {temperature}")];
    words.extend(top_k.map(|k| format!("top-k {k}")));
    words.extend(top_p.map(|p| format!("top-p {p}")));
    words.extend(min_p.map(|p| format!("min-p {p}")));
    if *repetition_penalty != 1.0 {
        words.push(format!("repetition penalty {repetition_penalty}"));
    }
    if words.len() == 1 {
        words.push("nothing cut off".to_owned());
    }
    words.join(", ")
}
