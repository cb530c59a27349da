//! `candor verify`: is this run what it says it is?

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::args::VerifyArgs;
use crate::cli::exit::NOT_COMPARABLE;
use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, print};
use crate::cli::threads::use_threads;
use crate::error::{Error, Result};
use crate::machine::with_decoder;
use crate::run::{
    Digests, Finished, Manifest, Pace, Record, Reread, TierRecord, check_digests, check_journal,
    check_trials, derived, read_again, regenerate,
};
use crate::scenario::Scenario;
use crate::study::fit::fit;
use crate::study::recorded::{Recorded, check_versions};
use crate::study::rejudge::{Rejudged, rejudge};
use crate::transcript::token_digest;

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
    /// BLAKE3 of the token ids on record, where they could be read.
    token_digest: Option<String>,
}

pub(in crate::cli) fn verify(args: &VerifyArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.threads)?;
    let finding = examine(args, talk)?;
    print(&if args.json {
        serde_json::to_string_pretty(&finding)
            .map(|text| text + "\n")
            .map_err(|error| Error::failed(format!("the finding cannot be written: {error}")))?
    } else {
        let digest = finding.token_digest.as_ref();
        let digest = digest.map(|digest| format!("BLAKE3 of the token ids: {digest}\n"));
        format!("{}: {}\n{}", finding.verdict, finding.detail, digest.unwrap_or_default())
    })?;
    Ok(match finding.verdict {
        VERIFIED => ExitCode::SUCCESS,
        DIFFERS => ExitCode::FAILURE,
        _ => ExitCode::from(NOT_COMPARABLE),
    })
}

/// What the manifest says of the scenario beside its text follows from the text.
fn scenario_differs(manifest: &Manifest) -> Result<Option<String>> {
    let recorded = &manifest.scenario;
    let told = |what: &str| {
        Some(format!("`{what}` of `manifest.json` is not what the scenario's text in it says"))
    };
    let Ok(scenario) =
        Scenario::from_text("the manifest's scenario", &recorded.text, &recorded.files)
    else {
        return Ok(told("scenario.text"));
    };
    let Ok(variant) = scenario.variant(&manifest.variant) else { return Ok(told("variant")) };
    let tiers: Vec<TierRecord> = scenario
        .tiers
        .iter()
        .map(|tier| TierRecord {
            name: tier.name.clone(),
            label: variant.label(tier).into(),
            trained_on: tier.trained_on,
        })
        .collect();
    Ok(match () {
        () if scenario.digest() != recorded.digest => told("scenario.digest"),
        () if tiers != recorded.tiers => told("scenario.tiers"),
        () if variant.tags != recorded.tags => told("scenario.tags"),
        () => None,
    })
}

fn differs(detail: String) -> Finding {
    Finding { verdict: DIFFERS, detail, ..Finding::default() }
}

fn examine(args: &VerifyArgs, talk: &Talk) -> Result<Finding> {
    // The digests first: a damaged line is a finding, not a reason to stop.
    Finished::check_sealed(&args.run)?;
    if let Digests::Changed(what) = check_digests(&args.run)? {
        return Ok(differs(what));
    }
    let run = Finished::open_any(&args.run)?;
    let trials = run.transcripts.len();
    if let Some(what) = check_trials(&run)? {
        return Ok(differs(what));
    }
    if let Some(what) = check_journal(&run)? {
        return Ok(differs(what));
    }
    let not_here =
        |detail: String| Finding { verdict: NOT_HERE, detail, trials, ..Finding::default() };
    if let Err(error) = check_versions(&run.record) {
        return Ok(not_here(format!("{error}; manifest and transcripts are as sealed")));
    }
    // Everything that follows from the transcripts can be made again without the model.
    let mut unseen = Vec::new();
    if let Record::Made(manifest) = &run.record {
        if let Some(what) = scenario_differs(manifest)? {
            return Ok(differs(what));
        }
        match read_again(manifest, &run.transcripts) {
            Reread::Differs(what) => return Ok(differs(what)),
            Reread::Same { unread: 0 } => {}
            Reread::Same { unread } => {
                unseen.push(format!("the parts of {unread} replies (they need the model)"));
            }
        }
    }
    let mut seen = Vec::new();
    let mut incomparable = None;
    if Finished::part(&args.run)?.is_none() {
        match rejudge(Finished::open(&args.run)?, talk)? {
            Rejudged::Differs(what) => return Ok(differs(what)),
            Rejudged::Incomparable(what) => incomparable = Some(what),
            Rejudged::Same { seen: these, unseen: others } => {
                seen = these;
                unseen.extend(others);
            }
        }
    }
    let seen = match seen.is_empty() {
        true => String::new(),
        false => format!("; made again and the same: {}", seen.join(", ")),
    };
    let unseen = match unseen.is_empty() {
        true => String::new(),
        false => format!("; not looked at: {}", unseen.join(", ")),
    };
    if args.digests {
        if let Some(what) = incomparable {
            return Ok(not_here(format!("{what}; manifest and transcripts are as sealed")));
        }
        let detail = format!("manifest and transcripts are as sealed{seen}{unseen}");
        return Ok(Finding { verdict: VERIFIED, detail, trials, ..Finding::default() });
    }
    if let Record::Imported(_) = &run.record {
        let detail =
            "the run was made elsewhere and taken in from a log; it is as it was sealed then";
        return Ok(not_here(format!("{detail}{seen}{unseen}")));
    }
    let recorded = Recorded::open(run, args.model.as_deref(), talk)?;
    let (plan, here) = recorded.checked_plan()?;
    let (run, loaded) = (&recorded.run, &recorded.loaded);
    if let Some(what) = derived(&plan, &run.transcripts)? {
        return Ok(differs(what));
    }
    let count = if args.all { trials } else { args.sample };
    let pace = Pace { batch: fit(loaded, &[&plan], PACE, talk)?.batch, ..PACE };
    let (recorded_trials, stop) = (&run.transcripts, interrupt::flag()?);
    let result = with_decoder!(&loaded.decoder, it => regenerate(&plan, it, recorded_trials, count, pace, stop))?;
    let finding = Finding {
        trials_again: result.trials,
        trials,
        tokens: result.tokens,
        tokens_equal: result.tokens_equal,
        token_digest: Some(token_digest(recorded_trials)),
        ..Finding::default()
    };
    let share = format!(
        "{:.2} % of {} tokens are equal",
        100.0 * finding.tokens_equal as f64 / finding.tokens.max(1) as f64,
        finding.tokens
    );
    if here.numerics != recorded.manifest.numerics {
        let detail = format!(
            "the run was made by `{}`, this is `{}`; {share}",
            recorded.manifest.numerics, here.numerics
        );
        return Ok(Finding { verdict: NOT_HERE, detail, ..finding });
    }
    let Some(difference) = result.difference else {
        let detail = format!(
            "seal intact, {} of {trials} trials made again, {} tokens equal bit for bit{seen}{unseen}",
            finding.trials_again, finding.tokens
        );
        if let Some(what) = incomparable {
            return Ok(Finding {
                verdict: NOT_HERE,
                detail: format!("{what}; {detail}"),
                ..finding
            });
        }
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
