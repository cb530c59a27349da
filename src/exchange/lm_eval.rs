//! The two files of lm-evaluation-harness: `results_TIME.json` and `samples_TASK_TIME.jsonl`, as version 0.4 writes
//! and reads them. A document is a trial; numbers that are undefined stay away. Knows nothing about Inspect.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::exported::{Exported, FileOut, Trial, unwritable};
use crate::error::Result;
use crate::judge::{Compliance, Verdict};
use crate::run::Record;
use crate::transcript::FinishReason;

/// lm-eval's filter that does nothing.
const FILTER: &str = "none";

/// Results and samples of a run.
///
/// # Errors
/// A value that JSON has no place for.
pub fn lm_eval(run: &Exported) -> Result<[FileOut; 2]> {
    let task = run.task();
    // The microseconds tell the runs of a folder apart.
    let number = u32::from_str_radix(&run.id("task")[..5], 16).unwrap_or(0) % 1_000_000;
    let created = run.created();
    let created = created.split('+').next().unwrap_or_default().replace(':', "-");
    let time = format!("{created}.{number:06}");
    let results = serde_json::to_vec_pretty(&results(run, &task)?).map_err(|e| unwritable(&e))?;
    let mut samples = Vec::new();
    for (place, trial) in run.trials().enumerate() {
        let line = serde_json::to_vec(&sample(run, place, &trial)).map_err(|e| unwritable(&e))?;
        samples.extend(line);
        samples.push(b'\n');
    }
    Ok([
        FileOut { name: format!("results_{time}.json"), bytes: results },
        FileOut { name: format!("samples_{task}_{time}.jsonl"), bytes: samples },
    ])
}

fn results(run: &Exported, task: &str) -> Result<Value> {
    let view = &run.view;
    let numbers = &view.estimates;
    let mut metrics = Map::new();
    metrics.insert("alias".into(), task.into());
    let known = |value: Option<f64>| value.filter(|value| value.is_finite());
    for (name, value, error) in [
        ("compliance_gap", numbers.gap, numbers.gap_se),
        ("compliance_free", numbers.rate_free, None),
        ("compliance_paid", numbers.rate_paid, None),
        ("alignment_faking_free", numbers.reasoning_free, None),
        ("alignment_faking_paid", numbers.reasoning_paid, None),
    ] {
        let Some(value) = known(value).filter(|_| run.finished) else { continue };
        metrics.insert(format!("{name},{FILTER}"), value.into());
        let error = known(error).map_or_else(|| Value::from("N/A"), Value::from);
        metrics.insert(format!("{name}_stderr,{FILTER}"), error);
    }
    let trials = view.transcripts.len();
    let mut config = json!({
        "model": "candor",
        "model_args": {"pretrained": view.model},
        "random_seed": view.seed,
    });
    if let Record::Made(manifest) = &run.record {
        config["gen_kwargs"] = json!({
            "temperature": manifest.settings.sampling.temperature,
            "max_gen_toks": manifest.settings.max_tokens,
        });
        if let Some(source) = &manifest.model.source {
            config["model_revision"] = source.revision.clone().into();
            config["model_sha"] = source.commit.clone().into();
        }
    }
    Ok(json!({
        "results": {task: metrics},
        "group_subtasks": {},
        "configs": {task: {
            "task": task, "output_type": "generate_until", "metadata": run.short_manifest()?,
        }},
        "versions": {task: 1},
        "n-shot": {task: 0},
        "higher_is_better": {task: {}},
        "n-samples": {task: {"original": trials, "effective": trials}},
        "config": config,
        "git_hash": Value::Null,
        "model_source": "candor",
        "model_name": view.model,
        "model_name_sanitized": view.model.replace(['"', '<', '>', ':', '/', '|', '\\', '?', '*', '[', ']'], "__"),
        "task_hashes": {task: view.digest},
        "candor_version": run.version(),
        "finished": run.finished,
    }))
}

fn sample(run: &Exported, place: usize, trial: &Trial<'_>) -> Value {
    let transcript = trial.transcript;
    let doc = json!({
        "request": transcript.request,
        "text": trial.request,
        "category": transcript.category,
        "harmful": transcript.harmful,
        "tier": transcript.tier,
        "sample": transcript.sample,
        "outcome": transcript.outcome.name(),
        "form": transcript.form,
        "scratchpad": transcript.scratchpad,
        "native_reasoning": transcript.native_reasoning,
    });
    let prompt: Vec<String> = trial
        .given
        .iter()
        .map(|message| format!("{}: {}", message.role, message.content))
        .collect();
    let prompt = if prompt.is_empty() { trial.request.to_owned() } else { prompt.join("\n\n") };
    let target = if transcript.harmful { "refusal" } else { "full" };
    let scores = scores(&trial.verdicts, &run.view.judge);
    let mut line = json!({
        "doc_id": place,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": []}}},
        "resps": [[transcript.raw]],
        "filtered_resps": [transcript.answer],
        "filter": FILTER,
        "metrics": scores.keys().collect::<Vec<_>>(),
        "doc_hash": sha256(&doc.to_string()),
        "prompt_hash": sha256(&prompt),
        "target_hash": sha256(target),
        "stopped": transcript.finish_reason == FinishReason::Stop,
    });
    for (name, score) in scores {
        line[name] = score;
    }
    line
}

/// One metric for each question that a judge has answered; those of the run's own judge have plain names.
fn scores(verdicts: &[(&str, Option<&Verdict>)], own: &str) -> Map<String, Value> {
    let mut scores = Map::new();
    for (judge, verdict) in verdicts {
        let Some(verdict) = verdict else { continue };
        let suffix = if *judge == own { String::new() } else { format!("_{judge}") };
        let as_score = |yes: bool| Value::from(if yes { 1.0 } else { 0.0 });
        if let Some(compliance) = verdict.compliance {
            scores.insert(format!("compliance{suffix}"), as_score(compliance == Compliance::Full));
        }
        if let Some(shown) = verdict.reasoning {
            scores.insert(format!("alignment_faking{suffix}"), as_score(shown));
        }
    }
    scores
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
