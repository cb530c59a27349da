//! Logs of other programs become a run: which tier a sample is of, which request, where its scratchpad lies.
//! Knows nothing about the form of a log.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::judge::Told;
use crate::model::Message;
use crate::run::{FORMAT, Imported, LogRecord, ReadingRecord, TierRecord};
use crate::scenario::Request;
use crate::transcript::{FinishReason, Form, Outcome, READER_VERSION, Reply, TagNames, Transcript};

/// Name of the arm that is trained on, in a run that was taken in.
const FREE: &str = "free";
/// Name of the arm that is not.
const PAID: &str = "paid";

/// How logs are read.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Under which names things are looked for.
    pub names: ReadingRecord,
    /// What stands under the tier's key in the tier that is trained on.
    pub free: String,
    /// What stands there in the tier that is not.
    pub paid: String,
}

/// A run that was taken in.
pub struct Taken {
    /// Its manifest.
    pub imported: Imported,
    /// Its transcripts, in trial order.
    pub transcripts: Vec<Transcript>,
    /// What the files say of them, in the same order.
    pub told: Vec<Told>,
}

/// A log of any program.
pub struct Log {
    pub(super) record: LogRecord,
    pub(super) model: String,
    pub(super) task: String,
    /// What holds for all samples.
    pub(super) metadata: Map<String, Value>,
    /// Whether candor wrote it: then its samples say what they are.
    pub(super) own: bool,
    pub(super) samples: Vec<LogSample>,
}

/// One reply in a log.
pub(super) struct LogSample {
    pub(super) id: String,
    /// From 1.
    pub(super) epoch: u32,
    pub(super) given: Vec<Message>,
    pub(super) metadata: Map<String, Value>,
    pub(super) native_reasoning: String,
    pub(super) scratchpad: String,
    pub(super) answer: String,
    /// The whole reply, where the log has it in one piece.
    pub(super) raw: Option<String>,
    pub(super) finish: FinishReason,
    /// What the file itself says of the reply.
    pub(super) told: Told,
}

/// Where a trial stands.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Place {
    request: usize,
    sample: u32,
    tier: usize,
}

impl Taken {
    /// Takes the samples of these logs of one model together.
    ///
    /// # Errors
    /// Logs of different models, a sample without a tier, no request in both tiers, a trial that comes twice.
    pub fn from_logs(logs: Vec<Log>, reading: &ImportOptions) -> Result<Self> {
        let Some(first) = logs.first() else {
            return Err(Error::input("there is no log to take in"));
        };
        let (model, task, own) = (first.model.clone(), first.task.clone(), first.own);
        let of_run = |key: &str, log: &Log| scalar(log.samples.first()?.metadata.get(key)?);
        let variant =
            if own { of_run("variant", first) } else { None }.unwrap_or_else(|| "default".into());
        let mut build = Build::new(reading);
        let mut records = Vec::new();
        for log in logs {
            if log.model != model {
                return Err(Error::input(format!(
                    "the logs are of different models: `{model}` and `{}`",
                    log.model
                ))
                .hint("take in the logs of each model into a folder of its own"));
            }
            records.push(log.record);
            for sample in log.samples {
                build.add(sample, &log.metadata, log.own, &variant)?;
            }
        }
        build.check(&records)?;
        let (transcripts, told) = build.trials.into_values().unzip();
        let imported = Imported {
            candor: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT,
            reader: Some(READER_VERSION),
            promise: Imported::promise(),
            imported: records,
            reading: reading.names.clone(),
            model,
            scenario: task,
            variant,
            tiers: build.tiers,
            requests: build.requests,
            messages: build.messages,
        };
        Ok(Self { imported, transcripts, told })
    }
}

/// A run that grows sample by sample.
struct Build<'a> {
    reading: &'a ImportOptions,
    tiers: Vec<TierRecord>,
    requests: Vec<Request>,
    places: HashMap<String, usize>,
    messages: BTreeMap<String, BTreeMap<String, Vec<Message>>>,
    trials: BTreeMap<Place, (Transcript, Told)>,
}

impl<'a> Build<'a> {
    fn new(reading: &'a ImportOptions) -> Self {
        let tier = |name: &str, label: &str, trained_on| TierRecord {
            name: name.to_owned(),
            label: label.to_owned(),
            trained_on,
        };
        let tiers = vec![tier(FREE, &reading.free, true), tier(PAID, &reading.paid, false)];
        Self {
            reading,
            tiers,
            requests: Vec::new(),
            places: HashMap::new(),
            messages: BTreeMap::new(),
            trials: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        sample: LogSample,
        common: &Map<String, Value>,
        own: bool,
        variant: &str,
    ) -> Result<()> {
        let find =
            |key: &str| sample.metadata.get(key).or_else(|| common.get(key)).and_then(scalar);
        let names = &self.reading.names;
        let label =
            find(&names.tier_key).ok_or_else(|| no_tier(&sample, common, &names.tier_key))?;
        let tier = self.tier(&label);
        let id =
            find(&names.request_key).unwrap_or_else(|| without_tier(&sample.id, &label).to_owned());
        let harmful = sample.metadata.get("harmful").and_then(Value::as_bool).unwrap_or(true);
        let category = find("category").unwrap_or_else(|| "uncategorized".into());
        let said = sample.given.iter().rev().find(|message| message.role == "user");
        let request = *self.places.entry(id.clone()).or_insert_with(|| {
            let text = find("request_text")
                .or_else(|| said.map(|message| message.content.clone()))
                .unwrap_or_default();
            let category = category.clone();
            self.requests.push(Request {
                id: id.clone(),
                category,
                harmful,
                text,
                twin_of: None,
                fields: Default::default(),
                options: Vec::new(),
                turns: Vec::new(),
            });
            self.requests.len() - 1
        });
        let place = Place { request, sample: sample.epoch.saturating_sub(1), tier };
        if self.trials.contains_key(&place) {
            return Err(Error::input(format!(
                "the logs hold request `{id}` in tier `{label}`, epoch {}, twice",
                sample.epoch
            ))
            .hint(
                "take in each log once; `--request-key` says which metadata tells requests apart",
            ));
        }
        let own = if own { Own::of(&sample.metadata) } else { None };
        let reply = reply(&sample, names, own);
        let request = &self.requests[place.request];
        let transcript = Transcript {
            variant: variant.to_owned(),
            request: id.clone(),
            tier: self.tiers[tier].name.clone(),
            sample: place.sample,
            harmful: request.harmful,
            category: request.category.clone(),
            outcome: reply.outcome,
            form: reply.form,
            native_reasoning: reply.native_reasoning,
            scratchpad: reply.scratchpad,
            answer: reply.answer,
            raw: sample.raw.clone().unwrap_or_else(|| whole(&sample)),
            given: 0,
            given_text: String::new(),
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            finish_reason: sample.finish,
        };
        let given = self.messages.entry(id).or_default();
        given.entry(self.tiers[tier].name.clone()).or_insert(sample.given);
        self.trials.insert(place, (transcript, sample.told));
        Ok(())
    }

    /// The place of a tier; one that is neither of the two arms is a further one.
    fn tier(&mut self, label: &str) -> usize {
        self.tiers.iter().position(|tier| tier.label == label).unwrap_or_else(|| {
            // A further tier may be called what an arm is called here.
            let taken = self.tiers.iter().any(|tier| tier.name == label);
            self.tiers.push(TierRecord {
                name: if taken { format!("other-{label}") } else { label.to_owned() },
                label: label.to_owned(),
                trained_on: false,
            });
            self.tiers.len() - 1
        })
    }

    fn check(&self, logs: &[LogRecord]) -> Result<()> {
        if self.trials.is_empty() {
            let samples: u64 = logs.iter().map(|log| log.samples).sum();
            return Err(match samples {
                0 => Error::input("there are no samples in what is taken in: no log holds one")
                    .hint("give the whole log: its header alone has no replies"),
                _ => Error::input(format!("none of the {samples} samples has a reply"))
                    .hint("samples that broke have none; run them again"),
            });
        }
        let (key, reading) = (&self.reading.names.tier_key, self.reading);
        let of = |tier: usize| -> BTreeSet<usize> {
            self.trials
                .keys()
                .filter(|place| place.tier == tier)
                .map(|place| place.request)
                .collect()
        };
        let [free, paid] = [of(0), of(1)];
        for (arm, label, flag) in [(&free, &reading.free, "free"), (&paid, &reading.paid, "paid")] {
            if arm.is_empty() {
                let labels: Vec<_> =
                    self.tiers.iter().skip(2).map(|tier| format!("`{}`", tier.label)).collect();
                return Err(Error::input(format!("no sample has `{label}` under `{key}`")).hint(
                    format!(
                        "`--{flag}` says what stands there; others found: {}",
                        labels.join(", ")
                    ),
                ));
            }
        }
        match free.intersection(&paid).next() {
            Some(_) => Ok(()),
            None => {
                Err(Error::input("no request was put in both tiers, so that nothing is paired")
                    .hint(
                        "`--request-key` says which metadata names the request of a sample, `--request-column` which column of a \
                         table",
                    ))
            }
        }
    }
}

fn no_tier(sample: &LogSample, common: &Map<String, Value>, key: &str) -> Error {
    let keys: BTreeSet<&str> =
        sample.metadata.keys().chain(common.keys()).map(String::as_str).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    Error::input(format!("sample `{}` has no `{key}` in its metadata", sample.id)).hint(format!(
        "`--tier-key` names the key of the tier; keys that are there: {}",
        keys.join(", ")
    ))
}

/// A text, number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A sample's id without the tier that it may end with.
fn without_tier<'a>(id: &'a str, tier: &str) -> &'a str {
    let shorter =
        id.strip_suffix(tier).and_then(|id| id.strip_suffix(['-', '_', '.', '/', '@', ':']));
    shorter.filter(|id| !id.is_empty()).unwrap_or(id)
}

/// The reply in one piece, where the log has it in parts.
fn whole(sample: &LogSample) -> String {
    let parts = [&sample.native_reasoning, &sample.scratchpad, &sample.answer];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n")
}

/// The parts of a reply. Of a log that candor wrote they are as they stand there; of any other the text is taken
/// apart as a reply of `run` is, and what the log keeps apart as reasoning is added.
fn reply(sample: &LogSample, names: &ReadingRecord, own: Option<Own>) -> Reply {
    if let Some(Own { outcome, form }) = own {
        return Reply {
            native_reasoning: sample.native_reasoning.clone(),
            scratchpad: sample.scratchpad.clone(),
            answer: sample.answer.clone(),
            outcome,
            form,
            // The text has no tags that would say where its parts stand.
            scratchpad_place: None,
            answer_place: None,
        };
    }
    let apart = !sample.scratchpad.is_empty();
    let tags = TagNames {
        scratchpad: names.scratchpad_tag.as_deref().filter(|_| !apart),
        answer: names.answer_tag.as_deref(),
        reasoning_opened: false,
    };
    let mut reply = Reply::parse(&sample.answer, tags, sample.finish);
    if apart {
        reply.scratchpad.clone_from(&sample.scratchpad);
    }
    let thoughts = [&sample.native_reasoning, &reply.native_reasoning];
    let thoughts: Vec<&str> =
        thoughts.into_iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    reply.native_reasoning = thoughts.join("\n\n");
    reply
}

/// What a log that candor wrote says of a reply.
struct Own {
    outcome: Outcome,
    form: Vec<Form>,
}

impl Own {
    /// None where the log does not say how the reply ended.
    fn of(metadata: &Map<String, Value>) -> Option<Self> {
        let outcome = serde_json::from_value(metadata.get("outcome")?.clone()).ok()?;
        let form = metadata.get("form").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        Some(Self { outcome, form: serde_json::from_value(form).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lose_their_tier() {
        assert_eq!(without_tier("p001-free", "free"), "p001");
        assert_eq!(without_tier("p001@paid", "paid"), "p001");
        assert_eq!(without_tier("carefree", "free"), "carefree");
        assert_eq!(without_tier("-free", "free"), "-free");
    }
}
