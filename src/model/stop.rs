//! The ids that end a reply. Knows nothing about how replies are made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{CONFIG, GENERATION_CONFIG, ModelFiles};
use super::json::Keys;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// Sampling defaults that a model may bring and that are not used here.
const SAMPLING: [&str; 8] = [
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "num_beams",
];

/// Stop ids, sorted and without repeats, and notes. `eos_token_id` of `generation_config.json` counts, else
/// that of `config.json`; the tokenizer's own end of sequence is always one of them.
///
/// # Errors
/// No file gives one, or one has no row among the `rows` of the embedding.
pub(super) fn read(
    files: &ModelFiles,
    tokenizer: &Tokenizer,
    rows: usize,
) -> Result<(Vec<u32>, Vec<String>)> {
    let mut ids = BTreeSet::new();
    let mut notes = Vec::new();
    for file in [GENERATION_CONFIG, CONFIG] {
        if let Some(bytes) = files.get(file)
            && ids.is_empty()
        {
            let mut keys = Keys::parse(file, bytes)?;
            ids.extend(end_ids(&mut keys, rows)?);
            if file == GENERATION_CONFIG {
                notes.extend(unused_sampling(&mut keys));
            }
        }
    }
    if let Some(id) = tokenizer.eos_id() {
        if id as usize >= rows {
            return Err(Error::input(format!(
                "the end-of-sequence token {id} has no row in the embedding ({rows} rows)"
            ))
            .hint("tokenizer and weights do not belong together"));
        }
        ids.insert(id);
    }
    if ids.is_empty() {
        return Err(Error::input("no file says which token ends a reply")
            .hint("give `eos_token_id` in `generation_config.json` or `config.json`"));
    }
    Ok((ids.into_iter().collect(), notes))
}

fn end_ids(keys: &mut Keys, rows: usize) -> Result<Vec<u32>> {
    let Some(value) = keys.value("eos_token_id") else { return Ok(Vec::new()) };
    let given = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    let id = |value: &Value| {
        value.as_u64().filter(|&id| id < rows as u64).and_then(|id| u32::try_from(id).ok())
    };
    given
        .iter()
        .map(|value| {
            id(value).ok_or_else(|| {
                keys.wrong("eos_token_id", &format!("an id or ids below {rows}"), value)
            })
        })
        .collect()
}

/// Says which sampling defaults of the model are left alone.
fn unused_sampling(keys: &mut Keys) -> Option<String> {
    let found: Vec<String> =
        SAMPLING.iter().filter_map(|key| Some(format!("{key} {}", keys.value(key)?))).collect();
    (!found.is_empty()).then(|| {
        format!("sampling defaults of `{GENERATION_CONFIG}` are not used: {}", found.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tokenizer::tests::words;
    use super::*;

    fn stop(
        generation: Option<&str>,
        config: &str,
        tokenizer: &str,
    ) -> Result<(Vec<u32>, Vec<String>)> {
        let mut files = vec![(CONFIG, config.as_bytes())];
        files.extend(generation.map(|text| (GENERATION_CONFIG, text.as_bytes())));
        read(&ModelFiles::literal(&files), &words(tokenizer).unwrap(), 5)
    }

    #[test]
    fn generation_config_wins_and_the_tokenizer_adds() {
        let eos = r#"{"eos_token": "</s>"}"#;
        assert_eq!(
            stop(Some(r#"{"eos_token_id": [2, 1, 2]}"#), r#"{"eos_token_id": 0}"#, eos).unwrap().0,
            [1, 2, 4]
        );
        assert_eq!(stop(Some("{}"), r#"{"eos_token_id": 0}"#, eos).unwrap().0, [0, 4]);
        assert_eq!(stop(None, r#"{"eos_token_id": 4}"#, eos).unwrap().0, [4]);
        assert_eq!(stop(None, "{}", eos).unwrap().0, [4]);
    }

    #[test]
    fn none_at_all_and_impossible_ids_are_refused() {
        assert!(
            stop(Some(r#"{"eos_token_id": []}"#), r#"{"eos_token_id": null}"#, "{}")
                .unwrap_err()
                .to_string()
                .contains("no file says")
        );
        for bad in ["5", "-1", "\"x\"", "[1, 4294967296]"] {
            let message =
                stop(None, &format!(r#"{{"eos_token_id": {bad}}}"#), "{}").unwrap_err().to_string();
            assert!(message.contains("`eos_token_id` must be an id or ids below 5"), "{message}");
        }
    }

    #[test]
    fn unused_sampling_defaults_are_noted() {
        let (_, notes) =
            stop(Some(r#"{"eos_token_id": 1, "temperature": 0.6, "top_p": 0.9}"#), "{}", "{}")
                .unwrap();
        assert_eq!(
            notes,
            [
                "sampling defaults of `generation_config.json` are not used: temperature 0.6, top_p 0.9"
            ]
        );
    }
}
