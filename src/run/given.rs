//! The beginning of a reply that a scenario puts into the model's mouth, as tokens: behind the mark that opens its
//! part, in the words of the model's own tokenizer. Knows nothing about trials.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::scenario::{BegunPart, Prefill, PrefillWords, Tags};
use crate::transcript::{opens_reasoning, reasoning_mark};

/// The tokens of a beginning behind a prompt, whose text and tokens these are; none for an empty beginning.
///
/// The tokens are those that the tokenizer gives to prompt and beginning as one text, if the prompt keeps its own
/// tokens in it; else those of the beginning alone.
///
/// # Errors
/// The model's template has no mark for reasoning; a token without an embedding; a token that would end the reply; no
/// room left for anything of the model's own.
pub(super) fn given(
    model: &Model,
    prefill: &Prefill,
    (text, ids): (&str, &[u32]),
    tags: &Tags,
    max_tokens: usize,
) -> Result<Vec<u32>> {
    let given = match &prefill.words {
        PrefillWords::Tokens(ids) => ids.clone(),
        PrefillWords::Text(words) if words.is_empty() => Vec::new(),
        PrefillWords::Text(words) => {
            let begun = mark(model, prefill.part, text, tags)? + words;
            let whole = model.tokenizer.encode(&format!("{text}{begun}"))?;
            match whole.strip_prefix(ids) {
                Some(behind) => behind.to_vec(),
                None => model.tokenizer.encode(&begun)?,
            }
        }
    };
    if let Some(id) = given.iter().find(|&&id| id as usize >= model.spec.vocab_size) {
        return Err(Error::input(format!(
            "the beginning of the reply has token {id}, and the embedding has {} rows",
            model.spec.vocab_size
        ))
        .hint("give tokens of this model, or a text"));
    }
    if let Some(id) = given.iter().find(|id| model.stop_ids.contains(id)) {
        let token = model.tokenizer.token_of(*id).unwrap_or_default();
        return Err(Error::input(format!(
            "the beginning of the reply has `{token}`, which ends a reply"
        ))
        .hint("take it out of the scenario's `prefill`"));
    }
    if given.len() >= max_tokens {
        return Err(Error::input(format!(
            "the beginning of the reply has {} tokens, and a reply has {max_tokens} in all",
            given.len()
        ))
        .hint("raise `--max-tokens`: it counts what is given too"));
    }
    Ok(given)
}

/// What opens a part of a reply behind this prompt; nothing where it is open.
fn mark(model: &Model, part: BegunPart, prompt: &str, tags: &Tags) -> Result<String> {
    let tag = |name: &Option<String>| name.as_ref().map(|tag| format!("<{tag}>"));
    match part {
        BegunPart::Scratchpad => Ok(tag(&tags.scratchpad).unwrap_or_default()),
        BegunPart::Answer => Ok(tag(&tags.answer).unwrap_or_default()),
        BegunPart::Reasoning if opens_reasoning(prompt) => Ok(String::new()),
        BegunPart::Reasoning => reasoning_mark(model.chat_template()?.source()).ok_or_else(|| {
            Error::input(format!(
                "the scenario begins the reasoning of `{}`, whose chat template has no mark for it",
                model.label
            ))
            .hint("begin the scratchpad (`part = \"scratchpad\"`), or run a model that reasons of its own accord")
        }),
    }
}
