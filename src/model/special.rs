//! The special tokens that a model's files name, gathered as transformers 5.23 does
//! (`tokenization_utils_base.py`, `_from_pretrained` and `__init__`). Knows nothing about ids.

use std::collections::BTreeMap;

use serde_json::Value;
use tokenizers::AddedToken;

use super::json::Keys;
use super::named::{SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG};
use crate::error::Result;

/// Names that every tokenizer has.
const STANDARD: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Keys that hold further tokens by name.
const BY_NAME: [&str; 2] = ["extra_special_tokens", "model_specific_special_tokens"];

/// Keys that hold further tokens as a list; the first that is there counts.
const LISTS: [&str; 2] = ["extra_special_tokens", "additional_special_tokens"];

/// Special tokens as the files name them.
#[derive(Debug, Default)]
pub(super) struct SpecialTokens {
    /// `bos_token` and so on, and whatever else a template may name, to the token's text.
    pub(super) named: BTreeMap<String, String>,
    /// Tokens that are special and have no name.
    pub(super) unnamed: Vec<String>,
    /// The config's own list of added tokens: id and token.
    pub(super) added: Vec<(String, AddedToken)>,
    /// Whether special tokens that are spelled out in a text are split like other words.
    pub(super) split: bool,
    /// Whether the config asks for the beginning-of-sequence token in front of a text.
    pub(super) add_bos: bool,
}

impl SpecialTokens {
    /// Reads `tokenizer_config.json`; where that does not list the added tokens, `special_tokens_map.json` is
    /// read as well, and wins.
    ///
    /// # Errors
    /// A malformed file, or a token that is neither a string nor an object with `content`.
    pub(super) fn read(config: Option<&[u8]>, map: Option<&[u8]>) -> Result<Self> {
        let mut special = Self::default();
        let mut config = Keys::parse(TOKENIZER_CONFIG, config.unwrap_or(b"{}"))?;
        special.split = config.flag("split_special_tokens")?.unwrap_or(false);
        special.add_bos = config.flag("add_bos_token")?.unwrap_or(false);
        let listed = config.has("added_tokens_decoder");
        if let Some(added) = config.object("added_tokens_decoder")? {
            special.added =
                added.entries().map(|(id, token)| (id.to_owned(), added_token(token))).collect();
        }
        special.gather(&mut config)?;
        if let Some(map) = map.filter(|_| !listed) {
            special.gather(&mut Keys::parse(SPECIAL_TOKENS_MAP, map)?)?;
        }
        Ok(special)
    }

    fn gather(&mut self, keys: &mut Keys) -> Result<()> {
        for name in STANDARD {
            let named_null = keys.has(name);
            match keys.value(name) {
                Some(value) => {
                    let text = token_text(&value).ok_or_else(|| {
                        keys.wrong(name, "a string or an object with `content`", &value)
                    })?;
                    self.named.insert(name.to_owned(), text.to_owned());
                }
                None if named_null => drop(self.named.remove(name)),
                None => {}
            }
        }
        let own = keys.entries().filter(|(key, _)| key.ends_with("_token"));
        self.named.extend(
            own.filter_map(|(key, value)| Some((key.to_owned(), own_token(value)?.to_owned()))),
        );
        for key in LISTS {
            if let Some(list) = keys.peek(key).and_then(Value::as_array) {
                self.unnamed = list.iter().filter_map(token_text).map(str::to_owned).collect();
                break;
            }
        }
        for key in BY_NAME {
            if let Some(tokens) = keys.peek(key).and_then(Value::as_object) {
                let named = tokens.iter().filter_map(|(name, token)| {
                    Some((name.clone(), token_text(token)?.to_owned()))
                });
                self.named.extend(named);
            }
        }
        Ok(())
    }
}

/// A token given as a string, or as an object with `content`.
fn token_text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// A token under a name of the model's own, which counts if it is a string or says what it is.
fn own_token(value: &Value) -> Option<&str> {
    value
        .as_str()
        .or_else(|| (value.get("__type")? == "AddedToken").then(|| token_text(value)).flatten())
}

/// A token with its flags; those that are left out are as in Python's `AddedToken`.
fn added_token(value: &Value) -> AddedToken {
    let flag = |key: &str| value.get(key).and_then(Value::as_bool);
    let token =
        AddedToken::from(token_text(value).unwrap_or_default(), flag("special").unwrap_or(false));
    AddedToken {
        single_word: flag("single_word").unwrap_or(false),
        lstrip: flag("lstrip").unwrap_or(false),
        rstrip: flag("rstrip").unwrap_or(false),
        normalized: flag("normalized").unwrap_or(token.normalized),
        ..token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(config: &str, map: Option<&str>) -> Vec<String> {
        let special = SpecialTokens::read(Some(config.as_bytes()), map.map(str::as_bytes)).unwrap();
        special.named.iter().map(|(name, text)| format!("{name}={text}")).collect()
    }

    // What `special_tokens_map` holds after `AutoTokenizer.from_pretrained`, see make_tokenizers.py.
    #[test]
    fn names_come_from_where_transformers_takes_them() {
        let config = r#"{"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>"}, "pad_token": null,
            "image_token": "<image>", "other_token": {"content": "x"}, "add_bos_token": true,
            "extra_special_tokens": {"audio_token": "<audio>"}}"#;
        assert_eq!(
            named(config, None),
            ["audio_token=<audio>", "bos_token=<s>", "eos_token=</s>", "image_token=<image>"]
        );
        let own = r#"{"model_specific_special_tokens": {"boi_token": "<boi>"}, "extra_special_tokens": ["<x>"]}"#;
        assert_eq!(named(own, None), ["boi_token=<boi>"]);
    }

    #[test]
    fn the_map_wins_unless_the_config_lists_the_added_tokens() {
        let map =
            Some(r#"{"bos_token": {"content": "<b>"}, "eos_token": null, "unk_token": "<u>"}"#);
        let config = r#"{"bos_token": "<s>", "eos_token": "</s>"}"#;
        assert_eq!(named(config, map), ["bos_token=<b>", "unk_token=<u>"]);
        let listing = r#"{"bos_token": "<s>", "eos_token": "</s>", "added_tokens_decoder": {}}"#;
        assert_eq!(named(listing, map), ["bos_token=<s>", "eos_token=</s>"]);
        let special = SpecialTokens::read(None, map.map(str::as_bytes)).unwrap();
        assert_eq!(special.named.len(), 2);
    }

    #[test]
    fn flags_that_are_left_out_are_those_of_python() {
        let plain = added_token(&serde_json::json!({"content": "<t>"}));
        assert!(plain.normalized && !plain.special);
        let special =
            added_token(&serde_json::json!({"content": "<t>", "special": true, "rstrip": true}));
        assert!(!special.normalized && special.special && special.rstrip && !special.lstrip);
    }
}
