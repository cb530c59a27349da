//! StableLM 2 and StarCoder 2: layer norms with a bias.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, Mlp, QkNorms};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Norm, NormKind, Parallel, QkNorm, QkSpan};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "StableLmForCausalLM",
        model_type: "stablelm",
        defaults: Defaults {
            kv_heads: Some(32),
            eps: ("layer_norm_eps", 1e-5),
            rope: RopeDefaults { share: 0.25, partial: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            qk_norm: QkNorms::Many("self_attn.q_layernorm", "self_attn.k_layernorm"),
            ..LLAMA
        },
        read: stablelm,
        ..BASE
    },
    Family {
        architecture: "Starcoder2ForCausalLM",
        model_type: "starcoder2",
        defaults: Defaults {
            kv_heads: Some(2),
            eps: ("norm_epsilon", 1e-5),
            activation: ("hidden_act", "gelu_pytorch_tanh"),
            tied: true,
            ..DEFAULTS
        },
        layout: Layout { mlp: Mlp::Plain("mlp.c_fc", "mlp.c_proj"), ..LLAMA },
        read: starcoder2,
        ..BASE
    },
];

fn stablelm(draft: &mut Draft) -> Result<()> {
    let (keys, spec) = (&mut draft.keys, &mut draft.spec);
    spec.norm.kind = NormKind::Layer;
    spec.norm.bias = true;
    spec.attention.qkv_bias = keys.flag("use_qkv_bias")?.unwrap_or(false);
    if keys.flag("use_parallel_residual")?.unwrap_or(false) {
        spec.parallel = Parallel::OneNorm;
    }
    if keys.flag("qk_layernorm")?.unwrap_or(false) {
        let norm = Norm { bias: false, ..spec.norm };
        spec.attention.qk_norm =
            Some(QkNorm { norm, span: QkSpan::OwnHead, after_rope: false, turned_only: false });
    }
    Ok(())
}

fn starcoder2(draft: &mut Draft) -> Result<()> {
    let bias = draft.keys.flag("use_bias")?.unwrap_or(true);
    // Words of the released configs for what the class does in any case.
    draft.keys.value("mlp_type");
    draft.keys.value("norm_type");
    // What an earlier class read; this one reads `hidden_act` and always scales.
    for key in ["activation_function", "scale_attn_weights", "inference_runner"] {
        draft.keys.value(key);
    }
    let spec = &mut draft.spec;
    spec.norm.kind = NormKind::Layer;
    spec.norm.bias = true;
    spec.attention.qkv_bias = bias;
    spec.attention.output_bias = bias;
    spec.mlp.gated = false;
    spec.mlp.bias = bias;
    draft.window_everywhere(None)
}
