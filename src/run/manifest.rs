//! `manifest.json`: all that determines the transcripts, and nothing that may differ between two equal runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::prompt_texts::PromptTexts;
use super::settings::Settings;
use crate::decoder::{ModelInfo, Quantize, Steering};
use crate::error::{Error, Result};
use crate::model::hub::Origin;
use crate::model::{AdapterRecord, Model, SystemPrompt, Way};
use crate::scenario::{Request, Tags, Tier};
use crate::transcript::READER_VERSION;

/// Name of the file.
pub(super) const MANIFEST: &str = "manifest.json";

/// Version of the run folder's format that is written; METHODS.md says what each version changed. A manifest without
/// the key has the first one.
pub const FORMAT: u32 = 2;

/// The format of a folder whose manifest does not name one.
pub(super) fn first_format() -> u32 {
    1
}

/// Whether a format is the one that goes without saying, so that such a manifest stays byte for byte what it was.
pub(super) fn is_first_format(format: &u32) -> bool {
    *format == first_format()
}

/// The file's content. Two runs with equal manifests have equal transcripts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of candor.
    pub candor: String,
    /// Version of the run folder's format.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// Version of the reader that took the replies apart ([`READER_VERSION`]); none in the first format, which had one reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<u32>,
    /// What computes; runs of different numerics are not comparable bit by bit.
    pub numerics: String,
    /// What is promised of the transcripts.
    pub promise: String,
    /// The model.
    pub model: ModelRecord,
    /// The scenario.
    pub scenario: ScenarioRecord,
    /// Name of the variant.
    pub variant: String,
    /// The request set.
    pub requests: RequestsRecord,
    /// Everything that was set on the command line.
    pub settings: Settings,
    /// What the model was given.
    pub prompts: PromptsRecord,
}

/// Which model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Its name, for people.
    pub label: String,
    /// Where on the hub it came from, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// Architecture as its config names it.
    pub architecture: String,
    /// Numbers that its checkpoint holds.
    pub parameters: u64,
    /// BLAKE3 of each of its files.
    pub files: BTreeMap<String, String>,
    /// Into which blocks its dense weights were put while they were loaded.
    pub quantize: Option<Quantize>,
    /// What was put on its weights, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<AdapterRecord>,
    /// What was done to its residual stream, if anything, with all numbers that this takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steering>,
    /// BLAKE3 of the chat template's text.
    pub chat_template: String,
    /// Ids that end a reply.
    pub stop_ids: Vec<u32>,
    /// The text of each of them as the tokenizer decodes it alone: what stands at the end of a reply's `raw` text and
    /// is no part of the reply. With it a reply can be taken apart again without the model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stop_texts: BTreeMap<u32, String>,
    /// Where each of them comes from, in words.
    pub stop_sources: BTreeMap<u32, Vec<String>>,
    /// How the scenario's system text reached it.
    pub system_prompt: SystemPrompt,
    /// What was said about the model and its prompts and is no error.
    pub notes: Vec<String>,
}

impl ModelRecord {
    /// Its name, and how it was steered: what tells a run from others of the same model.
    pub fn name(&self) -> String {
        match &self.steering {
            Some(steering) => format!("{} {steering}", self.label),
            None => self.label.clone(),
        }
    }
}

/// Which scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// BLAKE3 of its file.
    pub digest: String,
    /// Its file, word for word.
    pub text: String,
    /// The files of those parts of it that lie in files of their own, word for word, by their path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The tags of this variant.
    pub tags: Tags,
    /// The tiers, in the order of the file.
    pub tiers: Vec<TierRecord>,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRecord {
    /// Its name.
    pub name: String,
    /// What the prompt of this variant calls it.
    pub label: String,
    /// Whether answers in it train the model.
    pub trained_on: bool,
}

/// Which requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsRecord {
    /// Name of the set.
    pub name: String,
    /// BLAKE3 of its whole file.
    pub digest: String,
    /// The requests that were put, in order.
    pub items: Vec<Request>,
}

/// What the model was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptsRecord {
    /// The first request's prompt as rendered, by tier.
    pub first: BTreeMap<String, String>,
    /// By tier and request: prompts that are not the first one with the request's words in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, BTreeMap<String, String>>,
    /// BLAKE3 of the token ids of all prompts, by tier.
    pub token_digests: BTreeMap<String, String>,
}

impl PromptsRecord {
    fn new(plan: &Plan<'_>) -> Self {
        let mut record = Self {
            first: BTreeMap::new(),
            others: BTreeMap::new(),
            token_digests: BTreeMap::new(),
        };
        for Tier { name, .. } in &plan.scenario.tiers {
            let prompts = plan.requests.requests.iter();
            let prompts: Vec<_> =
                prompts.filter_map(|r| Some((r, plan.prompt(&r.id, name)?))).collect();
            let texts = prompts.iter().map(|(request, prompt)| (*request, prompt.text.clone()));
            let Some(PromptTexts { first, others }) = PromptTexts::of(texts) else { continue };
            let mut hasher = blake3::Hasher::new();
            for (_, prompt) in &prompts {
                hasher.update(&(prompt.ids.len() as u64).to_le_bytes());
                prompt.ids.iter().for_each(|id| {
                    hasher.update(&id.to_le_bytes());
                });
                if !prompt.given.is_empty() {
                    hasher.update(b"given").update(&(prompt.given.len() as u64).to_le_bytes());
                    prompt.given.iter().for_each(|id| {
                        hasher.update(&id.to_le_bytes());
                    });
                }
            }
            record.first.insert(name.clone(), first);
            record.token_digests.insert(name.clone(), hasher.finalize().to_hex().to_string());
            if !others.is_empty() {
                record.others.insert(name.clone(), others);
            }
        }
        record
    }

    /// The texts of a tier's prompts.
    pub fn texts(&self, tier: &str) -> Option<PromptTexts> {
        let others = self.others.get(tier).cloned().unwrap_or_default();
        Some(PromptTexts { first: self.first.get(tier)?.clone(), others })
    }
}

/// What is put on a model's weights, and how the decoder does it.
fn adapter_records(model: &Model, info: &ModelInfo) -> Vec<AdapterRecord> {
    let how = if info.adapters_beside { Way::Beside } else { Way::Merged };
    model.adapters.iter().map(|adapter| adapter.record(how)).collect()
}

impl Manifest {
    /// The manifest of a plan. Reads the whole weights for their digest, if no manifest of the model was made before.
    pub fn new(plan: &Plan<'_>, info: &ModelInfo) -> Result<Self> {
        let model = plan.model;
        Ok(Self {
            candor: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT,
            reader: Some(READER_VERSION),
            numerics: info.numerics.clone(),
            promise: info.promise.clone(),
            model: ModelRecord {
                label: model.label.clone(),
                source: model.origin.clone(),
                architecture: model.spec.architecture.clone(),
                parameters: model.weights()?.parameters(),
                files: model.digests().clone(),
                quantize: info.quantize,
                adapters: adapter_records(model, info),
                steering: info.steering.clone(),
                chat_template: blake3::hash(model.chat_template()?.source().as_bytes())
                    .to_hex()
                    .to_string(),
                stop_ids: model.stop_ids.clone(),
                stop_texts: model
                    .stop_ids
                    .iter()
                    .map(|&id| Ok((id, model.tokenizer.decode(&[id], false)?)))
                    .collect::<Result<_>>()?,
                stop_sources: model.stop_sources.clone(),
                system_prompt: plan.system_prompt,
                notes: model.notes.iter().chain(&plan.notes).cloned().collect(),
            },
            scenario: ScenarioRecord {
                name: plan.scenario.name.clone(),
                digest: plan.scenario.digest().into(),
                text: plan.scenario.text().into(),
                files: plan.scenario.files().clone(),
                tags: plan.variant.tags.clone(),
                tiers: plan
                    .scenario
                    .tiers
                    .iter()
                    .map(|t| TierRecord {
                        name: t.name.clone(),
                        label: plan.variant.label(t).into(),
                        trained_on: t.trained_on,
                    })
                    .collect(),
            },
            variant: plan.variant.name.clone(),
            requests: RequestsRecord {
                name: plan.requests.name.clone(),
                digest: plan.requests.digest().into(),
                items: plan.requests.requests.clone(),
            },
            settings: plan.settings.clone(),
            prompts: PromptsRecord::new(plan),
        })
    }

    /// BLAKE3 of the manifest, in hexadecimal: the run's name.
    ///
    /// # Errors
    /// Never in practice; the manifest has no map with keys that JSON lacks.
    pub fn digest(&self) -> Result<String> {
        let text = serde_json::to_string(self)
            .map_err(|error| Error::failed(format!("the manifest cannot be written: {error}")))?;
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }
}
