//! Granite 3 and those of Granite 4 whose layers are all attention.

use super::{BASE, Family};
use crate::error::{Error, Result};
use crate::model::draft::{Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::layout::{self, LLAMA, Layout, Mlp};
use crate::model::spec::{Experts, Shares};

const SHARED: Mlp = Mlp::Together("shared_mlp.input_linear", "shared_mlp.output_linear");

const WITH_EXPERTS: Layout = Layout {
    router: "block_sparse_moe.router.layer",
    experts: layout::ExpertLayout::Stacked(
        "block_sparse_moe.input_linear.weight",
        "block_sparse_moe.output_linear.weight",
    ),
    ..LLAMA
};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architecture: "GraniteForCausalLM",
        model_type: "granite",
        read: |draft| {
            factors(draft)?;
            draft.mlp_bias()
        },
        ..BASE
    },
    Family {
        architecture: "GraniteMoeForCausalLM",
        model_type: "granitemoe",
        layout: WITH_EXPERTS,
        read: |draft| {
            factors(draft)?;
            experts(draft, 0)
        },
        ..BASE
    },
    Family {
        architecture: "GraniteMoeHybridForCausalLM",
        model_type: "granitemoehybrid",
        layout: Layout { mlp: SHARED, shared: SHARED, ..WITH_EXPERTS },
        read: hybrid,
        ..BASE
    },
];

/// The four factors of the family.
fn factors(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    let (keys, spec) = (&mut draft.keys, &mut draft.spec);
    spec.embedding_scale = keys.positive("embedding_multiplier")?.unwrap_or(1.0);
    spec.residual_scale = keys.positive("residual_multiplier")?.unwrap_or(1.0);
    spec.attention.scale = keys.positive("attention_multiplier")?.unwrap_or(1.0);
    spec.logit_scale = 1.0 / keys.positive("logits_scaling")?.unwrap_or(1.0);
    Ok(())
}

fn experts(draft: &mut Draft, shared_size: usize) -> Result<()> {
    let keys = &mut draft.keys;
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(8);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(2);
    draft.spec.experts = Some(Experts {
        shares: Shares::SoftmaxOfChosen,
        shared_size,
        ..Experts::new(count, used, draft.spec.intermediate_size)
    });
    draft.spec.layers.iter_mut().for_each(|layer| layer.experts = true);
    Ok(())
}

fn hybrid(draft: &mut Draft) -> Result<()> {
    factors(draft)?;
    // Sizes of layers that are not there change nothing.
    draft.keys.retain(|key, _| !key.starts_with("mamba_"));
    draft.keys.value("time_step_limit");
    draft.keys.value("layers_block_type");
    draft.keys.value("normalization_function");
    draft.keys.value("init_method");
    let types = draft.keys.value("layer_types");
    let types = types.as_ref().and_then(|types| types.as_array()).cloned().unwrap_or_default();
    let attention = |kind: &serde_json::Value| kind == "attention" || kind == "full_attention";
    if types.len() != draft.spec.layers.len() || !types.iter().all(attention) {
        return Err(Error::input(
            "`config.json`: `layer_types` has layers of another kind than attention, which are not supported in this version",
        )
        .hint("of Granite 4, the models without Mamba layers work (the `micro` and `nano` ones without `h`)"));
    }
    match draft.keys.text("position_embedding_type")?.as_deref() {
        Some("rope") => {}
        None | Some("nope") => draft.spec.layers.iter_mut().for_each(|layer| layer.rope = None),
        Some(other) => {
            return Err(Error::input(format!(
                "`config.json`: `position_embedding_type` `{other}` is not supported in this version"
            )));
        }
    }
    let shared = draft.keys.size("shared_intermediate_size", WIDTH_MAX)?.unwrap_or(1024);
    if draft.keys.has_zero("num_local_experts") {
        draft.keys.value("num_local_experts");
        draft.keys.value("num_experts_per_tok");
        draft.spec.intermediate_size = shared;
        return Ok(());
    }
    experts(draft, shared)
}
