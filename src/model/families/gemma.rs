//! Gemma, Gemma 2 and Gemma 3.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Activation, QkSpan};

const SANDWICH: Layout = Layout {
    attention_post_norm: "post_attention_layernorm",
    mlp_norm: "pre_feedforward_layernorm",
    mlp_post_norm: "post_feedforward_layernorm",
    ..LLAMA
};

const GEMMA_2: Defaults = Defaults {
    kv_heads: Some(4),
    head_dim: Some(256),
    activation: ("hidden_activation", "gelu_pytorch_tanh"),
    tied: true,
    ..DEFAULTS
};

const GEMMA_3: Defaults = Defaults {
    rope: RopeDefaults { theta: 1_000_000.0, windowed: Some(Some(10_000.0)), ..ROPE },
    ..GEMMA_2
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "GemmaForCausalLM",
        model_type: "gemma",
        defaults: Defaults {
            kv_heads: Some(16),
            activation: ("hidden_act", "gelu_pytorch_tanh"),
            ..GEMMA_2
        },
        read: gemma,
        ..BASE
    },
    Family {
        architecture: "Gemma2ForCausalLM",
        model_type: "gemma2",
        defaults: GEMMA_2,
        layout: SANDWICH,
        read: gemma2,
        ..BASE
    },
    Family {
        architecture: "Gemma3ForCausalLM",
        model_type: "gemma3_text",
        defaults: GEMMA_3,
        layout: SANDWICH,
        read: gemma3,
        ..BASE
    },
];

/// What the three have in common: norm weights are stored less 1, and embeddings are made larger.
fn common(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.spec.norm.offset = 1.0;
    draft.spec.embedding_scale = (draft.spec.hidden_size as f64).sqrt();
    Ok(())
}

fn gemma(draft: &mut Draft) -> Result<()> {
    // The released configs say `gelu` where the tanh approximation is meant; a later key says so.
    draft.keys.value("hidden_activation");
    draft.spec.mlp.activation = Activation::GeluTanh;
    common(draft)
}

/// Scale, softcaps and post norms.
fn capped(draft: &mut Draft, score_cap: Option<f64>, logit_cap: Option<f64>) -> Result<()> {
    common(draft)?;
    draft.keys.value("hidden_act");
    let keys = &mut draft.keys;
    let scalar = keys.positive("query_pre_attn_scalar")?.unwrap_or(256.0);
    let mut cap = |key: &str, missing| {
        let mentioned = keys.has(key);
        let cap = keys.positive(key)?;
        Ok::<_, Error>(if mentioned { cap } else { missing })
    };
    let spec = &mut draft.spec;
    spec.attention.softcap = cap("attn_logit_softcapping", score_cap)?;
    spec.logit_softcap = cap("final_logit_softcapping", logit_cap)?;
    spec.attention.scale = 1.0 / scalar.sqrt();
    spec.post_norm = true;
    Ok(())
}

fn gemma2(draft: &mut Draft) -> Result<()> {
    capped(draft, Some(50.0), Some(30.0))?;
    let window = draft.window(Some(4096))?;
    // Early releases name a size that the cache had.
    draft.keys.value("sliding_window_size");
    draft.windows_by_type(window, |i| i % 2 == 0)
}

fn gemma3(draft: &mut Draft) -> Result<()> {
    capped(draft, None, None)?;
    draft.qk_norm(QkSpan::Head);
    let window = draft.window(Some(4096))?;
    let pattern = draft.window_pattern(6)?;
    draft.windows_by_type(window, |i| (i + 1) % pattern != 0)?;
    draft.rope_by_window();
    Ok(())
}
