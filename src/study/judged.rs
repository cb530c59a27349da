//! Finished runs judged by a judge of one's choice.

use std::path::PathBuf;

use super::judged_run::JudgedRun;
use super::judges::{ChosenJudge, Judge};
use super::verdicts::{add, judge_and_publish};
use crate::error::Result;
use crate::events::{Events, shown};
use crate::judge::{JudgeOutcome, Verdict, Verdicts};
use crate::report::RunView;
use crate::run::{Finished, Lock};

/// Judges finished runs, and gives their views as this judge sees them.
pub(crate) fn judge_runs(
    runs: &[PathBuf],
    judge: &ChosenJudge,
    talk: &dyn Events,
) -> Result<Vec<RunView>> {
    let locks = ready(runs)?;
    let views = judged(runs, &locks, || (!judge.is_rules()).then(|| judge.open(talk)), talk)?;
    drop(locks);
    Ok(views)
}

/// Takes finished runs to judge: nobody else writes to them meanwhile.
///
/// # Errors
/// One is no finished run, or another process writes to it.
pub(crate) fn ready(runs: &[PathBuf]) -> Result<Vec<Lock>> {
    // A folder that is no finished run is found before a model is read.
    runs.iter().try_for_each(|run| Finished::open(run).map(drop))?;
    runs.iter().map(|run| Lock::take(run)).collect()
}

/// Judges runs by `rules`, and by a further judge if there is one, which is opened once `rules` is done.
pub(crate) fn judged(
    runs: &[PathBuf],
    locks: &[Lock],
    judge: impl FnOnce() -> Option<Result<Judge>>,
    talk: &dyn Events,
) -> Result<Vec<RunView>> {
    let mut views =
        locks.iter().map(|lock| judge_and_publish(lock, talk)).collect::<Result<Vec<_>>>()?;
    if let Some(judge) = judge().transpose()? {
        let card = judge.card()?;
        views.clear();
        for path in runs {
            let run = Finished::open(path)?;
            let card = judge.about_run(card.clone(), &run)?;
            let name = card.judge.clone();
            if let Some(fitted) = &card.fitted
                && !fitted.on_this_run
            {
                talk.say(format!(
                    "note: `{name}` was fitted to labels on other replies than those of {}: its error rates were measured \
                     there",
                    shown(path)
                ));
            }
            let verdicts = judge.verdicts(card, &run, talk)?;
            tell_unjudged(&verdicts, talk);
            add(run, verdicts)?;
            views.push(JudgedRun::open(path, &name)?.view()?);
        }
    }
    for (run, view) in runs.iter().zip(&views) {
        talk.say(format!("judged by {}: {}", view.judge, shown(run)));
    }
    Ok(views)
}

/// Says how many trials a judge has no verdict on though there was something to judge.
fn tell_unjudged(verdicts: &Verdicts, talk: &dyn Events) {
    for (what, outcome) in [
        ("answers", (|v| v.judge_outcome) as fn(&Verdict) -> JudgeOutcome),
        ("thoughts", |v| v.reasoning_outcome),
    ] {
        let count = |wanted: JudgeOutcome| {
            verdicts.lines.iter().filter(|verdict| outcome(verdict) == wanted).count()
        };
        let (evasive, long) = (count(JudgeOutcome::Evasive), count(JudgeOutcome::TooLong));
        let (unreadable, foreign) =
            (count(JudgeOutcome::Unreadable), count(JudgeOutcome::Language));
        let all = evasive + long + unreadable + foreign + count(JudgeOutcome::Judged);
        if unreadable > 0 {
            talk.say(format!(
                "note: no verdict on {unreadable} of {all} {what}: they are no replies (no words, the error of a program, letters at random)"
            ));
        }
        if foreign > 0 {
            talk.say(format!(
                "note: no verdict on {foreign} of {all} {what}: they are in a language that the judge does not read"
            ));
        }
        if evasive > 0 {
            talk.say(format!(
                "note: no verdict on {evasive} of {all} {what}: the model would say something else than the answers that it is offered"
            ));
        }
        if long > 0 {
            talk.say(format!(
                "note: no verdict on {long} of {all} {what}: the question is longer than the model's context"
            ));
        }
    }
}
