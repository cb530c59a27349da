//! GGUF metadata to the text of a `config.json` as Hugging Face has it for the same model. Sources: what
//! llama.cpp's converter writes (`conversion/*.py`), and what its `src/models/*.cpp` know without a key; keys
//! on the other side are those of transformers 5.23. Every key of the architecture is either read, known to
//! change nothing, or refused by name. Knows nothing about what a decoder makes of the result.

use serde_json::{Map, Value as Json, json};

use super::contents::Contents;
use super::draft::{Draft, LIST_MAX, SIZE_MAX, uniform};
use super::families::{FAMILIES, Family};
use super::names::Names;
use super::rope;
use crate::error::Result;

/// The text of `config.json`.
///
/// # Errors
/// An unknown architecture, a key that is missing, malformed, unknown or asks for what is not implemented.
pub(super) fn write(contents: &Contents<'_>) -> Result<String> {
    let family = family(contents)?;
    let mut draft = draft(contents, family)?;
    (family.write)(&mut draft)?;
    draft.ignore_harmless();
    draft.keys.refuse_rest()?;
    Ok(Json::Object(draft.config).to_string())
}

/// What all architectures have in common.
fn draft<'a>(contents: &'a Contents<'a>, family: &Family) -> Result<Draft<'a>> {
    let mut keys = contents.keys_of(family.name, LIST_MAX)?;
    let layers = keys.required_size("block_count", LIST_MAX)?;
    let heads = uniform(&mut keys, "attention.head_count")?
        .ok_or_else(|| keys.missing("attention.head_count"))?;
    let hidden_size = keys.required_size("embedding_length", SIZE_MAX)?;
    let head_dim = match keys.size("attention.key_length", SIZE_MAX)? {
        Some(head_dim) => head_dim,
        None => hidden_size / heads,
    };
    let mut draft =
        Draft { contents, keys, config: Map::new(), layers, heads, hidden_size, head_dim };
    draft.put("architectures", json!([family.architecture]));
    draft.put("model_type", family.model_type);
    draft.put("num_hidden_layers", layers);
    draft.put("num_attention_heads", heads);
    let kv_heads = uniform(&mut draft.keys, "attention.head_count_kv")?.unwrap_or(heads);
    draft.put("num_key_value_heads", kv_heads);
    draft.put("hidden_size", hidden_size);
    if head_dim * heads != hidden_size || family.names_head_dim {
        draft.put("head_dim", head_dim);
    }
    let context = draft.keys.required_size("context_length", SIZE_MAX)?;
    draft.put("max_position_embeddings", context);
    if let Some(size) = uniform(&mut draft.keys, "feed_forward_length")? {
        draft.put("intermediate_size", size);
    }
    draft.put("vocab_size", contents.vocabulary()?);
    draft.put("tie_word_embeddings", !contents.has_tensor("output.weight"));
    if let Some(key) = family.norm_eps {
        let stored =
            if key == "rms_norm_eps" { "layer_norm_rms_epsilon" } else { "layer_norm_epsilon" };
        let eps = draft.keys.required_positive(&format!("attention.{stored}"))?;
        draft.put(key, eps);
    }
    if let Some((key, act)) = family.activation {
        draft.put(key, act);
    }
    rope::write(&mut draft, family, context)?;
    Ok(draft)
}

/// How the tensors of the architecture are packed.
///
/// # Errors
/// An unknown architecture.
pub(super) fn names(contents: &Contents<'_>) -> Result<Names> {
    let has = |tensor| contents.has_tensor(tensor);
    Ok(Names {
        pairs: family(contents)?.pairs,
        mlp_norm: family(contents)?.mlp_norm,
        fused_qkv: has("blk.0.attn_qkv.weight"),
        fused_gate: matches!(family(contents)?.name, "phi3" | "chatglm" | "glm4")
            && !has("blk.0.ffn_gate.weight"),
    })
}

/// The same of the model that an adapter is for: it has the same tensors with `.lora_a` and `.lora_b` behind their names.
///
/// # Errors
/// An unknown architecture.
pub(super) fn names_of_adapter(contents: &Contents<'_>) -> Result<Names> {
    let family = architecture(contents)?;
    let has = |tensor: &str| {
        let part = format!(".{tensor}.weight.lora_");
        contents.tensors().keys().any(|name| name.contains(&part))
    };
    Ok(Names {
        pairs: family.pairs,
        mlp_norm: family.mlp_norm,
        fused_qkv: has("attn_qkv"),
        fused_gate: matches!(family.name, "phi3" | "chatglm" | "glm4") && !has("ffn_gate"),
    })
}

fn family(contents: &Contents<'_>) -> Result<&'static Family> {
    match contents.text("general.type")? {
        None | Some("model") => {}
        Some("adapter") => {
            return Err(contents
                .wrong("general.type", "is `adapter`: this file is no model of its own")
                .hint("name its base model: `MODEL+FILE.gguf`"));
        }
        Some(other) => {
            return Err(contents
                .wrong("general.type", &format!("is `{other}`: this file is no model of its own"))
                .hint("give the model's own GGUF file"));
        }
    }
    architecture(contents)
}

fn architecture(contents: &Contents<'_>) -> Result<&'static Family> {
    let name = contents
        .text("general.architecture")?
        .ok_or_else(|| contents.wrong("general.architecture", "is missing"))?;
    FAMILIES.iter().find(|family| family.name == name).ok_or_else(|| {
        let known: Vec<String> =
            FAMILIES.iter().map(|family| format!("`{}`", family.name)).collect();
        contents
            .wrong(
                "general.architecture",
                &format!("is `{name}`, which is not supported as GGUF in this version"),
            )
            .hint(format!("supported: {}", known.join(", ")))
    })
}
