//! Ways in for fuzz targets and tests of damaged files: each reads bytes as one kind of file and uses what it
//! got, as a run would. Not part of the library's interface.

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::files::ModelFiles;
use super::named::{
    CONFIG, GENERATION_CONFIG, SPECIAL_TOKENS_MAP, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS,
};
use super::template::{ChatTemplate, Message, RenderOptions};
use super::tokenizer::Tokenizer;
use super::{config, stop};
use crate::error::Result;

const TEXT: &str = "<|user|>Größe 12 of  it's\u{a0}\u{1f35e}\r\n<think>x</think>";

/// `config.json`.
///
/// # Errors
/// The file is refused.
pub fn config(bytes: &[u8]) -> Result<()> {
    config::read(&ModelFiles::literal(&[(CONFIG, bytes)])).map(drop)
}

/// The header of a safetensors file, with whatever follows it.
///
/// # Errors
/// The file is refused.
pub fn safetensors(bytes: &[u8]) -> Result<()> {
    super::safetensors::tensors(WEIGHTS, bytes).map(drop)
}

/// A GGUF file: its metadata becomes a config, a tokenizer and a template, which are read in their turn.
///
/// # Errors
/// The file, or one of these, is refused.
pub fn gguf(bytes: &[u8]) -> Result<()> {
    let files = ModelFiles::unpacked(vec![("model.gguf".to_owned(), Bytes::Owned(bytes.into()))])?;
    super::Model::from_files("model".to_owned(), files)?.weights().map(drop)
}

/// `tokenizer.json`: a text is encoded and decoded.
///
/// # Errors
/// The file is refused, or it cannot encode the text.
pub fn tokenizer(bytes: &[u8]) -> Result<()> {
    let tokenizer = Tokenizer::open(&ModelFiles::literal(&[(TOKENIZER, bytes)]))?;
    let ids = tokenizer.encode(TEXT)?;
    tokenizer.missing_beginning(&ids);
    tokenizer.decode(&ids, true)?;
    tokenizer.decode(&[0, 1, 7, u32::MAX], false).map(drop)
}

/// `tokenizer_config.json` and `special_tokens_map.json` beside a tokenizer that can be read.
///
/// # Errors
/// The file is refused.
pub fn tokenizer_config(bytes: &[u8], tokenizer: &[u8]) -> Result<()> {
    for name in [TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP] {
        let files = ModelFiles::literal(&[(name, bytes), (TOKENIZER, tokenizer)]);
        let tokenizer = Tokenizer::open(&files)?;
        ChatTemplate::open(&files, tokenizer.special_tokens())?;
    }
    Ok(())
}

/// `generation_config.json` beside a tokenizer that can be read.
///
/// # Errors
/// The file is refused.
pub fn generation_config(bytes: &[u8], tokenizer: &[u8]) -> Result<()> {
    let files = ModelFiles::literal(&[(GENERATION_CONFIG, bytes), (TOKENIZER, tokenizer)]);
    stop::read(&files, &Tokenizer::open(&files)?, None, 1000).map(drop)
}

/// A chat template: a conversation is rendered.
///
/// # Errors
/// The template is refused, or refuses.
pub fn template(source: &str) -> Result<String> {
    let special = [("bos_token", "<s>"), ("eos_token", "</s>")];
    let special: BTreeMap<String, String> =
        special.map(|(name, token)| (name.to_owned(), token.to_owned())).into();
    let messages =
        [("system", "Be brief."), ("user", "Hi <b> & 'you'"), ("assistant", "<think>a</think>b")]
            .map(|(role, content)| Message { role: role.into(), content: content.into() });
    ChatTemplate::new(source, &special)?.render(&messages, &RenderOptions::default())
}
