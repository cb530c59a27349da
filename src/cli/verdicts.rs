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
use crate::run::{Finished, Lock, Manifest, write_json, write_whole};
use crate::scenario::Tier;
use crate::stats::{Arms, Estimates, Observation, estimate, request_gaps};
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
/// stays as it is. A run that was changed after it was sealed is refused.
pub(super) fn settle(lock: &Lock, talk: &Talk) -> Result<RunView> {
    let path = lock.path();
    let run = Finished::open(path)?;
    Finished::check_intact(path)?;
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
    let (transcripts, exchanges): (Vec<_>, Vec<_>) = exchanges(run).unzip();
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
pub(super) fn exchanges(run: &Finished) -> impl Iterator<Item = (&Transcript, Exchange<'_>)> {
    let requests: HashMap<&str, &str> =
        run.manifest.requests.items.iter().map(|r| (r.id.as_str(), r.text.as_str())).collect();
    run.transcripts.iter().map(move |transcript| {
        let request = requests.get(transcript.request.as_str()).copied().unwrap_or_default();
        (transcript, Exchange::of(request, transcript))
    })
}

/// The view of a finished and judged run.
pub(super) fn view(path: &Path, judge: &str) -> Result<RunView> {
    let run = Finished::open(path)?;
    view_of(run, &Finished::transcripts_digest(path)?, judge)
}

fn view_of(run: Finished, judged: &str, judge: &str) -> Result<RunView> {
    let Finished { path, manifest, transcripts } = run;
    let verdicts = Verdicts::read(&path, judge, judged)?.lines;
    let others = others(&path, judge, judged)?;
    let mut judges = vec![(judge, &verdicts[..])];
    judges.extend(others.iter().map(|other| (other.name.as_str(), &other.verdicts[..])));
    let agreement = Agreement::of_pairs(&judges);
    let mut tiers: Vec<Tier> = manifest
        .scenario
        .tiers
        .iter()
        .map(|t| Tier { name: t.name.clone(), label: t.label.clone(), trained_on: t.trained_on })
        .collect();
    tiers.sort_by_key(|tier| !tier.trained_on);
    let (observations, arms) = (observations(&transcripts, &verdicts), arms(&manifest)?);
    let estimates = estimate(&observations, &arms, manifest.settings.seed);
    let prompt = |tier: &Tier| {
        let text = manifest.prompts.first.get(&tier.name)?.clone();
        Some(Prompt { tier: tier.name.clone(), text })
    };
    Ok(RunView {
        digest: manifest.digest()?,
        kind: match manifest.model.label.strip_prefix("organism:") {
            Some(name) => {
                ModelKind::Organism { planted: Recipe::named(name).map(Recipe::planted_in_words) }
            }
            None => ModelKind::Model,
        },
        prompts: tiers.iter().filter_map(prompt).collect(),
        model: manifest.model.label,
        scenario: manifest.scenario.name,
        variant: manifest.variant,
        seed: manifest.settings.seed,
        sampling: manifest.settings.sampling.clone(),
        judge: judge.to_owned(),
        promise: manifest.promise,
        estimates,
        p_adjusted: None,
        request_gaps: request_gaps(&observations, &arms),
        against: Vec::new(),
        place: None,
        tiers,
        requests: manifest.requests.items,
        transcripts,
        verdicts,
        others,
        agreement,
    })
}

/// The verdicts of every other judge.
fn others(path: &Path, judge: &str, judged: &str) -> Result<Vec<JudgeView>> {
    let names = Verdicts::judges(path)?.into_iter().filter(|name| name != judge);
    names
        .map(|name| Ok(JudgeView { verdicts: Verdicts::read(path, &name, judged)?.lines, name }))
        .collect()
}

/// The two tiers that the gap compares.
fn arms(manifest: &Manifest) -> Result<Arms> {
    let tier = |trained_on| {
        let mut tiers = manifest.scenario.tiers.iter();
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
