//! A GGUF file, or the parts of one, unpacked into what a model folder has: `config.json`, `tokenizer.json`,
//! `tokenizer_config.json`, `generation_config.json`, and tensors by name. Nothing after it knows GGUF.
//!
//! Nothing is reserved for a count before the file has borne it out: what is held of a damaged file is at most
//! a small multiple of its size.

mod adapter;
mod config;
mod contents;
mod cursor;
mod element;
mod draft;
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
use super::bytes::Bytes;
use super::named::{CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG};
use crate::error::Result;

pub(super) use self::adapter::{AdapterHead, adapter_head};
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
    // First, since it says what an adapter's file is before it is missed that it has no tokens.
    let names = config::names(&contents)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(path: &str) -> Vec<u8> {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        std::fs::read(fixtures.join(path)).unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<Unpacked> {
        unpack(&[("f.gguf".to_owned(), Bytes::Owned(bytes.into()))])
    }

    /// A file with one piece of its bytes replaced by another of the same length.
    fn changed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let at = bytes.windows(from.len()).position(|piece| piece == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    }

    fn refusal(from: &str, to: &str) -> String {
        let bytes = changed(fixture("tokenizers/qwen2.gguf"), from, to);
        unpacked(&bytes).err().unwrap().to_string()
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert_eq!(
            refusal("qwen2", "qwen9"),
            "`f.gguf`: `tokenizer.ggml.pre` is `qwen9`, a pre-tokenizer that is not known to this version"
        );
        assert!(refusal("ggml.pre", "ggml.prx").contains("`tokenizer.ggml.pre` is missing"));
        assert!(refusal("gpt2", "bert").contains("`tokenizer.ggml.model` is `bert`"));
        assert!(refusal("llama", "mamba").contains("`general.architecture` is `mamba`"));
        let message = refusal("llama.block_count", "llama.black_count");
        assert!(message.contains("`llama.block_count` is missing"), "{message}");
        let message = refusal("llama.feed_forward_length", "llama.fxxd_forward_length");
        assert!(message.contains("`llama.fxxd_forward_length` is not known"), "{message}");
    }

    #[test]
    fn replies_end_where_the_metadata_and_the_texts_say() {
        let files = unpacked(&fixture("tokenizers/spm-llama.gguf")).unwrap().files;
        let text = |name: &str| {
            let (_, text) = files.iter().find(|(file, _)| *file == name).unwrap();
            serde_json::from_slice::<Json>(text).unwrap()
        };
        // `</s>` by its key, `<|im_end|>` by its text.
        assert_eq!(text(GENERATION_CONFIG)["eos_token_id"], json!([2, 3]));
        assert_eq!(text(TOKENIZER_CONFIG)["eos_token"], "</s>");
    }

    #[test]
    fn damaged_files_never_panic_and_every_refusal_names_a_place() {
        let check = |bytes: &[u8]| {
            if let Err(error) = unpacked(bytes) {
                assert!(error.to_string().contains('`'), "{error}");
            }
        };
        let tokenizer = fixture("tokenizers/qwen2.gguf");
        crate::model::mutate::times(3500, &tokenizer, check);
        crate::model::mutate::times(3000, &fixture("tokenizers/spm-llama.gguf"), check);
        // Of a file with weights, what stands before them.
        let model = fixture("families/llama3/model.gguf");
        let first =
            unpacked(&model).unwrap().tensors.iter().map(|(_, _, info)| info.range.start).min();
        let (header, data) = model.split_at(first.unwrap());
        crate::model::mutate::times(3500, header, |header| check(&[header, data].concat()));
    }
}
