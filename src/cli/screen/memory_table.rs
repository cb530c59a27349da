//! What a run is reckoned to take of the memory, in MB for people.

use crate::engine::MemoryPlan;

/// The plan for people: MB, one line each.
pub(in crate::cli) fn memory_table(
    variant: &str,
    plan: &MemoryPlan,
    available: Option<usize>,
) -> String {
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
