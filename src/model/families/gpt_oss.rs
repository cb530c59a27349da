//! gpt-oss.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::Result;
use crate::model::draft::{Draft, EXPERTS_MAX};
use crate::model::layout::{self, LLAMA, Layout};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Activation, Experts, Shares};

pub(super) const FAMILIES: &[Family] = &[Family {
    architecture: "GptOssForCausalLM",
    model_type: "gpt_oss",
    defaults: Defaults {
        kv_heads: Some(8),
        head_dim: Some(64),
        eps: ("rms_norm_eps", 1e-5),
        rope: RopeDefaults { theta: 150_000.0, ..ROPE },
        ..DEFAULTS
    },
    layout: Layout {
        router: "mlp.router",
        experts: layout::ExpertLayout::TurnedAndMixed(
            "mlp.experts.gate_up_proj",
            "mlp.experts.down_proj",
        ),
        ..LLAMA
    },
    read: gpt_oss,
    ..BASE
}];

fn gpt_oss(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", true)?;
    draft.spec.attention.sinks = true;
    let window = draft.window(Some(128))?;
    draft.windows_by_type(window, |i| i % 2 == 0)?;
    let keys = &mut draft.keys;
    // A second name for the original context, and one for the experts in use.
    keys.value("initial_context_length");
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(128);
    let used = keys.size("num_experts_per_tok", count)?;
    let used = used.or(keys.size("experts_per_token", count)?).unwrap_or(4);
    keys.value("experts_per_token");
    draft.spec.mlp.bias = true;
    draft.spec.mlp.activation = Activation::ClampedSwish {
        alpha: keys.positive("swiglu_alpha")?.unwrap_or(1.702),
        limit: keys.positive("swiglu_limit")?.unwrap_or(7.0),
    };
    draft.spec.experts = Some(Experts {
        shares: Shares::SoftmaxOfChosen,
        router_bias: true,
        ..Experts::new(count, used, draft.spec.intermediate_size)
    });
    draft.spec.layers.iter_mut().for_each(|layer| layer.experts = true);
    Ok(())
}
