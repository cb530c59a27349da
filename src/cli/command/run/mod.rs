//! `candor run`: one model through one scenario, in one or several variants.

mod config;
mod dry;

use std::cell::OnceCell;

use crate::cli::args::RunArgs;
use crate::cli::args::bounds::check_count;
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::threads::use_threads;
use crate::engine::{BATCH_MAX, Sampling};
use crate::error::{Error, Result};
use crate::events::shown;
use crate::judge::rules;
use crate::machine::Loaded;
use crate::model::{GenerationConfig, Model, RenderOptions};
use crate::probe::steering;
use crate::run::{ControlText, Pace, Plan, Registered, Settings, ShardPart};
use crate::scenario::{RequestSet, Scenario, Variant};
use crate::study::experiment::{Wanted, experiments, make_all};
use crate::study::judged::judge_runs;
use crate::study::judges::ChosenJudge;
use crate::study::longest::one_side;
use crate::study::stopping::stopping;
use dry::dry_run;

pub(in crate::cli) fn run(args: &mut RunArgs, talk: &Talk) -> Result<()> {
    if let Some(path) = args.config.clone() {
        config::take(args, &path)?;
    }
    if args.print_config {
        return print(&config::text(args));
    }
    make(args, talk)
}

fn make(args: &RunArgs, talk: &Talk) -> Result<()> {
    let model = args.model.as_deref().ok_or_else(|| {
        Error::input("no model is named")
            .hint("give it after `run`, or as `[[models]]` in the file of `--config`")
    })?;
    let judge = ChosenJudge::new(&args.judge, args.judge_model.settings(&args.judge)?, talk)?;
    check_count("batch", args.batch as u64, BATCH_MAX as u64)?;
    if args.shard.is_some() && args.judge != rules::NAME {
        return Err(Error::input(format!(
            "a shard is not judged: `--judge {}` with `--shard`",
            args.judge
        ))
        .hint("leave `--judge` out, merge the shards, then `candor judge` the merged run"));
    }
    if args.until_width.is_some() && args.shard.is_some() {
        return Err(Error::input(
            "`--until-width` with `--shard`: no shard knows what the others have seen",
        )
        .hint("leave one of the two out"));
    }
    use_threads(args.threads)?;
    let compute =
        args.device.open(args.quantize)?.steered(args.steer.as_deref().map(steering).transpose()?);
    let scenario = Scenario::load(&args.scenario)?;
    let variants = variants(&scenario, &args.variant)?;
    let name = args.requests.as_deref().unwrap_or(&scenario.requests);
    let requests = RequestSet::load_columns(name, args.columns.columns().as_ref())?;
    let requests = match args.limit {
        Some(limit) => requests.limit(limit)?,
        None => requests,
    };
    let requests = requests.put_by(&scenario, args.seed)?;
    let requests = match args.until_width {
        Some(_) => requests.shuffled(args.seed),
        None => requests,
    };
    let asked = settings(args, &requests)?;
    let settings = OnceCell::new();
    // Every variant is checked before the first one is run; its prompts are made once.
    let mut rendered = Vec::new();
    let longest = |model: &Model| {
        let mut lengths = Vec::new();
        let generation = model.generation()?;
        let settings = settings.get_or_init(|| sampled(asked, args, &generation, talk));
        settings.check()?;
        for variant in &variants {
            let mut plan = Plan::new(model, &scenario, variant, &requests, settings)?;
            rendered.push(plan.rendered());
            if args.dry_run {
                if let Some(shard) = args.shard {
                    plan.keep(&ShardPart::new(shard, plan.pairs()));
                }
                describe(&plan)?;
            }
            lengths.push(plan.longest_text());
        }
        one_side(model, &lengths)
    };
    let loaded = Loaded::open_hashed(model, &compute, longest, talk)?;
    let settings = settings
        .get()
        .ok_or_else(|| Error::failed("the model was loaded without a look at its prompts"))?;
    let pace = Pace { batch: args.batch, draft: !args.no_draft };
    let mut wanted = Vec::new();
    for (variant, rendered) in variants.iter().zip(rendered) {
        let mut plan =
            Plan::with_rendered(&loaded.model, &scenario, variant, &requests, settings, rendered)?;
        let part = args.shard.map(|shard| ShardPart::new(shard, plan.pairs()));
        if let Some(part) = &part {
            plan.keep(part);
        }
        let out = args.out.as_ref().map(|out| match variants.len() {
            1 => out.clone(),
            _ => out.join(&variant.name),
        });
        let one = Wanted { plan, part, out };
        match args.dry_run {
            true => dry_run(args, &loaded, &one, pace, talk)?,
            false => wanted.push(one),
        }
    }
    if args.dry_run {
        return Ok(());
    }
    if let Some(shard) = args.shard {
        let made = make_all(&loaded, &wanted, pace, talk, &|folder| Ok(folder.path().to_owned()))?;
        for folder in made {
            talk.say(format!("shard {shard}: {}", shown(&folder)));
        }
        return Ok(());
    }
    let made = experiments(&loaded, &wanted, pace, talk)?;
    let (folders, mut views): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    if !judge.is_rules() {
        // The model that was measured makes room for the one that judges it.
        drop(loaded);
        views = judge_runs(&folders, &judge, talk)?;
    }
    show(&crate::cli::command::report::summary(&views))?;
    for folder in &folders {
        talk.say(format!("report: {}", shown(&folder.join("report.html"))));
    }
    Ok(())
}

pub(in crate::cli) fn variants<'a>(
    scenario: &'a Scenario,
    names: &[String],
) -> Result<Vec<&'a Variant>> {
    if names.is_empty() {
        return Ok(vec![&scenario.variants[0]]);
    }
    let mut variants: Vec<&Variant> = Vec::new();
    for name in names {
        let variant = scenario.variant(name)?;
        if variants.iter().any(|v| v.name == variant.name) {
            return Err(Error::input(format!("`--variant` names `{name}` twice"))
                .hint("name each variant once"));
        }
        variants.push(variant);
    }
    Ok(variants)
}

fn settings(args: &RunArgs, requests: &RequestSet) -> Result<Settings> {
    let mut options = RenderOptions::default();
    for arg in &args.args {
        options.add_arg(arg)?;
    }
    let settings = Settings {
        seed: args.seed,
        samples: args.samples,
        max_tokens: args.max_tokens,
        sampling: Sampling {
            temperature: args.temperature,
            top_k: args.top_k,
            top_p: args.top_p,
            min_p: args.min_p,
            repetition_penalty: args.repetition_penalty,
        },
        coupled: !args.uncoupled,
        date: args.date.clone(),
        template_args: options.args,
        control_text: match (args.defuse, args.refuse_control_text) {
            (true, _) => ControlText::Defuse,
            (false, true) => ControlText::Refuse,
            (false, false) => ControlText::Keep,
        },
        stopping: args.until_width.map(|width| stopping(width, requests)).transpose()?,
        registered: args.registered.as_deref().map(Registered::read).transpose()?,
    };
    settings.check()?;
    Ok(settings)
}

/// The settings with the sampling that `generation_config.json` asks for, where it is to be used; a note about it where it
/// asks for another and is not.
fn sampled(
    mut settings: Settings,
    args: &RunArgs,
    asked: &GenerationConfig,
    talk: &Talk,
) -> Settings {
    let used = settings.sampling.clone();
    let wanted = Sampling {
        temperature: asked.temperature.unwrap_or(1.0),
        top_k: asked.top_k,
        top_p: asked.top_p,
        min_p: asked.min_p,
        repetition_penalty: asked.repetition_penalty.unwrap_or(1.0),
    };
    let words = match asked.in_words() {
        words if words.is_empty() => "nothing of its own".to_owned(),
        words => words.join(", "),
    };
    if args.generation_config {
        talk.say(format!("sampling as `generation_config.json` says: {words}"));
        settings.sampling = wanted;
    } else if (wanted.temperature, wanted.top_p) != (used.temperature, used.top_p) {
        talk.say(format!(
            "note: the model's `generation_config.json` asks for {words}; this run draws at temperature {}{} (`--generation-config` takes what it asks for)",
            used.temperature,
            used.top_p.map(|p| format!(", top-p {p}")).unwrap_or_default()
        ));
    }
    settings
}

pub(in crate::cli) fn describe(plan: &Plan<'_>) -> Result<()> {
    let lengths: Vec<usize> = plan.prompts().map(|prompt| prompt.ids.len()).collect();
    let longest = lengths.iter().max().copied().unwrap_or(0);
    show(&format!(
        "{} · {} · {}: {} trials ({} requests × {} tiers × {} samples{})\n\
         prompts: {} to {longest} tokens, context {}, up to {} new tokens each\n",
        plan.model.label,
        plan.scenario.name,
        plan.variant.name,
        plan.trials.len(),
        plan.requests.requests.len(),
        plan.scenario.tiers.len(),
        plan.settings.samples,
        if plan.trials.len() < plan.pairs() * plan.scenario.tiers.len() {
            ", of which a shard"
        } else {
            ""
        },
        lengths.iter().min().copied().unwrap_or(0),
        plan.model.spec.context,
        plan.settings.max_tokens,
    ))
}
