//! OLMo, OLMo 2 and OLMo 3.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{NormKind, QkSpan};

/// Norms stand behind attention and MLP, and not before them.
pub(super) const BEHIND: Layout = Layout {
    attention_norm: "",
    attention_post_norm: "post_attention_layernorm",
    mlp_norm: "",
    mlp_post_norm: "post_feedforward_layernorm",
    ..LLAMA
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "OlmoForCausalLM",
        model_type: "olmo",
        // The class has no key for the epsilon.
        defaults: Defaults { eps: ("layer_norm_eps", 1e-5), ..DEFAULTS },
        read: olmo,
        ..BASE
    },
    Family {
        architecture: "Olmo2ForCausalLM",
        model_type: "olmo2",
        defaults: Defaults { eps: ("rms_norm_eps", 1e-5), ..DEFAULTS },
        layout: BEHIND,
        read: olmo2,
        ..BASE
    },
    Family {
        architecture: "Olmo3ForCausalLM",
        model_type: "olmo3",
        defaults: Defaults {
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, windowed: Some(None), ..ROPE },
            ..DEFAULTS
        },
        layout: BEHIND,
        read: |draft| {
            olmo2(draft)?;
            let window = draft.window(Some(4096))?;
            draft.windows_by_type(window, |i| (i + 1) % 4 != 0)?;
            draft.rope_by_window();
            Ok(())
        },
        ..BASE
    },
];

fn olmo(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.spec.norm.kind = NormKind::Layer;
    draft.spec.norm.weight = false;
    draft.spec.attention.clip = draft.keys.positive("clip_qkv")?;
    Ok(())
}

fn olmo2(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.spec.pre_norm = false;
    draft.spec.post_norm = true;
    draft.qk_norm(QkSpan::All);
    Ok(())
}
