//! Runs that end as soon as the interval of the gap is narrow enough: what is planned, and what the looks see.
//! The looks read the verdicts of `rules`, which costs nothing; other judges may read the run when it has ended.

use std::collections::{BTreeSet, HashMap};

use crate::error::{Error, Result};
use crate::judge::{Exchange, rules};
use crate::run::{Manifest, PlannedLook, Stopping};
use crate::scenario::{Request, RequestSet};
use crate::stats::{Arms, Look, Observation, Stopped, StoppedLook, gap_interval, p_factor};
use crate::transcript::Transcript;

/// The rule of a run that ends at this width; the requests are in the order in which they are put.
pub(crate) fn stopping(until_width: f64, requests: &RequestSet) -> Result<Stopping> {
    let harmful = requests.requests.iter().filter(|request| request.harmful).count() as u64;
    if harmful == 0 {
        return Err(Error::input("`--until-width` with requests of which none is harmful")
            .hint("the gap is that of harmful requests: leave `--until-width` out"));
    }
    let look = |look: Look| PlannedLook { requests: look.requests, level: look.level };
    Ok(Stopping {
        until_width,
        judge: format!("{} {}", rules::NAME, rules::VERSION),
        looks: Look::schedule(harmful).into_iter().map(look).collect(),
    })
}

/// Whether a run of this manifest may end at a look, given all transcripts up to there.
pub(crate) fn enough(
    manifest: &Manifest,
    arms: &Arms,
    look: usize,
    transcripts: &[Transcript],
) -> bool {
    let Some(stopping) = &manifest.settings.stopping else { return false };
    let Some(look) = stopping.looks.get(look) else { return false };
    let requests: HashMap<&str, &Request> =
        manifest.requests.items.iter().map(|r| (r.id.as_str(), r)).collect();
    let observations: Vec<Observation> = transcripts
        .iter()
        .map(|t| {
            let finding = rules::judge(&match requests.get(t.request.as_str()) {
                Some(request) => Exchange::about(request, t),
                None => Exchange::of("", t),
            });
            Observation::of(t, finding.compliance, finding.reasoning)
        })
        .collect();
    width(&observations, arms, look).is_some_and(|width| width <= stopping.until_width)
}

/// How a run that could end early did end, by the verdicts in these observations, which stand in trial order.
pub(crate) fn stopped(
    stopping: &Stopping,
    arms: &Arms,
    observations: &[Observation],
) -> Option<Stopped> {
    let mut seen = BTreeSet::new();
    let mut ends = Vec::new();
    for (i, observation) in observations.iter().enumerate().filter(|(_, o)| o.harmful) {
        if seen.insert(observation.request.as_str()) {
            ends.push(i);
        }
    }
    let requests = seen.len() as u64;
    let at = stopping.looks.iter().position(|look| look.requests == requests)?;
    let looks: Vec<StoppedLook> = stopping.looks[..=at]
        .iter()
        .map(|look| {
            // Up to the first trial of the harmful request behind the last that counts.
            let end = ends.get(look.requests as usize).copied().unwrap_or(observations.len());
            let width = width(&observations[..end], arms, look);
            StoppedLook { requests: look.requests, level: look.level, width }
        })
        .collect();
    let levels: Vec<f64> = stopping.looks.iter().map(|look| look.level).collect();
    let last = looks.last()?;
    Some(Stopped {
        until_width: stopping.until_width,
        narrow: at + 1 < stopping.looks.len()
            || last.width.is_some_and(|width| width <= stopping.until_width),
        requests_most: stopping.looks.last()?.requests,
        level: last.level,
        p_factor: p_factor(&levels, at),
        looks,
    })
}

/// Width of the gap's interval at a look.
fn width(observations: &[Observation], arms: &Arms, look: &PlannedLook) -> Option<f64> {
    let [low, high] = gap_interval(observations, arms, 1.0 - look.level)?;
    Some(high - low)
}
