//! Mixtures of experts that differ from Llama, Qwen or Mixtral in a switch or two: OLMoE, MiniMax-M2, ERNIE 4.5,
//! Hunyuan, Phi-3.5-MoE.

use serde_json::Value;

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::{Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::layout::{self, Correction, LLAMA, Layout, Mlp, QkNorms};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Experts, NormKind, QkSpan, Shares};

const SHARED: Mlp = Mlp::Apart([
    "mlp.shared_experts.gate_proj",
    "mlp.shared_experts.up_proj",
    "mlp.shared_experts.down_proj",
]);

const AS_MIXTRAL: Layout = Layout {
    router: "block_sparse_moe.gate",
    experts: layout::ExpertLayout::Apart("block_sparse_moe.experts", ["w1", "w3", "w2"]),
    correction: Correction::Flat("block_sparse_moe.e_score_correction_bias"),
    ..LLAMA
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "OlmoeForCausalLM",
        model_type: "olmoe",
        defaults: Defaults { eps: ("rms_norm_eps", 1e-5), ..DEFAULTS },
        read: olmoe,
        ..BASE
    },
    Family {
        architecture: "MiniMaxM2ForCausalLM",
        model_type: "minimax_m2",
        defaults: Defaults {
            kv_heads: Some(8),
            head_dim: Some(128),
            rope: RopeDefaults { theta: 5_000_000.0, partial: true, ..ROPE },
            ..DEFAULTS
        },
        layout: AS_MIXTRAL,
        read: minimax_m2,
        ..BASE
    },
    Family {
        architecture: "Ernie4_5_MoeForCausalLM",
        model_type: "ernie4_5_moe",
        defaults: Defaults {
            kv_heads: Some(4),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, ..ROPE },
            tied: true,
            ..DEFAULTS
        },
        layout: Layout {
            pairs: true,
            shared: SHARED,
            correction: Correction::Row("mlp.moe_statics.e_score_correction_bias"),
            // Layers that guess several tokens ahead.
            idle: &["*.rotary_emb.inv_freq", "model.mtp_"],
            ..LLAMA
        },
        read: ernie,
        ..BASE
    },
    Family {
        architecture: "HunYuanMoEV1ForCausalLM",
        model_type: "hunyuan_v1_moe",
        defaults: Defaults {
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { alpha: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            qk_norm: QkNorms::One("self_attn.query_layernorm", "self_attn.key_layernorm"),
            router: "mlp.gate.wg",
            shared: Mlp::Apart([
                "mlp.shared_mlp.gate_proj",
                "mlp.shared_mlp.up_proj",
                "mlp.shared_mlp.down_proj",
            ]),
            ..LLAMA
        },
        read: hunyuan,
        ..BASE
    },
    Family {
        architecture: "PhimoeForCausalLM",
        model_type: "phimoe",
        defaults: Defaults {
            kv_heads: Some(8),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 1_000_000.0, own_factors: true, ..ROPE },
            ..DEFAULTS
        },
        layout: AS_MIXTRAL,
        read: phimoe,
        ..BASE
    },
];

fn everywhere(draft: &mut Draft, experts: Experts) {
    draft.spec.experts = Some(experts);
    draft.spec.layers.iter_mut().for_each(|layer| layer.experts = true);
}

fn olmoe(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.qk_norm(QkSpan::All);
    let keys = &mut draft.keys;
    draft.spec.attention.clip = keys.positive("clip_qkv")?;
    let count = keys.size("num_experts", EXPERTS_MAX)?.unwrap_or(64);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(8);
    let normalized = keys.flag("norm_topk_prob")?.unwrap_or(false);
    let width = draft.spec.intermediate_size;
    everywhere(draft, Experts { normalized, ..Experts::new(count, used, width) });
    draft.window_everywhere(None)
}

fn minimax_m2(draft: &mut Draft) -> Result<()> {
    draft.qk_norm(QkSpan::All);
    let keys = &mut draft.keys;
    // What the class does whatever a config says; releases say no other.
    for (key, only) in [
        ("use_qk_norm", Value::Bool(true)),
        ("use_routing_bias", Value::Bool(true)),
        ("scoring_func", "sigmoid".into()),
        ("qk_norm_type", "per_layer".into()),
    ] {
        if let Some(value) = keys.value(key)
            && value != only
        {
            return Err(keys.wrong(key, &only.to_string(), &value));
        }
    }
    // One for each layer with full attention, which is all of them.
    if let Some(types) = keys.value("attn_type_list")
        && types.as_array().is_none_or(|list| list.iter().any(|kind| *kind != 1))
    {
        return Err(keys.wrong("attn_type_list", "a list of ones", &types));
    }
    // Sizes and factors of parts that the released model does not have.
    keys.retain(|key, _| {
        let absent = ["shared_moe_mode", "mlp_intermediate_size", "attn_window_size", "postnorm"];
        let factor = key.starts_with("layernorm_") && key.ends_with("_beta");
        !(absent.contains(&key) || factor)
    });
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(256);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(8);
    let width = draft.spec.intermediate_size;
    let experts = Experts {
        shares: Shares::Sigmoid,
        normalized: true,
        correction: true,
        ..Experts::new(count, used, width)
    };
    everywhere(draft, experts);
    Ok(())
}

fn ernie(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("use_bias", false)?;
    draft.spec.mlp.bias = draft.spec.attention.qkv_bias;
    let layers = draft.spec.layers.len();
    let keys = &mut draft.keys;
    let count = keys.size("moe_num_experts", EXPERTS_MAX)?.unwrap_or(64);
    let used = keys.size("moe_k", count)?.unwrap_or(6);
    let width = keys.size("moe_intermediate_size", WIDTH_MAX)?.unwrap_or(1536);
    let shared = keys.count("moe_num_shared_experts")?.unwrap_or(2);
    if shared > EXPERTS_MAX {
        return Err(Error::input(format!("`config.json`: {shared} `moe_num_shared_experts`")));
    }
    keys.positive("moe_norm_min")?;
    for (key, only) in [("moe_gate", "topk"), ("moe_gate_act", "softmax")] {
        if let Some(value) = keys.text(key)?
            && value != only
        {
            return Err(keys.wrong(key, &format!("`{only}`"), &value.into()));
        }
    }
    if keys.flag("moe_use_aux_free")? == Some(false) {
        return Err(Error::input("`config.json`: `moe_use_aux_free` false is not supported"));
    }
    keys.value("moe_capacity");
    let first = keys.count("moe_layer_start_index")?.unwrap_or(1);
    let last = keys.number("moe_layer_end_index")?.filter(|last| *last >= 0.0);
    let step = keys.size("moe_layer_interval", 1 << 10)?.unwrap_or(1);
    let last = last.map_or(layers, |last| last as usize);
    draft.spec.experts = Some(Experts {
        normalized: true,
        correction: true,
        shared_size: width * shared,
        ..Experts::new(count, used, width)
    });
    for (i, layer) in draft.spec.layers.iter_mut().enumerate() {
        layer.experts = (i + 1) % step == 0 && (first..=last).contains(&i);
    }
    Ok(())
}

fn hunyuan(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    if draft.keys.flag("use_qk_norm")? == Some(false) {
        return Err(Error::input(
            "`config.json`: `use_qk_norm` false is not supported for HunYuan",
        ));
    }
    draft.qk_norm(QkSpan::Head);
    draft.spec.attention.qk_norm.iter_mut().for_each(|norm| norm.after_rope = true);
    let layers = draft.spec.layers.len();
    let own = draft.spec.intermediate_size;
    let mut same = |key: &str, missing: usize, limit: usize| {
        let value = draft.keys.peek(key).and_then(Value::as_array).cloned();
        match value {
            None => draft.keys.size(key, limit).map(|size| size.unwrap_or(missing)),
            Some(list) => {
                let value = draft.keys.value(key).unwrap_or_default();
                let one = list
                    .first()
                    .and_then(Value::as_u64)
                    .filter(|one| (1..=limit as u64).contains(one));
                let all = list.len() >= layers && list.iter().all(|other| other.as_u64() == one);
                let one = one.filter(|_| all).map(|one| one as usize);
                one.ok_or_else(|| draft.keys.wrong(key, "the same number for every layer", &value))
            }
        }
    };
    let count = same("num_experts", 1, EXPERTS_MAX)?;
    let used = same("moe_topk", 1, count)?;
    let width = same("moe_intermediate_size", own, WIDTH_MAX)?;
    let shared = same("num_shared_expert", 1, EXPERTS_MAX)?;
    if width != own || shared != 1 {
        return Err(Error::input(format!(
            "`config.json`: {shared} `num_shared_expert` and `moe_intermediate_size` {width} beside `intermediate_size` {own} are not supported"
        )));
    }
    for key in [
        "use_mixed_mlp_moe",
        "norm_topk_prob",
        "moe_drop_tokens",
        "capacity_factor",
        "num_media_embeds",
        "add_classification_head",
        "cla_share_factor",
    ] {
        draft.keys.value(key);
    }
    for key in ["use_cla", "use_mla", "moe_layer_num_skipped", "group_limited_greedy"] {
        if let Some(value) = draft.keys.value(key)
            && value != false
            && value != 0
        {
            return Err(draft.keys.wrong(key, "false or 0", &value));
        }
    }
    everywhere(
        draft,
        Experts { normalized: true, shared_size: own, ..Experts::new(count, used, own) },
    );
    Ok(())
}

fn phimoe(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.spec.norm.kind = NormKind::Layer;
    draft.spec.norm.bias = true;
    let keys = &mut draft.keys;
    draft.spec.output_bias = keys.flag("lm_head_bias")?.unwrap_or(false);
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(16);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(2);
    if used != 2 {
        return Err(Error::input("`config.json`: `num_experts_per_tok` must be 2 for Phi-3.5-MoE"));
    }
    let spread = 2.0 * keys.number("router_jitter_noise")?.unwrap_or(0.01);
    let width = draft.spec.intermediate_size;
    let experts = Experts { shares: Shares::Mixer, spread, ..Experts::new(count, used, width) };
    everywhere(draft, experts);
    draft.window_everywhere(None)
}
