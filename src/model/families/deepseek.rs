//! DeepSeek-V2, V3 and R1, V3.2, and what is built like them: Kimi-K2, GLM-4.7-Flash, GLM-5.
//!
//! V3.2 and GLM-5 let a token see only the positions that an indexer ranks first, `index_topk` of them. Texts up to
//! that length see all, so they are the ones that are read.

use serde_json::{Value, json};

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::{CONTEXT_MAX, Draft, EXPERTS_MAX, HEAD_DIM_MAX, WIDTH_MAX};
use crate::model::json::Keys;
use crate::model::layout::{LLAMA, Layout, Mlp, Qkv};
use crate::model::spec::{Experts, Groups, Latent, Shares};

const LAYOUT: Layout = Layout {
    qkv: Qkv::Latent,
    shared: Mlp::Apart([
        "mlp.shared_experts.gate_proj",
        "mlp.shared_experts.up_proj",
        "mlp.shared_experts.down_proj",
    ]),
    ..LLAMA
};

const LATENT: Family = Family {
    layout: LAYOUT,
    head_width: Some(head_width),
    turned_width: Some(turned_width),
    ..BASE
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "DeepseekV2ForCausalLM",
        model_type: "deepseek_v2",
        read: deepseek_v2,
        ..LATENT
    },
    Family {
        architecture: "DeepseekV3ForCausalLM",
        model_type: "deepseek_v3",
        // Layers that guess several tokens ahead, which the class leaves out too.
        layout: Layout { idle: &["*.rotary_emb.inv_freq", "model.layers.61."], ..LAYOUT },
        read: |draft| routed(draft, &V3),
        ..LATENT
    },
    Family {
        architecture: "DeepseekV32ForCausalLM",
        model_type: "deepseek_v32",
        layout: Layout {
            idle: &["*.rotary_emb.inv_freq", "*.self_attn.indexer.*", "model.layers.61."],
            ..LAYOUT
        },
        read: |draft| {
            indexed(draft)?;
            routed(draft, &V3)
        },
        ..LATENT
    },
    Family {
        architecture: "GlmMoeDsaForCausalLM",
        model_type: "glm_moe_dsa",
        defaults: Defaults { eps: ("rms_norm_eps", 1e-5), ..DEFAULTS },
        layout: Layout {
            idle: &["*.rotary_emb.inv_freq", "*.self_attn.indexer.*", "model.layers.78."],
            ..LAYOUT
        },
        prepare: |keys| {
            keys.fill("qk_nope_head_dim", 192.into());
            Ok(())
        },
        read: |draft| {
            indexed(draft)?;
            routed(draft, &Routed { query: 2048, value: 256, groups: (1, 1), ..V3 })
        },
        ..LATENT
    },
    Family {
        architecture: "Glm4MoeLiteForCausalLM",
        model_type: "glm4_moe_lite",
        defaults: Defaults { eps: ("rms_norm_eps", 1e-5), ..DEFAULTS },
        layout: Layout { idle: &["*.rotary_emb.inv_freq", "model.layers.47."], ..LAYOUT },
        prepare: |keys| {
            keys.fill("qk_nope_head_dim", 192.into());
            Ok(())
        },
        read: |draft| {
            let sizes = Routed {
                query: 768,
                value: 256,
                experts: (64, 4, 1536),
                scale: 1.8,
                groups: (1, 1),
                dense: 1,
            };
            routed(draft, &sizes)
        },
        ..LATENT
    },
];

/// What transformers has called layers with an indexer.
const INDEXED: [&str; 2] = ["indexed_attention", "deepseek_sparse_attention"];

/// Epsilon of the norms of latent vectors, which the class leaves at its default whatever the config says.
const LATENT_EPS: f64 = 1e-6;

fn turned_width(keys: &mut Keys) -> Result<usize> {
    Ok(keys.size("qk_rope_head_dim", HEAD_DIM_MAX)?.unwrap_or(64))
}

fn head_width(keys: &mut Keys) -> Result<usize> {
    let turned = keys.peek_size("qk_rope_head_dim", HEAD_DIM_MAX)?.unwrap_or(64);
    // The class sets this one itself.
    keys.value("head_dim");
    Ok(keys.size("qk_nope_head_dim", HEAD_DIM_MAX)?.unwrap_or(128) + turned)
}

/// Sizes that a class assumes where a config says nothing.
struct Routed {
    /// Width of the latent queries.
    query: usize,
    /// Width of a head's values.
    value: usize,
    /// How many experts there are, how many are used, and the width of one.
    experts: (usize, usize, usize),
    scale: f64,
    /// Groups of experts, and how many of them are chosen from.
    groups: (usize, usize),
    /// Layers at the beginning without experts.
    dense: usize,
}

const V3: Routed = Routed {
    query: 1536,
    value: 128,
    experts: (256, 8, 2048),
    scale: 2.5,
    groups: (8, 4),
    dense: 3,
};

/// What all of them have: keys and values by way of a narrow vector.
fn latent(draft: &mut Draft, query: usize, value: usize) -> Result<()> {
    if draft.keys.flag("attention_bias")? == Some(true) {
        return Err(Error::input(
            "`config.json`: `attention_bias` is not supported for DeepSeek's attention",
        ));
    }
    draft.mlp_bias()?;
    draft.spec.attention.scale *= draft.score_factor;
    let spec = &mut draft.spec;
    let keys = &mut draft.keys;
    if spec.kv_heads != spec.heads {
        return Err(Error::input(
            "`config.json`: `num_key_value_heads` must be `num_attention_heads` for DeepSeek's attention",
        ));
    }
    spec.value_dim = keys.size("v_head_dim", HEAD_DIM_MAX)?.unwrap_or(value);
    let mentioned = keys.has("q_lora_rank");
    let query_width = keys.size("q_lora_rank", WIDTH_MAX)?;
    spec.attention.latent = Some(Latent {
        query_width: if mentioned { query_width } else { Some(query) },
        width: keys.size("kv_lora_rank", WIDTH_MAX)?.unwrap_or(512),
        eps: LATENT_EPS,
    });
    // Follows from other keys.
    keys.value("qk_head_dim");
    for key in ["rope_interleave", "moe_layer_freq"] {
        if let Some(value) = keys.value(key)
            && value != json!(true)
            && value != json!(1)
        {
            return Err(keys.wrong(key, "true or 1", &value));
        }
    }
    Ok(())
}

/// The indexer leaves out nothing of a text that is no longer than what it chooses.
fn indexed(draft: &mut Draft) -> Result<()> {
    let longest = draft.keys.size("index_topk", CONTEXT_MAX)?.unwrap_or(2048);
    draft.spec.context = draft.spec.context.min(longest);
    draft.keys.retain(|key, _| !key.starts_with("index_") && !key.starts_with("indexer_"));
    let types = draft.keys.value("layer_types");
    let types = types.as_ref().and_then(|types| types.as_array());
    match types.into_iter().flatten().find(|kind| !INDEXED.iter().any(|word| **kind == *word)) {
        None => Ok(()),
        Some(kind) => Err(draft.keys.wrong("layer_types", "`indexed_attention` everywhere", kind)),
    }
}

/// Experts ranked by sigmoid and a correction, within groups, beside some that all tokens pass.
fn routed(draft: &mut Draft, class: &Routed) -> Result<()> {
    latent(draft, class.query, class.value)?;
    let keys = &mut draft.keys;
    for (key, only) in [("scoring_func", json!("sigmoid")), ("topk_method", json!("noaux_tc"))] {
        if let Some(value) = keys.value(key)
            && value != only
        {
            return Err(keys.wrong(key, &only.to_string(), &value));
        }
    }
    let (count, used, width) = class.experts;
    let count = keys.size("n_routed_experts", EXPERTS_MAX)?.unwrap_or(count);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(used);
    let width = keys.size("moe_intermediate_size", WIDTH_MAX)?.unwrap_or(width);
    let groups = keys.size("n_group", count)?.unwrap_or(class.groups.0);
    let chosen = keys.size("topk_group", groups)?.unwrap_or(class.groups.1.min(groups));
    if !count.is_multiple_of(groups) || count / groups * chosen < used {
        return Err(Error::input(format!(
            "`config.json`: {used} of {count} `n_routed_experts` cannot be chosen from {chosen} of {groups} groups"
        )));
    }
    draft.spec.experts = Some(Experts {
        shares: Shares::Sigmoid,
        normalized: keys.flag("norm_topk_prob")?.unwrap_or(true),
        scale: keys.positive("routed_scaling_factor")?.unwrap_or(class.scale),
        correction: true,
        groups: (groups > 1).then_some(Groups { count: groups, used: chosen, scored_by: 2 }),
        shared_size: width * keys.size("n_shared_experts", EXPERTS_MAX)?.unwrap_or(1),
        ..Experts::new(count, used, width)
    });
    let dense = keys.count("first_k_dense_replace")?.unwrap_or(class.dense);
    let layers = draft.spec.layers.len();
    let sparse: Vec<bool> = match keys.value("mlp_layer_types") {
        None => (0..layers).map(|i| i >= dense).collect(),
        Some(value) => {
            let kind = |kind: &Value| match kind.as_str() {
                Some("sparse") => Some(true),
                Some("dense") => Some(false),
                _ => None,
            };
            let list = value.as_array().filter(|list| list.len() == layers);
            let list = list.and_then(|list| list.iter().map(kind).collect());
            list.ok_or_else(|| {
                keys.wrong("mlp_layer_types", "`dense` or `sparse` for each layer", &value)
            })?
        }
    };
    draft.spec.layers.iter_mut().zip(sparse).for_each(|(layer, sparse)| layer.experts = sparse);
    Ok(())
}

fn deepseek_v2(draft: &mut Draft) -> Result<()> {
    latent(draft, 1536, 128)?;
    let spec = &mut draft.spec;
    let keys = &mut draft.keys;
    for (key, only) in [("scoring_func", json!("softmax")), ("norm_topk_prob", json!(false))] {
        if let Some(value) = keys.value(key)
            && value != only
        {
            return Err(keys.wrong(key, &only.to_string(), &value));
        }
    }
    let count = keys.size("n_routed_experts", EXPERTS_MAX)?.unwrap_or(64);
    let width = keys.size("moe_intermediate_size", WIDTH_MAX)?.unwrap_or(1407);
    let (groups, used_groups) = (keys.size("n_group", count)?, keys.size("topk_group", count)?);
    let groups = match keys.text("topk_method")?.as_deref() {
        None | Some("greedy") => None,
        Some("group_limited_greedy") => {
            let (Some(groups), Some(used)) = (groups, used_groups) else {
                return Err(keys.missing(if groups.is_none() { "n_group" } else { "topk_group" }));
            };
            if !count.is_multiple_of(groups) || used > groups {
                return Err(Error::input(format!(
                    "`config.json`: {count} `n_routed_experts` in {groups} `n_group` with `topk_group` {used} is impossible"
                )));
            }
            Some(Groups { count: groups, used, scored_by: 1 })
        }
        Some(other) => {
            return Err(Error::input(format!(
                "`config.json`: `topk_method` `{other}` is not supported in this version"
            )));
        }
    };
    let dense = keys.count("first_k_dense_replace")?.unwrap_or(0);
    let used = keys.required_size("num_experts_per_tok", count)?;
    spec.experts = Some(Experts {
        scale: keys.positive("routed_scaling_factor")?.unwrap_or(1.0),
        groups,
        shared_size: width * keys.size("n_shared_experts", EXPERTS_MAX)?.unwrap_or(2),
        ..Experts::new(count, used, width)
    });
    let layers = spec.layers.iter_mut().enumerate();
    layers.for_each(|(i, layer)| layer.experts = i >= dense);
    Ok(())
}
