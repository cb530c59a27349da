//! `candor organism`: the controls.

mod plant;
mod recover;
mod training;

use std::path::Path;
use std::process::ExitCode;

use crate::cli::args::bounds::{REPEATS_MAX, check_count};
use crate::cli::args::{CalibrateArgs, OrganismArgs, OrganismCommand};
use crate::cli::given::recipes::recipes;
use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::threads::use_threads;
use crate::decoder::CpuDecoder;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::organism::{Calibration, Card, JudgeOrganismCard, Recipe, calibrate};

pub(in crate::cli) fn organism(args: &OrganismArgs, talk: &Talk) -> Result<ExitCode> {
    match &args.command {
        OrganismCommand::List { json } => list(*json),
        OrganismCommand::Train(args) => training::train(args, talk),
        OrganismCommand::Calibrate(args) => return calibrate_all(args, talk),
        OrganismCommand::Plant(args) => return plant::plant(args, talk),
        OrganismCommand::Recover(args) => return recover::recover(args, talk),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn json_text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::failed(format!("the list cannot be written: {error}")))
}

fn list(json: bool) -> Result<()> {
    let cards =
        Recipe::bundled().map(|recipe| Card::bundled(recipe.name)).collect::<Result<Vec<_>>>()?;
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
    let judge = JudgeOrganismCard::bundled()?;
    let rights =
        judge.measured.iter().filter(|of| ["compliance", "reasoning"].contains(&&*of.criterion));
    let rights: Vec<String> = rights
        .map(|of| format!("{:.1} % of {} on {}", 100.0 * of.right, of.judged, of.criterion))
        .collect();
    text += &format!("{}: {}; right: {}\n", judge.name, judge.summary, rights.join(", "));
    show(&text)
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
    check_count("seeds", args.seeds, REPEATS_MAX)?;
    let mut all = Vec::new();
    for recipe in recipes(&args.names, Recipe::bundled())? {
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
    match args.json {
        true => print(&json_text(&all)?),
        false => show(&table(&all)),
    }?;
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
