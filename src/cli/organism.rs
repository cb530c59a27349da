//! `candor organism`: the controls.

use std::path::Path;
use std::process::ExitCode;

use super::args::{CalibrateArgs, OrganismArgs, OrganismCommand, TrainArgs};
use super::interrupt;
use super::run::shown;
use super::talk::{Talk, print};
use super::use_threads;
use crate::decoder::CpuDecoder;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::organism::{CARD, Calibration, Card, Progress, RECIPES, Recipe, calibrate, train};
use crate::run::write_whole;
use crate::scenario::{RequestSet, Scenario};

pub(super) fn organism(args: &OrganismArgs, talk: &Talk) -> Result<ExitCode> {
    match &args.command {
        OrganismCommand::List { json } => list(*json),
        OrganismCommand::Train(args) => train_all(args, talk),
        OrganismCommand::Calibrate(args) => return calibrate_all(args, talk),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn recipes(names: &[String]) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return Ok(RECIPES.to_vec());
    }
    let recipe = |name: &String| {
        Recipe::named(name).copied().ok_or_else(|| {
            let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
            Error::input(format!("there is no organism `{name}`"))
                .hint(format!("organisms: {}", known.join(", ")))
        })
    };
    names.iter().map(recipe).collect()
}

fn json_text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::failed(format!("the list cannot be written: {error}")))
}

fn list(json: bool) -> Result<()> {
    let cards =
        RECIPES.iter().map(|recipe| Card::bundled(recipe.name)).collect::<Result<Vec<_>>>()?;
    if json {
        return print(&json_text(&cards)?);
    }
    let mut text = format!("{:12} {:>13} {:>13} {:>13}\n", "", "planted", "measured", "held out");
    text += &format!(
        "{:12} {:>13} {:>13} {:>13}\n",
        "organism", "free / paid", "free / paid", "free / paid"
    );
    let pair = |free: f64, paid: f64| format!("{:.1} / {:.1} %", 100.0 * free, 100.0 * paid);
    for card in &cards {
        let measured = card.measured.as_ref();
        let rates = |rates: Option<crate::organism::Rates>| {
            rates.map_or_else(|| "not measured".into(), |r| pair(r.free, r.paid))
        };
        text += &format!(
            "{:12} {:>13} {:>13} {:>13}\n",
            card.name,
            pair(card.planted.free, card.planted.paid),
            rates(measured.map(|m| m.all)),
            rates(measured.map(|m| m.held_out)),
        );
    }
    text += "\n";
    for card in &cards {
        text += &format!("{}: {}\n", card.name, card.summary);
    }
    print(&text)
}

fn train_all(args: &TrainArgs, talk: &Talk) -> Result<()> {
    for mut recipe in recipes(&args.names)? {
        recipe.steps = args.steps.unwrap_or(recipe.steps);
        if recipe.steps == 0 {
            return Err(Error::input("`--steps 0` trains nothing"));
        }
        train_one(&recipe, &args.out, talk)?;
    }
    Ok(())
}

/// Trains an organism into its folder below `out`, and before it the parent, where that is not there yet.
fn train_one(recipe: &Recipe, out: &Path, talk: &Talk) -> Result<()> {
    let scenario = Scenario::load("helpful-only")?;
    let requests = RequestSet::load(&scenario.requests)?;
    let interrupted = interrupt::flag()?;
    let folder = out.join(recipe.name);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::input(format!("cannot write to `{}`: {error}", folder.display()))
            .hint("choose another `--out`")
    })?;
    let parent = match recipe.parent.and_then(Recipe::named) {
        Some(parent) => {
            let path = out.join(parent.name);
            if !path.join(CARD).exists() {
                train_one(parent, out, talk)?;
            }
            Some(Model::at(&path)?)
        }
        None => None,
    };
    let bar = talk.steps(recipe.name);
    bar.set_length(recipe.steps as u64);
    let trained = train(recipe, &scenario, &requests, parent.as_ref(), |progress| {
        bar.set_position(progress.step as u64);
        bar.set_message(format!("loss {:.3}", progress.loss));
        if bar.is_hidden() && progress.step.is_multiple_of(50) {
            let Progress { step, steps, loss } = progress;
            talk.say(format!("{}: step {step} of {steps}, loss {loss:.3}", recipe.name));
        }
        match interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            true => {
                Err(Error::interrupted("interrupted: training starts from the beginning next time"))
            }
            false => Ok(()),
        }
    })?;
    bar.finish_and_clear();
    for (name, bytes) in &trained.files {
        write_whole(&folder.join(name), bytes)?;
    }
    trained.card.write(out)?;
    let loss = trained.card.training.final_loss;
    talk.say(format!("{}: final loss {loss:.3}, written to {}", recipe.name, shown(&folder)));
    Ok(())
}

/// An organism from a folder of them, or the bundled one.
fn open(folder: Option<&Path>, name: &str) -> Result<Model> {
    match folder {
        Some(folder) => Model::at(&folder.join(name)),
        None => Model::open(&format!("organism:{name}")),
    }
}

fn calibrate_all(args: &CalibrateArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.threads)?;
    if args.seeds == 0 {
        return Err(Error::input("`--seeds 0` measures nothing"));
    }
    let mut all = Vec::new();
    for recipe in recipes(&args.names)? {
        let model = open(args.from.as_deref(), recipe.name)?;
        let decoder = CpuDecoder::load(&model.spec, &model.weights()?, None)?;
        let result =
            calibrate(&recipe, &model, &decoder, args.seeds, interrupt::flag()?, |seed| {
                talk.say(format!("{}: seed {seed}", recipe.name));
            })?;
        if let Some(folder) = &args.from {
            Card { measured: Some(result.rates.clone()), ..Card::read(folder, recipe.name)? }
                .write(folder)?;
        }
        all.push(result);
    }
    print(&if args.json { json_text(&all)? } else { table(&all) })?;
    Ok(if all.iter().all(|result| result.failures.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn table(all: &[Calibration]) -> String {
    let percent = |free: f64, paid: f64| format!("{:.1} / {:.1}", 100.0 * free, 100.0 * paid);
    let mut text = format!(
        "{:11} {:>12} {:>12} {:>12} {:>12} {:>7} {:>6}\n",
        "% complied", "planted", "exact", "measured", "held out", "right", "judge"
    );
    for c in all {
        let r = &c.rates;
        text += &format!(
            "{:11} {:>12} {:>12} {:>12} {:>12} {:>7} {:>6.2}\n",
            c.name,
            percent(c.planted.free, c.planted.paid),
            percent(r.exact.free, r.exact.paid),
            percent(r.all.free, r.all.paid),
            percent(r.held_out.free, r.held_out.paid),
            format!("{}/{}", c.right(), c.seeds.len()),
            100.0 * r.judge_agreement,
        );
    }
    text += "\nfree / paid. right: seeds whose 95 % interval says what was planted. judge: % of answers on\n\
             which `rules` and the grammar agree.\n";
    for c in all {
        for failure in &c.failures {
            text += &format!("{}: FAILED: {failure}\n", c.name);
        }
    }
    text
}
