//! Llama 2, 3, 3.1, 3.2, 3.3 and what was built to their plan: SmolLM3 leaves the rotation out of every
//! fourth layer, Arcee has another MLP.

use super::{BASE, DEFAULTS, Defaults, Family};
use crate::error::{Error, Result};
use crate::model::draft::Draft;
use crate::model::json::Keys;
use crate::model::layout::{LLAMA, Layout, Mlp};
use crate::model::rope::{ROPE, RopeDefaults};

pub(super) const FAMILIES: &[Family] = &[
    Family { architecture: "LlamaForCausalLM", model_type: "llama", read: llama, ..BASE },
    Family {
        architecture: "MllamaForCausalLM",
        model_type: "mllama_text_model",
        defaults: Defaults {
            kv_heads: Some(8),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, ..ROPE },
            ..DEFAULTS
        },
        layout: Layout { more_rows: true, ..LLAMA },
        read: mllama,
        ..BASE
    },
    Family {
        architecture: "ExaoneForCausalLM",
        model_type: "exaone",
        defaults: Defaults {
            kv_heads: Some(8),
            eps: ("rms_norm_eps", 1e-5),
            rope: RopeDefaults { theta: 500_000.0, ..ROPE },
            ..DEFAULTS
        },
        prepare: exaone,
        read: llama,
        ..BASE
    },
    Family {
        architecture: "SmolLM3ForCausalLM",
        model_type: "smollm3",
        defaults: Defaults {
            kv_heads: Some(4),
            rope: RopeDefaults { theta: 2_000_000.0, ..ROPE },
            tied: true,
            ..DEFAULTS
        },
        read: smollm3,
        ..BASE
    },
    Family {
        architecture: "ArceeForCausalLM",
        model_type: "arcee",
        defaults: Defaults {
            eps: ("rms_norm_eps", 1e-5),
            activation: ("hidden_act", "relu2"),
            ..DEFAULTS
        },
        layout: Layout { mlp: Mlp::Plain("mlp.up_proj", "mlp.down_proj"), ..LLAMA },
        read: |draft| {
            draft.spec.mlp.gated = false;
            llama(draft)
        },
        ..BASE
    },
];

/// The text of Llama 3.2 Vision: without a picture, the layers that look at it are passed by.
fn mllama(draft: &mut Draft) -> Result<()> {
    let count = draft.spec.layers.len();
    let list = draft
        .keys
        .value("cross_attention_layers")
        .unwrap_or_else(|| serde_json::json!([3, 8, 13, 18, 23, 28, 33, 38]));
    let layers = list
        .as_array()
        .and_then(|list| list.iter().map(|n| n.as_u64()).collect::<Option<Vec<_>>>());
    let layers = layers
        .ok_or_else(|| draft.keys.wrong("cross_attention_layers", "a list of layers", &list))?;
    draft.spec.layers.retain(|layer| !layers.contains(&(layer.number as u64)));
    if draft.spec.layers.is_empty() {
        return Err(Error::input(format!(
            "`config.json`: all {count} layers are `cross_attention_layers`"
        )));
    }
    Ok(())
}

fn exaone(keys: &mut Keys) -> Result<()> {
    for (from, to) in [
        ("num_layers", "num_hidden_layers"),
        ("layer_norm_epsilon", "rms_norm_eps"),
        ("activation_function", "hidden_act"),
    ] {
        keys.rename(from, to);
    }
    Ok(())
}

fn llama(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.mlp_bias()?;
    refuse_window(draft)
}

/// These classes know no windows; a config that asks for one is of another model.
pub(super) fn refuse_window(draft: &mut Draft) -> Result<()> {
    let on = draft.keys.flag("use_sliding_window")?;
    match draft.window(None)? {
        None if on != Some(true) => Ok(()),
        _ => Err(Error::input(format!(
            "`config.json`: `{}` has no sliding windows, but the config asks for one",
            draft.spec.architecture
        ))),
    }
}

fn smollm3(draft: &mut Draft) -> Result<()> {
    draft.attention_bias("attention_bias", false)?;
    draft.mlp_bias()?;
    let count = draft.spec.layers.len();
    let interval = draft.keys.size("no_rope_layer_interval", count.max(64))?.unwrap_or(4);
    // One for a layer that has the rotation.
    let turned: Vec<bool> = match draft.keys.value("no_rope_layers") {
        None => (0..count).map(|i| (i + 1) % interval != 0).collect(),
        Some(value) => {
            let list = value.as_array().filter(|list| list.len() == count);
            let turned = list.and_then(|list| {
                list.iter().map(|one| one.as_u64().filter(|&n| n < 2).map(|n| n == 1)).collect()
            });
            let wanted = format!("a list of {count} zeros and ones");
            turned.ok_or_else(|| draft.keys.wrong("no_rope_layers", &wanted, &value))?
        }
    };
    for (layer, &turned) in draft.spec.layers.iter_mut().zip(&turned) {
        layer.rope = turned.then_some(0);
    }
    draft.keys.value("max_window_layers");
    let window = draft.window(None)?;
    let window = match draft.keys.flag("use_sliding_window")? {
        Some(true) => window,
        _ => None,
    };
    draft.windows_by_type(window, |i| !turned[i])
}
