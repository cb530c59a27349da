//! Qwen2, Qwen2.5, Qwen3 and their mixtures of experts.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::config::{Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::spec::{Experts, QkSpan};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "Qwen2ForCausalLM",
        model_type: "qwen2",
        defaults: Defaults { kv_heads: Some(32), ..DEFAULTS },
        read: |draft| {
            draft.spec.attention.qkv_bias = true;
            windows(draft)
        },
        ..BASE
    },
    Family {
        architecture: "Qwen3ForCausalLM",
        model_type: "qwen3",
        defaults: Defaults { kv_heads: Some(32), head_dim: Some(128), ..DEFAULTS },
        read: |draft| {
            draft.attention_bias("attention_bias", false)?;
            draft.qk_norm(QkSpan::Head);
            windows(draft)
        },
        ..BASE
    },
    Family {
        architecture: "Qwen2MoeForCausalLM",
        model_type: "qwen2_moe",
        defaults: Defaults { kv_heads: Some(16), ..DEFAULTS },
        read: |draft| {
            draft.spec.attention.qkv_bias = draft.keys.flag("qkv_bias")?.unwrap_or(true);
            let shared = draft.keys.size("shared_expert_intermediate_size", WIDTH_MAX)?;
            experts(draft, 60, 4, 1408, shared.unwrap_or(5632))?;
            windows(draft)
        },
        ..BASE
    },
    Family {
        architecture: "Qwen3MoeForCausalLM",
        model_type: "qwen3_moe",
        defaults: Defaults { kv_heads: Some(4), ..DEFAULTS },
        read: |draft| {
            draft.attention_bias("attention_bias", false)?;
            draft.qk_norm(QkSpan::Head);
            experts(draft, 128, 8, 768, 0)?;
            // The window of this class, where it is on, is that of every layer.
            let window = draft.window(Some(4096))?;
            let on = draft.keys.flag("use_sliding_window")? == Some(true);
            draft.keys.value("max_window_layers");
            draft.spec.layers.iter_mut().for_each(|layer| layer.window = window.filter(|_| on));
            Ok(())
        },
        ..BASE
    },
];

/// The layers from `max_window_layers` on have the window, where windows are on.
fn windows(draft: &mut Draft) -> Result<()> {
    let window = draft.window(Some(4096))?;
    let on = draft.keys.flag("use_sliding_window")? == Some(true);
    let first = match draft.keys.value("max_window_layers") {
        None => 28,
        Some(value) => value.as_u64().ok_or_else(|| {
            draft.keys.wrong("max_window_layers", "a whole number from 0", &value)
        })?,
    };
    draft.windows_by_type(window.filter(|_| on), |i| i as u64 >= first)
}

fn experts(
    draft: &mut Draft,
    count: usize,
    used: usize,
    width: usize,
    shared_size: usize,
) -> Result<()> {
    let keys = &mut draft.keys;
    // Older configs have the first name.
    let given = keys.size("num_experts", EXPERTS_MAX)?;
    let count = given.or(keys.size("num_local_experts", EXPERTS_MAX)?).unwrap_or(count);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(used);
    draft.spec.experts = Some(Experts {
        normalized: keys.flag("norm_topk_prob")?.unwrap_or(false),
        shared_size,
        shared_gate: shared_size > 0,
        ..Experts::new(count, used, keys.size("moe_intermediate_size", WIDTH_MAX)?.unwrap_or(width))
    });
    let step = keys.size("decoder_sparse_step", 1 << 10)?.unwrap_or(1);
    let dense: Vec<u64> = match keys.value("mlp_only_layers") {
        None => Vec::new(),
        Some(value) => {
            let list = value.as_array().and_then(|list| list.iter().map(|i| i.as_u64()).collect());
            list.ok_or_else(|| keys.wrong("mlp_only_layers", "a list of layers", &value))?
        }
    };
    for (i, layer) in draft.spec.layers.iter_mut().enumerate() {
        layer.experts = !dense.contains(&(i as u64)) && (i + 1) % step == 0;
    }
    Ok(())
}
