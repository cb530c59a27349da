//! The head of a GGUF file that is an adapter, as llama.cpp's `convert_lora_to_gguf.py` writes it: how the tensors that it
//! changes are packed, and where its own lie. Knows nothing about what a change is.

use super::config;
use super::contents::Contents;
use super::header::TensorInfo;
use super::names::Names;
use crate::error::Result;
use crate::model::bytes::Bytes;

/// What a GGUF adapter says of itself.
pub(in crate::model) struct AdapterHead {
    /// How the model's tensors are packed in GGUF files, in whose names the adapter speaks.
    pub(in crate::model) names: Names,
    /// What the product of a pair is multiplied with, times the rank.
    pub(in crate::model) alpha: Option<f64>,
    /// The tensors by name.
    pub(in crate::model) tensors: Vec<(String, TensorInfo)>,
}

/// Reads the head of an adapter's file.
///
/// # Errors
/// The file is damaged, no adapter or one of another kind than LoRA, of an unknown architecture, or asks for tokens that
/// switch it on.
pub(in crate::model) fn adapter_head(files: &[(String, Bytes)]) -> Result<AdapterHead> {
    let contents = Contents::read(files)?;
    if contents.text("general.type")? != Some("adapter") {
        return Err(contents
            .wrong("general.type", "is not `adapter`: this file is a model")
            .hint("an adapter is what llama.cpp's `convert_lora_to_gguf.py` wrote"));
    }
    let kind = contents.text("adapter.type")?.unwrap_or_default();
    if kind != "lora" {
        return Err(contents
            .wrong("adapter.type", &format!("is `{kind}`, which is not supported"))
            .hint("`lora` is; merge others into the base model"));
    }
    for (key, value) in contents.starting_with("adapter.") {
        if ![
            "adapter.type",
            "adapter.lora.alpha",
            "adapter.lora.task_name",
            "adapter.lora.prompt_prefix",
        ]
        .contains(&key)
        {
            return Err(contents
                .wrong(key, &format!("is {value:?}, which is not supported"))
                .hint("use the adapter in the form of peft"));
        }
    }
    let alpha = match contents.value("adapter.lora.alpha") {
        None => None,
        Some(value) => Some(
            value
                .as_f64()
                .filter(|alpha| alpha.is_finite())
                .ok_or_else(|| contents.wrong("adapter.lora.alpha", "must be a number"))?,
        ),
    };
    let names = config::names_of_adapter(&contents)?;
    let tensors = contents.tensors().iter();
    let tensors = tensors.map(|(name, (_, info))| ((*name).to_owned(), info.clone())).collect();
    Ok(AdapterHead { names, alpha, tensors })
}
