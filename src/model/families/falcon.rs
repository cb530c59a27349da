//! Falcon as its 7B: one key-value head for all, attention and MLP side by side.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::{Draft, WIDTH_MAX};
use crate::model::json::Keys;
use crate::model::layout::{LLAMA, Layout, Mlp, Qkv};
use crate::model::spec::{NormKind, Parallel};

pub(super) const FAMILIES: &[Family] = &[Family {
    architecture: "FalconForCausalLM",
    model_type: "falcon",
    defaults: Defaults {
        kv_heads: Some(1),
        eps: ("layer_norm_epsilon", 1e-5),
        activation: ("activation", "gelu"),
        tied: true,
        ..DEFAULTS
    },
    layout: Layout {
        root: "transformer.",
        layers: "h.",
        embedding: "word_embeddings",
        final_norm: "ln_f",
        qkv: Qkv::Together("self_attention.query_key_value"),
        attention_output: "self_attention.dense",
        mlp: Mlp::Plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        ..LLAMA
    },
    prepare,
    read: falcon,
    ..BASE
}];

fn prepare(keys: &mut Keys) -> Result<()> {
    for (from, to) in [
        ("n_head", "num_attention_heads"),
        ("n_layer", "num_hidden_layers"),
        ("n_embed", "hidden_size"),
        ("ffn_hidden_size", "intermediate_size"),
    ] {
        keys.rename(from, to);
    }
    // Heads of keys and values where there is not one for all.
    keys.value("num_kv_heads");
    if let Some(width) = keys.peek_size("hidden_size", WIDTH_MAX / 4)? {
        keys.fill("intermediate_size", (4 * width).into());
    }
    Ok(())
}

fn falcon(draft: &mut Draft) -> Result<()> {
    for (key, only) in [
        ("multi_query", true),
        ("parallel_attn", true),
        ("new_decoder_architecture", false),
        ("alibi", false),
        ("apply_residual_connection_post_layernorm", false),
    ] {
        if let Some(value) = draft.keys.value(key)
            && value != only
        {
            return Err(draft.keys.wrong(key, &only.to_string(), &value));
        }
    }
    // A choice of the larger ones, which this form does not have.
    draft.keys.value("num_ln_in_parallel_attn");
    draft.attention_bias("bias", false)?;
    let spec = &mut draft.spec;
    spec.mlp.bias = spec.attention.qkv_bias;
    spec.norm.kind = NormKind::Layer;
    spec.norm.bias = true;
    spec.parallel = Parallel::OneNorm;
    spec.mlp.gated = false;
    Ok(())
}
