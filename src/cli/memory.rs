//! Memory: what this machine has, what a run is reckoned to take, what the process took.

use sysinfo::System;

use super::loaded::Loaded;
use super::talk::Talk;
use crate::engine::{MemoryNeeds, MemoryPlan};
use crate::error::Result;
use crate::run::{Pace, Plan};

/// Bytes that can be had without swapping, within the limit of a container; none where the system does not say.
pub(super) fn available_bytes() -> Option<usize> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    // What the container holds of files in its cache is given up when memory is short.
    let container = system.cgroup_limits().map(|c| c.total_memory.saturating_sub(c.rss));
    let bytes = container.map_or(machine, |container| container.min(machine));
    usize::try_from(bytes).ok().filter(|&bytes| bytes > 0)
}

/// The most bytes that this process has held, files mapped into memory included.
pub(super) fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The largest batch up to the one asked for that this machine has the memory for, when these are made together.
pub(super) fn fit(
    loaded: &Loaded,
    plans: &[&Plan<'_>],
    pace: Pace,
    talk: &Talk,
) -> Result<MemoryPlan> {
    let mut prompts: Vec<&[u32]> = Vec::new();
    for plan in plans {
        let samples = plan.settings.samples as usize;
        prompts.extend(
            plan.prompts().flat_map(|prompt| std::iter::repeat_n(&prompt.ids[..], samples)),
        );
    }
    let max_tokens = plans.iter().map(|plan| plan.settings.max_tokens).max().unwrap_or(0);
    fit_prompts(loaded, &prompts, max_tokens, pace, talk)
}

/// The same for replies to any prompts.
pub(super) fn fit_prompts(
    loaded: &Loaded,
    prompts: &[&[u32]],
    max_tokens: usize,
    pace: Pace,
    talk: &Talk,
) -> Result<MemoryPlan> {
    let needs = MemoryNeeds::of(loaded.decoder.info(), prompts, max_tokens, pace.draft)?;
    let fitted = needs.fit(pace.batch, loaded.available.unwrap_or(usize::MAX))?;
    if fitted.batch < pace.batch {
        talk.say(format!(
            "note: the batch is {} instead of {}, which would take {} MB of memory",
            fitted.batch,
            pace.batch,
            mb(needs.plan(pace.batch).total())
        ));
    }
    Ok(fitted)
}

/// The plan for people: MB, one line each.
pub(super) fn table(variant: &str, plan: &MemoryPlan, available: Option<usize>) -> String {
    let mut text = format!("memory in MB for {variant}, batch {}:\n", plan.batch);
    let lines = [
        ("weights", Some(plan.weights)),
        ("prefixes", Some(plan.prefixes)),
        ("replies", Some(plan.tails)),
        ("logits", Some(plan.logits)),
        ("working space", Some(plan.working)),
        ("total", Some(plan.total())),
        ("available", available),
    ];
    for (name, bytes) in lines {
        let number = bytes.map_or("unknown".into(), mb);
        text += &format!("  {name:13} {number:>10}\n");
    }
    text
}

fn mb(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
