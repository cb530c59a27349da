//! Mistral, Ministral and Mixtral.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::{Draft, EXPERTS_MAX};
use crate::model::layout::{self, LLAMA, Layout};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::Experts;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "MistralForCausalLM",
        model_type: "mistral",
        defaults: Defaults { kv_heads: Some(8), ..DEFAULTS },
        read: |draft| draft.window_everywhere(Some(4096)),
        ..BASE
    },
    Family {
        architecture: "MinistralForCausalLM",
        model_type: "ministral",
        defaults: Defaults { kv_heads: Some(8), ..DEFAULTS },
        read: |draft| {
            let window = draft.window(Some(4096))?;
            draft.windows_by_type(window, |_| true)
        },
        ..BASE
    },
    Family {
        architecture: "Ministral3ForCausalLM",
        model_type: "ministral3",
        defaults: Defaults {
            kv_heads: Some(8),
            head_dim: Some(128),
            eps: ("rms_norm_eps", 1e-5),
            ..DEFAULTS
        },
        read: ministral3,
        ..BASE
    },
    Family {
        architecture: "MixtralForCausalLM",
        model_type: "mixtral",
        defaults: Defaults {
            kv_heads: Some(8),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 1_000_000.0, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout {
            router: "block_sparse_moe.gate",
            experts: layout::ExpertLayout::Apart("block_sparse_moe.experts", ["w1", "w3", "w2"]),
            ..LLAMA
        },
        read: mixtral,
        ..BASE
    },
];

fn ministral3(draft: &mut Draft) -> Result<()> {
    // Where the config gives no rope the class has one of its own, which no published model relies on.
    if draft.spec.attention.growth.is_none() {
        return Err(Error::input(
            "`config.json`: `rope_parameters.llama_4_scaling_beta` is missing",
        ));
    }
    draft.window_everywhere(None)
}

fn mixtral(draft: &mut Draft) -> Result<()> {
    let keys = &mut draft.keys;
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(8);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(2);
    draft.spec.experts = Some(Experts {
        normalized: true,
        ..Experts::new(count, used, draft.spec.intermediate_size)
    });
    draft.spec.layers.iter_mut().for_each(|layer| layer.experts = true);
    draft.window_everywhere(None)
}
