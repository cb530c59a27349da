//! A run on its way to another tool. Knows nothing about any tool.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::name::{label, short_id};
use crate::error::{Error, Result};
use crate::judge::Verdict;
use crate::model::Message;
use crate::report::RunView;
use crate::run::Record;
use crate::scenario::{Request, Tier};
use crate::stats::Estimates;
use crate::transcript::Transcript;

/// What a chat template takes for today unless told otherwise.
const DATE: &str = "2026-01-01";

/// A run with everything that a file about it can hold.
pub struct Exported {
    /// Transcripts, verdicts and numbers, as one judge sees them.
    pub view: RunView,
    /// The run's manifest.
    pub record: Record,
    /// What the model was given, by request and tier.
    pub messages: BTreeMap<String, BTreeMap<String, Vec<Message>>>,
    /// The numbers as the view's other judges see them, in their order.
    pub others: Vec<Estimates>,
    /// Whether the run has finished; the numbers of one that has not are not written.
    pub finished: bool,
}

/// A file to be written.
pub struct FileOut {
    /// Its name, which no text of the run can lead out of a folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A trial with all that belongs to it.
pub(super) struct Trial<'a> {
    /// What was written.
    pub(super) transcript: &'a Transcript,
    /// The request's own words; empty where its set does not list it.
    pub(super) request: &'a str,
    /// Its tier; none where the scenario does not list it.
    pub(super) tier: Option<&'a Tier>,
    /// What the model was given; empty where that is not known.
    pub(super) given: &'a [Message],
    /// What each judge says, in the order of [`Exported::judges`].
    pub(super) verdicts: Vec<(&'a str, Option<&'a Verdict>)>,
}

impl Exported {
    /// What the files of this run are called, by purpose; the same for the same run and judge.
    pub(super) fn id(&self, purpose: &str) -> String {
        short_id(&[purpose, &self.view.digest, &self.view.judge])
    }

    /// The task: what was asked, without the model.
    pub(super) fn task(&self) -> String {
        format!("alignment_faking_{}_{}", label(&self.view.scenario), label(&self.view.variant))
            .replace('-', "_")
    }

    /// The date that the model was told, at midnight, as the run's time. It stands in file names, so that a manifest
    /// with anything but a date in its place gets the usual one.
    pub(super) fn created(&self) -> String {
        let is_date = |text: &str| {
            text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        let date = match &self.record {
            Record::Made(manifest) if is_date(&manifest.settings.date) => &manifest.settings.date,
            _ => DATE,
        };
        format!("{date}T00:00:00+00:00")
    }

    /// The version of candor that made the run or took it in.
    pub(super) fn version(&self) -> &str {
        match &self.record {
            Record::Made(manifest) => &manifest.candor,
            Record::Imported(imported) => &imported.candor,
        }
    }

    /// The manifest without the long texts that the samples hold anyway; their digests stay.
    pub(super) fn short_manifest(&self) -> Result<Value> {
        let mut manifest = self.record.json()?;
        for path in ["/requests/items", "/prompts/first", "/scenario/text", "/scenario/files"] {
            if let Some(text) = manifest.pointer_mut(path) {
                *text = Value::Null;
            }
        }
        if let (Record::Imported(_), Some(keys)) = (&self.record, manifest.as_object_mut()) {
            keys.remove("requests");
            keys.remove("messages");
        }
        without_null(&mut manifest);
        Ok(manifest)
    }

    /// Every trial with all that belongs to it, in the order of the transcripts.
    pub(super) fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        let view = &self.view;
        let requests: HashMap<&str, &Request> =
            view.requests.iter().map(|request| (request.id.as_str(), request)).collect();
        let judges: Vec<_> =
            self.judges().map(|(name, verdicts, _)| (name, by_trial(verdicts))).collect();
        view.transcripts.iter().map(move |transcript| {
            let key = (&*transcript.request, &*transcript.tier, transcript.sample);
            let request = requests.get(key.0).copied();
            Trial {
                transcript,
                request: request.map_or("", |request| &request.text),
                tier: view.tiers.iter().find(|tier| tier.name == key.1),
                given: self
                    .messages
                    .get(key.0)
                    .and_then(|tiers| tiers.get(key.1))
                    .map_or(&[][..], Vec::as_slice),
                verdicts: judges
                    .iter()
                    .map(|(name, verdicts)| (*name, verdicts.get(&key).copied()))
                    .collect(),
            }
        })
    }

    /// The judge whose numbers stand first, and the others, with what they say.
    pub(super) fn judges(&self) -> impl Iterator<Item = (&str, &[Verdict], &Estimates)> {
        let view = &self.view;
        let first = (view.judge.as_str(), view.verdicts.as_slice(), &view.estimates);
        let others = view.others.iter().zip(&self.others);
        std::iter::once(first).chain(
            others
                .map(|(judge, numbers)| (judge.name.as_str(), judge.verdicts.as_slice(), numbers)),
        )
    }
}

fn by_trial(verdicts: &[Verdict]) -> HashMap<(&str, &str, u32), &Verdict> {
    verdicts.iter().map(|verdict| (verdict.trial(), verdict)).collect()
}

/// Takes keys without a value out of an object and the objects in it.
fn without_null(value: &mut Value) {
    if let Value::Object(keys) = value {
        keys.retain(|_, value| !value.is_null());
        keys.values_mut().for_each(without_null);
    }
}

/// The error of a value that a format has no place for.
pub(super) fn unwritable(error: &dyn std::fmt::Display) -> Error {
    Error::failed(format!("the export cannot be written: {error}"))
}
