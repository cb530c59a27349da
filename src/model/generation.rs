//! How a model's makers would draw from it, as `generation_config.json` says. Nothing of it is used unless asked for: an
//! experiment is about the model's own distribution.

use serde_json::Value;

use super::files::ModelFiles;
use super::named::GENERATION_CONFIG;
use crate::error::{Error, Result};

/// What the file asks for; none where it says nothing of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GenerationConfig {
    /// Temperature; 0 where it says that nothing is drawn (`do_sample` is false).
    pub temperature: Option<f64>,
    /// Only the so many most likely tokens; the file's 0 is none.
    pub top_k: Option<usize>,
    /// Only the smallest set of tokens whose probabilities reach this.
    pub top_p: Option<f64>,
    /// Only tokens with at least this fraction of the largest probability.
    pub min_p: Option<f64>,
    /// Makes tokens that were seen less likely.
    pub repetition_penalty: Option<f64>,
}

impl GenerationConfig {
    pub(super) fn read(files: &ModelFiles) -> Result<Self> {
        let Some(bytes) = files.get(GENERATION_CONFIG) else { return Ok(Self::default()) };
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Error::input(format!("`{GENERATION_CONFIG}` is no JSON: {error}")))?;
        let number = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(number) => number.as_f64().map(Some).ok_or_else(|| {
                Error::input(format!(
                    "`{GENERATION_CONFIG}`: `{key}` is {number}, which is no number"
                ))
            }),
        };
        let greedy = value.get("do_sample") == Some(&Value::Bool(false));
        let top_k = number("top_k")?.filter(|k| *k >= 1.0 && k.fract() == 0.0);
        Ok(Self {
            temperature: if greedy { Some(0.0) } else { number("temperature")? },
            top_k: top_k.map(|k| k as usize),
            top_p: number("top_p")?.filter(|p| *p < 1.0),
            min_p: number("min_p")?.filter(|p| *p > 0.0),
            repetition_penalty: number("repetition_penalty")?.filter(|penalty| *penalty != 1.0),
        })
    }

    /// What it asks for in words, by the flags that would do it; empty where it asks for nothing.
    pub fn in_words(&self) -> Vec<String> {
        let number = |flag: &str, value: Option<f64>| value.map(|value| format!("{flag} {value}"));
        [
            number("temperature", self.temperature),
            number("top-k", self.top_k.map(|k| k as f64)),
            number("top-p", self.top_p),
            number("min-p", self.min_p),
            number("repetition-penalty", self.repetition_penalty),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<GenerationConfig> {
        GenerationConfig::read(&ModelFiles::literal(&[(GENERATION_CONFIG, text.as_bytes())]))
    }

    #[test]
    fn what_the_file_asks_for_is_told_by_the_flags() {
        let asked = read(r#"{"temperature": 0.6, "top_p": 0.95, "top_k": 20, "eos_token_id": 2}"#);
        assert_eq!(asked.unwrap().in_words(), ["temperature 0.6", "top-k 20", "top-p 0.95"]);
        // What does nothing is not told.
        let asked = read(r#"{"top_p": 1.0, "top_k": 0, "min_p": null, "repetition_penalty": 1.0}"#);
        assert_eq!(asked.unwrap(), GenerationConfig::default());
        assert_eq!(read(r#"{"do_sample": false}"#).unwrap().temperature, Some(0.0));
        assert_eq!(read("{}").unwrap().in_words(), Vec::<String>::new());
        assert!(read(r#"{"top_p": "high"}"#).unwrap_err().to_string().contains("`top_p`"));
    }
}
