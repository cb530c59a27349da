//! `tokenizer.ggml.*` of GGUF metadata, checked: texts and kinds of the tokens, and the ids that have a name.
//! Knows nothing about how text becomes tokens.

use std::collections::BTreeSet;

use super::contents::Contents;
use crate::error::{Error, Result};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";

/// Kind of a token (`enum llama_token_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// The vocabulary.
pub(super) struct Tokens<'a> {
    /// By id.
    pub(super) texts: Vec<&'a str>,
    pub(super) kinds: Vec<TokenKind>,
}

/// Texts of tokens that end a reply whatever the metadata names: those of llama.cpp's `llama-vocab.cpp`.
const ENDS: [&str; 21] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    "[e~[",
];

impl<'a> Tokens<'a> {
    /// Reads texts and kinds.
    ///
    /// # Errors
    /// No tokens, kinds of another number, a kind that is not known.
    pub(super) fn read(contents: &Contents<'a>) -> Result<Self> {
        let texts = contents
            .elements(TOKENS, "texts", super::value::Value::as_text)?
            .filter(|texts| !texts.is_empty())
            .ok_or_else(|| {
                contents
                    .wrong(TOKENS, "is missing")
                    .hint("a model's GGUF file brings its tokenizer")
            })?;
        let kind = |value: super::value::Value<'_>| {
            Some(match value.as_u64()? {
                1 => TokenKind::Normal,
                2 => TokenKind::Unknown,
                3 => TokenKind::Control,
                4 => TokenKind::UserDefined,
                5 => TokenKind::Unused,
                6 => TokenKind::Byte,
                _ => return None,
            })
        };
        let kinds = contents.elements(TYPES, "token types from 1 to 6", kind)?;
        let kinds = kinds.ok_or_else(|| contents.wrong(TYPES, "is missing"))?;
        if kinds.len() != texts.len() {
            return Err(contents.wrong(
                TYPES,
                &format!("has {} elements for {} tokens", kinds.len(), texts.len()),
            ));
        }
        Ok(Self { texts, kinds })
    }

    /// Ids with text and kind.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &'a str, TokenKind)> {
        let both = self.texts.iter().zip(&self.kinds);
        both.enumerate().map(|(id, (text, kind))| (id, *text, *kind))
    }

    /// The id that the key `tokenizer.ggml.NAME_token_id` gives.
    ///
    /// # Errors
    /// There is no such token.
    pub(super) fn named(&self, contents: &Contents<'_>, name: &str) -> Result<Option<usize>> {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let Some(id) = contents.whole(&key)? else { return Ok(None) };
        let id = usize::try_from(id).ok().filter(|&id| id < self.texts.len());
        id.map(Some).ok_or_else(|| {
            Error::input(format!("`{key}` is no id of the {} tokens", self.texts.len()))
        })
    }

    /// Ids that end a reply: those that the metadata names, and tokens known by their text.
    pub(super) fn ends(&self, contents: &Contents<'_>) -> Result<BTreeSet<usize>> {
        let has = |text: &str| self.texts.contains(&text);
        // With these, `<|end|>` only ends a part of a reply.
        let parts = has("<|return|>") && has("<|call|>") || has("<|flush|>") && has("<|calls|>");
        let mut ends: BTreeSet<usize> = self
            .iter()
            .filter(|(_, text, _)| ENDS.contains(text) && !(parts && *text == "<|end|>"))
            .map(|(id, _, _)| id)
            .collect();
        for name in ["eos", "eot", "eom"] {
            ends.extend(self.named(contents, name)?);
        }
        Ok(ends)
    }
}
