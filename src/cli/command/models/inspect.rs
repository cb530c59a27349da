//! `candor models inspect`: everything that can be said of a model without running it, and what would refuse it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde_json::Value;

use crate::cli::args::InspectArgs;
use crate::cli::command::render::options;
use crate::cli::command::tokenize::piece;
use crate::cli::screen::model_sizes::{Memory, size};
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show};
use crate::decoder::CpuDecoder;
use crate::engine::{Sampling, along};
use crate::error::{Error, Result};
use crate::events::{Events, visible};
use crate::model::hub::Access;
use crate::model::{Adapter, Inspection, Model, RenderOptions, Sizes, Spec, Tensor, Weights};
use crate::run::{ControlText, Plan, Settings};
use crate::scenario::{RequestSet, Scenario, Tier};

/// What a prompt is expected to leave room for, as `run` does where nothing else is said.
const MAX_TOKENS: usize = 1024;

/// What `--json` prints. Parts that could not be read are null.
#[derive(Serialize)]
struct Found {
    model: String,
    adapters: Vec<AdapterLine>,
    spec: Option<Value>,
    tensors: Option<Tensors>,
    /// BLAKE3 of every file; null with `--no-read`.
    digests: Option<BTreeMap<String, String>>,
    tokenizer: Option<Tokens>,
    /// The first request in each tier.
    prompts: Vec<Prompt>,
    /// Bytes, computed from the spec; null where it does not account for the weights.
    memory_bytes: Option<Memory>,
    notes: Vec<String>,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Tensors {
    count: usize,
    bytes: usize,
    /// By type.
    types: BTreeMap<String, OfType>,
    /// All of them, with `--tensors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Vec<Tensor>>,
}

#[derive(Default, Serialize)]
struct OfType {
    count: usize,
    bytes: usize,
}

/// What is put on the model's weights.
#[derive(Serialize)]
struct AdapterLine {
    name: String,
    scale: f32,
    base: Option<String>,
    digest: String,
}

#[derive(Serialize)]
struct Tokens {
    kind: &'static str,
    size: usize,
    special_tokens: BTreeMap<String, String>,
    stop_ids: Vec<u32>,
    /// As the vocabulary spells them.
    stop_tokens: Vec<String>,
}

#[derive(Serialize)]
struct Prompt {
    request: String,
    tier: String,
    tokens: usize,
    bos_count: usize,
    text: String,
    ids: Vec<u32>,
}

/// One thing that must hold for a run.
#[derive(Serialize)]
struct Check {
    check: &'static str,
    /// Null where it was not made, or could not be.
    holds: Option<bool>,
    error: Option<String>,
    hint: Option<String>,
}

impl Check {
    fn of<T>(check: &'static str, result: &Result<T>) -> Self {
        let error = result.as_ref().err();
        Self {
            check,
            holds: Some(error.is_none()),
            error: error.map(Error::to_string),
            hint: error.and_then(|error| error.hint_text().map(str::to_owned)),
        }
    }

    fn not_made(check: &'static str, why: &str) -> Self {
        Self { check, holds: None, error: Some(why.to_owned()), hint: None }
    }
}

pub(in crate::cli) fn inspect(args: &InspectArgs, talk: &Talk) -> Result<()> {
    let options = options(&args.args, &args.date, true)?;
    let scenario = Scenario::load(&args.scenario)?;
    let requests = RequestSet::load(&scenario.requests)?.put_by(&scenario, 0)?;
    let access = || Access::from_environment(talk.offline());
    let mut downloads = talk.downloads();
    let inspection = Inspection::open(&args.model, &access, &mut *downloads);
    drop(downloads);
    let inspection = inspection?;
    let found = look(args, &options, &scenario, &requests, inspection);
    if args.json { show::json(&found) } else { show(&text(&found)) }
}

fn look(
    args: &InspectArgs,
    options: &RenderOptions,
    scenario: &Scenario,
    requests: &RequestSet,
    inspection: Inspection,
) -> Found {
    let spec = inspection.spec.as_ref().ok().and_then(|spec| serde_json::to_value(spec).ok());
    let tensors = inspection.weights.as_ref().ok().map(|weights| tensors(weights, args.tensors));
    let memory = inspection.spec.as_ref().ok().zip(inspection.weights.as_ref().ok());
    let memory = memory.and_then(|(spec, weights)| memory_of(spec, weights));
    let digests = (!args.no_read).then(|| inspection.files.digests());
    let tokenizer = inspection.tokenizer.as_ref().ok();
    let (stop_ids, mut notes) = match &inspection.stop {
        Some(Ok(stop)) => (stop.ids(), stop.notes.clone()),
        _ => (Vec::new(), Vec::new()),
    };
    notes.extend(inspection.asides());
    notes.extend(inspection.weights.iter().flat_map(Weights::notes));
    notes.extend(inspection.notes.iter().cloned());
    let on_top = inspection.adapters.iter().map(AdapterLine::of).collect();
    let tokens = tokenizer.map(|tokenizer| Tokens {
        kind: tokenizer.kind(),
        size: tokenizer.vocab_size(),
        special_tokens: tokenizer.special_tokens().clone(),
        stop_tokens: stop_ids.iter().map(|&id| piece(tokenizer, id)).collect(),
        stop_ids,
    });
    let mut checks = vec![
        Check::of("config", &inspection.spec),
        Check::of("tokenizer", &inspection.tokenizer),
        match &inspection.template {
            Ok(None) => Check::of::<()>(
                "chat template",
                &Err(Error::input("the model has no chat template")
                    .hint("use an instruction-tuned model")),
            ),
            template => Check::of("chat template", template),
        },
        match &inspection.stop {
            Some(stop) => Check::of("stop ids", stop),
            None => Check::not_made("stop ids", "needs the config and the tokenizer"),
        },
        Check::of("weight files", &inspection.weights),
    ];
    let weights = match (&inspection.spec, &inspection.weights) {
        _ if args.no_read => Err("left out by `--no-read`"),
        (Ok(spec), Ok(weights)) => Ok(CpuDecoder::load(spec, weights, None)),
        _ => Err("needs the config and the weight files"),
    };
    let label = inspection.label.clone();
    let prompts = match inspection.into_model() {
        Some(model) if model.template.is_some() => Ok(planned(&model, options, scenario, requests)),
        _ => Err("needs config, tokenizer, chat template and stop ids"),
    };
    let first = prompts.as_ref().ok().and_then(|prompts| prompts.as_ref().ok()?.first());
    match &weights {
        Err(why) => checks.push(Check::not_made("weights", why)),
        Ok(decoder) => {
            checks.push(Check::of("weights", decoder));
            checks.push(match (decoder, first) {
                (Ok(decoder), Some(prompt)) => {
                    Check::of("logits", &look_at_logits(decoder, &prompt.ids))
                }
                _ => Check::not_made("logits", "needs the weights and a prompt"),
            });
        }
    }
    checks.push(match &prompts {
        Ok(prompts) => Check::of("prompts", prompts),
        Err(why) => Check::not_made("prompts", why),
    });
    // What stops a prompt is what the check of all prompts says.
    let prompts = prompts.ok().and_then(Result::ok).unwrap_or_default();
    Found {
        model: label,
        adapters: on_top,
        spec,
        tensors,
        digests,
        tokenizer: tokens,
        prompts,
        memory_bytes: memory,
        notes,
        checks,
    }
}

impl AdapterLine {
    fn of(adapter: &Adapter) -> Self {
        Self {
            name: adapter.label.clone(),
            scale: adapter.scale,
            base: adapter.base.clone(),
            digest: adapter.digest.clone(),
        }
    }
}

/// Whether what follows the first tokens of a prompt is made of numbers: overflow shows in computing only.
fn look_at_logits(decoder: &CpuDecoder, ids: &[u32]) -> Result<()> {
    const TOKENS: usize = 32;
    let ids: Vec<u32> = ids.iter().copied().take(TOKENS).collect();
    along(decoder, &ids, 0, &AtomicBool::new(false), |_, _| Ok(())).map(drop)
}

fn tensors(weights: &Weights, all: bool) -> Tensors {
    let list = weights.list();
    let mut types: BTreeMap<String, OfType> = BTreeMap::new();
    for tensor in &list {
        let of = types.entry(tensor.dtype.clone()).or_default();
        of.count += 1;
        of.bytes += tensor.bytes;
    }
    let bytes = list.iter().map(|tensor| tensor.bytes).sum();
    Tensors { count: list.len(), bytes, types, list: all.then_some(list) }
}

/// What the spec's sizes take, if they are the whole story: if they give the numbers that the weights hold, but
/// for the norms and biases.
fn memory_of(spec: &Spec, weights: &Weights) -> Option<Memory> {
    let sizes = Sizes {
        layers: spec.layers.len(),
        hidden: spec.hidden_size,
        heads: spec.heads,
        kv_heads: spec.kv_heads,
        head_dim: spec.head_dim,
        intermediate: spec.intermediate_size,
        vocabulary: spec.vocab_size,
        tied: spec.tied_embeddings,
        gated_mlp: spec.mlp.gated,
        experts: None,
    };
    let matrices = weights.list().into_iter().filter(|tensor| tensor.shape.len() == 2);
    let stored: usize = matrices.map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    (stored as u64 == sizes.parameters()).then(|| Memory::of(&sizes).ok()).flatten()
}

/// Renders and checks every prompt of the scenario, as a run does, and gives those of the first request.
fn planned(
    model: &Model,
    options: &RenderOptions,
    scenario: &Scenario,
    requests: &RequestSet,
) -> Result<Vec<Prompt>> {
    let settings = Settings {
        seed: 0,
        samples: 1,
        max_tokens: MAX_TOKENS,
        sampling: Sampling::PLAIN,
        coupled: true,
        date: options.date.to_string(),
        template_args: options.args.clone(),
        control_text: ControlText::Keep,
        stopping: None,
        registered: None,
    };
    let variant = scenario
        .variants
        .first()
        .ok_or_else(|| Error::input(format!("scenario `{}` has no variant", scenario.name)))?;
    let plan = Plan::new(model, scenario, variant, requests, &settings)?;
    let Some(request) = requests.requests.first() else { return Ok(Vec::new()) };
    let bos = model.tokenizer.bos_id();
    let shown = |tier: &Tier| {
        let prompt = plan.prompt(&request.id, &tier.name)?;
        Some(Prompt {
            request: request.id.clone(),
            tier: tier.name.clone(),
            tokens: prompt.ids.len(),
            bos_count: prompt.ids.iter().filter(|&&id| Some(id) == bos).count(),
            text: prompt.text.clone(),
            ids: prompt.ids.clone(),
        })
    };
    Ok([scenario.free(), scenario.paid()].into_iter().filter_map(shown).collect())
}

/// A value as JSON, equal neighbours of a list as one: `30 × {"rope":0}`.
fn short(value: &Value) -> String {
    let Value::Array(items) = value else { return value.to_string() };
    let groups = items.chunk_by(|a, b| a == b).map(|group| match group {
        [one] => short(one),
        [first, ..] => format!("{} × {}", group.len(), short(first)),
        [] => String::new(),
    });
    format!("[{}]", groups.collect::<Vec<_>>().join(", "))
}

fn text(found: &Found) -> String {
    let mut text = show::pairs([("model", visible(&found.model))]);
    if !found.adapters.is_empty() {
        let rows = found.adapters.iter().map(|adapter| {
            let base = adapter.base.as_deref().map_or_else(|| "not named".into(), visible);
            vec![visible(&adapter.name), adapter.scale.to_string(), base, adapter.digest.clone()]
        });
        text += &format!(
            "\n{}",
            show::table(&["adapter", "scale", "trained on", "BLAKE3"], &[1], rows)
        );
    }
    if let Some(Value::Object(spec)) = &found.spec {
        let rows = spec.iter().map(|(key, value)| vec![key.clone(), visible(&short(value))]);
        text += &format!("\n{}", show::table(&["spec", ""], &[], rows));
    }
    if let Some(tensors) = &found.tensors {
        let mut rows: Vec<Vec<String>> = tensors
            .types
            .iter()
            .map(|(name, of)| vec![visible(name), of.count.to_string(), size(of.bytes as u64)])
            .collect();
        rows.push(vec!["all".into(), tensors.count.to_string(), size(tensors.bytes as u64)]);
        text += &format!("\n{}", show::table(&["type", "tensors", "bytes"], &[1, 2], rows));
        if let Some(list) = &tensors.list {
            let rows = list.iter().map(|tensor| {
                let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
                vec![visible(&tensor.name), tensor.dtype.clone(), shape.join(" × ")]
            });
            text += &format!("\n{}", show::table(&["tensor", "type", "shape"], &[], rows));
        }
    }
    if let Some(digests) = &found.digests {
        let rows = digests.iter().map(|(name, digest)| vec![visible(name), digest.clone()]);
        text += &format!("\n{}", show::table(&["file", "BLAKE3"], &[], rows));
    }
    if let Some(tokens) = &found.tokenizer {
        let mut lines = vec![("tokenizer", format!("{}, {} tokens", tokens.kind, tokens.size))];
        lines.extend(tokens.special_tokens.iter().map(|(k, v)| (k.as_str(), show::quoted(v))));
        let stops = tokens.stop_ids.iter().zip(&tokens.stop_tokens);
        lines
            .extend(stops.map(|(id, token)| ("stops at", format!("{id} {}", show::quoted(token)))));
        text += &format!("\n{}", show::pairs(lines));
    }
    if let Some(memory) = &found.memory_bytes {
        text += &format!("\n{}", show::pairs(memory.lines()));
    }
    for Prompt { request, tier, tokens, bos_count, text: prompt, .. } in &found.prompts {
        let ended = if prompt.ends_with('\n') { "" } else { "\n" };
        text += &format!(
            "\n── {tier}, request {request}: {tokens} tokens, {bos_count} beginning of sequence ──\n{}{ended}",
            visible(prompt)
        );
    }
    let rows = found.checks.iter().map(|check| {
        let holds = match check.holds {
            Some(true) => "ok",
            Some(false) => "REFUSED",
            None => "not made",
        };
        let error = check.error.clone().unwrap_or_default().replace('\n', " ");
        vec![check.check.to_owned(), holds.to_owned(), visible(&error)]
    });
    text += &format!("\n{}", show::table(&["check", "", ""], &[], rows));
    for hint in found.checks.iter().filter_map(|check| check.hint.as_ref()) {
        text += &format!("hint: {}\n", visible(hint));
    }
    for note in &found.notes {
        text += &format!("note: {}\n", visible(note));
    }
    text
}
