//! GLM-4 (the chat models of 2024), GLM-4-0414 and GLM-4.5.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::{Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::layout::{LLAMA, Layout, Mlp};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Experts, Groups, QkSpan, Shares};

const DENSE: Defaults = Defaults {
    kv_heads: Some(2),
    head_dim: Some(128),
    eps: ("rms_norm_eps", 0.000_000_156_25),
    rope: RopeDefaults { share: 0.5, partial: true, ..ROPE },
    ..DEFAULTS
};

const LAYOUT: Layout =
    Layout { pairs: true, mlp: Mlp::Together("mlp.gate_up_proj", "mlp.down_proj"), ..LLAMA };

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "GlmForCausalLM",
        model_type: "glm",
        defaults: DENSE,
        layout: LAYOUT,
        read: |draft| bias(draft, true),
        ..BASE
    },
    Family {
        architecture: "Glm4ForCausalLM",
        model_type: "glm4",
        defaults: DENSE,
        layout: Layout {
            attention_post_norm: "post_self_attn_layernorm",
            mlp_post_norm: "post_mlp_layernorm",
            ..LAYOUT
        },
        read: |draft| {
            draft.spec.post_norm = true;
            bias(draft, true)
        },
        ..BASE
    },
    Family {
        architecture: "Glm4MoeForCausalLM",
        model_type: "glm4_moe",
        defaults: Defaults {
            kv_heads: Some(8),
            head_dim: None,
            eps: ("rms_norm_eps", 1e-5),
            ..DENSE
        },
        layout: Layout {
            shared: Mlp::Apart([
                "mlp.shared_experts.gate_proj",
                "mlp.shared_experts.up_proj",
                "mlp.shared_experts.down_proj",
            ]),
            // Layers that guess several tokens ahead, which the class leaves out too.
            idle: &["model.layers.46.", "model.layers.92."],
            ..LLAMA
        },
        read: glm4_moe,
        ..BASE
    },
];

fn bias(draft: &mut Draft, missing: bool) -> Result<()> {
    draft.spec.attention.qkv_bias = draft.keys.flag("attention_bias")?.unwrap_or(missing);
    Ok(())
}

fn glm4_moe(draft: &mut Draft) -> Result<()> {
    bias(draft, false)?;
    if draft.keys.flag("use_qk_norm")?.unwrap_or(false) {
        draft.qk_norm(QkSpan::Head);
    }
    let keys = &mut draft.keys;
    keys.value("num_nextn_predict_layers");
    keys.value("num_mtp_layers");
    let count = keys.size("n_routed_experts", EXPERTS_MAX)?.unwrap_or(128);
    let width = keys.size("moe_intermediate_size", WIDTH_MAX)?.unwrap_or(1408);
    let groups = keys.size("n_group", count)?.unwrap_or(1);
    let used_groups = keys.size("topk_group", groups)?.unwrap_or(1);
    if !count.is_multiple_of(groups) {
        return Err(Error::input(format!(
            "`config.json`: {count} `n_routed_experts` cannot be divided into {groups} `n_group`"
        )));
    }
    let dense = keys.count("first_k_dense_replace")?.unwrap_or(1);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(8);
    draft.spec.experts = Some(Experts {
        shares: Shares::Sigmoid,
        normalized: keys.flag("norm_topk_prob")?.unwrap_or(true),
        scale: keys.positive("routed_scaling_factor")?.unwrap_or(1.0),
        correction: true,
        groups: (groups > 1).then_some(Groups { count: groups, used: used_groups, scored_by: 2 }),
        shared_size: width * keys.size("n_shared_experts", EXPERTS_MAX)?.unwrap_or(1),
        ..Experts::new(count, used, width)
    });
    let layers = draft.spec.layers.iter_mut().enumerate();
    layers.for_each(|(i, layer)| layer.experts = i >= dense);
    Ok(())
}
