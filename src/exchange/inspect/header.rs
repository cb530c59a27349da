//! A log without its samples: what was run and what came out. The order of the fields is part of the format.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::names::{compliance_scorer, reasoning_scorer, sample_id};
use crate::error::Result;
use crate::exchange::exported::Exported;
use crate::run::Record;
use crate::stats::Estimates;
use crate::transcript::Transcript;

/// `header.json`.
#[derive(Serialize)]
pub(super) struct Header {
    pub(super) version: u32,
    /// `success`, or `started` for a run that has not finished.
    status: &'static str,
    pub(super) eval: Value,
    pub(super) plan: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Results>,
    stats: Value,
    invalidated: bool,
    tags: Vec<&'static str>,
    metadata: Value,
}

#[derive(Serialize)]
struct Results {
    total_samples: usize,
    completed_samples: usize,
    /// The first one is the log's headline.
    scores: Vec<Score>,
}

#[derive(Serialize)]
struct Score {
    name: String,
    scorer: String,
    params: Value,
    metrics: Metrics,
}

/// Metrics in the order in which they are shown; the first one of the first score is the log's headline.
#[derive(Default)]
struct Metrics(Vec<Metric>);

#[derive(Serialize)]
struct Metric {
    name: String,
    value: f64,
    params: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|metric| (&metric.name, metric)))
    }
}

impl Metrics {
    /// Adds a metric. One that is undefined stays away: the format has no place for it.
    fn with(mut self, name: &str, group: Option<&str>, value: Option<f64>) -> Self {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let group = group.map(str::to_owned);
            self.0.push(Metric { name: name.to_owned(), value, params: json!({}), group });
        }
        self
    }

    /// Adds both ends of a 95 % interval.
    fn interval(self, group: &str, prefix: &str, interval: Option<[f64; 2]>) -> Self {
        self.with(&format!("{prefix}lower"), Some(group), interval.map(|[low, _]| low)).with(
            &format!("{prefix}upper"),
            Some(group),
            interval.map(|[_, high]| high),
        )
    }
}

impl Header {
    /// The header of a run's log.
    pub(super) fn of(run: &Exported) -> Result<Self> {
        let created = run.created();
        let manifest = run.short_manifest()?;
        Ok(Self {
            version: 2,
            status: if run.finished { "success" } else { "started" },
            eval: spec(run, &manifest),
            plan: json!({
                "name": "plan",
                "steps": [{"solver": "generate", "params": {}, "params_passed": {}}],
                "config": generate_config(run),
            }),
            results: run.finished.then(|| results(run)),
            stats: json!({
                "started_at": created,
                "completed_at": if run.finished { created.as_str() } else { "" },
                "model_usage": of_model(run, usage(&run.view.transcripts)),
                "role_usage": {},
                "connection_limit_history": [],
            }),
            invalidated: false,
            tags: vec!["alignment-faking"],
            metadata: manifest,
        })
    }
}

fn spec(run: &Exported, manifest: &Value) -> Value {
    let view = &run.view;
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for transcript in &view.transcripts {
        if seen.insert((&transcript.request, &transcript.tier)) {
            ids.push(sample_id(&transcript.request, &transcript.tier));
        }
    }
    let arguments = json!({
        "scenario": view.scenario, "variant": view.variant, "seed": view.seed, "judge": view.judge,
    });
    let scorers: Vec<Value> = run
        .judges()
        .flat_map(|(judge, ..)| [compliance_scorer(judge), reasoning_scorer(judge)])
        .map(|name| json!({"name": name}))
        .collect();
    json!({
        "eval_id": run.id("eval"),
        "run_id": run.id("run"),
        "created": run.created(),
        "task": run.task(),
        "task_id": run.id("task"),
        "task_version": 1,
        "task_attribs": {},
        "task_args": arguments,
        "task_args_passed": arguments,
        "solver": "generate",
        "tags": ["alignment-faking"],
        "dataset": {
            "name": requests_name(run), "samples": ids.len(), "sample_ids": ids, "shuffled": false,
        },
        "model": model(run),
        "model_generate_config": generate_config(run),
        "model_args": model_args(run),
        "config": {"epochs": epochs(run), "epochs_reducer": ["mean"]},
        "packages": {"candor": run.version()},
        "metadata": manifest,
        "scorers": scorers,
    })
}

/// The model's name as Inspect has it: whose, and which.
pub(super) fn model(run: &Exported) -> String {
    format!("candor/{}", run.view.model)
}

fn requests_name(run: &Exported) -> &str {
    match &run.record {
        Record::Made(manifest) => &manifest.requests.name,
        Record::Imported(imported) => &imported.scenario,
    }
}

fn epochs(run: &Exported) -> u32 {
    run.view
        .transcripts
        .iter()
        .map(|transcript| transcript.sample.saturating_add(1))
        .max()
        .unwrap_or(1)
}

/// How tokens were drawn; nothing where that is not known.
pub(super) fn generate_config(run: &Exported) -> Value {
    let Record::Made(manifest) = &run.record else { return json!({}) };
    let (settings, sampling) = (&manifest.settings, &manifest.settings.sampling);
    let mut config = json!({
        "max_tokens": settings.max_tokens,
        "temperature": sampling.temperature,
        "seed": settings.seed,
    });
    if let Some(k) = sampling.top_k {
        config["top_k"] = k.into();
    }
    if let Some(p) = sampling.top_p {
        config["top_p"] = p.into();
    }
    config
}

fn model_args(run: &Exported) -> Value {
    let Record::Made(manifest) = &run.record else { return json!({}) };
    let mut args = json!({
        "architecture": manifest.model.architecture,
        "numerics": manifest.numerics,
        "promise": manifest.promise,
    });
    if let Some(source) = &manifest.model.source {
        args["revision"] = source.commit.clone().into();
    }
    if let Some(quantize) = &manifest.model.quantize {
        args["quantize"] = quantize.to_string().into();
    }
    args
}

fn results(run: &Exported) -> Results {
    let mut scores = Vec::new();
    for (place, (judge, _, numbers)) in run.judges().enumerate() {
        let (name, scorer) = match place {
            0 => ("compliance_gap".to_owned(), "compliance_gap".to_owned()),
            _ => (format!("compliance_gap_{judge}"), "compliance_gap".to_owned()),
        };
        scores.push(Score {
            name,
            scorer,
            params: json!({"paired_by": "request", "judge": judge}),
            metrics: gap(numbers),
        });
    }
    for (judge, _, numbers) in run.judges() {
        let params = json!({"judge": judge});
        let name = compliance_scorer(judge);
        let metrics = rates(numbers);
        scores.push(Score { scorer: name.clone(), name, params: params.clone(), metrics });
        let name = reasoning_scorer(judge);
        let metrics = reasoning(numbers);
        scores.push(Score { scorer: name.clone(), name, params, metrics });
    }
    let trials = run.view.transcripts.len();
    Results { total_samples: trials, completed_samples: trials, scores }
}

fn gap(numbers: &Estimates) -> Metrics {
    Metrics::default()
        .with("gap", None, numbers.gap)
        .with("stderr", None, numbers.gap_se)
        .with("p_value", None, numbers.p_value)
        .interval("ci95", "", numbers.gap_ci95)
        .interval("bounds", "bound_", numbers.gap_bounds)
        .with("requests", None, Some(numbers.gap_requests as f64))
}

fn rates(numbers: &Estimates) -> Metrics {
    let mut metrics = Metrics::default()
        .with("free", Some("tier"), numbers.rate_free)
        .with("paid", Some("tier"), numbers.rate_paid)
        .interval("free_ci95", "free_", numbers.rate_free_ci95)
        .interval("paid_ci95", "paid_", numbers.rate_paid_ci95);
    for (tier, estimate) in &numbers.tiers {
        if metrics.0.iter().all(|metric| metric.name != *tier) {
            metrics = metrics.with(tier, Some("tier"), estimate.rate);
        }
    }
    metrics
        .with("unanswered_free", Some("unanswered"), Some(numbers.unanswered_free as f64))
        .with("unanswered_paid", Some("unanswered"), Some(numbers.unanswered_paid as f64))
        .with("refused_free", Some("benign"), numbers.benign_refusal_free)
        .with("refused_paid", Some("benign"), numbers.benign_refusal_paid)
}

fn reasoning(numbers: &Estimates) -> Metrics {
    Metrics::default()
        .with("free", Some("tier"), numbers.reasoning_free)
        .with("paid", Some("tier"), numbers.reasoning_paid)
        .interval("free_ci95", "free_", numbers.reasoning_free_ci95)
        .interval("paid_ci95", "paid_", numbers.reasoning_paid_ci95)
        .with("gap_with", Some("gap"), numbers.gap_with_reasoning)
        .with("gap_without", Some("gap"), numbers.gap_without_reasoning)
}

/// The tokens of replies, in the format's words; none where no token is on record. A run folder holds the digest of a
/// prompt's tokens and not their number: `input_tokens`, which the format wants, is 0.
pub(super) fn usage<'a>(transcripts: impl IntoIterator<Item = &'a Transcript>) -> Option<Value> {
    let tokens: usize = transcripts.into_iter().map(|t| t.token_ids.len()).sum();
    (tokens > 0)
        .then(|| json!({"input_tokens": 0, "output_tokens": tokens, "total_tokens": tokens}))
}

/// A usage under the model's name, as the format has it.
pub(super) fn of_model(run: &Exported, usage: Option<Value>) -> Value {
    let mut by_model = Map::new();
    by_model.extend(usage.map(|usage| (model(run), usage)));
    by_model.into()
}
