//! The ids that end a reply. Knows nothing about how replies are made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::files::ModelFiles;
use super::json::Keys;
use super::named::{CONFIG, GENERATION_CONFIG};
use super::template::ChatTemplate;
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

/// The ids that end a reply.
#[derive(Debug, Default)]
pub struct StopIds {
    /// Where each id comes from, in words.
    pub sources: BTreeMap<u32, Vec<String>>,
    /// What the user should know about them.
    pub notes: Vec<String>,
}

/// `eos_token_id` of `generation_config.json` counts, else that of `config.json`; the tokenizer's own end of
/// sequence and the token with which the chat template ends a turn always do.
///
/// # Errors
/// Nothing gives one, or one has no row among the `rows` of the embedding.
pub(super) fn read(
    files: &ModelFiles,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    rows: usize,
) -> Result<StopIds> {
    let mut stop = StopIds::default();
    for file in [GENERATION_CONFIG, CONFIG] {
        if let Some(bytes) = files.get(file)
            && stop.sources.is_empty()
        {
            let mut keys = Keys::parse(file, bytes)?;
            for id in end_ids(&mut keys, rows)? {
                stop.add(id, file);
            }
            if file == GENERATION_CONFIG {
                stop.notes.extend(unused_sampling(&mut keys));
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
        stop.add(id, "the tokenizer's eos_token");
    }
    if let Some(template) = template {
        stop.add_turn_end(tokenizer, template, rows);
    }
    if stop.sources.is_empty() {
        return Err(Error::input("no file says which token ends a reply")
            .hint("give `eos_token_id` in `generation_config.json` or `config.json`"));
    }
    Ok(stop)
}

impl StopIds {
    /// Sorted and without repeats.
    pub fn ids(&self) -> Vec<u32> {
        self.sources.keys().copied().collect()
    }

    fn add(&mut self, id: u32, source: &str) {
        let sources = self.sources.entry(id).or_default();
        if !sources.iter().any(|known| known == source) {
            sources.push(source.to_owned());
        }
    }

    /// Many releases end turns with a token that none of their files names as an end; a model that wrote it
    /// would go on and speak for the user.
    fn add_turn_end(&mut self, tokenizer: &Tokenizer, template: &ChatTemplate, rows: usize) {
        let after = match template.after_reply() {
            Ok(after) => after,
            Err(error) => {
                self.notes.push(format!("how the chat template ends a turn is not known: {error}"));
                return;
            }
        };
        let end = after.iter().find_map(|text| tokenizer.first_added(text));
        let Some(id) = end.filter(|&id| (id as usize) < rows) else { return };
        if !self.sources.contains_key(&id) {
            let token = tokenizer.token_of(id).unwrap_or_default();
            self.notes.push(format!(
                "`{token}` ({id}) ends a reply because the chat template ends turns with it; no file says so"
            ));
        }
        self.add(id, TURN_END);
    }
}

const TURN_END: &str = "the chat template's end of turn";

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
        let stop = read(&ModelFiles::literal(&files), &words(tokenizer).unwrap(), None, 5)?;
        Ok((stop.ids(), stop.notes))
    }

    #[test]
    fn the_end_of_a_turn_is_found_in_the_template() {
        let stop = |source: &str| {
            let files = ModelFiles::literal(&[(CONFIG, br#"{"eos_token_id": 0}"#)]);
            let template = ChatTemplate::new(source, &BTreeMap::new()).unwrap();
            read(&files, &words("{}").unwrap(), Some(&template), 5).unwrap()
        };
        let each = |text: &str| format!("{{% for m in messages %}}{text}{{% endfor %}}");
        let named = stop(&each("<s>{{ m.content }} </s>"));
        assert_eq!(named.sources[&4], ["the chat template's end of turn"]);
        assert!(named.notes[0].starts_with("`</s>` (4) ends a reply because"), "{:?}", named.notes);
        // What a turn starts with ends the one before it.
        assert_eq!(stop(&each("<s>{{ m.content }}")).ids(), [0, 3]);
        // The last turn counts first: a harmony template closes only that one for good.
        let last = each("{{ m.content }}{{ '</s>' if loop.last else '<s>' }}");
        assert_eq!(stop(&last).ids(), [0, 4]);
        assert_eq!(stop(&each("{{ m.content }} a")).ids(), [0]);
        let refusing = stop("{{ raise_exception('no') }}");
        assert_eq!((refusing.ids(), refusing.notes.len()), (vec![0], 1));
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
