//! Whether a run folder is what it says: first its digests, then some of its trials made again, bit by bit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::execute::Pace;
use super::folder::Finished;
use super::plan::Plan;
use crate::decoder::LanguageModel;
use crate::engine::generate;
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
    let journaled = Finished::journaled(path)?;
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

/// Draws `count` of the recorded trials again, evenly spread over the run, and compares tokens and
/// log-probabilities bit by bit.
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
    let mut again = vec![None; count];
    generate(model, &jobs, &limits, interrupted, |step| {
        for completion in step.finished {
            again[completion.job] = Some((completion.token_ids, completion.logprobs));
        }
        Ok(())
    })?;

    let mut result = Regenerated { trials: count, tokens: 0, tokens_equal: 0, difference: None };
    for ((_, recorded), again) in chosen.iter().zip(&again) {
        let (ids, logprobs) = again.as_ref().map_or((&[][..], &[][..]), |(i, l)| (&i[..], &l[..]));
        let same = |&i: &usize| {
            recorded.token_ids.get(i) == ids.get(i)
                && recorded.logprobs.get(i).map(|l| l.to_bits())
                    == logprobs.get(i).map(|l| l.to_bits())
        };
        let longest = recorded.token_ids.len().max(ids.len());
        let equal = (0..longest).take_while(same).count();
        result.tokens += recorded.token_ids.len();
        result.tokens_equal += equal.min(recorded.token_ids.len());
        if equal < longest && result.difference.is_none() {
            result.difference = Some(Difference {
                trial: name(recorded),
                position: equal,
                recorded: recorded.token_ids.get(equal).copied(),
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
