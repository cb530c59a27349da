//! Apertus.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::Draft;
use crate::model::layout::{LLAMA, Layout, Mlp};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::QkSpan;

pub(super) const FAMILIES: &[Family] = &[Family {
    architecture: "ApertusForCausalLM",
    model_type: "apertus",
    defaults: Defaults {
        eps: ("rms_norm_eps", 1e-5),
        activation: ("hidden_act", "xielu"),
        rope: RopeDefaults { theta: 12_000_000.0, ..ROPE },
        ..DEFAULTS
    },
    layout: Layout {
        attention_norm: "attention_layernorm",
        mlp_norm: "feedforward_layernorm",
        mlp: Mlp::Plain("mlp.up_proj", "mlp.down_proj"),
        ..LLAMA
    },
    read: apertus,
    ..BASE
}];

fn apertus(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.mlp_bias()?;
    draft.qk_norm(QkSpan::Head);
    // A choice of the training code that no release has on.
    if draft.keys.flag("post_norm")? == Some(true) {
        return Err(Error::input("`config.json`: `post_norm` is not supported for Apertus"));
    }
    draft.spec.mlp.gated = false;
    Ok(())
}
