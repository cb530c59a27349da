//! The text decoder of Llama 4: layers that see chunks of a text and are turned, and every few layers one that sees
//! all of it and is not.

use serde_json::Value;

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::{CONTEXT_MAX, Draft, EXPERTS_MAX, WIDTH_MAX};
use crate::model::layout::{self, LLAMA, Layout, Mlp};
use crate::model::rope::{ROPE, RopeDefaults};
use crate::model::spec::{Experts, Growth, Norm, NormKind, QkNorm, QkSpan, Shares};

pub(super) const FAMILIES: &[Family] =
    &[Family { architecture: "Llama4ForCausalLM", model_type: "llama4_text", ..LLAMA4 }];

const LLAMA4: Family = Family {
    defaults: Defaults {
        kv_heads: Some(8),
        head_dim: Some(128),
        eps: ("rms_norm_eps", 1e-5),
        rope: RopeDefaults { theta: 500_000.0, ..ROPE },
        ..DEFAULTS
    },
    layout: Layout {
        pairs: true,
        mlp: Mlp::Apart([
            "feed_forward.gate_proj",
            "feed_forward.up_proj",
            "feed_forward.down_proj",
        ]),
        router: "feed_forward.router",
        experts: layout::ExpertLayout::TurnedStacked(
            "feed_forward.experts.gate_up_proj",
            "feed_forward.experts.down_proj",
        ),
        shared: Mlp::Apart([
            "feed_forward.shared_expert.gate_proj",
            "feed_forward.shared_expert.up_proj",
            "feed_forward.shared_expert.down_proj",
        ]),
        ..LLAMA
    },
    read: llama4,
    ..BASE
};

fn llama4(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    let layers = draft.spec.layers.len();
    let keys = &mut draft.keys;
    if keys.flag("use_qk_norm")?.unwrap_or(true) {
        let norm = Norm {
            kind: NormKind::Rms,
            eps: draft.spec.norm.eps,
            weight: false,
            bias: false,
            offset: 0.0,
        };
        let norm = QkNorm { norm, span: QkSpan::Head, after_rope: true, turned_only: true };
        draft.spec.attention.qk_norm = Some(norm);
    }
    let interval = keys.size("no_rope_layer_interval", 1 << 10)?.unwrap_or(4);
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let turned: Vec<bool> = match keys.value("no_rope_layers").filter(|value| !empty(value)) {
        None => (0..layers).map(|i| (i + 1) % interval != 0).collect(),
        Some(value) => {
            let one = |one: &Value| one.as_u64().filter(|&n| n < 2).map(|n| n == 1);
            let list = value.as_array().filter(|list| list.len() == layers);
            let turned = list.and_then(|list| list.iter().map(one).collect());
            turned.ok_or_else(|| {
                keys.wrong("no_rope_layers", &format!("{layers} zeros and ones"), &value)
            })?
        }
    };
    let mentioned = keys.has("attention_chunk_size");
    let chunk = keys.size("attention_chunk_size", CONTEXT_MAX)?;
    let chunk = if mentioned { chunk } else { Some(8192) };
    let chunked: Vec<bool> = match keys.value("layer_types") {
        None => turned.clone(),
        Some(value) => {
            let kind = |kind: &Value| match kind.as_str() {
                Some("chunked_attention") => Some(true),
                Some("full_attention") => Some(false),
                _ => None,
            };
            let list = value.as_array().filter(|list| list.len() == layers);
            let list = list.and_then(|list| list.iter().map(kind).collect());
            let wanted = "`chunked_attention` or `full_attention` for each layer";
            list.ok_or_else(|| keys.wrong("layer_types", wanted, &value))?
        }
    };
    if keys.flag("attn_temperature_tuning")?.unwrap_or(true) {
        let beta = keys.positive("attn_scale")?.unwrap_or(0.1);
        let context = keys.size("floor_scale", CONTEXT_MAX)?.unwrap_or(8192);
        draft.spec.attention.growth = Some(Growth { beta, context, from: 1, unturned_only: true });
    } else {
        keys.value("attn_scale");
        keys.value("floor_scale");
    }
    let width = draft.spec.intermediate_size;
    let dense = keys.size("intermediate_size_mlp", WIDTH_MAX)?.unwrap_or(16_384);
    draft.spec.intermediate_size = dense;
    let count = keys.size("num_local_experts", EXPERTS_MAX)?.unwrap_or(16);
    let used = keys.size("num_experts_per_tok", count)?.unwrap_or(1);
    let step = keys.size("interleave_moe_layer_step", 1 << 10)?.unwrap_or(1);
    let experts: Vec<bool> = match keys.value("moe_layers") {
        None => (0..layers).map(|i| (i + 1) % step == 0).collect(),
        Some(value) => {
            let list = value
                .as_array()
                .and_then(|list| list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
            let list = list.ok_or_else(|| keys.wrong("moe_layers", "a list of layers", &value))?;
            (0..layers).map(|i| list.contains(&(i as u64))).collect()
        }
    };
    // Of a release that was never published.
    if keys.flag("for_llm_compressor")? == Some(true) {
        return Err(Error::input(
            "`config.json`: `for_llm_compressor` is not supported in this version",
        ));
    }
    draft.spec.experts = Some(Experts {
        shares: Shares::Sigmoid,
        before: true,
        shared_size: width,
        ..Experts::new(count, used, width)
    });
    for (i, layer) in draft.spec.layers.iter_mut().enumerate() {
        layer.rope = turned[i].then_some(0);
        layer.window = chunk.filter(|_| chunked[i]);
        layer.chunked = layer.window.is_some();
        layer.experts = experts[i];
    }
    Ok(())
}
