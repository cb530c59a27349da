//! Command-R, Command-R+, Command-R7B and Aya.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, QkNorms};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{NormKind, Parallel, QkSpan};

const LAYOUT: Layout = Layout {
    mlp_norm: "",
    qk_norm: QkNorms::Rows("self_attn.q_norm", "self_attn.k_norm"),
    pairs: true,
    ..LLAMA
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "CohereForCausalLM",
        model_type: "cohere",
        defaults: Defaults {
            eps: ("layer_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, ..ROPE },
            tied: true,
            ..DEFAULTS
        },
        layout: LAYOUT,
        read: |draft| {
            common(draft)?;
            if draft.keys.flag("use_qk_norm")?.unwrap_or(false) {
                draft.qk_norm(QkSpan::OwnHead);
            }
            Ok(())
        },
        ..BASE
    },
    Family {
        architecture: "Cohere2ForCausalLM",
        model_type: "cohere2",
        defaults: Defaults { eps: ("layer_norm_eps", 1e-5), tied: true, ..DEFAULTS },
        layout: LAYOUT,
        read: cohere2,
        ..BASE
    },
];

fn common(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.spec.norm.kind = NormKind::Layer;
    draft.spec.parallel = Parallel::OneNorm;
    draft.spec.logit_scale = draft.keys.positive("logit_scale")?.unwrap_or(0.0625);
    Ok(())
}

/// Layers with a window are turned, the others are not.
fn cohere2(draft: &mut Draft) -> Result<()> {
    common(draft)?;
    let window = draft.window(Some(4096))?;
    let pattern = draft.window_pattern(4)?;
    // Words of the released config for what the class does in any case.
    for key in ["order_of_interleaved_layers", "position_embedding_type", "rotary_pct"] {
        draft.keys.value(key);
    }
    for key in [
        "use_embedding_sharing",
        "use_gated_activation",
        "use_parallel_block",
        "use_parallel_embedding",
    ] {
        draft.keys.value(key);
    }
    draft.keys.value("layer_switch");
    draft.windows_by_type(window, |i| (i + 1) % pattern != 0)?;
    for layer in &mut draft.spec.layers {
        layer.rope = layer.window.map(|_| 0);
    }
    Ok(())
}
