//! A log of Inspect, of any task, as replies with what was asked. Keys that are not needed are not looked at.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::contents::{Contents, plain_json};
use crate::error::{Error, Result};
use crate::exchange::import::{Log, LogSample};
use crate::judge::Told;
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
    /// All that was said; in a log of candor's own it holds what the input leaves out.
    #[serde(default)]
    messages: Vec<Said>,
    #[serde(default)]
    output: Option<Output>,
    /// What broke it; then what it has of a reply is none.
    #[serde(default)]
    error: Option<Value>,
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
    /// What a provider says of reasoning that it keeps to itself.
    #[serde(default)]
    summary: Option<String>,
    /// Whether `reasoning` is an encrypted blob instead of words.
    #[serde(default)]
    redacted: bool,
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
    // The task's own name can tell the tiers apart, where each tier is a task.
    metadata.entry("task").or_insert_with(|| spec.task.clone().into());
    let all = samples.len();
    // Samples of a log with several choices are numbered through, as many for each epoch as the fullest one has.
    let choices = samples.iter().map(Sample::choices).max().unwrap_or(1).max(1);
    let taken = samples.into_iter().map(|sample| sample.taken(own, choices));
    let taken: Vec<Vec<LogSample>> = taken.filter(|replies| !replies.is_empty()).collect();
    let replied = taken.len();
    let mut samples: Vec<LogSample> = taken.into_iter().flatten().collect();
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
            without_reply: (all - replied) as u64,
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
    /// How many replies it has.
    fn choices(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.choices.len())
    }

    /// Every choice as a reply to what was asked; none for a sample without a reply, or one that broke. Of a log of
    /// candor's `own` the replies are whole already.
    fn taken(self, own: bool, choices: usize) -> Vec<LogSample> {
        let broke = self.error.is_some_and(|error| !error.is_null());
        let Some(output) = self.output.filter(|_| !broke) else { return Vec::new() };
        let attachments = self.attachments.unwrap_or_default();
        let text = |text: String| match text
            .strip_prefix("attachment://")
            .and_then(|id| attachments.get(id))
        {
            Some(Value::String(attached)) => attached.clone(),
            _ => text,
        };
        let mut said = self.messages;
        said.pop();
        let given = match self.input {
            Input::Text(_) if own && !said.is_empty() => said
                .into_iter()
                .map(|message| Message {
                    content: text(message.content.text()),
                    role: message.role,
                })
                .collect(),
            Input::Text(said) => vec![Message { role: "user".into(), content: text(said) }],
            Input::Messages(messages) => messages
                .into_iter()
                .map(|message| Message {
                    content: text(message.content.text()),
                    role: message.role,
                })
                .collect(),
        };
        let begun = given
            .last()
            .filter(|message| message.role == "assistant" && !own)
            .map_or("", |message| message.content.as_str());
        let id = text_of(self.id);
        let metadata = self.metadata.unwrap_or_default();
        let first = u64::from(self.epoch.saturating_sub(1)) * choices as u64;
        let replies = (first + 1..).zip(output.choices).map(|(number, choice)| LogSample {
            id: id.clone(),
            epoch: u32::try_from(number).unwrap_or(u32::MAX),
            given: given.clone(),
            metadata: metadata.clone(),
            ..choice.reply(begun, text)
        });
        replies.collect()
    }
}

impl Choice {
    /// The parts of the reply. A beginning that the model was given is a part of it, whether or not the provider
    /// repeats it.
    fn reply(self, begun: &str, text: impl Fn(String) -> String) -> LogSample {
        let of_message = |key: &str| self.message.metadata.as_ref()?.get(key);
        let kinds: Vec<&str> = of_message("reasoning")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_scratchpad = |block: usize| kinds.get(block) == Some(&"scratchpad");
        let raw = of_message("raw").and_then(Value::as_str).map(str::to_owned);
        let (mut native, mut scratchpad, mut answer) = (Vec::new(), Vec::new(), Vec::new());
        match self.message.content {
            Content::Text(said) => answer.push(text(said)),
            Content::Blocks(blocks) => {
                let mut thoughts = 0;
                for block in blocks {
                    match block.kind.as_str() {
                        "reasoning" => {
                            let part =
                                if is_scratchpad(thoughts) { &mut scratchpad } else { &mut native };
                            part.extend(block.thought().map(&text));
                            thoughts += 1;
                        }
                        "text" => answer.extend(block.text.map(&text)),
                        _ => {}
                    }
                }
            }
        }
        let answer = answer.join("\n");
        let answer = match answer.starts_with(begun) {
            true => answer,
            false => format!("{begun}{answer}"),
        };
        let cut = matches!(self.stop_reason.as_deref(), Some("max_tokens" | "model_length"));
        LogSample {
            id: String::new(),
            epoch: 1,
            given: Vec::new(),
            metadata: Map::new(),
            native_reasoning: native.join("\n\n"),
            scratchpad: scratchpad.join("\n\n"),
            answer,
            raw,
            told: Told::default(),
            finish: if cut { FinishReason::Length } else { FinishReason::Stop },
        }
    }
}

impl Block {
    /// The words of a block of reasoning: those of the model, or the summary of those that the provider keeps.
    fn thought(self) -> Option<String> {
        let own = self.reasoning.filter(|words| !self.redacted && !words.trim().is_empty());
        own.or(self.summary).filter(|words| !words.trim().is_empty())
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
