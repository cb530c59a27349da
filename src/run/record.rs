//! What a run folder says of where its transcripts come from: made here, or taken in from a log that another
//! program wrote. Knows nothing about the form of such logs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::departures::departures;
use super::files::read_json;
use super::manifest::{FORMAT, Manifest, TierRecord, first_format, is_first_format};
use super::prompt_texts::PromptTexts;
use super::registration::Registered;
use super::stopping::Stopping;
use crate::engine::Sampling;
use crate::error::{Error, Result};
use crate::model::Message;
use crate::scenario::Request;

/// What is promised of transcripts that were made elsewhere.
const NO_PROMISE: &str = "none: made elsewhere";

/// `manifest.json`, of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// All that determines the transcripts, so that they can be made again.
    Made(Box<Manifest>),
    /// Where they were taken from, which is all that is known.
    Imported(Box<Imported>),
}

/// `manifest.json` of a run that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Version of candor that took the run in.
    pub candor: String,
    /// Version of the run folder's format.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// Version of the reader that took the replies apart; none in the first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<u32>,
    /// What is promised of the transcripts: nothing.
    pub promise: String,
    /// The logs that it was taken from. Its presence tells this kind of manifest from the other.
    pub imported: Vec<LogRecord>,
    /// How the logs were read.
    pub reading: ReadingRecord,
    /// The model as the logs name it.
    pub model: String,
    /// The task as the logs name it.
    pub scenario: String,
    /// The variant, where a log of candor's own names one; `default` otherwise.
    pub variant: String,
    /// The tiers, the one that is trained on first.
    pub tiers: Vec<TierRecord>,
    /// The requests, in the order in which the logs have them.
    pub requests: Vec<Request>,
    /// What the model was given, by request and tier.
    pub messages: BTreeMap<String, BTreeMap<String, Vec<Message>>>,
}

/// One log that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRecord {
    /// The program whose log it is.
    pub format: String,
    /// BLAKE3 of the file.
    pub digest: String,
    /// Its own name for itself.
    pub id: String,
    /// When it says that it was made.
    pub created: String,
    /// Its samples.
    pub samples: u64,
    /// Those of them that have no reply and so are no trials.
    pub without_reply: u64,
}

/// Under which names things are looked for in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingRecord {
    /// Key of the tier.
    pub tier_key: String,
    /// Key of the request's name.
    pub request_key: String,
    /// Tag of the scratchpad in the replies' text; none where it is no part of the text.
    pub scratchpad_tag: Option<String>,
    /// Tag of the answer in the replies' text.
    pub answer_tag: Option<String>,
}

impl Imported {
    /// What is promised of such transcripts.
    pub fn promise() -> String {
        NO_PROMISE.to_owned()
    }
}

impl Record {
    /// Reads `manifest.json` in a run folder.
    ///
    /// # Errors
    /// It cannot be read, is neither kind, or has a format that is not known here.
    pub fn read(path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Kind {
            imported: Option<serde::de::IgnoredAny>,
            format: Option<u32>,
        }
        let text = crate::files::read_text(path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(path, &error))?;
        match serde_json::from_str::<Kind>(&text) {
            // Its keys are not known here, so that it is not looked at any further.
            Ok(Kind { format: Some(format), .. }) if format > FORMAT => {
                Err(Error::incomparable(format!(
                    "`{}` has format {format} of run folders, and this candor knows formats 1 to {FORMAT}",
                    path.display()
                ))
                .hint("read it with the version of candor that made it, or a later one"))
            }
            Ok(Kind { imported: Some(_), .. }) => Ok(Self::Imported(Box::new(read_json(path)?))),
            _ => Ok(Self::Made(Box::new(read_json(path)?))),
        }
    }

    /// The manifest of a run that was made here.
    ///
    /// # Errors
    /// It was made elsewhere: there is nothing to make again or to go on with.
    pub fn made(&self) -> Result<&Manifest> {
        match self {
            Self::Made(manifest) => Ok(manifest),
            Self::Imported(_) => Err(Error::input(
                "the run was made elsewhere and taken in from a log",
            )
            .hint(
                "`judge`, `report`, `show` and `export` read it; what made it is not known here",
            )),
        }
    }

    /// Version of the run folder's format.
    pub fn format(&self) -> u32 {
        match self {
            Self::Made(manifest) => manifest.format,
            Self::Imported(imported) => imported.format,
        }
    }

    /// Version of the reader that took the replies apart.
    pub fn reader(&self) -> u32 {
        let named = match self {
            Self::Made(manifest) => manifest.reader,
            Self::Imported(imported) => imported.reader,
        };
        named.unwrap_or(1)
    }

    /// Version of candor that made the run or took it in.
    pub fn candor(&self) -> &str {
        match self {
            Self::Made(manifest) => &manifest.candor,
            Self::Imported(imported) => &imported.candor,
        }
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        match self {
            Self::Made(manifest) => &manifest.model.label,
            Self::Imported(imported) => &imported.model,
        }
    }

    /// The model's name, and how it was steered: what tells a run from others of the same model.
    pub fn model_name(&self) -> String {
        match self {
            Self::Made(manifest) => manifest.model.name(),
            Self::Imported(imported) => imported.model.clone(),
        }
    }

    /// Numbers that the model's checkpoint holds, and its architecture; none where they are not known.
    pub fn size(&self) -> Option<(u64, &str)> {
        match self {
            Self::Made(manifest) => Some((manifest.model.parameters, &manifest.model.architecture)),
            Self::Imported(_) => None,
        }
    }

    /// Whether the model was steered here.
    pub fn is_steered(&self) -> bool {
        matches!(self, Self::Made(manifest) if manifest.model.steering.is_some())
    }

    /// When the run could end before its last request; none where it could not.
    pub fn stopping(&self) -> Option<&Stopping> {
        match self {
            Self::Made(manifest) => manifest.settings.stopping.as_ref(),
            Self::Imported(_) => None,
        }
    }

    /// What was registered before the run, and in what the run does not keep to it; none without a registration.
    pub fn registered(&self) -> Option<(&Registered, Vec<String>)> {
        let Self::Made(manifest) = self else { return None };
        let registered = manifest.settings.registered.as_ref()?;
        Some((registered, departures(registered, manifest)))
    }

    /// How tokens were drawn; none where it is not known.
    pub fn sampling(&self) -> Option<&Sampling> {
        match self {
            Self::Made(manifest) => Some(&manifest.settings.sampling),
            Self::Imported(_) => None,
        }
    }

    /// Trials of the whole run; none where it was made elsewhere, and is what it is.
    pub fn trials(&self) -> Option<usize> {
        match self {
            Self::Made(manifest) => Some(
                manifest.requests.items.len()
                    * manifest.settings.samples as usize
                    * manifest.scenario.tiers.len(),
            ),
            Self::Imported(_) => None,
        }
    }

    /// Name of the scenario.
    pub fn scenario(&self) -> &str {
        match self {
            Self::Made(manifest) => &manifest.scenario.name,
            Self::Imported(imported) => &imported.scenario,
        }
    }

    /// Name of the variant.
    pub fn variant(&self) -> &str {
        match self {
            Self::Made(manifest) => &manifest.variant,
            Self::Imported(imported) => &imported.variant,
        }
    }

    /// The tiers.
    pub fn tiers(&self) -> &[TierRecord] {
        match self {
            Self::Made(manifest) => &manifest.scenario.tiers,
            Self::Imported(imported) => &imported.tiers,
        }
    }

    /// The requests, in their order.
    pub fn requests(&self) -> &[Request] {
        match self {
            Self::Made(manifest) => &manifest.requests.items,
            Self::Imported(imported) => &imported.requests,
        }
    }

    /// Seed of the run; 0 where it is not known.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Made(manifest) => manifest.settings.seed,
            Self::Imported(_) => 0,
        }
    }

    /// What is promised of the transcripts.
    pub fn promise(&self) -> &str {
        match self {
            Self::Made(manifest) => &manifest.promise,
            Self::Imported(imported) => &imported.promise,
        }
    }

    /// What the model read in a tier.
    pub fn prompts(&self, tier: &str) -> Option<PromptTexts> {
        match self {
            Self::Made(manifest) => manifest.prompts.texts(tier),
            Self::Imported(imported) => {
                let shown = |message: &Message| format!("{}: {}", message.role, message.content);
                PromptTexts::of(imported.requests.iter().filter_map(|request| {
                    let messages = imported.messages.get(&request.id)?.get(tier)?;
                    let shown: Vec<String> = messages.iter().map(shown).collect();
                    Some((request, shown.join("\n\n")))
                }))
            }
        }
    }

    /// BLAKE3 of the manifest, in hexadecimal: the run's name.
    ///
    /// # Errors
    /// Never in practice.
    pub fn digest(&self) -> Result<String> {
        match self {
            Self::Made(manifest) => manifest.digest(),
            Self::Imported(imported) => {
                let text = serde_json::to_string(imported).map_err(|error| {
                    Error::failed(format!("the manifest cannot be written: {error}"))
                })?;
                Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
            }
        }
    }

    /// The manifest as JSON, as it stands in the folder.
    ///
    /// # Errors
    /// Never in practice.
    pub fn json(&self) -> Result<serde_json::Value> {
        match self {
            Self::Made(manifest) => serde_json::to_value(manifest),
            Self::Imported(imported) => serde_json::to_value(imported),
        }
        .map_err(|error| Error::failed(format!("the manifest cannot be written: {error}")))
    }
}
