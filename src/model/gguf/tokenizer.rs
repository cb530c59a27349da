//! `tokenizer.ggml.*` to the text of a `tokenizer.json`. Two kinds of merging: byte-level (`gpt2`), and that of
//! SentencePiece (`llama`, `gemma4`), in the forms that transformers' `LlamaTokenizerFast` and `GemmaTokenizer`
//! have. Everything else is refused by name. Knows nothing about templates.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::contents::Contents;
use super::pre;
use super::tokens::{TokenKind, Tokens};
use super::value::Value;
use crate::error::{Error, Result};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const MERGES: &str = "tokenizer.ggml.merges";
const SCORES: &str = "tokenizer.ggml.scores";
const SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";

/// What SentencePiece writes for a space.
const SPACE: char = '\u{2581}';
/// Longest piece that is taken apart; published ones have less than a tenth.
const PIECE_BYTES_MAX: usize = 1 << 10;

/// Keys that change how text becomes tokens, in ways that are not implemented unless they say this.
const ONLY: [(&str, Value<'_>); 2] = [
    ("tokenizer.ggml.remove_extra_whitespaces", Value::Bool(false)),
    ("tokenizer.ggml.normalizer.lowercase", Value::Bool(false)),
];

/// The text of `tokenizer.json`.
///
/// # Errors
/// A tokenizer of another kind, a pre-tokenizer that is not known, lists that do not fit each other.
pub(super) fn write(contents: &Contents<'_>, tokens: &Tokens<'_>) -> Result<String> {
    for (key, only) in ONLY {
        if contents.value(key).is_some_and(|value| value != only) {
            return Err(contents.wrong(key, "asks for what is not supported in this version"));
        }
    }
    let kind = contents.text(MODEL)?.ok_or_else(|| contents.wrong(MODEL, "is missing"))?;
    let (parts, model) = match kind {
        "gpt2" => byte_level(contents)?,
        "llama" => sentence_piece(contents, tokens)?,
        "gemma4" => {
            let parts = replaced_spaces(false);
            (parts, json!({"merges": merges(contents)?, "byte_fallback": true, "fuse_unk": true}))
        }
        other => {
            return Err(contents
                .wrong(MODEL, &format!("is `{other}`, which is not supported in this version"))
                .hint("supported: `gpt2`, `llama`, `gemma4`; use the model's safetensors folder instead"));
        }
    };
    let mut whole = json!({
        "version": "1.0", "truncation": null, "padding": null, "post_processor": null,
        "added_tokens": added(contents, tokens),
        "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer, "decoder": parts.decoder,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": unknown(contents, tokens, kind)?,
            "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary(tokens)?,
        },
    });
    if let (Json::Object(target), Json::Object(own)) = (&mut whole["model"], model) {
        target.extend(own);
    }
    Ok(whole.to_string())
}

/// What stands around the merging.
struct Parts {
    normalizer: Json,
    pre_tokenizer: Json,
    decoder: Json,
}

fn byte_level(contents: &Contents<'_>) -> Result<(Parts, Json)> {
    let known = || {
        let names: Vec<String> = pre::names().map(|name| format!("`{name}`")).collect();
        format!("known: {}; use the model's safetensors folder instead", names.join(", "))
    };
    let name = contents.text(PRE)?.ok_or_else(|| {
        contents.wrong(PRE, "is missing, so it is not known how text is split").hint(known())
    })?;
    let pre = pre::find(name).ok_or_else(|| {
        contents
            .wrong(PRE, &format!("is `{name}`, a pre-tokenizer that is not known to this version"))
            .hint(known())
    })?;
    let parts = Parts {
        normalizer: pre.normalizer(),
        pre_tokenizer: pre.pre_tokenizer(),
        decoder: json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
    };
    Ok((parts, json!({"merges": merges(contents)?, "ignore_merges": pre.ignore_merges})))
}

fn sentence_piece(contents: &Contents<'_>, tokens: &Tokens<'_>) -> Result<(Parts, Json)> {
    let prefix = contents.flag(SPACE_PREFIX)?.unwrap_or(true);
    let merges = match contents.value(MERGES) {
        Some(_) => merges(contents)?,
        None => rebuilt_merges(contents, tokens)?,
    };
    Ok((
        replaced_spaces(prefix),
        json!({"merges": merges, "byte_fallback": true, "fuse_unk": true}),
    ))
}

/// Spaces are written as U+2581, with one more before each text if `prefix`.
fn replaced_spaces(prefix: bool) -> Parts {
    let mut before = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE})];
    let mut after = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        before.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
        after.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Parts {
        normalizer: json!({"type": "Sequence", "normalizers": before}),
        pre_tokenizer: Json::Null,
        decoder: json!({"type": "Sequence", "decoders": after}),
    }
}

/// The token that stands for what no other does; byte-level tokenizers have none.
fn unknown(contents: &Contents<'_>, tokens: &Tokens<'_>, kind: &str) -> Result<Json> {
    if kind == "gpt2" {
        return Ok(Json::Null);
    }
    let named = tokens.named(contents, "unknown")?;
    let id = named.or_else(|| tokens.kinds.iter().position(|&kind| kind == TokenKind::Unknown));
    Ok(id.map_or(Json::Null, |id| tokens.texts[id].into()))
}

/// A token's text as it stands in the vocabulary; none if no text has it.
fn written<'a>(id: usize, text: &'a str, kind: TokenKind) -> Option<std::borrow::Cow<'a, str>> {
    match kind {
        // What the converter invents for rows of the embedding that no token has.
        TokenKind::Unused if text == format!("[PAD{id}]") => None,
        _ if text.is_empty() => None,
        // These are looked for in the text as the user wrote it.
        TokenKind::UserDefined => Some(text.replace(SPACE, " ").into()),
        _ => Some(text.into()),
    }
}

fn vocabulary(tokens: &Tokens<'_>) -> Result<Json> {
    let mut vocabulary = Map::new();
    for (id, text, kind) in tokens.iter() {
        if let Some(text) = written(id, text, kind)
            && let Some(other) = vocabulary.insert(text.to_string(), id.into())
        {
            return Err(Error::input(format!(
                "`tokenizer.ggml.tokens` has `{text}` twice, as {other} and {id}"
            )));
        }
    }
    Ok(vocabulary.into())
}

/// Control tokens are special, tokens that the user defined are not: what they say belongs to the text.
fn added(contents: &Contents<'_>, tokens: &Tokens<'_>) -> Json {
    // Phi-3's control tokens swallow the white space behind them, which no key says.
    let phi3 = contents.value("general.architecture") == Some(Value::Text("phi3"))
        && contents.value(MODEL) == Some(Value::Text("llama"));
    let strips = |text: &str| phi3 && !["<unk>", "<s>", "<|endoftext|>"].contains(&text);
    let added = tokens.iter().filter_map(|(id, text, kind)| {
        let special = match kind {
            TokenKind::Control | TokenKind::Unknown => true,
            TokenKind::UserDefined => false,
            TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => return None,
        };
        Some(json!({
            "id": id, "content": written(id, text, kind)?, "special": special,
            "single_word": false, "lstrip": false, "rstrip": strips(text), "normalized": false,
        }))
    });
    added.collect()
}

/// The merges as they are stored: two tokens with a space between, which the first may begin with.
fn merges(contents: &Contents<'_>) -> Result<Json> {
    let pair = |value: Value<'_>| {
        let text = value.as_text()?;
        let first = text.chars().next()?.len_utf8();
        let space = first + text.get(first..)?.find(' ')?;
        Some(json!([&text[..space], &text[space + 1..]]))
    };
    let merges = contents.elements(MERGES, "two texts with a space between each", pair)?;
    merges.map(Json::Array).ok_or_else(|| contents.wrong(MERGES, "is missing"))
}

/// The merges that follow from the pieces' scores: each way to put a piece together from two others, those
/// of pieces with higher scores first. The order among equals is that of transformers'
/// `convert_slow_tokenizer.generate_merges`.
fn rebuilt_merges(contents: &Contents<'_>, tokens: &Tokens<'_>) -> Result<Json> {
    let scores = contents
        .elements(SCORES, "numbers", |value| value.as_f64().map(|x| x as f32))?
        .ok_or_else(|| contents.wrong(SCORES, "is missing"))?;
    if scores.len() != tokens.texts.len() {
        return Err(contents.wrong(
            SCORES,
            &format!("has {} elements for {} tokens", scores.len(), tokens.texts.len()),
        ));
    }
    if scores.iter().any(|score| score.is_nan()) {
        return Err(contents.wrong(SCORES, "holds what is no number"));
    }
    let ids: HashMap<&str, usize> = tokens.iter().map(|(id, text, _)| (text, id)).collect();
    // Score, characters on the left, characters on the right, left, right.
    let mut merges: Vec<(f32, usize, usize, &str, &str)> = Vec::new();
    for (id, text, kind) in tokens.iter() {
        if kind != TokenKind::Normal {
            continue;
        }
        if text.len() > PIECE_BYTES_MAX {
            return Err(contents.wrong(
                "tokenizer.ggml.tokens",
                &format!("has a piece of {} bytes at {id}", text.len()),
            ));
        }
        let count = text.chars().count();
        let mut own: Vec<(usize, usize, usize, &str, &str)> = text
            .char_indices()
            .enumerate()
            .skip(1)
            .filter_map(|(left_chars, (at, _))| {
                let (left, right) = text.split_at(at);
                Some((*ids.get(left)?, *ids.get(right)?, left_chars, left, right))
            })
            .collect();
        own.sort_by_key(|&(left, right, ..)| (left, right));
        merges.extend(
            own.into_iter().map(|(_, _, n, left, right)| (scores[id], n, count - n, left, right)),
        );
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2)));
    Ok(merges.into_iter().map(|(.., left, right)| json!([left, right])).collect())
}
