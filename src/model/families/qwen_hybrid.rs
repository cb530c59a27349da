//! Qwen3-Next and Qwen3.5, dense and with experts: three layers of the gated delta rule to one of gated attention.

use serde_json::Value;

use super::qwen::experts;
use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::delta::Delta;
use crate::model::draft::{Draft, HEAD_DIM_MAX, HEADS_MAX, WIDTH_MAX};
use crate::model::layout::{self, Deltas, LLAMA, Layout, Qkv};
use crate::model::named::CONFIG;
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::QkSpan;

const HYBRID: Defaults = Defaults {
    head_dim: Some(256),
    rope: RopeDefaults { share: 0.25, partial: true, ..ROPE },
    ..DEFAULTS
};

/// Qwen3.5 also sees.
const SEEING: Defaults = Defaults { rope: RopeDefaults { places: true, ..HYBRID.rope }, ..HYBRID };

/// The longest convolution that is read; published ones see 4 tokens.
const KERNEL_MAX: usize = 64;

/// Layers that guess ahead give no logit of their own.
const GATED: Layout = Layout { qkv: Qkv::Gated, idle: &["*.rotary_emb.inv_freq", "mtp."], ..LLAMA };

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "Qwen3NextForCausalLM",
        model_type: "qwen3_next",
        defaults: Defaults { kv_heads: Some(2), ..HYBRID },
        layout: Layout { deltas: Deltas::ByHead, ..GATED },
        read: |draft| {
            hybrid(draft)?;
            // Unlike that of Qwen3, this class normalises where the config does not say.
            draft.keys.fill("norm_topk_prob", true.into());
            mixture(draft, 512, 10)
        },
        ..BASE
    },
    Family {
        architecture: "Qwen3_5ForCausalLM",
        model_type: "qwen3_5_text",
        defaults: Defaults { kv_heads: Some(4), ..SEEING },
        layout: GATED,
        read: hybrid,
        ..BASE
    },
    Family {
        architecture: "Qwen3_5MoeForCausalLM",
        model_type: "qwen3_5_moe_text",
        defaults: Defaults { kv_heads: Some(2), ..SEEING },
        layout: Layout {
            stacks: Some(layout::ExpertLayout::Stacked(
                "mlp.experts.gate_up_proj",
                "mlp.experts.down_proj",
            )),
            ..GATED
        },
        // All layers have experts: nothing is as wide as this key says.
        prepare: |keys| {
            keys.fill("intermediate_size", 1.into());
            Ok(())
        },
        read: |draft| {
            hybrid(draft)?;
            // The class normalises whatever the config says.
            draft.keys.value("norm_topk_prob");
            mixture(draft, 256, 8)?;
            draft.spec.experts.iter_mut().for_each(|experts| experts.normalized = true);
            Ok(())
        },
        ..BASE
    },
];

fn mixture(draft: &mut Draft, count: usize, used: usize) -> Result<()> {
    let shared = draft.keys.size("shared_expert_intermediate_size", WIDTH_MAX)?.unwrap_or(512);
    experts(draft, count, used, 512, shared)
}

/// What all of them have in common.
fn hybrid(draft: &mut Draft) -> Result<()> {
    draft.spec.norm.offset = 1.0;
    draft.spec.attention.output_gate = true;
    draft.attention_bias("attention_bias", false)?;
    draft.qk_norm(QkSpan::Head);
    let keys = &mut draft.keys;
    if keys.flag("attn_output_gate")? == Some(false) {
        return Err(Error::input(format!(
            "`{CONFIG}`: `attn_output_gate` false is not supported in this version"
        )));
    }
    let delta = Delta {
        key_heads: keys.size("linear_num_key_heads", HEADS_MAX)?.unwrap_or(16),
        value_heads: keys.size("linear_num_value_heads", HEADS_MAX)?.unwrap_or(32),
        key_dim: keys.size("linear_key_head_dim", HEAD_DIM_MAX)?.unwrap_or(128),
        value_dim: keys.size("linear_value_head_dim", HEAD_DIM_MAX)?.unwrap_or(128),
        kernel: keys.size("linear_conv_kernel_dim", KERNEL_MAX)?.unwrap_or(4),
    };
    if delta.kernel == 1 {
        return Err(Error::input(format!(
            "`{CONFIG}`: `linear_conv_kernel_dim` 1 is not supported in this version"
        )));
    }
    if !delta.value_heads.is_multiple_of(delta.key_heads) {
        return Err(Error::input(format!(
            "`{CONFIG}`: {} `linear_num_value_heads` cannot share {} `linear_num_key_heads`",
            delta.value_heads, delta.key_heads
        )));
    }
    let count = draft.spec.layers.len();
    let interval = draft.keys.size("full_attention_interval", count.max(4))?.unwrap_or(4);
    let deltas: Vec<bool> = match draft.keys.value("layer_types") {
        None => (1..=count).map(|number| number % interval != 0).collect(),
        Some(value) => {
            let kind = |kind: &Value| match kind.as_str() {
                Some("linear_attention") => Some(true),
                Some("full_attention") => Some(false),
                _ => None,
            };
            let list = value.as_array().filter(|list| list.len() == count);
            let wanted = format!("a list of {count} times `linear_attention` or `full_attention`");
            list.and_then(|list| list.iter().map(kind).collect())
                .ok_or_else(|| draft.keys.wrong("layer_types", &wanted, &value))?
        }
    };
    for (layer, delta) in draft.spec.layers.iter_mut().zip(deltas) {
        layer.delta = delta;
        layer.rope = layer.rope.filter(|_| !delta);
    }
    draft.spec.delta = Some(delta);
    Ok(())
}
