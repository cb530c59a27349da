//! DeepSeek-V2 and V2-Lite.

use serde_json::json;

use super::{BASE, Family};
use crate::error::{Error, Result};
use crate::model::config::{Draft, EXPERTS_MAX, HEAD_DIM_MAX, WIDTH_MAX};
use crate::model::json::Keys;
use crate::model::layout::{LLAMA, Layout, Mlp, Qkv};
use crate::model::spec::{Experts, Groups, Latent};

pub(super) const FAMILIES: &[Family] = &[Family {
    architecture: "DeepseekV2ForCausalLM",
    model_type: "deepseek_v2",
    layout: Layout {
        qkv: Qkv::Latent,
        shared: Mlp::Apart([
            "mlp.shared_experts.gate_proj",
            "mlp.shared_experts.up_proj",
            "mlp.shared_experts.down_proj",
        ]),
        ..LLAMA
    },
    head_width: Some(head_width),
    turned_width: Some(turned_width),
    read: deepseek_v2,
    ..BASE
}];

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

fn deepseek_v2(draft: &mut Draft) -> Result<()> {
    if draft.keys.flag("attention_bias")? == Some(true) {
        return Err(Error::input(
            "`config.json`: `attention_bias` is not supported for DeepSeek-V2",
        ));
    }
    draft.mlp_bias()?;
    draft.spec.attention.scale *= draft.score_factor;
    let spec = &mut draft.spec;
    let keys = &mut draft.keys;
    if spec.kv_heads != spec.heads {
        return Err(Error::input(
            "`config.json`: `num_key_value_heads` must be `num_attention_heads` for DeepSeek-V2",
        ));
    }
    spec.value_dim = keys.size("v_head_dim", HEAD_DIM_MAX)?.unwrap_or(128);
    let mentioned = keys.has("q_lora_rank");
    let query_width = keys.size("q_lora_rank", WIDTH_MAX)?;
    spec.attention.latent = Some(Latent {
        query_width: if mentioned { query_width } else { Some(1536) },
        width: keys.size("kv_lora_rank", WIDTH_MAX)?.unwrap_or(512),
        eps: LATENT_EPS,
    });

    // Training, and what follows from other keys.
    for key in ["aux_loss_alpha", "seq_aux", "ep_size", "num_nextn_predict_layers", "qk_head_dim"] {
        keys.value(key);
    }
    for (key, only) in [
        ("scoring_func", json!("softmax")),
        ("moe_layer_freq", json!(1)),
        ("norm_topk_prob", json!(false)),
    ] {
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
