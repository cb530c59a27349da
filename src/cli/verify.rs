//! `candor verify`: is this run what it says it is?

use std::process::ExitCode;

use serde::Serialize;

use super::args::VerifyArgs;
use super::compute::{Compute, Decoder};
use super::experiment::{Loaded, read_performance};
use super::talk::{Talk, print};
use super::{NOT_COMPARABLE, interrupt, memory, use_threads};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::run::{
    Digests, Finished, Manifest, ModelRecord, Pace, Plan, Record, check_digests, regenerate,
};
use crate::scenario::{RequestSet, Scenario};

/// One token after the other, so that this also vouches for the guesses that the run may have made.
const PACE: Pace = Pace { batch: 64, draft: false };

const VERIFIED: &str = "verified";
const DIFFERS: &str = "differs";
const NOT_HERE: &str = "not comparable here";

/// What `verify` found; with `--json` it is printed as it is.
#[derive(Debug, Default, Serialize)]
struct Finding {
    /// `verified`, `differs` or `not comparable here`.
    verdict: &'static str,
    /// What differs, or what was looked at.
    detail: String,
    trials_again: usize,
    trials: usize,
    tokens: usize,
    tokens_equal: usize,
}

pub(super) fn verify(args: &VerifyArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let finding = examine(args, talk)?;
    print(&if args.json {
        serde_json::to_string_pretty(&finding)
            .map(|text| text + "\n")
            .map_err(|error| Error::failed(format!("the finding cannot be written: {error}")))?
    } else {
        format!("{}: {}\n", finding.verdict, finding.detail)
    })?;
    Ok(match finding.verdict {
        VERIFIED => ExitCode::SUCCESS,
        DIFFERS => ExitCode::FAILURE,
        _ => ExitCode::from(NOT_COMPARABLE),
    })
}

fn examine(args: &VerifyArgs, talk: &Talk) -> Result<Finding> {
    // The digests first: a damaged line is a finding, not a reason to stop.
    Finished::check_sealed(&args.run)?;
    if let Digests::Changed(what) = check_digests(&args.run)? {
        return Ok(Finding { verdict: DIFFERS, detail: what, ..Finding::default() });
    }
    let run = Finished::open_any(&args.run)?;
    let trials = run.transcripts.len();
    if args.digests {
        let detail = "manifest and transcripts are as sealed".into();
        return Ok(Finding { verdict: VERIFIED, detail, trials, ..Finding::default() });
    }

    let Record::Made(recorded) = &run.record else {
        let detail =
            "the run was made elsewhere and taken in from a log; it is as it was sealed then"
                .into();
        return Ok(Finding { verdict: NOT_HERE, detail, trials, ..Finding::default() });
    };
    let label = &recorded.model.label;
    let name = match (&args.model, &recorded.model.source) {
        (Some(name), _) => name.clone(),
        (None, Some(source)) => format!("{label}@{}", source.commit),
        (None, None) if label.starts_with("organism:") => label.clone(),
        (None, None) => read_performance(&args.run).map(|p| p.model).map_err(|_| {
            Error::input("the run does not say where its model lies").hint("name it with `--model`")
        })?,
    };
    let compute = Compute::of_numerics(&recorded.numerics, recorded.model.quantize);
    let (text, files) = (&recorded.scenario.text, &recorded.scenario.files);
    let scenario = Scenario::from_text("the manifest's scenario", text, files)?;
    let requests = RequestSet::recorded(
        &recorded.requests.name,
        &recorded.requests.digest,
        &recorded.requests.items,
    );
    let variant = scenario.variant(&recorded.variant)?;
    let longest = |model: &Model| {
        let plan = Plan::new(model, &scenario, variant, &requests, &recorded.settings)?;
        Ok(plan.longest_text())
    };
    let loaded = Loaded::open(&name, &compute, longest, talk)?;
    let plan = Plan::new(&loaded.model, &scenario, variant, &requests, &recorded.settings)?;

    // Names, versions and numerics may differ; what the model was given may not.
    let here = Manifest::new(&plan, loaded.decoder.info())?;
    let expected = Manifest {
        numerics: here.numerics.clone(),
        candor: here.candor.clone(),
        promise: here.promise.clone(),
        model: ModelRecord {
            label: here.model.label.clone(),
            // Words for people, which change with the version.
            stop_sources: here.model.stop_sources.clone(),
            notes: here.model.notes.clone(),
            ..recorded.model.clone()
        },
        ..(**recorded).clone()
    };
    if let Some(change) = expected.first_difference(&here)? {
        return Err(Error::input(format!(
            "`{name}` is not what the run was made with: `{}` is {} there and {} here",
            change.key, change.there, change.here
        ))
        .hint("name the model of the run with `--model`"));
    }

    let count = if args.all { trials } else { args.sample };
    let pace = Pace { batch: memory::fit(&loaded, &plan, PACE, talk)?.batch, ..PACE };
    let (recorded_trials, stop) = (&run.transcripts, interrupt::flag()?);
    let result = match &loaded.decoder {
        Decoder::Cpu(decoder) => regenerate(&plan, &**decoder, recorded_trials, count, pace, stop),
        Decoder::Tensor(decoder) => {
            regenerate(&plan, &**decoder, recorded_trials, count, pace, stop)
        }
    }?;
    let finding = Finding {
        trials_again: result.trials,
        trials,
        tokens: result.tokens,
        tokens_equal: result.tokens_equal,
        ..Finding::default()
    };
    let share = format!(
        "{:.2} % of {} tokens are equal",
        100.0 * finding.tokens_equal as f64 / finding.tokens.max(1) as f64,
        finding.tokens
    );
    if here.numerics != recorded.numerics {
        let detail = format!(
            "the run was made by `{}`, this is `{}`; {share}",
            recorded.numerics, here.numerics
        );
        return Ok(Finding { verdict: NOT_HERE, detail, ..finding });
    }
    let Some(difference) = result.difference else {
        let detail = format!(
            "seal intact, {} of {trials} trials made again, {} tokens equal bit for bit",
            finding.trials_again, finding.tokens
        );
        return Ok(Finding { verdict: VERIFIED, detail, ..finding });
    };
    let token = |id: Option<u32>| match id {
        Some(id) => format!("{id} ({:?})", loaded.model.tokenizer.token_of(id).unwrap_or_default()),
        None => "no token".into(),
    };
    let detail = format!(
        "trial {}, token {}: {} on record, {} now; {share}",
        difference.trial,
        difference.position,
        token(difference.recorded),
        token(difference.drawn)
    );
    Ok(Finding { verdict: DIFFERS, detail, ..finding })
}
