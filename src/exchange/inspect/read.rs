//! A log of Inspect, of any task, as replies with what was asked. Keys that are not needed are not looked at.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::contents::{Contents, plain_json};
use crate::error::{Error, Result};
use crate::exchange::import::{Log, LogSample};
use crate::model::Message;
use crate::run::LogRecord;
use crate::transcript::FinishReason;

#[derive(Deserialize)]
struct Header {
    eval: Spec,
    #[serde(default)]
    samples: Option<Vec<Sample>>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    eval_id: String,
    created: String,
    task: String,
    model: String,
    #[serde(default)]
    task_args: Option<Map<String, Value>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    packages: Option<Map<String, Value>>,
    #[serde(default)]
    dataset: Option<Dataset>,
}

#[derive(Deserialize)]
struct Dataset {
    #[serde(default)]
    sample_ids: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Sample {
    id: Value,
    epoch: u32,
    input: Input,
    #[serde(default)]
    output: Option<Output>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    attachments: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Messages(Vec<Said>),
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    role: String,
    content: Content,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
}

/// Reads a log; a zip is known by its first bytes.
///
/// # Errors
/// It is no log of Inspect, it is damaged, or it is larger than the limits.
pub fn read(bytes: Vec<u8>) -> Result<Log> {
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let (header, samples) = if bytes.starts_with(b"PK") {
        let contents = Contents::of(&bytes)?;
        drop(bytes);
        let samples = contents.samples.into_iter();
        let samples = samples.map(|(name, bytes)| parse::<Sample>(&name, bytes));
        (parse::<Header>("header.json", contents.header)?, samples.collect::<Result<Vec<_>>>()?)
    } else {
        let mut header = parse::<Header>("the document", bytes)?;
        let samples = header.samples.take().unwrap_or_default();
        (header, samples)
    };
    let spec = header.eval;
    let own = spec.packages.is_some_and(|packages| packages.contains_key("candor"));
    let mut metadata = spec.metadata.unwrap_or_default();
    metadata.extend(spec.task_args.unwrap_or_default());
    let all = samples.len();
    let mut samples: Vec<LogSample> = samples.into_iter().filter_map(Sample::taken).collect();
    // A log has its samples in the order in which they ended, and their ids in the order of the data set.
    let ids = spec.dataset.and_then(|dataset| dataset.sample_ids).unwrap_or_default();
    let places: HashMap<String, usize> = ids.into_iter().map(text_of).zip(0..).collect();
    samples.sort_by_key(|sample| {
        (places.get(&sample.id).copied().unwrap_or(usize::MAX), sample.epoch)
    });
    Ok(Log {
        record: LogRecord {
            format: "inspect".into(),
            digest,
            id: spec.eval_id,
            created: spec.created,
            samples: all as u64,
            without_reply: (all - samples.len()) as u64,
        },
        model: match own {
            true => spec.model.strip_prefix("candor/").unwrap_or(&spec.model).to_owned(),
            false => spec.model,
        },
        task: spec.task,
        metadata,
        own,
        samples,
    })
}

fn parse<T: DeserializeOwned>(name: &str, bytes: Vec<u8>) -> Result<T> {
    let bytes = plain_json(bytes);
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        Error::input(format!("{name}: at `{}`: {}", error.path(), error.inner()))
            .hint("give a log that Inspect or `candor export` has written")
    })
}

/// An id, which may be a number.
fn text_of(id: Value) -> String {
    match id {
        Value::String(id) => id,
        other => other.to_string(),
    }
}

impl Sample {
    /// The reply and what was asked; none for a sample without a reply.
    fn taken(self) -> Option<LogSample> {
        let attachments = self.attachments.unwrap_or_default();
        let text = |text: String| match text
            .strip_prefix("attachment://")
            .and_then(|id| attachments.get(id))
        {
            Some(Value::String(attached)) => attached.clone(),
            _ => text,
        };
        let choice = self.output?.choices.into_iter().next()?;
        let kinds = choice.message.metadata.as_ref().and_then(|metadata| metadata.get("reasoning"));
        let kinds: Vec<&str> = kinds
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_scratchpad = |block: usize| kinds.get(block) == Some(&"scratchpad");
        let raw = choice.message.metadata.as_ref().and_then(|metadata| metadata.get("raw"));
        let raw = raw.and_then(Value::as_str).map(str::to_owned);
        let (mut native, mut scratchpad, mut answer) = (Vec::new(), Vec::new(), Vec::new());
        match choice.message.content {
            Content::Text(said) => answer.push(text(said)),
            Content::Blocks(blocks) => {
                let mut thoughts = 0;
                for block in blocks {
                    match (block.kind.as_str(), block.reasoning, block.text) {
                        ("reasoning", Some(thought), _) => {
                            let part =
                                if is_scratchpad(thoughts) { &mut scratchpad } else { &mut native };
                            part.push(text(thought));
                            thoughts += 1;
                        }
                        ("text", _, Some(said)) => answer.push(text(said)),
                        _ => {}
                    }
                }
            }
        }
        let given = match self.input {
            Input::Text(said) => vec![Message { role: "user".into(), content: text(said) }],
            Input::Messages(messages) => messages
                .into_iter()
                .map(|message| Message {
                    content: text(message.content.text()),
                    role: message.role,
                })
                .collect(),
        };
        let cut = matches!(choice.stop_reason.as_deref(), Some("max_tokens" | "model_length"));
        Some(LogSample {
            id: text_of(self.id),
            epoch: self.epoch,
            given,
            metadata: self.metadata.unwrap_or_default(),
            native_reasoning: native.join("\n\n"),
            scratchpad: scratchpad.join("\n\n"),
            answer: answer.join("\n"),
            raw,
            finish: if cut { FinishReason::Length } else { FinishReason::Stop },
        })
    }
}

impl Content {
    /// The words, without reasoning.
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Blocks(blocks) => {
                blocks.into_iter().filter_map(|block| block.text).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
