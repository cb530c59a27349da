//! What a run was made under, as names and values that people read: what tells one run from another, and what two runs
//! differ in. Knows nothing about where it is shown.

use serde::Serialize;

use super::manifest::Manifest;
use super::record::{Imported, Record};
use super::settings::ControlText;

/// How far a condition tells a run from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// A choice of the user's: named wherever runs differ in it.
    Choice,
    /// Follows from the seed, and like it does not make another setting.
    Seed,
    /// Named only where nothing else tells two runs apart.
    LastResort,
    /// Part of the model's name already.
    InName,
}

/// One thing that a run was made under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// What it is, in the words of the command line where it has a flag.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The two together, short, for a label.
    #[serde(skip)]
    pub told: String,
    /// How far it tells the run from others.
    #[serde(skip)]
    pub telling: Telling,
}

/// The name of the condition that holds the weights' form.
pub const QUANTIZE: &str = "quantize";
/// The name of the condition that holds the seed.
pub const SEED: &str = "seed";
/// What stands for weights that were not put into other blocks.
pub const AS_STORED: &str = "as stored";
/// Characters of a digest in a label.
const SHORT_DIGEST: usize = 12;

impl Record {
    /// Everything that the run was made under, in the order in which people ask for it.
    pub fn conditions(&self) -> Vec<Condition> {
        match self {
            Self::Made(manifest) => made(manifest),
            Self::Imported(imported) => taken_in(imported),
        }
    }
}

/// A list under construction.
#[derive(Default)]
struct List(Vec<Condition>);

impl List {
    fn add(
        &mut self,
        telling: Telling,
        name: &'static str,
        value: impl ToString,
        told: impl Fn(&str) -> String,
    ) {
        let value = value.to_string();
        self.0.push(Condition { name, told: told(&value), value, telling });
    }

    /// A choice whose value speaks for itself.
    fn plain(&mut self, name: &'static str, value: impl ToString) {
        self.add(Telling::Choice, name, value, str::to_owned);
    }

    /// A choice that is told with its name in front.
    fn named(&mut self, name: &'static str, value: impl ToString) {
        self.add(Telling::Choice, name, value, |value| format!("{name} {value}"));
    }

    /// A digest or another thing that nobody would name unasked.
    fn last(&mut self, name: &'static str, value: impl ToString) {
        self.add(Telling::LastResort, name, value, |value| {
            format!("{name} {}", value.chars().take(SHORT_DIGEST).collect::<String>())
        });
    }
}

fn made(manifest: &Manifest) -> Vec<Condition> {
    let Manifest { model, scenario, settings, requests, .. } = manifest;
    let mut list = List::default();
    list.add(Telling::InName, "model", &model.label, str::to_owned);
    let adapters = model.adapters.iter().map(|a| format!("{}={}", a.name, a.scale));
    list.add(Telling::InName, "adapters", none_if_empty(adapters), str::to_owned);
    let steering = model.steering.as_ref().map_or_else(none, ToString::to_string);
    list.add(Telling::InName, "steer", steering, str::to_owned);
    list.plain(QUANTIZE, model.quantize.map_or_else(|| AS_STORED.to_owned(), |q| q.to_string()));
    list.plain("scenario", &scenario.name);
    list.plain("variant", &manifest.variant);
    list.named("requests", &requests.name);
    list.add(Telling::Choice, "limit", requests.items.len(), |n| format!("{n} requests"));
    list.named("samples", settings.samples);
    let sampling = &settings.sampling;
    let chosen = |value: Option<String>| value.unwrap_or_else(none);
    list.named("temperature", sampling.temperature);
    list.named("top-k", chosen(sampling.top_k.map(|k| k.to_string())));
    list.named("top-p", chosen(sampling.top_p.map(|p| p.to_string())));
    list.named("min-p", chosen(sampling.min_p.map(|p| p.to_string())));
    list.named("repetition-penalty", sampling.repetition_penalty);
    list.add(Telling::Choice, "max-tokens", settings.max_tokens, |n| format!("up to {n} tokens"));
    list.plain("coupled", if settings.coupled { "coupled" } else { "uncoupled" });
    let args = settings.template_args.iter().map(|(name, value)| {
        format!("{name}={}", serde_json::to_string(value).unwrap_or_default())
    });
    list.add(Telling::Choice, "arg", none_if_empty(args), |value| format!("arg {value}"));
    list.plain(
        "control text",
        match settings.control_text {
            ControlText::Keep => "marks kept",
            ControlText::Defuse => "marks defused",
            ControlText::Refuse => "marks refused",
        },
    );
    let until = settings.stopping.as_ref().map(|stopping| stopping.until_width.to_string());
    list.named("until-width", chosen(until));
    list.add(Telling::Seed, SEED, settings.seed, |seed| format!("seed {seed}"));
    list.last("date", &settings.date);
    let mut files = blake3::Hasher::new();
    for (name, digest) in &model.files {
        files.update(format!("{name}\0{digest}\0").as_bytes());
    }
    list.last("model files", files.finalize().to_hex());
    for adapter in &model.adapters {
        list.last("adapter", &adapter.digest);
    }
    if let Some(steering) = &model.steering {
        list.last("steering file", &steering.file);
    }
    list.last("chat template", &model.chat_template);
    list.last("scenario text", &scenario.digest);
    list.last("request set", &requests.digest);
    let mut put = blake3::Hasher::new();
    for digest in manifest.prompts.token_digests.values() {
        put.update(digest.as_bytes());
    }
    list.add(Telling::LastResort, "prompts", put.finalize().to_hex(), |value| {
        format!("prompts {}", &value[..SHORT_DIGEST])
    });
    list.last("numerics", &manifest.numerics);
    list.last("promise", &manifest.promise);
    list.last("reader", manifest.reader.unwrap_or(1));
    list.last("candor", &manifest.candor);
    list.0
}

fn taken_in(imported: &Imported) -> Vec<Condition> {
    let mut list = List::default();
    list.add(Telling::InName, "model", &imported.model, str::to_owned);
    list.plain("scenario", &imported.scenario);
    list.plain("variant", &imported.variant);
    list.add(Telling::Choice, "limit", imported.requests.len(), |n| format!("{n} requests"));
    let mut logs = blake3::Hasher::new();
    for log in &imported.imported {
        logs.update(log.digest.as_bytes());
    }
    list.last("logs", logs.finalize().to_hex());
    list.last("candor", &imported.candor);
    list.0
}

fn none() -> String {
    "none".to_owned()
}

fn none_if_empty(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { none() } else { values.join(", ") }
}
