//! `candor sweep --dry-run`: what a sweep would do, with the time that a short measurement leads one to expect.

use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, show};
use crate::cli::screen::time::time;
use crate::error::Result;
use crate::run::Pace;
use crate::study::fit::fit;
use crate::study::reckoning::seconds_at_most;
use crate::study::sweep_work::Work;

/// Prints every cell: trials, tokens, memory, time at most. Loads each model, and writes nothing.
pub(in crate::cli) fn dry_run(work: &Work<'_>, talk: &Talk) -> Result<()> {
    let (mut cells_all, mut trials_all, mut seconds_all) = (0, 0, 0.0);
    show("cell · trials · prompt tokens · new tokens at most · memory in MB · time at most\n")?;
    for (_, entry, cells) in work.models() {
        let loaded = work.load(entry, &cells, talk)?;
        let plans = work.plans(&loaded.model, cells.iter().copied())?;
        for (plan, (cell, _)) in plans.into_iter().zip(cells) {
            let pace = Pace { batch: cell.batch, draft: true };
            let memory = fit(&loaded, &[&plan], pace, talk)?;
            let seconds = seconds_at_most(&loaded, &plan, memory.batch, interrupt::flag()?)?;
            let trials = plan.trials.len();
            let prompts: usize = plan
                .trials
                .iter()
                .filter_map(|trial| plan.prompt(&trial.request.id, &trial.tier.name))
                .map(|prompt| prompt.ids.len())
                .sum();
            show(&format!(
                "{} · {trials} · {prompts} · {} · {:.1} · {}\n",
                cell.place.display(),
                trials * plan.settings.max_tokens,
                memory.total() as f64 / 1e6,
                time(seconds)
            ))?;
            cells_all += 1;
            trials_all += trials;
            seconds_all += seconds;
        }
    }
    show(&format!("{cells_all} cells, {trials_all} trials, {} at most\n", time(seconds_all)))
}
