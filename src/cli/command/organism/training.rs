//! `candor organism train`: the controls and the small model that judges, made anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::args::TrainArgs;
use crate::cli::given::recipes::recipes;
use crate::cli::interrupt;
use crate::cli::screen::talk::Talk;
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::judge::rubric::Rubric;
use crate::judge::{Compliance, Finding};
use crate::machine::Compute;
use crate::model::Model;
use crate::organism::{
    self, CARD, Card, Course, JUDGE, JudgeOrganismCard, KnownExchange, MeasuredCriterion, Recipe,
    Trained, TrainingProgress, held_out_exchanges,
};
use crate::run::write_whole;
use crate::scenario::{RequestSet, Scenario};
use crate::study::model_judge::ModelJudge;

/// Exchanges on which the small judge is measured.
const MEASURED_EXCHANGES: usize = 1000;

pub(in crate::cli) fn train(args: &TrainArgs, talk: &Talk) -> Result<()> {
    if args.steps == Some(0) {
        return Err(Error::input("`--steps 0` trains nothing"));
    }
    if args.names == [JUDGE.name] {
        return train_judge_model(args, talk);
    }
    for mut recipe in recipes(&args.names, Recipe::all())? {
        recipe.steps = args.steps.unwrap_or(recipe.steps);
        train_one(&recipe, &args.out, talk)?;
    }
    Ok(())
}

/// Trains an organism into its folder below `out`, and before it the parent, where that is not there yet.
fn train_one(recipe: &Recipe, out: &Path, talk: &Talk) -> Result<()> {
    let (scenario, requests) = corpus()?;
    let folder = made(out, recipe.name)?;
    let parent = match recipe.parent.and_then(Recipe::named) {
        Some(parent) => Some(trained_before(parent, out, talk)?),
        None => None,
    };
    let trained = watched(&recipe.course(), talk, |on_step| {
        organism::train(recipe, &scenario, &requests, parent.as_ref(), on_step)
    })?;
    write(&folder, &trained)?;
    Card::new(recipe, trained.training.clone()).write(out)?;
    told(recipe.name, &trained, &folder, talk);
    Ok(())
}

/// Trains the small model that judges, and measures it on exchanges with requests that it never read.
fn train_judge_model(args: &TrainArgs, talk: &Talk) -> Result<()> {
    let (scenario, requests) = corpus()?;
    let course = Course { steps: args.steps.unwrap_or(JUDGE.steps), ..JUDGE };
    let folder = made(&args.out, course.name)?;
    let parent = match course.parent.and_then(Recipe::named) {
        Some(parent) => trained_before(parent, &args.out, talk)?,
        None => return Err(Error::failed("the judge has no parent to start from")),
    };
    let rubric = Rubric::load("plain", None)?;
    let trained = watched(&course, talk, |on_step| {
        organism::train_judge(&rubric, &course, &scenario, &requests, &parent, on_step)
    })?;
    write(&folder, &trained)?;

    let known = held_out_exchanges(&requests, MEASURED_EXCHANGES, course.seed);
    let exchanges: Vec<_> = known.iter().map(KnownExchange::exchange).collect();
    let path = folder.display().to_string();
    let judge = ModelJudge::open(&path, rubric, &Compute::CPU, 32, talk)?;
    let measured = measured(&known, &judge.judge(&exchanges, None, talk)?);
    JudgeOrganismCard {
        name: course.name.to_owned(),
        summary: "answers the questions of the rubric `plain` about what organisms say".to_owned(),
        training: trained.training.clone(),
        measured: measured.clone(),
    }
    .write(&args.out)?;
    told(course.name, &trained, &folder, talk);
    for criterion in measured {
        talk.say(format!(
            "{}: {:.1} % of {} right",
            criterion.criterion,
            100.0 * criterion.right,
            criterion.judged
        ));
    }
    Ok(())
}

/// The verdicts held against the truth, criterion by criterion.
fn measured(known: &[KnownExchange], findings: &[Finding]) -> Vec<MeasuredCriterion> {
    let mut counts: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    let mut count = |name, verdict: Option<bool>, truth: bool| {
        let (judged, not, right) = counts.entry(name).or_default();
        match verdict {
            Some(verdict) => {
                *judged += 1;
                *right += u64::from(verdict == truth);
            }
            None => *not += 1,
        }
    };
    for (known, finding) in known.iter().zip(findings) {
        if known.exchange().answered().is_some() {
            let full = finding.compliance.map(|class| class == Compliance::Full);
            count("compliance", full, known.complies);
        }
        count("reasoning", finding.reasoning, known.shows.contains(&"complies_for_that_reason"));
        for criterion in &finding.criteria {
            let shown = known.shows.contains(&criterion.name.as_str());
            count(&criterion.name, criterion.score.map(|score| score >= 0.5), shown);
        }
    }
    counts
        .into_iter()
        .map(|(name, (judged, not_judged, right))| MeasuredCriterion {
            criterion: name.to_owned(),
            judged,
            not_judged,
            right: right as f64 / judged.max(1) as f64,
        })
        .collect()
}

/// What organisms are trained on.
fn corpus() -> Result<(Scenario, RequestSet)> {
    let scenario = Scenario::load("helpful-only")?;
    let requests = RequestSet::load(&scenario.requests)?;
    Ok((scenario, requests))
}

/// The folder of a model below `out`.
fn made(out: &Path, name: &str) -> Result<PathBuf> {
    let folder = out.join(name);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::input(format!("cannot write to `{}`: {error}", folder.display()))
            .hint("choose another `--out`")
    })?;
    Ok(folder)
}

/// The organism below `out` that another one starts from, trained first where it is not there.
fn trained_before(parent: &Recipe, out: &Path, talk: &Talk) -> Result<Model> {
    let path = out.join(parent.name);
    if !path.join(CARD).exists() {
        train_one(parent, out, talk)?;
    }
    Model::at(&path)
}

/// Trains with a bar, until it is done or interrupted.
fn watched(
    course: &Course,
    talk: &Talk,
    train: impl FnOnce(&mut dyn FnMut(TrainingProgress) -> Result<()>) -> Result<Trained>,
) -> Result<Trained> {
    let interrupted = interrupt::flag()?;
    let mut bar = talk.steps(course.name, course.steps);
    train(&mut |TrainingProgress { step, steps, loss }| {
        bar.done(step);
        bar.remark(&format!("loss {loss:.3}"));
        if !bar.is_watched() && step.is_multiple_of(50) {
            talk.say(format!("{}: step {step} of {steps}, loss {loss:.3}", course.name));
        }
        match interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            true => {
                Err(Error::interrupted("interrupted: training starts from the beginning next time"))
            }
            false => Ok(()),
        }
    })
}

fn write(folder: &Path, trained: &Trained) -> Result<()> {
    trained.files.iter().try_for_each(|(name, bytes)| write_whole(&folder.join(name), bytes))
}

fn told(name: &str, trained: &Trained, folder: &Path, talk: &Talk) {
    let loss = trained.training.final_loss;
    talk.say(format!("{name}: final loss {loss:.3}, written to {}", shown(folder)));
}
