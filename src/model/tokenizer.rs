//! Text to token ids and back. Never adds a token that the text does not spell, and never cuts the text.
//! Knows nothing about messages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use tokenizers::AddedToken;
use tokenizers::models::ModelWrapper;

use super::files::ModelFiles;
use super::guard::guarded;
use super::named::{SPECIAL_TOKENS_MAP, TOKENIZER, TOKENIZER_CONFIG};
use super::special::SpecialTokens;
use super::splits::Splits;
use super::tokenizer_limits::{Growth, check_decoder, measure};
use crate::error::{Error, Result};

/// A tokenizer with its named special tokens.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// `bos_token` and so on, to the token's text; those that the files name.
    special: BTreeMap<String, String>,
    /// Whether the config asks for the beginning-of-sequence token in front of a text.
    add_bos: bool,
    /// What its normalizer may make of a text.
    growth: Growth,
    /// Its patterns.
    splits: Splits,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, and the special tokens of `tokenizer_config.json` and `special_tokens_map.json`.
    ///
    /// # Errors
    /// A malformed file, a tokenizer that draws random numbers, or files that disagree about a token.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let special =
            SpecialTokens::read(files.get(TOKENIZER_CONFIG), files.get(SPECIAL_TOKENS_MAP))?;
        Self::new(read(files.get(TOKENIZER).unwrap_or_default())?, special)
    }

    /// Joins a tokenizer with what the other files say about its special tokens.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn new(mut inner: tokenizers::Tokenizer, special: SpecialTokens) -> Result<Self> {
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
        inner.set_encode_special_tokens(special.split);
        check(&inner, &special)?;
        let growth = Growth::of(part(inner.get_normalizer())?.as_ref())?;
        check_decoder(part(inner.get_decoder())?.as_ref())?;
        let splits = Splits::of(inner.get_pre_tokenizer())?;
        let added = special.added.iter().map(|(_, token)| &token.content);
        added.chain(special.named.values()).try_for_each(|token| growth.check(token))?;
        add(&mut inner, &special)?;
        Ok(Self { inner, special: special.named, add_bos: special.add_bos, growth, splits })
    }

    /// The ids of a text, in which special tokens count where they are spelled out. No token is added.
    ///
    /// # Errors
    /// The tokenizer cannot encode the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.ids(text, false)
    }

    fn ids(&self, text: &str, add_special: bool) -> Result<Vec<u32>> {
        let failed = |what: String| Error::failed(format!("the text cannot be tokenized: {what}"));
        self.check_cost(text)?;
        let encoding = guarded(|| self.inner.encode_fast(text, add_special))
            .ok_or_else(|| failed("the tokenizer is malformed".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Refuses a text that the library would spend too much on, or not split to its end.
    fn check_cost(&self, text: &str) -> Result<()> {
        self.growth.check(text)?;
        guarded(|| self.splits.check(&self.inner, text)).unwrap_or_else(|| {
            Err(Error::failed("the text cannot be tokenized: the tokenizer is malformed"))
        })
    }

    /// The same ids, each with the bytes of the text that it stands for. Tokens that are part of a character
    /// stand for all of it.
    ///
    /// # Errors
    /// The tokenizer cannot encode the text.
    pub fn encode_with_places(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>> {
        self.check_cost(text)?;
        let encoding = self.inner.encode(text, false);
        let encoding = encoding
            .map_err(|error| Error::failed(format!("the text cannot be tokenized: {error}")))?;
        let places = encoding.get_offsets().iter().map(|&(start, end)| start..end);
        Ok(encoding.get_ids().iter().copied().zip(places).collect())
    }

    /// The text with every special token that it spells out taken apart by a blank after its first character, so
    /// that words which somebody else wrote cannot pose as the marks of a conversation.
    pub fn defuse<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let added = self.inner.get_added_tokens_decoder();
        let special = added.values().filter(|token| token.special && !token.content.is_empty());
        let apart = take_apart(text, special.map(|token| token.content.as_str()));
        apart.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Tokens that were added to the vocabulary: id, text, and whether they are special.
    pub(super) fn added_tokens(&self) -> Vec<(u32, String, bool)> {
        let added = self.inner.get_added_tokens_decoder().into_iter();
        added.map(|(id, token)| (id, token.content, token.special)).collect()
    }

    /// The text of ids. An id without a token (a padding row of the embedding) has no text.
    ///
    /// # Errors
    /// The tokenizer cannot decode the ids.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        let failed =
            |what: String| Error::failed(format!("the tokens cannot be turned into text: {what}"));
        guarded(|| self.inner.decode(ids, skip_special))
            .ok_or_else(|| failed("the tokenizer is malformed".to_owned()))?
            .map_err(|error| failed(error.to_string()))
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

    /// Something to say if the tokenizer would begin a plain text with a token that a rendered prompt lacks.
    /// transformers does not add it either.
    pub fn missing_beginning(&self, prompt: &[u32]) -> Option<String> {
        let leading = self.leading_id().filter(|id| prompt.first() != Some(id))?;
        let token = self.token_of(leading).unwrap_or_default();
        Some(format!(
            "the tokenizer begins a plain text with `{token}`, the chat template does not: prompts go without it, as in transformers"
        ))
    }

    /// What the tokenizer puts in front of a plain text.
    fn leading_id(&self) -> Option<u32> {
        let (with, without) = (self.ids("a", true).ok()?, self.ids("a", false).ok()?);
        let added = with.len() > without.len() && without.first() != with.first();
        if added { with.first().copied() } else { self.bos_id().filter(|_| self.add_bos) }
    }

    /// The first token that was added to the vocabulary and is spelled out in a text; special ones first.
    pub(super) fn first_added(&self, text: &str) -> Option<u32> {
        let added = self.inner.get_added_tokens_decoder();
        let ids: Vec<u32> = self.ids(text, false).ok()?;
        let special = |id: &&u32| added.get(id).is_some_and(|token| token.special);
        ids.iter().find(special).or_else(|| ids.iter().find(|id| added.contains_key(id))).copied()
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

/// A text with each of these tokens that it spells taken apart by a blank after the first character; none where it
/// spells none of them.
pub(super) fn take_apart<'a>(text: &str, tokens: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut spelled: Vec<&str> = tokens.filter(|token| text.contains(token)).collect();
    if spelled.is_empty() {
        return None;
    }
    spelled.sort_unstable_by_key(|token| std::cmp::Reverse(token.len()));
    Some(spelled.into_iter().fold(text.to_owned(), |text, token| {
        let (head, tail) = token.split_at(token.chars().next().map_or(0, char::len_utf8));
        text.replace(token, &format!("{head} {tail}"))
    }))
}

/// A part of the tokenizer as its file would have it.
fn part<T: serde::Serialize>(part: Option<&T>) -> Result<Option<serde_json::Value>> {
    part.map(serde_json::to_value)
        .transpose()
        .map_err(|error| Error::input(format!("`{TOKENIZER}` cannot be read: {error}")))
}

/// The library panics on some malformed files instead of returning an error; a file must not do that.
fn read(bytes: &[u8]) -> Result<tokenizers::Tokenizer> {
    measure(bytes)?;
    let wrong = |what: String| Error::input(format!("`{TOKENIZER}` cannot be read: {what}"));
    let tokenizer = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))
        .ok_or_else(|| wrong("it is malformed".to_owned()))?;
    tokenizer.map_err(|error| wrong(error.to_string()))
}

/// The config may repeat the added tokens; they must be those of the tokenizer. So must the tokens that begin
/// and end a text.
fn check(inner: &tokenizers::Tokenizer, special: &SpecialTokens) -> Result<()> {
    for (id, token) in &special.added {
        let text = &token.content;
        if inner.token_to_id(text).map(|known| known.to_string()).as_ref() != Some(id) {
            return Err(Error::input(format!(
                "`{TOKENIZER_CONFIG}` gives `{text}` the id {id}, which `{TOKENIZER}` does not"
            ))
            .hint("the two files are of different versions"));
        }
    }
    for name in ["bos_token", "eos_token"] {
        if let Some(text) = special.named.get(name)
            && inner.token_to_id(text).is_none()
        {
            return Err(Error::input(format!(
                "`{TOKENIZER_CONFIG}`: `{name}` is `{text}`, which `{TOKENIZER}` does not have"
            )));
        }
    }
    Ok(())
}

/// Marks tokens of the vocabulary as special, or gives them the flags of the config, where `tokenizer.json`
/// does not, as transformers does. Tokens without an id are left out: no weights belong to them.
fn add(inner: &mut tokenizers::Tokenizer, special: &SpecialTokens) -> Result<()> {
    let known = inner.get_added_tokens_decoder();
    let mut tokens: Vec<AddedToken> = special
        .added
        .iter()
        .filter(|(_, token)| known.values().all(|known| known != token))
        .map(|(_, token)| token.clone())
        .collect();
    for text in special.named.values().chain(&special.unnamed) {
        let is_added = known.values().any(|token| token.content == *text)
            || tokens.iter().any(|token| token.content == *text);
        if !is_added && inner.token_to_id(text).is_some() {
            tokens.push(AddedToken::from(text.clone(), true));
        }
    }
    let wrong =
        |what: String| Error::input(format!("the special tokens of `{TOKENIZER_CONFIG}`: {what}"));
    guarded(|| inner.add_tokens(tokens))
        .ok_or_else(|| wrong("they do not fit the tokenizer".to_owned()))?
        .map_err(|error| wrong(error.to_string()))?;
    Ok(())
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
        parse(WORDS.as_bytes(), config.as_bytes())
    }

    fn parse(tokenizer: &[u8], config: &[u8]) -> Result<Tokenizer> {
        Tokenizer::open(&ModelFiles::literal(&[(TOKENIZER, tokenizer), (TOKENIZER_CONFIG, config)]))
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
    fn a_beginning_that_the_prompt_lacks_is_noted() {
        let tokenizer = words("{}").unwrap();
        assert_eq!(tokenizer.missing_beginning(&[3, 0]), None);
        assert!(
            tokenizer.missing_beginning(&[0]).unwrap().contains("begins a plain text with `<s>`")
        );
        assert_eq!(tokenizer.encode("a").unwrap(), [0]);
    }

    #[test]
    fn flags_of_the_config_win_and_named_tokens_become_special() {
        let decoded = |config: &str| words(config).unwrap().decode(&[0, 1, 4], true).unwrap();
        assert_eq!(decoded("{}"), "a b");
        let config = r#"{"added_tokens_decoder": {"4": {"content": "</s>", "normalized": false}}}"#;
        assert!(!words(config).unwrap().inner.get_added_tokens_decoder()[&4].special);
        assert_eq!(decoded(r#"{"image_token": "b"}"#), "a");
        assert_eq!(decoded(r#"{"extra_special_tokens": ["a", "b"]}"#), "");
        assert_eq!(decoded(r#"{"pad_token": "<pad>"}"#), "a b");
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
            parse(b"{}", b"{}")
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
            parse(text.as_bytes(), b"{}")
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
        crate::model::mutate::each(config, |bytes| drop(parse(WORDS.as_bytes(), bytes)));
    }

    #[test]
    fn damaged_tokenizers_never_panic() {
        crate::model::mutate::each(WORDS.as_bytes(), |bytes| {
            drop(parse(bytes, b"{}").map(|words| words.encode("<s>a b")))
        });
    }
}
