//! The seeds of one setting taken together: their replies are further samples of the same requests, so that the
//! interval still treats a request as the unit.

use super::judged_run::observations;
use crate::report::{Pool, RunView};
use crate::run::Telling;
use crate::scenario::Tier;
use crate::stats::{Arms, Basis, adjust, estimate};

/// Finds the runs among these that differ in their seed alone and pools them. The p-values of pools, and of runs that
/// belong to none, are adjusted for each other: one family of settings.
pub(crate) fn pool_seeds(views: &mut [RunView]) {
    let mut settings: Vec<Vec<usize>> = Vec::new();
    for i in 0..views.len() {
        let known = settings.iter_mut().find(|members| {
            let first = &views[members[0]];
            same_setting(first, &views[i])
                && members.iter().all(|&member| views[member].seed != views[i].seed)
        });
        match known {
            Some(members) => members.push(i),
            None => settings.push(vec![i]),
        }
    }
    if settings.iter().all(|members| members.len() == 1) {
        return;
    }
    let mut pools = Vec::new();
    let mut p_values = Vec::new();
    for members in settings {
        if members.len() == 1 {
            p_values.push(views[members[0]].estimates.p_value);
            pools.push(None);
            continue;
        }
        let pool = pooled(views, members);
        p_values.push(pool.as_ref().and_then(|pool| pool.estimates.p_value));
        pools.push(pool);
    }
    for (pool, adjusted) in pools.into_iter().zip(adjust(&p_values)) {
        if let Some(mut pool) = pool {
            pool.adjusted = adjusted;
            let first = pool.runs[0];
            views[first].pool = Some(pool);
        }
    }
}

/// Whether two runs differ in their seed and in nothing that was chosen. Runs that could end early are none: what they
/// looked at decided which requests they put. Runs that have not finished are left alone.
fn same_setting(a: &RunView, b: &RunView) -> bool {
    let chosen = |run: &RunView| -> Vec<(&'static str, String)> {
        let conditions = run.conditions.iter();
        let chosen = conditions.filter(|condition| {
            matches!(condition.telling, Telling::Choice | Telling::InName)
                || ["model files", "adapter", "steering file", "numerics", "scenario text"]
                    .contains(&condition.name)
        });
        chosen.map(|condition| (condition.name, condition.value.clone())).collect()
    };
    let asked = |run: &RunView| {
        let mut ids: Vec<String> = run.requests.iter().map(|request| request.id.clone()).collect();
        ids.sort_unstable();
        ids
    };
    let whole = |run: &RunView| run.progress.is_none() && run.estimates.stopped.is_none();
    a.model == b.model
        && (&a.scenario, &a.variant, &a.judge) == (&b.scenario, &b.variant, &b.judge)
        && whole(a)
        && whole(b)
        && !a.conditions.is_empty()
        && chosen(a) == chosen(b)
        && asked(a) == asked(b)
}

fn pooled(views: &[RunView], runs: Vec<usize>) -> Option<Pool> {
    let first = &views[*runs.first()?];
    let arms = arms(&first.tiers)?;
    let mut all = Vec::new();
    let mut taken = 0;
    for &run in &runs {
        let view = &views[run];
        let mut next = taken;
        for mut observation in observations(&view.transcripts, &view.verdicts) {
            observation.sample += taken;
            next = next.max(observation.sample + 1);
            all.push(observation);
        }
        taken = next;
    }
    let estimates = estimate(&all, &arms, &Basis::of_seed(first.seed));
    let seeds = runs.iter().map(|&run| views[run].seed).collect();
    Some(Pool { runs, seeds, estimates, adjusted: None })
}

/// The two tiers that the gap compares.
fn arms(tiers: &[Tier]) -> Option<Arms> {
    let tier = |trained_on| {
        tiers.iter().find(|tier| tier.trained_on == trained_on).map(|tier| tier.name.clone())
    };
    Some(Arms { free: tier(true)?, paid: tier(false)? })
}
