//! `candor verify`: is this run what it says it is?

use std::process::ExitCode;

use super::args::VerifyArgs;
use super::experiment::{Loaded, read_performance};
use super::interrupt;
use super::talk::{Talk, print};
use super::{NOT_COMPARABLE, use_threads};
use crate::decoder::LanguageModel;
use crate::error::{Error, Result};
use crate::run::{Digests, Finished, Manifest, Plan, check_digests, regenerate};
use crate::scenario::{RequestSet, Scenario};

/// Sequences that are decoded at once.
const BATCH: usize = 64;

pub(super) fn verify(args: &VerifyArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let run = Finished::open(&args.run);
    // A damaged line is a finding, not a reason to stop before the digests were looked at.
    if Finished::manifest(&args.run).is_ok() && args.run.join("seal.json").exists() {
        if let Digests::Changed(what) = check_digests(&args.run)? {
            print(&format!("differs: {what}\n"))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let run = run?;
    if args.digests {
        print("verified: manifest and transcripts are as sealed\n")?;
        return Ok(ExitCode::SUCCESS);
    }

    let recorded = &run.manifest;
    let name = match &args.model {
        Some(name) => name.clone(),
        None if recorded.model.label.starts_with("organism:") => recorded.model.label.clone(),
        None => read_performance(&args.run).map(|p| p.model).map_err(|_| {
            Error::input("the run does not say where its model lies").hint("name it with `--model`")
        })?,
    };
    let loaded = Loaded::open(&name, talk)?;
    let scenario = Scenario::from_text("the manifest's scenario", &recorded.scenario.text)?;
    let requests = RequestSet::recorded(
        &recorded.requests.name,
        &recorded.requests.digest,
        &recorded.requests.items,
    );
    let variant = scenario.variant(&recorded.variant)?;
    let plan = Plan::new(&loaded.model, &scenario, variant, &requests, &recorded.settings)?;

    let here = Manifest::new(&plan, loaded.decoder.info())?;
    let comparable = here.numerics == recorded.numerics;
    let same_but_for_place = Manifest {
        numerics: here.numerics.clone(),
        candor: here.candor.clone(),
        promise: here.promise.clone(),
        model: crate::run::ModelRecord {
            label: here.model.label.clone(),
            ..recorded.model.clone()
        },
        ..recorded.clone()
    };
    if let Some(change) = same_but_for_place.first_difference(&here)? {
        return Err(Error::input(format!(
            "`{name}` is not what the run was made with: `{}` is {} there and {} here",
            change.key, change.there, change.here
        ))
        .hint("name the model of the run with `--model`"));
    }

    let count = if args.all { run.transcripts.len() } else { args.sample };
    let result =
        regenerate(&plan, &loaded.decoder, &run.transcripts, count, BATCH, interrupt::flag()?)?;
    let share = 100.0 * result.tokens_equal as f64 / result.tokens.max(1) as f64;
    if !comparable {
        print(&format!(
            "not comparable here: the run was made by `{}`, this is `{}`\n{share:.2} % of {} tokens are equal\n",
            recorded.numerics, here.numerics, result.tokens
        ))?;
        return Ok(ExitCode::from(NOT_COMPARABLE));
    }
    let Some(difference) = result.difference else {
        print(&format!(
            "verified: seal intact, {} of {} trials made again, {} tokens equal bit for bit\n",
            result.trials,
            run.transcripts.len(),
            result.tokens
        ))?;
        return Ok(ExitCode::SUCCESS);
    };
    let token = |id: Option<u32>| match id {
        Some(id) => format!("{id} ({:?})", loaded.model.tokenizer.token_of(id).unwrap_or_default()),
        None => "no token".into(),
    };
    print(&format!(
        "differs: trial {}, token {}: {} on record, {} now\n{share:.2} % of {} tokens are equal\n",
        difference.trial,
        difference.position,
        token(difference.recorded),
        token(difference.drawn),
        result.tokens
    ))?;
    Ok(ExitCode::FAILURE)
}
