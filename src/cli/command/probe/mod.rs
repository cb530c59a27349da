//! `candor probe`: what the weights say about the tiers, beyond what sampling shows.

mod table;

use crate::cli::args::ProbeArgs;
use crate::cli::args::bounds::{REPEATS_MAX, check_count};
use crate::cli::interrupt;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show};
use crate::cli::threads::use_threads;
use crate::decoder::HiddenStates;
use crate::engine::BATCH_MAX;
use crate::error::{Error, Result};
use crate::judge::{Verdicts, rules};
use crate::machine::{fit_prompts, with_decoder};
use crate::probe::{
    Activations, Decisions, LinearProbes, Origin, Pairs, Position, Probe, ProbeSettings,
    Sensitivity, Swaps, control, heat, parse_depths, score_pairs,
};
use crate::run::{Digests, Finished, Lock, Pace, Plan, check_digests};
use crate::study::fit::fit;
use crate::study::recorded::Recorded;
use crate::study::verdicts::refresh;
use table::table;

pub(in crate::cli) fn probe(args: &ProbeArgs, talk: &Talk) -> Result<()> {
    use_threads(args.threads)?;
    if !(args.mass > 0.0 && args.mass <= 1.0) {
        return Err(Error::input(format!("`--mass {}` cannot be used", args.mass))
            .hint("`--mass` takes a number above 0 and up to 1"));
    }
    check_count("batch", args.batch as u64, BATCH_MAX as u64)?;
    if args.permutations > REPEATS_MAX {
        check_count("permutations", args.permutations, REPEATS_MAX)?;
    }
    let run = Finished::open(&args.run)?;
    if let Digests::Changed(what) = check_digests(&args.run)? {
        return Err(Error::input(format!(
            "`{}` is not as it was sealed: {what}",
            args.run.display()
        ))
        .hint("probe the run as it was made"));
    }
    if let Some(steering) = &run.record.made()?.model.steering {
        return Err(Error::input(format!("`{}` was steered ({steering})", args.run.display()))
            .hint("probes look at a model as it is: probe a run without `--steer`"));
    }
    let recorded = Recorded::open(run, args.model.as_deref(), talk)?;
    let probe = with_decoder!(&recorded.loaded.decoder, it => look(args, &recorded, it, talk))?;
    match args.json {
        true => show::json(&probe),
        false => show(&table(&probe)),
    }
}

fn look<M: HiddenStates>(
    args: &ProbeArgs,
    recorded: &Recorded,
    model: &M,
    talk: &Talk,
) -> Result<Probe> {
    let (plan, here) = recorded.checked_plan()?;
    let (run, stop) = (&recorded.run, interrupt::flag()?);
    let controls: Vec<Plan<'_>> =
        args.controls.iter().map(|variant| recorded.plan(variant)).collect::<Result<_>>()?;
    let pairs = Pairs::of(&plan, &run.transcripts, args.pairs)?;
    let asked = Pace { batch: args.batch, draft: false };
    let batch = fit(&recorded.loaded, &[&plan], asked, talk)?.batch;
    if plan.settings.sampling.temperature != 1.0 {
        talk.say(format!(
            "note: the run was drawn at temperature {}; probabilities here are those of the model, at temperature 1",
            plan.settings.sampling.temperature
        ));
    }

    let mut decisions = Decisions::new(&plan, &pairs, args.mass);
    let scored = score_pairs(&plan, model, &pairs, batch, stop, decisions.as_mut())?;
    let sensitivity = Sensitivity::of(&pairs, &scored);
    if sensitivity.tokens_reproduced < sensitivity.tokens {
        talk.say(format!(
            "note: {} of {} tokens do not have the log-probability that is on record: the run was made by `{}`, this is `{}`",
            sensitivity.tokens - sensitivity.tokens_reproduced,
            sensitivity.tokens,
            recorded.manifest.numerics,
            here.numerics
        ));
    }
    let decision = match decisions {
        Some(decisions) => Some(decisions.estimates()?),
        None => {
            talk.say(
                "note: the scenario has no `[decision]`: how likely the decisions were is left out",
            );
            None
        }
    };
    let controls = controls
        .iter()
        .map(|other| control(&plan, other, model, &pairs, &scored, batch, stop))
        .collect::<Result<Vec<_>>>()?;
    let swap = match args.swap {
        true => {
            let swaps = Swaps::new(&plan, &pairs)?;
            let (about, most) = swaps.tokens();
            talk.say(format!(
                "swap: {} answers to draw, about {} tokens, at most {}",
                show::grouped(swaps.answers() as u64),
                show::grouped(about as u64),
                show::grouped(most as u64)
            ));
            let pace = Pace { batch: args.batch, draft: true };
            let fitted = fit_prompts(
                &recorded.loaded,
                &swaps.prompts(),
                plan.settings.max_tokens,
                pace.batch,
                pace.draft,
                talk,
            )?;
            let bar = talk.answers(&plan.model.label, swaps.answers());
            let pace = Pace { batch: fitted.batch, ..pace };
            let swapped = swaps.draw(model, args.mass, pace, stop, |done| bar.inc(done as u64));
            bar.finish_and_clear();
            Some(swapped?)
        }
        false => None,
    };

    let linear = match &args.activations {
        Some(depths) => Some(read_stream(args, depths, recorded, &plan, model, talk)?),
        None => None,
    };

    let mut probe = Probe {
        candor: here.candor.clone(),
        numerics: here.numerics.clone(),
        transcripts_digest: Finished::transcripts_digest(&run.path)?,
        model: recorded.manifest.model.label.clone(),
        scenario: recorded.manifest.scenario.name.clone(),
        variant: recorded.manifest.variant.clone(),
        settings: ProbeSettings {
            pairs: pairs.replies.len() as u64 / 2,
            pairs_of: pairs.of as u64,
            mass: args.mass,
            controls: args.controls.clone(),
            swap: args.swap,
        },
        sensitivity,
        decision,
        controls,
        swap,
        linear,
    };
    let _lock = Lock::take(&run.path)?;
    // Damaged results of an earlier call are made anew by this one.
    if let Ok(Some(earlier)) = Probe::read(&run.path, &probe.transcripts_digest) {
        let kept = probe.keep(earlier);
        if !kept.is_empty() {
            talk.say(format!("kept from an earlier call: {}", kept.join(", ")));
        }
    }
    probe.write(&run.path, &heat(&pairs, &scored))?;
    refresh(&run.path)?;
    talk.say(format!("written: {}", run.path.join("probe").display()));
    Ok(probe)
}

/// Reads the residual stream, fits the linear probes, and writes states and directions.
fn read_stream<M: HiddenStates>(
    args: &ProbeArgs,
    depths: &str,
    recorded: &Recorded,
    plan: &Plan<'_>,
    model: &M,
    talk: &Talk,
) -> Result<LinearProbes> {
    let (run, stream) = (&recorded.run, model.stream());
    let depths = parse_depths(depths, stream)?;
    let digest = Finished::transcripts_digest(&run.path)?;
    let verdicts = Verdicts::of_run(run, rules::NAME)?.lines;
    let values = run.transcripts.len() * Position::ALL.len() * depths.len() * stream.width;
    talk.say(format!("activations: about {:.0} MB", (4 * values) as f64 / 1e6));
    let stop = interrupt::flag()?;
    let activations = Activations::read(plan, model, &run.transcripts, &depths, stop)?;
    let (linear, directions) =
        LinearProbes::of(plan, &activations, &verdicts, &digest, args.permutations);
    let _lock = Lock::take(&run.path)?;
    let origin = Origin {
        transcripts_digest: &digest,
        model: &recorded.manifest.model.label,
        numerics: &model.info().numerics,
    };
    activations.write(&run.path, &origin)?;
    directions.iter().try_for_each(|direction| direction.write(&run.path))?;
    Ok(linear)
}
