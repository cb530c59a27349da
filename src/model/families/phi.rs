//! Phi-2, Phi-3, Phi-3.5, Phi-4 and Phi-4-mini.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, Mlp, Qkv};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{NormKind, Parallel};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "Phi3ForCausalLM",
        model_type: "phi3",
        defaults: Defaults {
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { partial: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            qkv: Qkv::Together("self_attn.qkv_proj"),
            mlp: Mlp::Together("mlp.gate_up_proj", "mlp.down_proj"),
            ..LLAMA
        },
        read: phi3,
        ..BASE
    },
    Family {
        architecture: "PhiForCausalLM",
        model_type: "phi",
        defaults: Defaults {
            eps: ("layer_norm_eps", 1e-5),
            activation: ("hidden_act", "gelu_new"),
            rope: RopeDefaults { share: 0.5, partial: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            final_norm: "final_layernorm",
            attention_output: "self_attn.dense",
            mlp: Mlp::Plain("mlp.fc1", "mlp.fc2"),
            ..LLAMA
        },
        read: phi,
        ..BASE
    },
];

fn phi3(draft: &mut Draft) -> Result<()> {
    // The classes give the layers no bias whatever these say; no release has them on.
    for key in ["attention_bias", "mlp_bias", "lm_head_bias"] {
        if draft.keys.flag(key)? == Some(true) {
            return Err(Error::input(format!("`config.json`: `{key}` is not supported for Phi-3")));
        }
    }
    // A second name for the same, of releases with code of their own.
    draft.keys.value("full_attn_mod");
    draft.keys.value("interpolate_factor");
    draft.window_everywhere(None)
}

fn phi(draft: &mut Draft) -> Result<()> {
    if draft.keys.flag("qk_layernorm")? == Some(true) {
        return Err(Error::input("`config.json`: `qk_layernorm` is not supported for Phi"));
    }
    let spec = &mut draft.spec;
    spec.norm.kind = NormKind::Layer;
    spec.norm.bias = true;
    spec.parallel = Parallel::OneNorm;
    spec.attention.qkv_bias = true;
    spec.attention.output_bias = true;
    spec.mlp.gated = false;
    spec.mlp.bias = true;
    spec.output_bias = true;
    Ok(())
}
