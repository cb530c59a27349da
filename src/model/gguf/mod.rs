//! A GGUF file, or the parts of one, unpacked into what a model folder has: `config.json`, `tokenizer.json`,
//! `tokenizer_config.json`, `generation_config.json`, and tensors by name. Nothing after it knows GGUF.
//!
//! Nothing is reserved for a count before the file has borne it out: what is held of a damaged file is at most
//! a small multiple of its size.

mod config;
mod contents;
mod cursor;
mod element;
mod families;
mod header;
mod names;
mod pre;
mod rope;
mod split;
mod tokenizer;
mod tokens;
mod value;

use serde_json::{Map, Value as Json, json};

use self::contents::Contents;
use self::tokens::Tokens;
use super::files::{Bytes, CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG};
use crate::error::Result;

pub(super) use self::header::TensorInfo;
pub(super) use self::names::{Names, is_idle};
pub(super) use self::split::{label, names as parts};

const TEMPLATE: &str = "tokenizer.chat_template";

/// What was in the files.
pub(super) struct Unpacked {
    /// The files that a model folder would have, by name.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// All tensors: name, number of the file, where in it.
    pub(super) tensors: Vec<(String, usize, TensorInfo)>,
    /// How they are packed.
    pub(super) names: Names,
}

/// Reads the files of one model, in the order of their parts.
///
/// # Errors
/// Files that are damaged or do not belong together; a model that is not supported.
pub(super) fn unpack(files: &[(String, Bytes)]) -> Result<Unpacked> {
    let contents = Contents::read(files)?;
    let tokens = Tokens::read(&contents)?;
    let generation =
        json!({"eos_token_id": tokens.ends(&contents)?.into_iter().collect::<Vec<_>>()});
    let texts = vec![
        (CONFIG, config::write(&contents)?.into_bytes()),
        (TOKENIZER, tokenizer::write(&contents, &tokens)?.into_bytes()),
        (TOKENIZER_CONFIG, tokenizer_config(&contents, &tokens)?.into_bytes()),
        (GENERATION_CONFIG, generation.to_string().into_bytes()),
    ];
    let tensors = contents.tensors().iter();
    let tensors = tensors.map(|(name, (file, info))| ((*name).to_owned(), *file, info.clone()));
    let names = config::names(&contents)?;
    Ok(Unpacked { files: texts, tensors: tensors.collect(), names })
}

/// Named tokens and chat templates.
fn tokenizer_config(contents: &Contents<'_>, tokens: &Tokens<'_>) -> Result<String> {
    let mut config = Map::new();
    for (name, key) in [
        ("bos", "bos_token"),
        ("eos", "eos_token"),
        ("unknown", "unk_token"),
        ("padding", "pad_token"),
        ("seperator", "sep_token"),
    ] {
        if let Some(id) = tokens.named(contents, name)? {
            config.insert(key.to_owned(), tokens.texts[id].into());
        }
    }
    let default = contents.text(TEMPLATE)?;
    let mut named = Vec::new();
    let prefix = format!("{TEMPLATE}.");
    for (key, _) in contents.starting_with(&prefix) {
        let template = contents.text(key)?;
        named.push(json!({"name": &key[prefix.len()..], "template": template}));
    }
    if let (Some(template), true) = (default, named.is_empty()) {
        config.insert("chat_template".to_owned(), template.into());
    } else if !named.is_empty() {
        if let Some(template) = default {
            named.insert(0, json!({"name": "default", "template": template}));
        }
        config.insert("chat_template".to_owned(), named.into());
    }
    Ok(Json::Object(config).to_string())
}
