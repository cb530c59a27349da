//! A run's verdicts and numbers made again, and held against what stands in its folder. Writes nothing.

use super::judged_run::JudgedRun;
use super::judges::Judge;
use super::verdicts::{SUMMARY, summary};
use crate::error::Result;
use crate::events::Events;
use crate::judge::{Verdicts, is_human, rules};
use crate::run::Finished;

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
        let again = Judge::Rules.verdicts(card, &run, talk)?;
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
    let expected = summary(&JudgedRun::of(run, &judged, rules::NAME)?.view()?)?;
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

/// Where verdicts of `rules` that are not as they were written first say something else than `rules` does.
fn first_changed(run: &Finished, judge: &str, talk: &dyn Events) -> Result<Option<String>> {
    let Some(there) = Verdicts::as_they_stand(&run.path, judge).filter(|_| judge == rules::NAME)
    else {
        return Ok(None);
    };
    let again = Judge::Rules.verdicts(rules::card()?, run, talk)?;
    let mut pairs = (1..).zip(there.lines.iter().zip(&again.lines));
    Ok(pairs.find(|(_, (there, again))| there != again).map(|(number, (there, _))| {
        let (request, tier, sample) = there.trial();
        format!(": line {number}, trial {request}/{tier}/{sample}, is not what `rules` says")
    }))
}
