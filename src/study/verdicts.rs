//! Verdicts beside a run, and the summary and page that follow from them: what is written into its folder once it has
//! been made.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::judged_run::JudgedRun;
use super::judges::Judge;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::judge::{QuestionJournal, Verdicts, rules};
use crate::report::{self, RunView};
use crate::run::{Finished, Lock, write_whole};
use crate::stats::Estimates;

pub(super) const SUMMARY: &str = "summary.json";
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

/// Makes what a finished run still lacks: the verdicts of `rules`, the summary, the page. What is there already and as
/// it was written stays as it is, and what is damaged is made again. A run that was changed after it was sealed is refused.
pub(crate) fn judge_and_publish(lock: &Lock, talk: &dyn Events) -> Result<RunView> {
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
        Judge::Rules.verdicts(card, &run, talk)?.about(&judged).write(path)?;
    }
    publish(run, &judged)
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
    let view = JudgedRun::of(run, judged, rules::NAME)?.view()?;
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

/// The text of `summary.json`.
pub(super) fn summary(view: &RunView) -> Result<String> {
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
