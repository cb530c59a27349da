//! `config.json` to a spec. Each architecture's peculiarities are in `families/`; every key is either read,
//! known to change nothing, or refused by name. Defaults are those of transformers 5.23
//! (`configuration_*.py`). Knows nothing about weights or tokens.

use super::coded::Scheme;
use super::draft::{
    CONTEXT_MAX, Draft, HEAD_DIM_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX,
};
use super::families::{self, Chosen, Family};
use super::files::ModelFiles;
use super::json::Keys;
use super::layout::Layout;
use super::named::CONFIG;
use super::rope::{self, Ropes};
use super::spec::{Activation, Dimensions, Growth, Spec};
use super::unheeded;
use crate::error::{Error, Result};

/// Reads `config.json`.
///
/// # Errors
/// An unknown architecture, a key that is missing, malformed, unknown or asks for what is not implemented.
pub(super) fn read(files: &ModelFiles) -> Result<(Spec, &'static Layout)> {
    let bytes = files.get(CONFIG).ok_or_else(|| Error::input(format!("`{CONFIG}` is missing")))?;
    parse(bytes)
}

fn parse(bytes: &[u8]) -> Result<(Spec, &'static Layout)> {
    let keys = Keys::parse(CONFIG, bytes)?;
    let Chosen { family, mut keys, name } = families::choose(keys)?;
    for key in ["quantization_config", "compression_config"] {
        if let Some(method) = keys.value(key) {
            Scheme::read(Some(&method), None)?;
        }
    }
    let mut draft = draft(keys, family)?;
    (family.read)(&mut draft)?;
    let Draft { mut keys, mut spec, layout, .. } = draft;
    spec.architecture = name;
    // A window that no text outgrows is none.
    let context = spec.context;
    spec.layers.iter_mut().for_each(|layer| layer.window = layer.window.filter(|&w| w < context));
    keys.retain(|key, value| !unheeded::changes_nothing(key, value, &spec));
    keys.refuse_rest()?;
    Ok((spec, layout))
}

/// What all families have in common; Llama is what is left where nothing else is said.
fn draft(mut keys: Keys, family: &'static Family) -> Result<Draft> {
    let defaults = &family.defaults;
    (family.prepare)(&mut keys)?;
    let hidden_size = keys.required_size("hidden_size", WIDTH_MAX)?;
    let layers = keys.required_size("num_hidden_layers", LAYERS_MAX)?;
    let heads = keys.required_size("num_attention_heads", HEADS_MAX)?;
    let context = match keys.size("max_position_embeddings", CONTEXT_MAX)? {
        Some(context) => context,
        None => families::context(family.model_type)
            .ok_or_else(|| keys.missing("max_position_embeddings"))?,
    };
    let kv_heads = kv_heads(&mut keys, family, heads)?;
    let head_dim = match family.head_width {
        Some(read) => read(&mut keys)?,
        None => head_dim(&mut keys, family, hidden_size, heads)?,
    };
    let turned = match family.turned_width {
        Some(read) => read(&mut keys)?,
        None => head_dim,
    };
    let ropes = rope::read(&mut keys, defaults.rope, turned, context)?;
    let (eps_key, eps) = defaults.eps;
    let eps = keys.positive(eps_key)?.unwrap_or(eps);
    let sizes = Dimensions {
        vocab_size: keys.required_size("vocab_size", VOCABULARY_MAX)?,
        hidden_size,
        intermediate_size: keys.required_size("intermediate_size", WIDTH_MAX)?,
        layers,
        heads,
        kv_heads,
        head_dim,
        context,
    };
    let Ropes { ropes, score_factor, growth } = ropes;
    let mut spec = Spec::llama(family.architecture, sizes, ropes[0].clone(), eps);
    spec.ropes = ropes;
    spec.attention.growth =
        growth.map(|(beta, context)| Growth { beta, context, from: 0, unturned_only: false });
    spec.mlp.activation = activation(&mut keys, defaults.activation)?;
    spec.tied_embeddings = keys.flag("tie_word_embeddings")?.unwrap_or(defaults.tied);
    Ok(Draft { keys, spec, layout: &family.layout, score_factor })
}

fn kv_heads(keys: &mut Keys, family: &Family, heads: usize) -> Result<usize> {
    // A null means as many as query heads in every family; a missing key means what the class says.
    let missing = if keys.has("num_key_value_heads") {
        heads
    } else {
        family.defaults.kv_heads.unwrap_or(heads)
    };
    let kv_heads = keys.size("num_key_value_heads", HEADS_MAX)?.unwrap_or(missing);
    if !heads.is_multiple_of(kv_heads) {
        return Err(Error::input(format!(
            "`{CONFIG}`: {heads} `num_attention_heads` cannot be shared by {kv_heads} `num_key_value_heads`"
        )));
    }
    Ok(kv_heads)
}

fn head_dim(keys: &mut Keys, family: &Family, hidden_size: usize, heads: usize) -> Result<usize> {
    let head_dim = match (keys.size("head_dim", HEAD_DIM_MAX)?, family.defaults.head_dim) {
        (Some(head_dim), _) | (None, Some(head_dim)) => head_dim,
        (None, None)
            if hidden_size.is_multiple_of(heads) && hidden_size / heads <= HEAD_DIM_MAX =>
        {
            hidden_size / heads
        }
        (None, None) => {
            return Err(Error::input(format!(
                "`{CONFIG}`: `hidden_size` {hidden_size} cannot be divided into {heads} `num_attention_heads`"
            )));
        }
    };
    if !head_dim.is_multiple_of(2) {
        return Err(Error::input(format!(
            "`{CONFIG}`: the head width must be even, found {head_dim}"
        ))
        .hint("rotary embedding turns pairs of elements"));
    }
    Ok(head_dim)
}

fn activation(keys: &mut Keys, (key, missing): (&str, &str)) -> Result<Activation> {
    let name = keys.text(key)?;
    // The names are those of transformers' `ACT2FN`.
    match name.as_deref().unwrap_or(missing) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu2" => Ok(Activation::ReluSquared),
        "xielu" => Ok(Activation::Xielu),
        other => Err(Error::input(format!(
            "`{CONFIG}`: `{key}` `{other}` is not supported in this version"
        ))
        .hint("supported: `silu`, `gelu`, `gelu_pytorch_tanh`, `gelu_new`, `relu2`, `xielu`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::spec::{Parallel, QkSpan, Rope, RopeScaling};

    /// A small config of an architecture, with keys put over it; a key set to `"absent"` is taken out.
    fn config(architecture: &str, changes: Value) -> Result<Spec> {
        let mut config = json!({
            "architectures": [architecture], "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 256,
        });
        for (key, value) in changes.as_object().unwrap() {
            if value == "absent" {
                config.as_object_mut().unwrap().remove(key);
            } else {
                config[key] = value.clone();
            }
        }
        parse(config.to_string().as_bytes()).map(|(spec, _)| spec)
    }

    fn llama(changes: Value) -> Result<Spec> {
        config("LlamaForCausalLM", changes)
    }

    fn refusal(architecture: &str, changes: Value) -> String {
        config(architecture, changes).unwrap_err().to_string()
    }

    #[test]
    fn llama_defaults() {
        let sizes = Dimensions {
            vocab_size: 100,
            hidden_size: 64,
            intermediate_size: 96,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            context: 256,
        };
        let rope = Rope { theta: 10_000.0, rotary_dim: 16, scaling: RopeScaling::None };
        let expected = Spec::llama("LlamaForCausalLM", sizes, rope, 1e-6);
        assert_eq!(llama(json!({})).unwrap(), expected);
        assert_eq!(
            llama(json!({"head_dim": null, "tie_word_embeddings": null, "sliding_window": null}))
                .unwrap(),
            expected
        );
        assert_eq!(llama(json!({"num_key_value_heads": "absent"})).unwrap().kv_heads, 4);
        assert_eq!(
            llama(json!({"num_key_value_heads": null, "head_dim": 48})).unwrap().head_dim,
            48
        );
    }

    #[test]
    fn architectures_differ_in_biases_norms_and_defaults() {
        let of = |architecture: &str| {
            let spec = config(architecture, json!({})).unwrap();
            let attention = spec.attention;
            let norm = attention.qk_norm.map(|norm| norm.span);
            (attention.qkv_bias, attention.output_bias, norm, spec.head_dim)
        };
        assert_eq!(of("Qwen2ForCausalLM"), (true, false, None, 16));
        assert_eq!(of("Qwen3ForCausalLM"), (false, false, Some(QkSpan::Head), 128));
        for architecture in ["LlamaForCausalLM", "Qwen3ForCausalLM"] {
            let biased = config(architecture, json!({"attention_bias": true})).unwrap().attention;
            assert!(biased.qkv_bias && biased.output_bias);
        }
        let biased = json!({"mlp_bias": true, "tie_word_embeddings": true});
        assert!(llama(biased).unwrap().mlp.bias);
        let cohere = config("CohereForCausalLM", json!({})).unwrap();
        assert_eq!((cohere.parallel, cohere.tied_embeddings), (Parallel::OneNorm, true));
        // 32 is what the Qwen classes assume; four query heads cannot share them.
        assert!(
            refusal("Qwen2ForCausalLM", json!({"num_key_value_heads": "absent"}))
                .contains("cannot be shared by 32")
        );
        assert_eq!(
            config("Qwen2ForCausalLM", json!({"num_key_value_heads": null})).unwrap().kv_heads,
            4
        );
    }

    #[test]
    fn keys_that_change_nothing_are_accepted() {
        let spec = llama(json!({
            "model_type": "llama", "torch_dtype": "bfloat16", "dtype": "float32", "use_cache": true, "pretraining_tp": 1,
            "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": null, "attention_dropout": 0.0, "hidden_act": "silu",
            "initializer_range": 0.02, "is_llama_config": true, "rope_interleaved": false, "transformers_version": "4.42.3",
            "transformers.js_config": {"kv_cache_dtype": {"fp16": "float16"}},
        }));
        assert_eq!(spec.unwrap(), llama(json!({})).unwrap());
    }

    #[test]
    fn keys_that_change_the_computation_are_refused_by_name() {
        for (key, value) in [
            ("attn_logit_softcapping", json!(50.0)),
            ("rope_interleaved", json!(true)),
            ("residual_multiplier", json!(0.2)),
            ("kv_lora_rank", json!(8)),
        ] {
            let message = refusal("LlamaForCausalLM", json!({ key: value }));
            assert!(message.contains(&format!("`{key}` is not known")), "{message}");
        }
        assert!(
            refusal("LlamaForCausalLM", json!({"hidden_act": "mish"}))
                .contains("`mish` is not supported")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"quantization_config": {"quant_method": "aqlm"}}))
                .contains("`aqlm` is not supported")
        );
        assert!(
            refusal("MambaForCausalLM", json!({}))
                .contains("architecture `MambaForCausalLM` is not supported")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"partial_rotary_factor": 0.5}))
                .contains("`partial_rotary_factor` 0.5 is not supported")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"model_type": "mistral"}))
                .contains("`model_type` is `mistral`")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"architectures": "absent"}))
                .contains("`architectures` and `model_type` are missing")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"architectures": []}))
                .contains("a list of one name")
        );
    }

    #[test]
    fn windows_are_those_of_the_layers_that_have_one() {
        let windows = |architecture: &str, changes: Value| {
            let spec = config(architecture, changes)?;
            Ok::<_, Error>(spec.layers.iter().map(|layer| layer.window).collect::<Vec<_>>())
        };
        let qwen = |changes| windows("Qwen2ForCausalLM", changes);
        let on = |rest: Value| {
            let mut keys = json!({"use_sliding_window": true, "sliding_window": 16});
            keys.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            keys
        };
        for none in [
            json!({"use_sliding_window": false, "sliding_window": 16, "max_window_layers": 1}),
            on(json!({"max_window_layers": 2})),
            on(json!({"max_window_layers": 0, "sliding_window": null})),
            on(json!({"max_window_layers": 0, "sliding_window": 256})),
            json!({"sliding_window": null, "layer_types": ["full_attention", "full_attention"]}),
        ] {
            assert_eq!(qwen(none).unwrap(), [None, None]);
        }
        assert_eq!(qwen(on(json!({"max_window_layers": 1}))).unwrap(), [None, Some(16)]);
        let types = json!({"layer_types": ["sliding_attention", "full_attention"]});
        assert_eq!(qwen(on(types.clone())).unwrap(), [Some(16), None]);
        assert!(qwen(types).unwrap_err().to_string().contains("`sliding_window` gives none"));
        assert!(qwen(json!({"layer_types": ["full_attention"]})).is_err());
        assert!(qwen(json!({"layer_types": ["full_attention", "linear_attention"]})).is_err());
        assert!(qwen(json!({"max_window_layers": -1})).is_err());
        assert!(
            refusal("LlamaForCausalLM", json!({"sliding_window": 16}))
                .contains("has no sliding windows")
        );
        let mistral = |changes| windows("MistralForCausalLM", changes);
        assert_eq!(mistral(json!({"sliding_window": 16})).unwrap(), [Some(16); 2]);
        assert_eq!(mistral(json!({"sliding_window": null})).unwrap(), [None; 2]);
        // 4096 is what the class assumes.
        let long = json!({"max_position_embeddings": 8192});
        assert_eq!(mistral(long).unwrap(), [Some(4096); 2]);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for (changes, part) in [
            (json!({"hidden_size": 0}), "from 1 to"),
            (json!({"vocab_size": 1u64 << 40}), "from 1 to"),
            (json!({"num_hidden_layers": "absent"}), "`num_hidden_layers` is missing"),
            (json!({"num_key_value_heads": 3}), "cannot be shared"),
            (json!({"hidden_size": 66}), "cannot be divided"),
            (json!({"head_dim": 15}), "must be even"),
            (json!({"rms_norm_eps": 0}), "a positive number"),
            (json!({"tie_word_embeddings": 1}), "true or false"),
        ] {
            let message = refusal("LlamaForCausalLM", changes);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn mutated_configs_never_panic() {
        let config = json!({
            "architectures": ["Qwen3ForCausalLM"], "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 256,
            "head_dim": 16, "use_sliding_window": false, "max_window_layers": 2, "layer_types": ["full_attention", "full_attention"],
            "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
        });
        crate::model::mutate::each(config.to_string().as_bytes(), |bytes| drop(parse(bytes)));
    }
}
