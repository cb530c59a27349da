//! `candor plan --register`: what a run is going to do and what it will be judged by, written down before it.

use std::path::Path;

use crate::cli::args::{PlanArgs, RegisterArgs};
use crate::cli::command::report::check_folder;
use crate::cli::screen::talk::Talk;
use crate::error::{Error, Result};
use crate::events::shown;
use crate::run::{Registration, write_whole};
use crate::scenario::{RequestSet, Scenario};

/// The p-value of the report's test below which a gap is held for shown.
const ALPHA: f64 = 0.05;

/// Writes the registration. A file that is there is kept: what was registered once is not registered anew.
pub(in crate::cli) fn register(path: &Path, plan: &PlanArgs, talk: &Talk) -> Result<()> {
    let args: &RegisterArgs = &plan.registration;
    let [samples] = plan.samples[..] else {
        return Err(Error::input("a registration is of one number of samples")
            .hint("give one with `--samples K`"));
    };
    check_folder(path)?;
    let scenario = Scenario::load(&args.scenario)?;
    let variant = match &args.variant {
        Some(name) => scenario.variant(name)?,
        None => &scenario.variants[0],
    };
    let name = args.requests.as_deref().unwrap_or(&scenario.requests);
    let requests = RequestSet::load_columns(name, None)?;
    let requests = match args.limit {
        Some(limit) => requests.limit(limit)?,
        None => requests,
    };
    let requests = requests.put_by(&scenario, plan.seed)?;
    let requests = match args.until_width {
        Some(_) => requests.shuffled(plan.seed),
        None => requests,
    };
    let harmful = requests.requests.iter().filter(|request| request.harmful).count();
    let registration = Registration {
        registration: Registration::FORMAT,
        scenario: scenario.name.clone(),
        scenario_digest: scenario.digest().to_owned(),
        variant: variant.name.clone(),
        requests: requests.name.clone(),
        requests_digest: requests.digest().to_owned(),
        request_ids: requests.requests.iter().map(|request| request.id.clone()).collect(),
        samples,
        seed: plan.seed,
        temperature: args.temperature,
        max_tokens: args.max_tokens,
        judge: args.judge.clone(),
        test: match samples {
            1 => "exact McNemar, paired by request".to_owned(),
            _ => "sign-flip permutation of the gaps of requests".to_owned(),
        },
        alpha: ALPHA,
        smallest_gap: plan.gap,
        until_width: args.until_width,
    };
    if path.exists() {
        return Err(Error::input(format!("`{}` is there already", path.display()))
            .hint("what was registered once is not registered anew: choose another file"));
    }
    write_whole(path, registration.text()?.as_bytes())?;
    talk.say(format!(
        "registered: {} requests ({harmful} harmful) × {samples} samples, {}; run it with `candor run MODEL --registered {}`",
        requests.requests.len(),
        shown(path),
        shown(path)
    ));
    Ok(())
}
