//! Qwen2, Qwen2.5, Qwen3 and their mixtures of experts, the text decoders of their models that see, and MiMo,
//! which is Qwen2 with layers that guess ahead.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::{Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::layout::{self, LLAMA, Layout};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Experts, QkSpan};

const PLACES: RopeDefaults = RopeDefaults { places: true, ..ROPE };

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "Qwen2ForCausalLM",
        model_type: "qwen2",
        defaults: Defaults { kv_heads: Some(32), ..DEFAULTS },
        read: qwen2,
        ..BASE
    },
    Family {
        architecture: "Qwen3ForCausalLM",
        model_type: "qwen3",
        defaults: Defaults { kv_heads: Some(32), head_dim: Some(128), ..DEFAULTS },
        read: qwen3,
        ..BASE
    },
    Family {
        architecture: "Qwen2MoeForCausalLM",
        model_type: "qwen2_moe",
        defaults: Defaults { kv_heads: Some(16), ..DEFAULTS },
        read: |draft| {
            draft.spec.attention.qkv_bias = draft.keys.flag("qkv_bias")?.unwrap_or(true);
            let none = draft.keys.has_zero("shared_expert_intermediate_size");
            let shared = match none {
                true => draft.keys.count("shared_expert_intermediate_size")?,
                false => draft.keys.size("shared_expert_intermediate_size", WIDTH_MAX)?,
            };
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
    Family {
        architecture: "Qwen2VLTextModel",
        model_type: "qwen2_vl_text",
        defaults: SEEING_2,
        read: qwen2,
        ..BASE
    },
    Family {
        architecture: "Qwen2_5_VLTextModel",
        model_type: "qwen2_5_vl_text",
        defaults: SEEING_2,
        read: qwen2,
        ..BASE
    },
    Family {
        architecture: "Qwen3VLTextModel",
        model_type: "qwen3_vl_text",
        defaults: Defaults { kv_heads: Some(32), ..SEEING_3 },
        read: qwen3,
        ..BASE
    },
    Family {
        architecture: "Qwen3VLMoeTextModel",
        model_type: "qwen3_vl_moe_text",
        defaults: Defaults { kv_heads: Some(16), ..SEEING_3 },
        layout: Layout {
            experts: layout::ExpertLayout::TurnedStacked(
                "mlp.experts.gate_up_proj",
                "mlp.experts.down_proj",
            ),
            ..LLAMA
        },
        read: |draft| {
            // The class normalises whatever the config says.
            draft.keys.value("norm_topk_prob");
            qwen3(draft)?;
            experts(draft, 60, 4, 1408, 0)?;
            draft.spec.experts.iter_mut().for_each(|experts| experts.normalized = true);
            Ok(())
        },
        ..BASE
    },
    Family {
        architecture: "MiMoForCausalLM",
        model_type: "mimo",
        defaults: Defaults { kv_heads: Some(32), ..DEFAULTS },
        layout: Layout { idle: &["*.rotary_emb.inv_freq", "model.mtp_layers."], ..LLAMA },
        read: |draft| {
            draft.keys.value("attention_bias");
            qwen2(draft)
        },
        ..BASE
    },
];

const SEEING_2: Defaults = Defaults {
    kv_heads: Some(8),
    eps: ("rms_norm_eps", 1e-5),
    rope: RopeDefaults { theta: 1_000_000.0, ..PLACES },
    ..DEFAULTS
};

const SEEING_3: Defaults =
    Defaults { head_dim: Some(128), rope: RopeDefaults { theta: 500_000.0, ..PLACES }, ..DEFAULTS };

fn qwen2(draft: &mut Draft) -> Result<()> {
    draft.spec.attention.qkv_bias = true;
    windows(draft)
}

fn qwen3(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.qk_norm(QkSpan::Head);
    windows(draft)
}

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

/// The keys of a mixture of experts, with what holds where they are missing.
pub(super) fn experts(
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
