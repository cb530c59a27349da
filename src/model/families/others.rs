//! Architectures that differ from Llama in a switch or two.

use super::{BASE, DEFAULTS, Defaults, Family, olmo};
use crate::error::{Error, Result};
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, Mlp, QkNorms};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{NormKind, QkSpan};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "SeedOssForCausalLM",
        model_type: "seed_oss",
        defaults: Defaults { kv_heads: Some(8), head_dim: Some(128), ..DEFAULTS },
        read: |draft| {
            draft.attention_bias("attention_bias", true)?;
            let output = draft.keys.flag("attention_out_bias")?;
            draft.spec.attention.output_bias = output.unwrap_or(false);
            draft.mlp_bias()
        },
        ..BASE
    },
    Family {
        architecture: "Ernie4_5ForCausalLM",
        model_type: "ernie4_5",
        defaults: Defaults {
            kv_heads: Some(2),
            head_dim: Some(128),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, ..ROPE },
            tied: true,
            ..DEFAULTS
        },
        layout: Layout { pairs: true, ..LLAMA },
        read: |draft| {
            draft.attention_bias("use_bias", false)?;
            draft.spec.mlp.bias = draft.spec.attention.qkv_bias;
            Ok(())
        },
        ..BASE
    },
    Family {
        architecture: "HeliumForCausalLM",
        model_type: "helium",
        defaults: Defaults {
            kv_heads: Some(20),
            head_dim: Some(128),
            eps: ("rms_norm_eps", 1e-8),
            rope: RopeDefaults { theta: 100_000.0, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout { pairs: true, ..LLAMA },
        read: |draft| {
            draft.spec.attention.qkv_bias = draft.keys.flag("attention_bias")?.unwrap_or(false);
            draft.mlp_bias()
        },
        ..BASE
    },
    Family {
        architecture: "HunYuanDenseV1ForCausalLM",
        model_type: "hunyuan_v1_dense",
        defaults: Defaults {
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { alpha: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            qk_norm: QkNorms::One("self_attn.query_layernorm", "self_attn.key_layernorm"),
            ..LLAMA
        },
        read: |draft| {
            draft.attention_bias("attention_bias", false)?;
            if draft.keys.flag("use_qk_norm")? == Some(false) {
                return Err(Error::input(
                    "`config.json`: `use_qk_norm` false is not supported for HunYuan",
                ));
            }
            draft.qk_norm(QkSpan::Head);
            draft.spec.attention.qk_norm.iter_mut().for_each(|norm| norm.after_rope = true);
            Ok(())
        },
        ..BASE
    },
    Family {
        architecture: "Exaone4ForCausalLM",
        model_type: "exaone4",
        defaults: Defaults { kv_heads: Some(32), eps: ("rms_norm_eps", 1e-5), ..DEFAULTS },
        layout: olmo::BEHIND,
        read: exaone4,
        ..BASE
    },
    Family {
        architecture: "NemotronForCausalLM",
        model_type: "nemotron",
        defaults: Defaults {
            eps: ("norm_eps", 1e-5),
            activation: ("hidden_act", "relu2"),
            rope: RopeDefaults { share: 0.5, partial: true, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout { mlp: Mlp::Plain("mlp.up_proj", "mlp.down_proj"), ..LLAMA },
        read: |draft| {
            draft.attention_bias("attention_bias", false)?;
            draft.mlp_bias()?;
            let spec = &mut draft.spec;
            spec.norm.kind = NormKind::Layer;
            spec.norm.bias = true;
            spec.norm.offset = 1.0;
            spec.mlp.gated = false;
            Ok(())
        },
        ..BASE
    },
];

/// Where some layers have windows, those without are not turned.
fn exaone4(draft: &mut Draft) -> Result<()> {
    draft.spec.pre_norm = false;
    draft.spec.post_norm = true;
    draft.qk_norm(QkSpan::Head);
    let window = draft.window(Some(4096))?;
    let pattern = match draft.keys.value("sliding_window_pattern") {
        None => 4,
        Some(value) => match (value.as_u64(), value.as_str()) {
            (Some(n), _) if n < 1 << 10 => n as usize,
            // `LLLG`: three layers with a window, then one without.
            (_, Some(word)) if !word.is_empty() => word.len(),
            _ => {
                return Err(draft.keys.wrong(
                    "sliding_window_pattern",
                    "a number or a word",
                    &value,
                ));
            }
        },
    };
    let count = draft.spec.layers.len();
    draft.windows_by_type(window, |i| pattern > 0 && (i + 1) % pattern != 0 && i + 1 < count)?;
    for layer in &mut draft.spec.layers {
        layer.rope = (window.is_none() || layer.window.is_some()).then_some(0);
    }
    Ok(())
}
