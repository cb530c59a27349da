//! GPT-NeoX and Pythia.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, Mlp, Qkv};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{NormKind, Parallel};

pub(super) const FAMILIES: &[Family] = &[Family {
    architecture: "GPTNeoXForCausalLM",
    model_type: "gpt_neox",
    defaults: Defaults {
        eps: ("layer_norm_eps", 1e-5),
        activation: ("hidden_act", "gelu"),
        rope: RopeDefaults { share: 0.25, partial: true, ..ROPE },
        ..DEFAULTS
    },
    layout: Layout {
        root: "gpt_neox.",
        embedding: "embed_in",
        final_norm: "final_layer_norm",
        output: "embed_out",
        qkv: Qkv::ByHead("attention.query_key_value"),
        attention_output: "attention.dense",
        mlp: Mlp::Plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        // Causal masks and rotary tables of old checkpoints.
        idle: &["*.attention.bias", "*.attention.masked_bias", "*.rotary_emb.inv_freq"],
        ..LLAMA
    },
    read: gpt_neox,
    ..BASE
}];

fn gpt_neox(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", true)?;
    draft.keys.value("classifier_dropout");
    let spec = &mut draft.spec;
    spec.norm.kind = NormKind::Layer;
    spec.norm.bias = true;
    spec.mlp.gated = false;
    spec.mlp.bias = true;
    if draft.keys.flag("use_parallel_residual")?.unwrap_or(true) {
        spec.parallel = Parallel::TwoNorms;
    }
    Ok(())
}
