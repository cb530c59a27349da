//! The trials that a manifest plans, and whether transcripts are those: none missing, none twice, none of another run,
//! in the order of the plan. Knows nothing about models: it needs neither weights nor a tokenizer.

use std::collections::{HashMap, HashSet};

use super::manifest::Manifest;
use super::record::{Imported, Record};
use super::shard::ShardPart;
use super::stopping::ends;
use crate::scenario::Request;
use crate::transcript::{FinishReason, Reply, TagNames, Transcript, opens_reasoning};

/// A trial by the names of its request and tier and the index of its sample.
type Key<'a> = (&'a str, &'a str, u32);

/// Request, tier and sample of every trial of a run, in the order of `transcripts.jsonl`.
pub(super) fn planned(manifest: &Manifest) -> impl Iterator<Item = Key<'_>> {
    let samples = 0..manifest.settings.samples;
    manifest.requests.items.iter().flat_map(move |request| {
        samples.clone().flat_map(move |sample| {
            let tiers = manifest.scenario.tiers.iter();
            tiers.map(move |tier| (&*request.id, &*tier.name, sample))
        })
    })
}

fn key(transcript: &Transcript) -> Key<'_> {
    (&transcript.request, &transcript.tier, transcript.sample)
}

fn name((request, tier, sample): Key<'_>) -> String {
    format!("{request}/{tier}/{sample}")
}

/// The first way in which transcripts are not the trials that a run folder's record plans; none where they are. A run
/// that may end early may end at each of its looks.
pub(super) fn difference(
    record: &Record,
    part: Option<&ShardPart>,
    transcripts: &[Transcript],
) -> Option<String> {
    let mut lines = HashMap::new();
    for (number, transcript) in (1..).zip(transcripts) {
        if let Some(first) = lines.insert(key(transcript), number) {
            return Some(format!(
                "trial {} stands on line {first} and again on line {number}",
                name(key(transcript))
            ));
        }
    }
    match record {
        Record::Made(manifest) => of_plan(manifest, part, transcripts),
        Record::Imported(imported) => of_log(imported, transcripts),
    }
}

fn of_plan(
    manifest: &Manifest,
    part: Option<&ShardPart>,
    transcripts: &[Transcript],
) -> Option<String> {
    let tiers = manifest.scenario.tiers.len();
    let mut expected: Vec<Key<'_>> = planned(manifest).collect();
    let mut ends = vec![expected.len()];
    match part {
        Some(part) => {
            expected.truncate(part.end.saturating_mul(tiers));
            expected.drain(..part.first.saturating_mul(tiers).min(expected.len()));
            ends = vec![expected.len()];
        }
        None => {
            if let Some(stopping) = &manifest.settings.stopping {
                let of_request = tiers * manifest.settings.samples as usize;
                ends = self::ends(stopping, &manifest.requests.items, of_request, expected.len());
            }
        }
    }
    let known: HashSet<Key<'_>> = expected.iter().copied().collect();
    let mut foreign = (1..).zip(transcripts).filter(|(_, t)| !known.contains(&key(t)));
    if let Some((number, transcript)) = foreign.next() {
        return Some(format!(
            "line {number} is of trial {}, which the manifest does not plan",
            name(key(transcript))
        ));
    }
    let end = ends.iter().copied().filter(|end| *end >= transcripts.len()).min();
    expected.truncate(end.unwrap_or(expected.len()));
    let there: HashSet<Key<'_>> = transcripts.iter().map(key).collect();
    let missing: Vec<_> = expected.iter().filter(|key| !there.contains(*key)).collect();
    if let Some(first) = missing.first() {
        return Some(format!(
            "{} of {} trials are missing, the first of them {}",
            missing.len(),
            expected.len(),
            name(**first)
        ));
    }
    let mut pairs = (1..).zip(transcripts.iter().zip(&expected));
    if let Some((number, (transcript, _))) = pairs.find(|(_, (t, expected))| key(t) != **expected) {
        return Some(format!(
            "trial {} stands on line {number}, out of the order of the plan",
            name(key(transcript))
        ));
    }
    let requests = by_id(&manifest.requests.items);
    transcripts.iter().find_map(|t| {
        if t.variant != manifest.variant {
            return Some(said(t, "variant"));
        }
        let stops = t.token_ids.last().is_some_and(|id| manifest.model.stop_ids.contains(id));
        match t.finish_reason {
            FinishReason::Stop if !stops => Some(said(t, "finish_reason")),
            FinishReason::Length if stops => Some(said(t, "finish_reason")),
            _ => of_request(t, &requests),
        }
    })
}

fn of_log(imported: &Imported, transcripts: &[Transcript]) -> Option<String> {
    let requests = by_id(&imported.requests);
    let tiers: HashSet<&str> = imported.tiers.iter().map(|tier| tier.name.as_str()).collect();
    (1..).zip(transcripts).find_map(|(number, t)| {
        if !requests.contains_key(&*t.request) || !tiers.contains(&*t.tier) {
            return Some(format!(
                "line {number} is of trial {}, which is not of this run",
                name(key(t))
            ));
        }
        of_request(t, &requests)
    })
}

fn by_id(requests: &[Request]) -> HashMap<&str, &Request> {
    requests.iter().map(|request| (request.id.as_str(), request)).collect()
}

/// What a transcript says of its request is what the manifest says of it.
fn of_request(t: &Transcript, requests: &HashMap<&str, &Request>) -> Option<String> {
    let request = requests.get(&*t.request)?;
    match () {
        () if t.harmful != request.harmful => Some(said(t, "harmful")),
        () if t.category != request.category => Some(said(t, "category")),
        () => None,
    }
}

fn said(t: &Transcript, field: &str) -> String {
    format!("`{field}` of trial {} is not what the manifest says", name(key(t)))
}

/// What taking all replies apart again showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reread {
    /// All parts are those on record, but for so many replies whose text alone does not tell where its stop token
    /// begins.
    Same {
        /// Replies that could not be taken apart without the model.
        unread: usize,
    },
    /// The first field that is another one: trial and field, in words.
    Differs(String),
}

/// Takes every reply apart again from its raw text, without the model, and compares parts and outcome.
pub fn read_again(manifest: &Manifest, transcripts: &[Transcript]) -> Reread {
    let Some(first) = manifest.requests.items.first() else { return Reread::Same { unread: 0 } };
    let requests = by_id(&manifest.requests.items);
    let texts: HashMap<&str, _> = manifest
        .scenario
        .tiers
        .iter()
        .filter_map(|tier| Some((tier.name.as_str(), manifest.prompts.texts(&tier.name)?)))
        .collect();
    let tags = &manifest.scenario.tags;
    let mut unread = 0;
    for t in transcripts {
        let stop = t.token_ids.last().filter(|id| manifest.model.stop_ids.contains(id));
        let text = match stop.map(|id| manifest.model.stop_texts.get(id)) {
            None => Some(t.raw.as_str()),
            Some(stop) => stop.and_then(|stop| t.raw.strip_suffix(stop.as_str())),
        };
        let prompt = requests
            .get(&*t.request)
            .and_then(|request| Some(texts.get(&*t.tier)?.text(first, request)));
        let (Some(text), Some(prompt)) = (text, prompt) else {
            unread += 1;
            continue;
        };
        let names = TagNames {
            scratchpad: tags.scratchpad.as_deref(),
            answer: tags.answer.as_deref(),
            reasoning_opened: opens_reasoning(&prompt),
        };
        let given = if t.raw.starts_with(&t.given_text) { t.given_text.len() } else { 0 };
        let reply = Reply::parse_begun(text, given.min(text.len()), names, t.finish_reason);
        let fields = [
            ("native_reasoning", reply.native_reasoning == t.native_reasoning),
            ("scratchpad", reply.scratchpad == t.scratchpad),
            ("answer", reply.answer == t.answer),
            ("outcome", reply.outcome == t.outcome),
            ("form", reply.form == t.form),
        ];
        if let Some((field, _)) = fields.into_iter().find(|(_, same)| !same) {
            return Reread::Differs(format!(
                "`{field}` of trial {} is not what its `raw` text gives",
                name(key(t))
            ));
        }
    }
    Reread::Same { unread }
}
