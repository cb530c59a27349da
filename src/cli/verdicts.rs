//! Verdicts beside a run, and the view of a run that reports are made from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::judge::{JudgeCard, Verdict, rules};
use crate::organism::Recipe;
use crate::report::{self, ModelKind, Prompt, RunView};
use crate::run::{Finished, Manifest, read_json, read_lines, write_json, write_lines, write_whole};
use crate::scenario::Tier;
use crate::stats::{Arms, Estimates, Observation, estimate};
use crate::transcript::Transcript;

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

/// Refuses judges that this version does not have, before any work.
pub(super) fn check_judge(judge: &str) -> Result<()> {
    if judge == rules::NAME {
        return Ok(());
    }
    Err(Error::input(format!("there is no judge `{judge}` in this version"))
        .hint(format!("use `--judge {}`", rules::NAME)))
}

/// Makes what a finished run still lacks: verdicts, summary, report. What is there already stays as it is.
pub(super) fn settle(path: &Path) -> Result<RunView> {
    let run = Finished::open(path)?;
    let judged = Finished::transcripts_digest(path)?;
    let (lines, card) = paths(path, rules::NAME);
    let known = lines.exists() && card.exists() && {
        let card: JudgeCard = read_json(&card)?;
        card.transcripts_digest == judged && card.version == rules::VERSION
    };
    if !known {
        judge(&run, &judged)?;
    }
    let view = view_of(run, rules::NAME)?;
    let summary = path.join("summary.json");
    if !known || !summary.exists() {
        write_json(
            &summary,
            &Summary {
                model: view.model.clone(),
                scenario: view.scenario.clone(),
                variant: view.variant.clone(),
                judge: view.judge.clone(),
                estimates: view.estimates.clone(),
            },
        )?;
    }
    let page = path.join("report.html");
    if !known || !page.exists() {
        write_whole(&page, report::html(std::slice::from_ref(&view))?.as_bytes())?;
    }
    Ok(view)
}

fn judge(run: &Finished, digest: &str) -> Result<()> {
    let (lines, card) = paths(&run.path, rules::NAME);
    if let Some(folder) = lines.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::write(folder, &error))?;
    }
    write_lines(&lines, run.transcripts.iter().map(rules::judge))?;
    write_json(&card, &rules::card(digest)?)
}

/// Verdicts and the judge's own manifest.
fn paths(run: &Path, judge: &str) -> (PathBuf, PathBuf) {
    let folder = run.join("verdicts");
    (folder.join(format!("{judge}.jsonl")), folder.join(format!("{judge}.json")))
}

/// The view of a finished and judged run.
pub(super) fn view(path: &Path, judge: &str) -> Result<RunView> {
    let run = Finished::open(path)?;
    let (lines, card) = paths(path, judge);
    if !lines.exists() {
        return Err(Error::input(format!(
            "`{}` has no verdicts of judge `{judge}`",
            path.display()
        ))
        .hint(format!("make them with `candor judge {}`", path.display())));
    }
    if read_json::<JudgeCard>(&card)?.transcripts_digest != Finished::transcripts_digest(path)? {
        return Err(Error::input(format!(
            "the verdicts in `{}` are about other transcripts",
            lines.display()
        ))
        .hint(format!(
            "check the run with `candor verify {0}`, then `candor judge {0}`",
            path.display()
        )));
    }
    view_of(run, judge)
}

fn view_of(run: Finished, judge: &str) -> Result<RunView> {
    let Finished { path, manifest, transcripts } = run;
    let verdicts: Vec<Verdict> = read_lines(&paths(&path, judge).0)?;
    let mut tiers: Vec<Tier> = manifest
        .scenario
        .tiers
        .iter()
        .map(|t| Tier { name: t.name.clone(), label: t.label.clone(), trained_on: t.trained_on })
        .collect();
    tiers.sort_by_key(|tier| !tier.trained_on);
    let estimates =
        estimate(&observations(&transcripts, &verdicts), &arms(&manifest)?, manifest.settings.seed);
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
        judge: judge.to_owned(),
        promise: manifest.promise,
        estimates,
        tiers,
        requests: manifest.requests.items,
        transcripts,
        verdicts,
    })
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
