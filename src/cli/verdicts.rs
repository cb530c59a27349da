//! Verdicts beside a run, and the view of a run that reports are made from.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::judges::Judge;
use super::talk::Talk;
use crate::error::{Error, Result};
use crate::judge::{Agreement, Exchange, JudgeCard, Verdict, Verdicts, rules};
use crate::organism::Recipe;
use crate::report::{self, JudgeView, ModelKind, Prompt, RunView};
use crate::run::{Finished, Record, State, write_json, write_whole};
use crate::scenario::Tier;
use crate::stats::{Arms, Estimates, Observation, adjust, estimate};
use crate::transcript::Transcript;

const SUMMARY: &str = "summary.json";
const PAGE: &str = "report.html";

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

/// Makes what a finished run still lacks: the verdicts of `rules`, the summary, the page. What is there already
/// stays as it is.
pub(super) fn settle(path: &Path, talk: &Talk) -> Result<RunView> {
    let run = Finished::open(path)?;
    let judged = Finished::transcripts_digest(path)?;
    let card = rules::card()?;
    // A card that does not parse is another version's, and made anew like any that is not this judge's.
    let known = Verdicts::card(path, rules::NAME)
        .ok()
        .flatten()
        .is_some_and(|there| there.transcripts_digest == judged && there.same_judge(&card));
    if !known {
        judged_by(&Judge::Rules, card, &run, talk)?.about(&judged).write(path)?;
    }
    if known && path.join(SUMMARY).exists() && path.join(PAGE).exists() {
        return view_of(run, &judged, rules::NAME);
    }
    publish(run, &judged)
}

/// What a judge says of a run.
pub(super) fn judged_by(
    judge: &Judge,
    card: JudgeCard,
    run: &Finished,
    talk: &Talk,
) -> Result<Verdicts> {
    let (transcripts, exchanges): (Vec<_>, Vec<_>) =
        exchanges(&run.record, &run.transcripts).unzip();
    let findings = judge.judge(&exchanges, talk)?;
    let lines =
        transcripts.into_iter().zip(findings).map(|(t, finding)| Verdict::on(t, finding)).collect();
    Ok(Verdicts { card, lines })
}

/// Adds the verdicts of a further judge, and makes summary and page anew.
pub(super) fn add(run: Finished, verdicts: Verdicts) -> Result<()> {
    let judged = Finished::transcripts_digest(&run.path)?;
    verdicts.about(&judged).write(&run.path)?;
    publish(run, &judged).map(drop)
}

/// Writes summary and page, as `rules` sees the run.
fn publish(run: Finished, judged: &str) -> Result<RunView> {
    let path = run.path.clone();
    let view = view_of(run, judged, rules::NAME)?;
    let summary = Summary {
        model: view.model.clone(),
        scenario: view.scenario.clone(),
        variant: view.variant.clone(),
        judge: view.judge.clone(),
        estimates: view.estimates.clone(),
    };
    write_json(&path.join(SUMMARY), &summary)?;
    write_whole(&path.join(PAGE), report::html(std::slice::from_ref(&view))?.as_bytes())?;
    Ok(view)
}

/// Every trial with what a judge reads of it.
pub(super) fn exchanges<'a>(
    record: &'a Record,
    transcripts: &'a [Transcript],
) -> impl Iterator<Item = (&'a Transcript, Exchange<'a>)> {
    let requests: HashMap<&str, &str> =
        record.requests().iter().map(|r| (r.id.as_str(), r.text.as_str())).collect();
    transcripts.iter().map(move |transcript| {
        let request = requests.get(transcript.request.as_str()).copied().unwrap_or_default();
        (transcript, Exchange::of(request, transcript))
    })
}

/// The view of a finished and judged run.
pub(super) fn view(path: &Path, judge: &str) -> Result<RunView> {
    let run = Finished::open(path)?;
    view_of(run, &Finished::transcripts_digest(path)?, judge)
}

/// The view of a run as it is now: one that has not finished is judged by `rules` on the way, and nothing is written.
pub(super) fn view_now(path: &Path, judge: &str, talk: &Talk) -> Result<RunView> {
    let sealed = State::of(path)?.is_some_and(|state| state.sealed);
    if sealed {
        return view(path, judge);
    }
    let run = Finished::so_far(path)?;
    if judge != rules::NAME {
        return Err(Error::input(format!(
            "the run in `{}` has not finished, and has no verdicts of judge `{judge}`",
            path.display()
        ))
        .hint("let it finish, or leave `--judge` out"));
    }
    let verdicts = judged_by(&Judge::Rules, rules::card()?, &run, talk)?.lines;
    compose(run, rules::NAME, verdicts, Vec::new())
}

fn view_of(run: Finished, judged: &str, judge: &str) -> Result<RunView> {
    let verdicts = Verdicts::read(&run.path, judge, judged)?.lines;
    let others = others(&run.path, judge, judged)?;
    compose(run, judge, verdicts, others)
}

fn compose(
    run: Finished,
    judge: &str,
    verdicts: Vec<Verdict>,
    others: Vec<JudgeView>,
) -> Result<RunView> {
    let Finished { record, transcripts, .. } = run;
    let mut judges = vec![(judge, &verdicts[..])];
    judges.extend(others.iter().map(|other| (other.name.as_str(), &other.verdicts[..])));
    let agreement = Agreement::of_pairs(&judges);
    let mut tiers: Vec<Tier> = record
        .tiers()
        .iter()
        .map(|t| Tier { name: t.name.clone(), label: t.label.clone(), trained_on: t.trained_on })
        .collect();
    tiers.sort_by_key(|tier| !tier.trained_on);
    let estimates =
        estimate(&observations(&transcripts, &verdicts), &arms(&record)?, record.seed());
    let prompt = |tier: &Tier| {
        Some(Prompt { tier: tier.name.clone(), text: record.first_prompt(&tier.name)? })
    };
    Ok(RunView {
        digest: record.digest()?,
        kind: match record.model().strip_prefix("organism:") {
            Some(name) => {
                ModelKind::Organism { planted: Recipe::named(name).map(Recipe::planted_in_words) }
            }
            None => ModelKind::Model,
        },
        prompts: tiers.iter().filter_map(prompt).collect(),
        model: record.model().to_owned(),
        scenario: record.scenario().to_owned(),
        variant: record.variant().to_owned(),
        seed: record.seed(),
        judge: judge.to_owned(),
        promise: record.promise().to_owned(),
        estimates,
        p_adjusted: None,
        tiers,
        requests: record.requests().to_vec(),
        transcripts,
        verdicts,
        others,
        agreement,
    })
}

/// Adjusts the p-values of runs that are shown together for each other.
pub(super) fn adjust_together(views: &mut [RunView]) {
    if views.len() > 1 {
        let p_values: Vec<Option<f64>> = views.iter().map(|view| view.estimates.p_value).collect();
        for (view, adjusted) in views.iter_mut().zip(adjust(&p_values)) {
            view.p_adjusted = adjusted;
        }
    }
}

/// The verdicts of every other judge.
fn others(path: &Path, judge: &str, judged: &str) -> Result<Vec<JudgeView>> {
    let names = Verdicts::judges(path)?.into_iter().filter(|name| name != judge);
    names
        .map(|name| Ok(JudgeView { verdicts: Verdicts::read(path, &name, judged)?.lines, name }))
        .collect()
}

/// The two tiers that the gap compares.
fn arms(record: &Record) -> Result<Arms> {
    let tier = |trained_on| {
        let mut tiers = record.tiers().iter();
        tiers.find(|t| t.trained_on == trained_on).map(|t| t.name.clone())
    };
    match (tier(true), tier(false)) {
        (Some(free), Some(paid)) => Ok(Arms { free, paid }),
        _ => Err(Error::input(
            "the manifest does not name a tier that is trained on and one that is not",
        )),
    }
}

fn observations(transcripts: &[Transcript], verdicts: &[Verdict]) -> Vec<Observation> {
    let by_key: HashMap<_, _> =
        verdicts.iter().map(|v| ((&*v.request, &*v.tier, v.sample), v)).collect();
    let observation = |t: &Transcript| {
        let verdict = by_key.get(&(&*t.request, &*t.tier, t.sample));
        Observation::of(t, verdict.and_then(|v| v.compliance), verdict.and_then(|v| v.reasoning))
    };
    transcripts.iter().map(observation).collect()
}
