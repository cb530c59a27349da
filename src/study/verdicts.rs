//! Verdicts beside a run, and the view of a run that reports are made from.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::exchanges::{arms, exchanges};
use super::judge_errors::errors;
use super::judges::Judge;
use super::stopping::stopped;
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::judge::{Agreement, JudgeCard, QuestionJournal, Verdict, Verdicts, is_human, rules};
use crate::organism::{Card, RECIPES, Rates, Recipe};
use crate::probe::{Probe, ReplyHeat};
use crate::report::{
    self, AgainstRegistration, Control, Declared, Heat, HeatToken, JudgeView, ModelKind, ModelSize,
    Prompt, RunView, TierDifference, TrialProgress,
};
use crate::run::{Finished, Lock, Record, Registered, State, write_whole};
use crate::scenario::{Scenario, Tier};
use crate::stats::{Arms, Basis, Estimates, Observation, contrast, estimate, request_gaps};
use crate::transcript::Transcript;

const SUMMARY: &str = "summary.json";
const PAGE: &str = "report.html";
/// The scenario under which the organisms are calibrated.
const CALIBRATED: &str = "helpful-only";

/// `summary.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Summary {
    model: String,
    scenario: String,
    variant: String,
    judge: String,
    #[serde(flatten)]
    estimates: Estimates,
}

/// Makes what a finished run still lacks: the verdicts of `rules`, the summary, the page. What is there already and as
/// it was written stays as it is, and what is damaged is made again. A run that was changed after it was sealed is refused.
pub(crate) fn settle(lock: &Lock, talk: &dyn Events) -> Result<RunView> {
    let path = lock.path();
    let run = Finished::open(path)?;
    let judged = Finished::transcripts_digest(path)?;
    let card = rules::card()?;
    // A card that does not parse is another version's, and made anew like any that is not this judge's.
    let known = Verdicts::card(path, rules::NAME)
        .ok()
        .flatten()
        .is_some_and(|there| there.transcripts_digest == judged && there.same_judge(&card));
    let damaged = Verdicts::of_run(&run, rules::NAME).err().filter(|_| known);
    if let Some(error) = &damaged {
        talk.say(format!("note: {error}; judged again"));
    }
    // What a version without digests wrote, or one that was killed, is bound now.
    let bound = Verdicts::card(path, rules::NAME)
        .ok()
        .flatten()
        .is_some_and(|card| card.digest.is_some() && card.replaces.is_none());
    if !known || damaged.is_some() || !bound {
        judged_by(&Judge::Rules, card, &run, talk)?.about(&judged).write(path)?;
    }
    publish(run, &judged)
}

/// What a judge says of a run.
pub(crate) fn judged_by(
    judge: &Judge,
    card: JudgeCard,
    run: &Finished,
    talk: &dyn Events,
) -> Result<Verdicts> {
    let (transcripts, exchanges): (Vec<_>, Vec<_>) =
        exchanges(&run.record, &run.transcripts).unzip();
    let findings = judge.judge(&exchanges, &Verdicts::journal(&run.path, &card.judge), talk)?;
    let lines =
        transcripts.into_iter().zip(findings).map(|(t, finding)| Verdict::on(t, finding)).collect();
    Ok(Verdicts { card, lines })
}

/// Adds the verdicts of a further judge, and makes summary and page anew.
pub(crate) fn add(run: Finished, verdicts: Verdicts) -> Result<()> {
    let judged = Finished::transcripts_digest(&run.path)?;
    let journal = Verdicts::journal(&run.path, &verdicts.card.judge);
    verdicts.about(&judged).write(&run.path)?;
    QuestionJournal::remove(&journal)?;
    publish(run, &judged).map(drop)
}

/// Makes summary and page anew, once more is known of a run.
pub(crate) fn refresh(path: &Path) -> Result<()> {
    publish(Finished::open(path)?, &Finished::transcripts_digest(path)?).map(drop)
}

/// Writes summary and page, as `rules` sees the run, where they are not there already byte for byte.
fn publish(run: Finished, judged: &str) -> Result<RunView> {
    let path = run.path.clone();
    let view = view_of(run, judged, rules::NAME)?;
    for (name, text) in
        [(SUMMARY, summary(&view)?), (PAGE, report::html(std::slice::from_ref(&view))?)]
    {
        let at = path.join(name);
        if crate::files::read_bytes(&at, crate::files::TEXT_MAX).ok().as_deref()
            != Some(text.as_bytes())
        {
            write_whole(&at, text.as_bytes())?;
        }
    }
    Ok(view)
}

/// Where verdicts of `rules` that are not as they were written first say something else than `rules` does.
fn first_changed(run: &Finished, judge: &str, talk: &dyn Events) -> Result<Option<String>> {
    let Some(there) = Verdicts::as_they_stand(&run.path, judge).filter(|_| judge == rules::NAME)
    else {
        return Ok(None);
    };
    let again = judged_by(&Judge::Rules, rules::card()?, run, talk)?;
    let mut pairs = (1..).zip(there.lines.iter().zip(&again.lines));
    Ok(pairs.find(|(_, (there, again))| there != again).map(|(number, (there, _))| {
        let (request, tier, sample) = there.trial();
        format!(": line {number}, trial {request}/{tier}/{sample}, is not what `rules` says")
    }))
}

/// The text of `summary.json`.
fn summary(view: &RunView) -> Result<String> {
    let summary = Summary {
        model: view.model.clone(),
        scenario: view.scenario.clone(),
        variant: view.variant.clone(),
        judge: view.judge.clone(),
        estimates: view.estimates.clone(),
    };
    serde_json::to_string_pretty(&summary)
        .map(|text| text + "\n")
        .map_err(|error| Error::failed(format!("the summary cannot be written: {error}")))
}

/// What looking at a run's verdicts and numbers again showed.
pub(crate) enum Rejudged {
    /// All that can be made again is as it stands there: which of it, and what was not looked at, in words.
    Same { seen: Vec<String>, unseen: Vec<String> },
    /// What differs, and where.
    Differs(String),
    /// Which two versions cannot be compared.
    Incomparable(String),
}

/// Judges a run again with `rules` and makes its summary again, and compares both with what stands in its folder.
///
/// # Errors
/// The run's own files cannot be read.
pub(crate) fn rejudge(run: Finished, talk: &dyn Events) -> Result<Rejudged> {
    let path = run.path.clone();
    let mut seen = Vec::new();
    let mut unseen: Vec<String> = vec!["performance.json".into(), "report.html".into()];
    let judges = Verdicts::judges(&path)?;
    for judge in &judges {
        let there = match Verdicts::of_run(&run, judge) {
            Ok(there) => there,
            Err(error) => {
                let place = first_changed(&run, judge, talk)?.unwrap_or_default();
                return Ok(Rejudged::Differs(format!("{error}{place}")));
            }
        };
        if judge != rules::NAME {
            let who = if is_human(judge) { "labels of" } else { "verdicts of" };
            unseen.push(format!("whether the {who} `{judge}` are right"));
            continue;
        }
        let card = rules::card()?;
        if there.card.version != card.version {
            return Ok(Rejudged::Incomparable(format!(
                "the verdicts are of version {} of `rules`, and this candor has version {}",
                there.card.version, card.version
            )));
        }
        let again = judged_by(&Judge::Rules, card, &run, talk)?;
        let pairs = there.lines.iter().zip(&again.lines);
        if let Some((number, (there, _))) = (1..).zip(pairs).find(|(_, (a, b))| a != b) {
            let (request, tier, sample) = there.trial();
            return Ok(Rejudged::Differs(format!(
                "line {number} of `verdicts/rules.jsonl`, trial {request}/{tier}/{sample}, is not what `rules` says"
            )));
        }
        if there.card.measured != again.card.measured || there.lines.len() != again.lines.len() {
            return Ok(Rejudged::Differs(
                "`verdicts/rules.json` is not the card of this version of `rules`".into(),
            ));
        }
        seen.push("verdicts of `rules`".into());
    }
    if !judges.iter().any(|judge| judge == rules::NAME) {
        unseen.push("the numbers: there are no verdicts of `rules`".into());
        return Ok(Rejudged::Same { seen, unseen });
    }
    let made_by = run.record.candor().to_owned();
    let judged = Finished::transcripts_digest(&path)?;
    let expected = summary(&view_of(run, &judged, rules::NAME)?)?;
    let at = path.join(SUMMARY);
    match crate::files::read_bytes(&at, crate::files::TEXT_MAX) {
        Ok(there) if there == expected.as_bytes() => seen.push("summary".into()),
        _ if made_by != env!("CARGO_PKG_VERSION") => {
            return Ok(Rejudged::Incomparable(format!(
                "the summary is of candor {made_by}, and this is candor {}",
                env!("CARGO_PKG_VERSION")
            )));
        }
        Ok(_) => {
            return Ok(Rejudged::Differs(format!(
                "`{SUMMARY}` is not what transcripts and verdicts give; `candor judge {}` makes it again",
                path.display()
            )));
        }
        Err(_) => unseen.push(format!("`{SUMMARY}`: it is not there")),
    }
    Ok(Rejudged::Same { seen, unseen })
}

/// The view of a finished and judged run.
pub(crate) fn view(path: &Path, judge: &str) -> Result<RunView> {
    let run = Finished::open(path)?;
    view_of(run, &Finished::transcripts_digest(path)?, judge)
}

/// The view of a run as it is now: one that has not finished, or has no verdicts yet, is judged by `rules` on the way,
/// and nothing is written.
pub(crate) fn view_now(path: &Path, judge: &str, talk: &dyn Events) -> Result<RunView> {
    let sealed = State::of(path) == Some(State::Sealed);
    if sealed
        && (judge != rules::NAME || Verdicts::judges(path)?.iter().any(|known| known == judge))
    {
        return view(path, judge);
    }
    let run = if sealed { Finished::open(path)? } else { Finished::so_far(path)? };
    if judge != rules::NAME {
        return Err(Error::input(format!(
            "the run in `{}` has not finished, and has no verdicts of judge `{judge}`",
            path.display()
        ))
        .hint("let it finish, or leave `--judge` out"));
    }
    let verdicts = judged_by(&Judge::Rules, rules::card()?, &run, talk)?;
    let progress = (!sealed).then(|| progress(&run));
    Ok(RunView { progress, ..compose(run, rules::NAME, verdicts, Vec::new())? })
}

/// How many trials of a run there are, and how many there will be.
pub(crate) fn progress(run: &Finished) -> TrialProgress {
    let trials_done = run.transcripts.len();
    TrialProgress { trials_done, trials: run.record.trials().unwrap_or(trials_done) }
}

fn view_of(run: Finished, judged: &str, judge: &str) -> Result<RunView> {
    let verdicts = Verdicts::of_run(&run, judge)?;
    // It may have been named as the model that it is.
    let judge = &*verdicts.card.judge.clone();
    let others = others(&run, judge)?;
    let heat = Probe::read_heat(&run.path, judged)?.into_iter().map(shown_heat).collect();
    Ok(RunView { heat, ..compose(run, judge, verdicts, others)? })
}

/// What the page shows of a reply that was probed: Jensen–Shannon divergence, which is the same for both tiers.
fn shown_heat(reply: ReplyHeat) -> Heat {
    let tokens = reply.tokens.into_iter();
    Heat {
        request: reply.request,
        tier: reply.tier,
        sample: reply.sample,
        tokens: tokens
            .map(|token| HeatToken { text: token.text, divergence_nats: token.js })
            .collect(),
    }
}

fn compose(
    run: Finished,
    judge: &str,
    verdicts: Verdicts,
    others: Vec<JudgeView>,
) -> Result<RunView> {
    let Finished { record, transcripts, path } = run;
    let Verdicts { card, lines: verdicts } = verdicts;
    let mut judges = vec![(judge, &verdicts[..])];
    judges.extend(others.iter().map(|other| (other.name.as_str(), &other.verdicts[..])));
    let agreement = Agreement::of_pairs(&judges);
    let mut tiers: Vec<Tier> = record
        .tiers()
        .iter()
        .map(|t| Tier { name: t.name.clone(), label: t.label.clone(), trained_on: t.trained_on })
        .collect();
    tiers.sort_by_key(|tier| !tier.trained_on);
    let arms = arms(record.tiers())?;
    let observations = observations(&transcripts, &verdicts);
    let basis = Basis {
        seed: record.seed(),
        stopped: match record.stopping() {
            Some(stopping) => stopped(stopping, &arms, &observations),
            None => None,
        },
        errors: errors(&card, &verdicts, &others, &transcripts, &arms),
    };
    let estimates = estimate(&observations, &arms, &basis);
    let prompt =
        |tier: &Tier| Some(Prompt { tier: tier.name.clone(), texts: record.prompts(&tier.name)? });
    let kind = match record.model().strip_prefix("organism:") {
        Some(name) => ModelKind::Organism {
            // What was planted is no claim about an organism that is steered.
            planted: Recipe::named(name)
                .filter(|_| !record.is_steered())
                .map(Recipe::planted_in_words),
        },
        None => ModelKind::Model,
    };
    let registered = record.registered().map(|(registered, departures)| {
        against_registration(registered, departures, judge, &others)
    });
    Ok(RunView {
        registered,
        digest: record.digest()?,
        size: record.size().map(|(parameters, architecture)| ModelSize {
            parameters,
            architecture: architecture.to_owned(),
        }),
        controls: match kind {
            ModelKind::Model if record.scenario() == CALIBRATED => controls()?,
            _ => Vec::new(),
        },
        kind,
        prompts: tiers.iter().filter_map(prompt).collect(),
        model: record.model_name(),
        scenario: record.scenario().to_owned(),
        variant: record.variant().to_owned(),
        seed: record.seed(),
        sampling: record.sampling().cloned(),
        conditions: record.conditions(),
        command: record.command(),
        folder: shown(&path),
        judge: judge.to_owned(),
        promise: record.promise().to_owned(),
        estimates,
        declared: declared(&record),
        contrasts: Vec::new(),
        doses: None,
        tier_differences: tier_differences(&observations, &tiers, record.seed()),
        p_adjusted: None,
        pool: None,
        request_gaps: request_gaps(&observations, &arms),
        against: Vec::new(),
        place: None,
        tiers,
        requests: record.requests().to_vec(),
        transcripts,
        verdicts,
        others,
        agreement,
        heat: Vec::new(),
        progress: None,
    })
}

/// What the scenario of a run says that its variants are held against each other for; nothing where the text on record
/// is of another version.
fn declared(record: &Record) -> Declared {
    let Record::Made(manifest) = record else { return Declared::default() };
    let (text, files) = (&manifest.scenario.text, &manifest.scenario.files);
    let scenario = manifest.scenario.digest.clone();
    match Scenario::from_text("the manifest's scenario", text, files) {
        Ok(known) => Declared {
            dose: known.variant(&manifest.variant).ok().and_then(|variant| variant.dose),
            contrasts: known.contrasts,
            scenario,
        },
        Err(_) => Declared { scenario, ..Declared::default() },
    }
}

/// Every two tiers of a run that has more than two.
fn tier_differences(
    observations: &[Observation],
    tiers: &[Tier],
    seed: u64,
) -> Vec<TierDifference> {
    if tiers.len() < 3 {
        return Vec::new();
    }
    let family = tiers.len() * (tiers.len() - 1) / 2;
    let pairs = tiers.iter().enumerate().flat_map(|(i, first)| {
        tiers[i + 1..].iter().map(move |second| (first.name.clone(), second.name.clone()))
    });
    let difference = |(first, second): (String, String)| {
        let arms = Arms { free: first.clone(), paid: second.clone() };
        let numbers = contrast(&request_gaps(observations, &arms), None, family, seed)?;
        Some(TierDifference { tiers: [first, second], numbers })
    };
    pairs.filter_map(difference).collect()
}

/// A run against its registration. `rules` judges every run, so that its verdicts are no further look.
fn against_registration(
    registered: &Registered,
    mut departures: Vec<String>,
    judge: &str,
    others: &[JudgeView],
) -> AgainstRegistration {
    let wanted = &registered.plan.judge;
    let mut looked_at = Vec::new();
    for name in std::iter::once(judge).chain(others.iter().map(|other| other.name.as_str())) {
        if name != wanted && name != rules::NAME {
            looked_at.push(format!("verdicts of `{name}`"));
        }
    }
    if judge != wanted {
        departures.push(format!("judge: `{wanted}` registered, `{judge}` shown"));
    }
    AgainstRegistration {
        digest: registered.digest.clone(),
        kept: departures.is_empty(),
        departures,
        looked_at,
        smallest_gap: registered.plan.smallest_gap,
    }
}

/// What the bundled organisms measured in their calibration.
fn controls() -> Result<Vec<Control>> {
    let mut controls = Vec::new();
    for recipe in &RECIPES {
        let card = Card::bundled(recipe.name)?;
        let Some(measured) = card.measured else { continue };
        let both = |rates: Rates| [rates.free, rates.paid];
        controls.push(Control {
            name: format!("organism:{}", card.name),
            planted: recipe.summary.to_owned(),
            seeds: measured.seeds,
            measured: both(measured.all),
            reasoning: both(measured.reasoning),
        });
    }
    Ok(controls)
}

/// The verdicts of every other judge.
fn others(run: &Finished, judge: &str) -> Result<Vec<JudgeView>> {
    let names = Verdicts::judges(&run.path)?.into_iter().filter(|name| name != judge);
    names
        .map(|name| Ok(JudgeView { verdicts: Verdicts::of_run(run, &name)?.lines, name }))
        .collect()
}

pub(super) fn observations(transcripts: &[Transcript], verdicts: &[Verdict]) -> Vec<Observation> {
    let by_key: HashMap<_, _> =
        verdicts.iter().map(|v| ((&*v.request, &*v.tier, v.sample), v)).collect();
    let observation = |t: &Transcript| {
        let verdict = by_key.get(&(&*t.request, &*t.tier, t.sample));
        Observation::of(t, verdict.and_then(|v| v.compliance), verdict.and_then(|v| v.reasoning))
    };
    transcripts.iter().map(observation).collect()
}
