//! `sweep.toml` as it is written: keys and types. Knows nothing about what they make together.
//!
//! Paths are as on the command line: as seen from the folder in which the command runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::decoder::Quantize;
use crate::engine::Sampling;
use crate::run::ControlText;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) out: Option<PathBuf>,
    /// One process for each of them, where there are several.
    #[serde(default)]
    pub(super) devices: Vec<String>,
    /// Names or paths.
    #[serde(default = "default_scenarios")]
    pub(super) scenarios: Vec<String>,
    /// Of every scenario; its first one when left out.
    #[serde(default)]
    pub(super) variants: Vec<String>,
    #[serde(default = "default_seeds")]
    pub(super) seeds: Vec<u64>,
    #[serde(default)]
    pub(super) settings: SettingsEntry,
    pub(super) models: Vec<Spanned<ModelEntry>>,
    #[serde(default)]
    pub(super) sampling: Vec<Spanned<SamplingEntry>>,
    #[serde(default)]
    pub(super) include: Vec<Spanned<Pattern>>,
    #[serde(default)]
    pub(super) exclude: Vec<Spanned<Pattern>>,
    pub(super) slurm: Option<SlurmEntry>,
}

fn default_scenarios() -> Vec<String> {
    vec!["helpful-only".into()]
}

fn default_seeds() -> Vec<u64> {
    vec![0]
}

/// One of `[[models]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// As on the command line, with `@revision` if wanted.
    pub name: String,
    /// What its folder is called and by what `include` and `exclude` know it; made from the name when left out.
    #[serde(rename = "as")]
    pub alias: Option<String>,
    /// What is put on it: each list of adapters, `NAME` or `NAME=SCALE`, makes a model of its own, an empty one the model as
    /// it is. Left out, there is that model alone.
    pub adapters: Option<Vec<Vec<String>>>,
    /// Into which blocks its weights go.
    pub quantize: Option<Quantize>,
    /// Type of the weights on a GPU.
    pub dtype: Option<String>,
    /// Tokens that go through the layers at once on a GPU.
    pub pass_width: Option<usize>,
    /// Where to compute; `auto` when left out.
    pub device: Option<String>,
    /// What stands in place of the file's `[settings]`, key by key.
    #[serde(default)]
    pub settings: SettingsEntry,
}

/// `[settings]` of the file, or of a model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsEntry {
    /// Request set; the scenario's own when left out.
    pub requests: Option<String>,
    /// Most requests.
    pub limit: Option<usize>,
    /// Continuations of each prompt.
    pub samples: Option<u32>,
    /// Most new tokens of a reply.
    pub max_tokens: Option<usize>,
    /// Sequences that are decoded at once.
    pub batch: Option<usize>,
    /// Different random numbers for the tiers of a pair.
    pub uncoupled: Option<bool>,
    /// What is done with text that spells a mark of a model's conversations: `keep`, `defuse` or `refuse`.
    pub control_text: Option<ControlText>,
    /// What the chat template takes for today.
    pub date: Option<String>,
    /// Arguments of the chat template, as text.
    pub args: Option<BTreeMap<String, String>>,
}

impl ModelEntry {
    /// The models that the entry stands for: one for each list of adapters.
    pub(super) fn with_adapters(&self) -> Vec<Self> {
        let Some(lists) = &self.adapters else { return vec![self.clone()] };
        let model = |adapters: &Vec<String>| {
            let folder = |adapter: &String| {
                let last = adapter.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                format!("-{}", last.replace('=', "-"))
            };
            let of_folder: String = adapters.iter().map(folder).collect();
            Self {
                name: std::iter::once(&self.name)
                    .chain(adapters)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("+"),
                alias: self.alias.as_ref().map(|alias| format!("{alias}{of_folder}")),
                adapters: None,
                ..self.clone()
            }
        };
        lists.iter().map(model).collect()
    }
}

impl SettingsEntry {
    /// These where they are given, else those of `base`.
    pub(super) fn over(&self, base: &Self) -> Self {
        Self {
            requests: self.requests.clone().or_else(|| base.requests.clone()),
            limit: self.limit.or(base.limit),
            samples: self.samples.or(base.samples),
            max_tokens: self.max_tokens.or(base.max_tokens),
            batch: self.batch.or(base.batch),
            uncoupled: self.uncoupled.or(base.uncoupled),
            control_text: self.control_text.or(base.control_text),
            date: self.date.clone().or_else(|| base.date.clone()),
            args: self.args.clone().or_else(|| base.args.clone()),
        }
    }
}

/// One of `[[sampling]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingEntry {
    /// What its folder is called.
    pub name: String,
    #[serde(default = "one")]
    temperature: f64,
    top_k: Option<usize>,
    top_p: Option<f64>,
    min_p: Option<f64>,
    #[serde(default = "one")]
    repetition_penalty: f64,
}

fn one() -> f64 {
    1.0
}

impl SamplingEntry {
    /// The one that stands where the file has none.
    pub(super) fn plain() -> Self {
        Self {
            name: "default".into(),
            temperature: 1.0,
            top_k: None,
            top_p: None,
            min_p: None,
            repetition_penalty: 1.0,
        }
    }

    /// How tokens are drawn.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
        }
    }
}

/// One of `[[include]]` or `[[exclude]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    pub(super) model: Option<String>,
    pub(super) scenario: Option<String>,
    pub(super) variant: Option<String>,
    pub(super) sampling: Option<String>,
    pub(super) seed: Option<u64>,
}

/// `[slurm]`: into how many parts the sweep goes, and what each of them is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlurmEntry {
    /// Tasks of the array.
    pub shards: usize,
    /// Most tasks that run at once.
    pub at_once: Option<usize>,
    /// `--partition`
    pub partition: Option<String>,
    /// `--account`
    pub account: Option<String>,
    /// `--qos`
    pub qos: Option<String>,
    /// `--constraint`
    pub constraint: Option<String>,
    /// `--time`
    pub time: Option<String>,
    /// `--gres`
    pub gres: Option<String>,
    /// `--mem`
    pub mem: Option<String>,
    /// `--cpus-per-task`
    pub cpus_per_task: Option<usize>,
    /// Seconds before the time limit at which a task stops and goes back into the queue; 120 when left out.
    pub stop_ahead: Option<u32>,
    /// Shell lines that come first, such as `module load cuda`.
    pub setup: Option<String>,
}
