//! Whether a run folder is what it says: first its digests, then some of its trials made again, bit by bit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::execute::Pace;
use super::folder::Finished;
use super::plan::Plan;
use crate::decoder::LanguageModel;
use crate::engine::{Completion, generate};
use crate::error::Result;
use crate::transcript::Transcript;

/// What the digests say.
#[derive(Debug, PartialEq, Eq)]
pub enum Digests {
    /// Manifest and transcripts are as sealed.
    Sealed,
    /// Something was changed: what, and where.
    Changed(String),
}

/// Holds manifest and transcripts against the seal. Where the transcripts differ, the journal tells which.
///
/// # Errors
/// The folder is no finished run.
pub fn check_digests(path: &Path) -> Result<Digests> {
    let seal = Finished::seal(path)?;
    if Finished::manifest_digest(path)? != seal.manifest {
        return Ok(Digests::Changed("`manifest.json` is not the one that was sealed".into()));
    }
    if Finished::transcripts_digest(path)? == seal.transcripts {
        return Ok(Digests::Sealed);
    }
    // A journal that is damaged too tells nothing, and is no reason to stop: what was found is told.
    let journaled = Finished::journaled(path).unwrap_or_default();
    let by_key: HashMap<_, _> = journaled.iter().map(|t| (key(t), t)).collect();
    let lines = Finished::transcript_lines(path)?;
    for (number, line) in (1..).zip(&lines) {
        let place = format!("line {number} of `transcripts.jsonl`");
        let Ok(transcript) = serde_json::from_str::<Transcript>(line) else {
            return Ok(Digests::Changed(format!("{place} is no transcript any more")));
        };
        let original = by_key.get(&key(&transcript)).map(serde_json::to_string);
        if !matches!(original, Some(Ok(original)) if original == *line) {
            return Ok(Digests::Changed(format!(
                "{place}, trial {}, was changed",
                name(&transcript)
            )));
        }
    }
    Ok(Digests::Changed(match lines.len().cmp(&journaled.len()) {
        std::cmp::Ordering::Less => {
            format!("`transcripts.jsonl` has {} of {} lines", lines.len(), journaled.len())
        }
        _ => "the lines of `transcripts.jsonl` stand in another order".into(),
    }))
}

/// Holds the transcripts of a finished run or shard against the trials that its manifest plans: the first difference
/// in words, if there is one.
///
/// # Errors
/// `shard.json` cannot be read.
pub fn check_trials(run: &Finished) -> Result<Option<String>> {
    let part = Finished::part(&run.path)?;
    let tells =
        |what| format!("`transcripts.jsonl` does not hold the trials of its manifest: {what}");
    Ok(run.trials_differ(part.as_ref()).map(tells))
}

/// Holds the transcripts of a finished run or shard against its journal, if that is there: the first difference in
/// words, if there is one. A seal that was made anew does not change what the journal says.
///
/// # Errors
/// Never in practice; a journal that cannot be read is a difference.
pub fn check_journal(run: &Finished) -> Result<Option<String>> {
    if !Finished::has_journal(&run.path) {
        return Ok(None);
    }
    let journaled = match Finished::journaled(&run.path) {
        Ok(journaled) => journaled,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let by_key: HashMap<_, _> = journaled.iter().map(|t| (key(t), t)).collect();
    let differs = |t: &&Transcript| by_key.get(&key(t)).is_some_and(|journaled| *journaled != *t);
    Ok(run
        .transcripts
        .iter()
        .find(differs)
        .map(|t| format!("trial {} of `transcripts.jsonl` is not what the journal holds", name(t))))
}

/// Decodes the recorded tokens of every trial again and takes the replies apart, and gives the first field of a
/// transcript that is not what its tokens give, in words.
///
/// # Errors
/// Tokens that cannot be decoded.
pub fn derived(plan: &Plan<'_>, recorded: &[Transcript]) -> Result<Option<String>> {
    let trials: HashMap<_, _> = plan
        .trials
        .iter()
        .map(|trial| ((&*trial.request.id, &*trial.tier.name, trial.sample), trial))
        .collect();
    for transcript in recorded {
        let Some(trial) = trials.get(&key(transcript)) else {
            return Ok(Some(format!("trial {} is not of the plan", name(transcript))));
        };
        let done = Completion {
            job: 0,
            token_ids: transcript.drawn().to_vec(),
            logprobs: transcript.logprobs.clone(),
            finish_reason: transcript.finish_reason,
        };
        let again = plan.transcript(trial, done)?;
        if let Some(field) = different_field(transcript, &again) {
            return Ok(Some(format!(
                "`{field}` of trial {} is not what its tokens give",
                name(transcript)
            )));
        }
    }
    Ok(None)
}

/// The first field in which two transcripts differ. Numbers are compared by the digits that stand in the file, which
/// are exact.
fn different_field(one: &Transcript, other: &Transcript) -> Option<String> {
    let fields = |t: &Transcript| serde_json::to_value(t).ok()?.as_object().cloned();
    let (one, other) = (fields(one)?, fields(other)?);
    let differs = |(field, value): (&String, &serde_json::Value)| {
        (other.get(field) != Some(value)).then(|| field.clone())
    };
    one.iter().find_map(differs)
}

/// The first token in which a trial that was made again differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// `variant/request/tier/sample`.
    pub trial: String,
    /// Index of the token, from 0.
    pub position: usize,
    /// The token on record.
    pub recorded: Option<u32>,
    /// The token drawn now.
    pub drawn: Option<u32>,
}

/// What making trials again showed.
#[derive(Debug, PartialEq, Eq)]
pub struct Regenerated {
    /// Trials made again.
    pub trials: usize,
    /// Tokens on record in them.
    pub tokens: usize,
    /// Tokens before the first difference of their trial.
    pub tokens_equal: usize,
    /// The first difference in trial order, if there is one.
    pub difference: Option<Difference>,
}

/// Draws `count` of the recorded trials again, evenly spread over the run, and compares tokens, log-probabilities and
/// why each reply ended, bit by bit. Everything else in a transcript follows from these: [`derived`] looks at that.
///
/// # Errors
/// Those of the engine.
pub fn regenerate<M: LanguageModel>(
    plan: &Plan<'_>,
    model: &M,
    recorded: &[Transcript],
    count: usize,
    pace: Pace,
    interrupted: &AtomicBool,
) -> Result<Regenerated> {
    let by_key: HashMap<_, _> = recorded.iter().map(|t| (key(t), t)).collect();
    let known: Vec<_> = plan
        .trials
        .iter()
        .filter_map(|trial| {
            let recorded = by_key.get(&(&*trial.request.id, &*trial.tier.name, trial.sample))?;
            Some((*trial, *recorded))
        })
        .collect();
    let count = count.min(known.len());
    let chosen: Vec<_> = (0..count).map(|i| &known[i * known.len() / count]).collect();
    let jobs: Vec<_> = chosen.iter().map(|(trial, _)| plan.job(trial)).collect();
    let limits = pace.limits(plan.model);
    let mut again: Vec<Option<Completion>> = (0..count).map(|_| None).collect();
    generate(model, &jobs, &limits, interrupted, |step| {
        for completion in step.finished {
            let job = completion.job;
            again[job] = Some(completion);
        }
        Ok(())
    })?;

    let mut result = Regenerated { trials: count, tokens: 0, tokens_equal: 0, difference: None };
    for ((_, recorded), again) in chosen.iter().zip(&again) {
        let (ids, logprobs) = again
            .as_ref()
            .map_or((&[][..], &[][..]), |again| (&again.token_ids[..], &again.logprobs[..]));
        let ended = again.as_ref().map(|again| again.finish_reason);
        let same = |&i: &usize| {
            recorded.drawn().get(i) == ids.get(i)
                && recorded.logprobs.get(i).map(|l| l.to_bits())
                    == logprobs.get(i).map(|l| l.to_bits())
        };
        let recorded_len = recorded.drawn().len().max(recorded.logprobs.len());
        let longest = recorded_len.max(ids.len());
        let equal = (0..longest).take_while(same).count();
        result.tokens += recorded.drawn().len();
        result.tokens_equal += equal.min(recorded.drawn().len());
        let differs = equal < longest || ended != Some(recorded.finish_reason);
        if differs && result.difference.is_none() {
            result.difference = Some(Difference {
                trial: name(recorded),
                position: recorded.given + equal,
                recorded: recorded.drawn().get(equal).copied(),
                drawn: ids.get(equal).copied(),
            });
        }
    }
    Ok(result)
}

fn key(transcript: &Transcript) -> (&str, &str, u32) {
    (&transcript.request, &transcript.tier, transcript.sample)
}

fn name(t: &Transcript) -> String {
    format!("{}/{}/{}/{}", t.variant, t.request, t.tier, t.sample)
}
