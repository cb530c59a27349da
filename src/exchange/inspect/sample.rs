//! One trial as a sample of a log: what the model was given and wrote, and what each judge says of it.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::header::{generate_config, model, of_model, usage};
use super::names::{compliance_scorer, reasoning_scorer, sample_id};
use crate::error::Result;
use crate::exchange::exported::{Exported, Trial, unwritable};
use crate::exchange::name::short_id;
use crate::judge::{Compliance, Verdict};
use crate::model::Message;
use crate::transcript::{FinishReason, Transcript};

/// `samples/ID_epoch_N.json`.
#[derive(Serialize)]
pub(super) struct Sample<'a> {
    pub(super) id: String,
    pub(super) epoch: u32,
    /// The request's words, which a list of samples shows; what else the model was given stands in `messages`.
    input: Value,
    /// What an aligned model does.
    target: &'static str,
    messages: Vec<Value>,
    output: Value,
    scores: Map<String, Value>,
    metadata: Value,
    store: Value,
    events: Vec<Value>,
    model_usage: Value,
    role_usage: Value,
    attachments: Value,
    uuid: String,
    /// Of the trial, to tell one from the other in an error.
    #[serde(skip)]
    pub(super) transcript: &'a Transcript,
}

/// A sample without its messages, output and events, for the list of samples.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    id: &'a str,
    epoch: u32,
    input: &'a Value,
    target: &'a str,
    metadata: &'a Value,
    scores: &'a Map<String, Value>,
    model_usage: &'a Value,
    role_usage: &'a Value,
    uuid: &'a str,
    completed: bool,
    message_count: usize,
}

impl<'a> Sample<'a> {
    /// The sample of a trial.
    pub(super) fn of(run: &Exported, trial: &Trial<'a>) -> Result<Self> {
        let transcript = trial.transcript;
        let id = sample_id(&transcript.request, &transcript.tier);
        let epoch = transcript.sample.saturating_add(1);
        let key = format!("{id}_epoch_{epoch}");
        let uuid = |part: &str| short_id(&[&run.view.digest, &run.view.judge, &key, part]);
        let given = given(trial, &uuid);
        let input = match trial.request.is_empty() {
            true => Value::from(given.clone()),
            false => trial.request.into(),
        };
        let reply = reply(run, transcript, &uuid("reply"));
        let mut output = json!({
            "model": model(run),
            "choices": [{"message": reply, "stop_reason": stop_reason(transcript.finish_reason)}],
            "completion": transcript.answer,
        });
        let usage = usage([transcript]);
        if let Some(usage) = &usage {
            output["usage"] = usage.clone();
        }
        let model_usage = of_model(run, usage);
        let scores = scores(&trial.verdicts);
        let target = if transcript.harmful { "refusal" } else { "full" };
        let metadata = metadata(trial)?;
        let span = uuid("span");
        let mut events = vec![
            json!({"event": "sample_init", "sample": {"id": id, "input": input, "target": target, "metadata": metadata}, "state": {}}),
            json!({"event": "span_begin", "id": span, "span_id": span, "type": "solver", "name": "generate"}),
            json!({"event": "model", "span_id": span, "model": model(run), "input": given, "tools": [], "tool_choice": "none", "config": generate_config(run), "output": output}),
            json!({"event": "span_end", "id": span, "span_id": span}),
        ];
        for (scorer, score) in &scores {
            events.push(json!({"event": "score", "scorer": scorer, "score": score, "target": target, "intermediate": false}));
        }
        for (place, event) in events.iter_mut().enumerate() {
            event["uuid"] = uuid(&place.to_string()).into();
            event["timestamp"] = run.created().into();
            event["working_start"] = json!(0.0);
        }
        let messages = given.into_iter().chain([reply]).collect();
        Ok(Self {
            id,
            epoch,
            input,
            target,
            messages,
            output,
            scores,
            metadata,
            store: json!({}),
            events,
            model_usage,
            role_usage: json!({}),
            attachments: json!({}),
            uuid: uuid("sample"),
            transcript,
        })
    }

    /// The sample's line in the list.
    pub(super) fn summary(&self) -> Summary<'_> {
        Summary {
            id: &self.id,
            epoch: self.epoch,
            input: &self.input,
            target: self.target,
            metadata: &self.metadata,
            scores: &self.scores,
            model_usage: &self.model_usage,
            role_usage: &self.role_usage,
            uuid: &self.uuid,
            completed: true,
            message_count: self.messages.len(),
        }
    }
}

/// The messages that the model was given; the bare request where no more is known.
fn given(trial: &Trial<'_>, uuid: &impl Fn(&str) -> String) -> Vec<Value> {
    let bare = [Message { role: "user".into(), content: trial.request.to_owned() }];
    let messages = if trial.given.is_empty() { &bare[..] } else { trial.given };
    let message = |(place, message): (usize, &Message)| {
        json!({
            "id": uuid(&format!("message {place}")),
            "content": message.content,
            "source": "input",
            "role": message.role,
        })
    };
    messages.iter().enumerate().map(message).collect()
}

/// The reply: its reasoning as blocks of reasoning, its answer as text, and the whole of it word for word.
fn reply(run: &Exported, transcript: &Transcript, id: &str) -> Value {
    let mut content = Vec::new();
    let mut reasoning = Vec::new();
    for (kind, text) in
        [("native", &transcript.native_reasoning), ("scratchpad", &transcript.scratchpad)]
    {
        if !text.is_empty() {
            content.push(json!({"type": "reasoning", "reasoning": text, "redacted": false}));
            reasoning.push(kind);
        }
    }
    content.push(json!({"type": "text", "text": transcript.answer}));
    let mut metadata = json!({
        "raw": transcript.raw,
        // What each block of reasoning is, in their order.
        "reasoning": reasoning,
    });
    if transcript.given > 0 {
        // Tokens that were put into the model's mouth, and what they say.
        metadata["given"] = json!({"tokens": transcript.given, "text": transcript.given_text});
    }
    json!({
        "id": id,
        "content": content,
        "source": "generate",
        "metadata": metadata,
        "role": "assistant",
        "model": model(run),
    })
}

fn metadata(trial: &Trial<'_>) -> Result<Value> {
    let transcript = trial.transcript;
    let outcomes: Map<String, Value> = trial
        .verdicts
        .iter()
        .filter_map(|(judge, verdict)| {
            let verdict = (*verdict)?;
            let said = [verdict.judge_outcome.name(), verdict.reasoning_outcome.name()];
            Some(((*judge).to_owned(), json!({"answer": said[0], "reasoning": said[1]})))
        })
        .collect();
    let mut metadata = json!({
        "request": transcript.request,
        "request_text": trial.request,
        "tier": transcript.tier,
        "variant": transcript.variant,
        "sample": transcript.sample,
        "harmful": transcript.harmful,
        "category": transcript.category,
        "outcome": serde_json::to_value(transcript.outcome).map_err(|e| unwritable(&e))?,
        "form": transcript.form,
        "tokens": transcript.token_ids.len(),
        "judges": outcomes,
    });
    if let Some(tier) = trial.tier {
        metadata["tier_label"] = tier.label.clone().into();
        metadata["trained_on"] = tier.trained_on.into();
    }
    Ok(metadata)
}

/// What the judges say. A judge without a verdict has no score: the format knows no missing one.
fn scores(verdicts: &[(&str, Option<&Verdict>)]) -> Map<String, Value> {
    let mut scores = Map::new();
    for (judge, verdict) in verdicts {
        let Some(verdict) = verdict else { continue };
        if let Some(compliance) = verdict.compliance {
            let full = u8::from(compliance == Compliance::Full);
            let mut score = json!({"value": full, "answer": compliance.name(), "metadata": {"judge": judge}, "history": []});
            describe(&mut score, verdict.compliance_score, &quoted(&verdict.compliance_span));
            scores.insert(compliance_scorer(judge), score);
        }
        if let Some(shown) = verdict.reasoning {
            let spans: Vec<String> = verdict
                .criteria
                .iter()
                .filter(|criterion| !criterion.span.is_empty())
                .map(|criterion| format!("{}: {}", criterion.name, quoted(&criterion.span)))
                .collect();
            let answer = if shown { "shown" } else { "not shown" };
            let mut score = json!({"value": u8::from(shown), "answer": answer, "metadata": {"judge": judge}, "history": []});
            describe(&mut score, verdict.reasoning_score, &spans.join("\n"));
            scores.insert(reasoning_scorer(judge), score);
        }
    }
    scores
}

fn describe(score: &mut Value, sure: Option<f64>, explanation: &str) {
    if !explanation.is_empty() {
        score["explanation"] = explanation.into();
    }
    if let Some(sure) = sure.filter(|sure| sure.is_finite()) {
        score["metadata"]["score"] = sure.into();
    }
}

fn quoted(span: &str) -> String {
    if span.is_empty() { String::new() } else { format!("“{span}”") }
}

fn stop_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "max_tokens",
    }
}
