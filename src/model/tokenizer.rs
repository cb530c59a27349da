//! Text to token ids and back. Never adds a token that the text does not spell, and never cuts the text.
//! Knows nothing about messages.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use tokenizers::models::ModelWrapper;

use super::files::{ModelFiles, TOKENIZER, TOKENIZER_CONFIG};
use super::json::Keys;
use crate::error::{Error, Result};

/// The named special tokens that transformers hands to chat templates.
const SPECIAL_NAMES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// A tokenizer with its named special tokens.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// `bos_token` and so on, to the token's text; those that the config names.
    special: BTreeMap<String, String>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` and the special tokens of `tokenizer_config.json`.
    ///
    /// # Errors
    /// A malformed file, a tokenizer that draws random numbers, or two files that disagree about a token.
    pub(super) fn open(files: &ModelFiles) -> Result<Self> {
        Self::parse(
            files.get(TOKENIZER).unwrap_or_default(),
            files.get(TOKENIZER_CONFIG).unwrap_or_default(),
        )
    }

    fn parse(tokenizer: &[u8], config: &[u8]) -> Result<Self> {
        let mut inner = read(tokenizer)?;
        if let ModelWrapper::BPE(bpe) = inner.get_model()
            && bpe.dropout.is_some_and(|dropout| dropout > 0.0)
        {
            return Err(Error::input(format!(
                "`{TOKENIZER}`: `dropout` makes the tokens of a text random"
            ))
            .hint("set it to null: it is meant for training only"));
        }
        // A stored truncation would cut long prompts without a word; transformers switches both off too.
        inner
            .with_truncation(None)
            .map_err(|error| Error::input(format!("`{TOKENIZER}`: {error}")))?;
        inner.with_padding(None);

        let mut keys = Keys::parse(TOKENIZER_CONFIG, config)?;
        let mut special = BTreeMap::new();
        for name in SPECIAL_NAMES {
            if let Some(value) = keys.value(name) {
                let text = token_text(&value).ok_or_else(|| {
                    keys.wrong(name, "a string or an object with `content`", &value)
                })?;
                special.insert(name.to_owned(), text.to_owned());
            }
        }
        let tokenizer = Self { inner, special };
        tokenizer.check_config(&mut keys)?;
        Ok(tokenizer)
    }

    /// The config may repeat the added tokens; they must be those of the tokenizer. So must the tokens that
    /// begin and end a text.
    fn check_config(&self, keys: &mut Keys) -> Result<()> {
        if let Some(added) = keys.object("added_tokens_decoder")? {
            for (id, token) in added.entries() {
                let text = token_text(token).unwrap_or_default();
                if self.id_of(text).map(|known| known.to_string()).as_deref() != Some(id) {
                    return Err(Error::input(format!(
                        "`{TOKENIZER_CONFIG}` gives `{text}` the id {id}, which `{TOKENIZER}` does not"
                    ))
                    .hint("the two files are of different versions"));
                }
            }
        }
        for name in ["bos_token", "eos_token"] {
            if let Some(text) = self.special.get(name)
                && self.id_of(text).is_none()
            {
                return Err(Error::input(format!(
                    "`{TOKENIZER_CONFIG}`: `{name}` is `{text}`, which `{TOKENIZER}` does not have"
                )));
            }
        }
        Ok(())
    }

    /// The ids of a text, in which special tokens count where they are spelled out. No token is added.
    ///
    /// # Errors
    /// The tokenizer cannot encode the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode(text, false);
        let encoding = encoding
            .map_err(|error| Error::failed(format!("the text cannot be tokenized: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The same ids, each with the bytes of the text that it stands for. Tokens that are part of a character
    /// stand for all of it.
    ///
    /// # Errors
    /// The tokenizer cannot encode the text.
    pub fn encode_with_places(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>> {
        let encoding = self.inner.encode(text, false);
        let encoding = encoding
            .map_err(|error| Error::failed(format!("the text cannot be tokenized: {error}")))?;
        let places = encoding.get_offsets().iter().map(|&(start, end)| start..end);
        Ok(encoding.get_ids().iter().copied().zip(places).collect())
    }

    /// The text of ids. An id without a token (a padding row of the embedding) has no text.
    ///
    /// # Errors
    /// The tokenizer cannot decode the ids.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        let text = self.inner.decode(ids, skip_special);
        text.map_err(|error| {
            Error::failed(format!("the tokens cannot be turned into text: {error}"))
        })
    }

    /// How it cuts words into tokens.
    pub fn kind(&self) -> &'static str {
        match self.inner.get_model() {
            ModelWrapper::BPE(_) => "BPE",
            ModelWrapper::WordPiece(_) => "WordPiece",
            ModelWrapper::WordLevel(_) => "WordLevel",
            ModelWrapper::Unigram(_) => "Unigram",
        }
    }

    /// Number of entries, added tokens included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The id of a token, which is spelled as in the vocabulary.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id, spelled as in the vocabulary (which need not be its text).
    pub fn token_of(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The named special tokens that the config gives, by name.
    pub fn special_tokens(&self) -> &BTreeMap<String, String> {
        &self.special
    }

    /// The id of the beginning-of-sequence token, if there is one.
    pub fn bos_id(&self) -> Option<u32> {
        self.special.get("bos_token").and_then(|token| self.id_of(token))
    }

    /// The id of the end-of-sequence token, if there is one.
    pub fn eos_id(&self) -> Option<u32> {
        self.special.get("eos_token").and_then(|token| self.id_of(token))
    }

    /// Something to say if there are tokens without a row in an embedding of `rows` rows: harmless until a
    /// prompt contains one.
    pub fn check_vocab(&self, rows: usize) -> Option<String> {
        let beyond =
            self.inner.get_vocab(true).into_values().filter(|&id| id as usize >= rows).count();
        (beyond > 0).then(|| {
            format!("{beyond} tokens of the tokenizer have no row in the embedding ({rows} rows)")
        })
    }
}

/// The library panics on some malformed files instead of returning an error; a file must not do that.
fn read(bytes: &[u8]) -> Result<tokenizers::Tokenizer> {
    let wrong = |what: String| Error::input(format!("`{TOKENIZER}` cannot be read: {what}"));
    std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes))
        .map_err(|_| wrong("it is malformed".to_owned()))?
        .map_err(|error| wrong(error.to_string()))
}

/// A token given as a string, or as an object with `content`.
fn token_text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tokenizer of whole words: `a` 0, `b` 1, unknown 2; added are `<s>` 3 and `</s>` 4.
    pub(in crate::model) const WORDS: &str = r#"{
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}},
        "added_tokens": [
            {"id": 3, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
            {"id": 4, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"}}"#;

    pub(in crate::model) fn words(config: &str) -> Result<Tokenizer> {
        Tokenizer::parse(WORDS.as_bytes(), config.as_bytes())
    }

    #[test]
    fn encoding_adds_nothing_and_cuts_nothing() {
        let tokenizer = words("{}").unwrap();
        assert_eq!(tokenizer.encode("a b zebra a").unwrap(), [0, 1, 2, 0]);
        assert_eq!(tokenizer.encode("<s>a b</s>").unwrap(), [3, 0, 1, 4]);
        assert_eq!(tokenizer.encode("").unwrap(), [0u32; 0]);
        assert_eq!(tokenizer.decode(&[3, 0, 1, 4], false).unwrap(), "<s> a b </s>");
        assert_eq!(tokenizer.decode(&[3, 0, 1, 4], true).unwrap(), "a b");
        assert_eq!(
            (tokenizer.vocab_size(), tokenizer.id_of("b"), tokenizer.token_of(4).as_deref()),
            (5, Some(1), Some("</s>"))
        );
    }

    #[test]
    fn special_tokens_are_strings_or_objects() {
        let tokenizer = words(r#"{"bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "pad_token": null}"#).unwrap();
        assert_eq!((tokenizer.bos_id(), tokenizer.eos_id()), (Some(3), Some(4)));
        let names: Vec<_> = tokenizer.special_tokens().keys().collect();
        assert_eq!(names, ["bos_token", "eos_token"]);
        assert!(
            words(r#"{"bos_token": 3}"#).unwrap_err().to_string().contains("a string or an object")
        );
        assert!(
            words(r#"{"bos_token": "<bos>"}"#).unwrap_err().to_string().contains("does not have")
        );
    }

    #[test]
    fn files_that_disagree_are_refused() {
        assert!(words(r#"{"added_tokens_decoder": {"3": {"content": "<s>"}}}"#).is_ok());
        for wrong in
            [r#"{"5": {"content": "<s>"}}"#, r#"{"5": {"content": "<new>"}}"#, r#"{"x": 1}"#]
        {
            let message =
                words(&format!(r#"{{"added_tokens_decoder": {wrong}}}"#)).unwrap_err().to_string();
            assert!(message.contains("which `tokenizer.json` does not"), "{message}");
        }
        assert!(
            Tokenizer::parse(b"{}", b"{}")
                .unwrap_err()
                .to_string()
                .contains("`tokenizer.json` cannot be read")
        );
    }

    #[test]
    fn random_tokenizers_are_refused() {
        let bpe = |dropout: &str| {
            let text = format!(
                r#"{{"version": "1.0", "added_tokens": [], "model": {{"type": "BPE", "dropout": {dropout}, "vocab": {{"a": 0}}, "merges": []}}}}"#
            );
            Tokenizer::parse(text.as_bytes(), b"{}")
        };
        assert!(bpe("null").is_ok());
        assert!(bpe("0.1").unwrap_err().to_string().contains("random"));
    }

    #[test]
    fn tokens_without_a_row_are_counted() {
        let tokenizer = words("{}").unwrap();
        assert_eq!(tokenizer.check_vocab(5), None);
        assert!(tokenizer.check_vocab(3).unwrap().starts_with("2 tokens"));
    }

    #[test]
    fn damaged_configs_never_panic() {
        let config = br#"{"bos_token": {"content": "<s>"}, "eos_token": "</s>", "added_tokens_decoder": {"3": {"content": "<s>"}}}"#;
        crate::model::mutate::each(config, |bytes| drop(Tokenizer::parse(WORDS.as_bytes(), bytes)));
    }

    #[test]
    fn damaged_tokenizers_never_panic() {
        crate::model::mutate::each(WORDS.as_bytes(), |bytes| {
            drop(Tokenizer::parse(bytes, b"{}").map(|words| words.encode("<s>a b")))
        });
    }
}
