//! `config.json` to a spec. One table says what each architecture is; every key is either read, known to
//! change nothing, or refused by name. Defaults are those of transformers 5.23 (`configuration_*.py`).
//! Knows nothing about weights or tokens.

use serde_json::{Value, json};

use super::files::{CONFIG, ModelFiles};
use super::json::Keys;
use super::rope;
use super::spec::Spec;
use crate::error::{Error, Result};

// Upper limits: above any published model, low enough that no product of them that is computed before the
// weights are checked overflows or asks for absurd memory.
const VOCABULARY_MAX: usize = 1 << 22;
const WIDTH_MAX: usize = 1 << 20;
const LAYERS_MAX: usize = 1 << 10;
const HEADS_MAX: usize = 1 << 12;
const HEAD_DIM_MAX: usize = 1 << 12;
pub(super) const CONTEXT_MAX: usize = 1 << 24;

/// What the name of an architecture says before any key is read.
struct Family {
    architecture: &'static str,
    model_type: &'static str,
    attention_bias: AttentionBias,
    /// Whether there is a key `mlp_bias`.
    reads_mlp_bias: bool,
    qk_norm: bool,
    /// Width of a head where the config gives none; `None`: hidden size over heads.
    head_dim: Option<usize>,
    /// Key and value heads where the config does not mention them; `None`: as many as query heads.
    kv_heads: Option<usize>,
    /// Whether layers may have sliding windows, which are refused where they are on.
    windows: bool,
}

/// Which projections of the attention have a bias.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AttentionBias {
    /// All four or none, as the key `attention_bias` says.
    FromConfig,
    /// Query, key and value, but not the output; no key says so.
    QueryKeyValue,
}

const FAMILIES: [Family; 3] = [
    Family {
        architecture: "LlamaForCausalLM",
        model_type: "llama",
        attention_bias: AttentionBias::FromConfig,
        reads_mlp_bias: true,
        qk_norm: false,
        head_dim: None,
        kv_heads: None,
        windows: false,
    },
    Family {
        architecture: "Qwen2ForCausalLM",
        model_type: "qwen2",
        attention_bias: AttentionBias::QueryKeyValue,
        reads_mlp_bias: false,
        qk_norm: false,
        head_dim: None,
        kv_heads: Some(32),
        windows: true,
    },
    Family {
        architecture: "Qwen3ForCausalLM",
        model_type: "qwen3",
        attention_bias: AttentionBias::FromConfig,
        reads_mlp_bias: false,
        qk_norm: true,
        head_dim: Some(128),
        kv_heads: Some(32),
        windows: true,
    },
];

/// Keys that do not change what the decoder computes, whatever they say: training, bookkeeping, ids that
/// other files decide, and sampling defaults, which are not used here.
const HARMLESS: [&str; 32] = [
    "_name_or_path",
    "attention_dropout",
    "attn_implementation",
    "bos_token_id",
    "do_sample",
    "dtype",
    "eos_token_id",
    "gradient_checkpointing",
    "id2label",
    "initializer_range",
    "is_llama_config",
    "keys_to_ignore_at_inference",
    "label2id",
    "max_length",
    "name_or_path",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "temperature",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_cache",
    "_attn_implementation_autoset",
];

/// Keys that change nothing as long as they say this.
fn harmless_value(key: &str) -> Option<Value> {
    Some(match key {
        "pretraining_tp" | "partial_rotary_factor" => json!(1.0),
        "chunk_size_feed_forward" => json!(0.0),
        "rope_interleaved"
        | "use_mrope"
        | "mlp_bias"
        | "is_encoder_decoder"
        | "is_decoder"
        | "add_cross_attention"
        | "tie_encoder_decoder"
        | "torchscript" => json!(false),
        _ => return None,
    })
}

/// Reads `config.json`.
///
/// # Errors
/// An unknown architecture, a key that is missing, malformed, unknown or asks for what is not implemented.
pub(super) fn read(files: &ModelFiles) -> Result<Spec> {
    let bytes = files.get(CONFIG).ok_or_else(|| Error::input(format!("`{CONFIG}` is missing")))?;
    parse(bytes)
}

fn parse(bytes: &[u8]) -> Result<Spec> {
    let mut keys = Keys::parse(CONFIG, bytes)?;
    let family = family(&mut keys)?;
    if let Some(method) = keys.value("quantization_config") {
        return Err(Error::input(format!(
            "`{CONFIG}`: quantized weights are not supported in this version ({method})"
        ))
        .hint("use the model's original weights"));
    }

    let hidden_size = keys.required_size("hidden_size", WIDTH_MAX)?;
    let layers = keys.required_size("num_hidden_layers", LAYERS_MAX)?;
    let heads = keys.required_size("num_attention_heads", HEADS_MAX)?;
    let context = keys.required_size("max_position_embeddings", CONTEXT_MAX)?;
    let kv_heads = kv_heads(&mut keys, family, heads)?;
    let head_dim = head_dim(&mut keys, family, hidden_size, heads)?;
    if let Some(act) = keys.text("hidden_act")?
        && act != "silu"
    {
        return Err(Error::input(format!(
            "`{CONFIG}`: `hidden_act` `{act}` is not supported in this version"
        ))
        .hint("supported: `silu`"));
    }
    refuse_windows(&mut keys, family, layers)?;

    let (qkv_bias, output_bias) = match family.attention_bias {
        AttentionBias::QueryKeyValue => (true, false),
        AttentionBias::FromConfig => {
            let all = keys.flag("attention_bias")?.unwrap_or(false);
            (all, all)
        }
    };
    let spec = Spec {
        architecture: family.architecture.to_owned(),
        vocab_size: keys.required_size("vocab_size", VOCABULARY_MAX)?,
        hidden_size,
        layers,
        heads,
        kv_heads,
        head_dim,
        intermediate_size: keys.required_size("intermediate_size", WIDTH_MAX)?,
        norm_eps: keys.positive("rms_norm_eps")?.unwrap_or(1e-6),
        rope: rope::read(&mut keys, context)?,
        qkv_bias,
        output_bias,
        mlp_bias: family.reads_mlp_bias && keys.flag("mlp_bias")?.unwrap_or(false),
        qk_norm: family.qk_norm,
        tied_embeddings: keys.flag("tie_word_embeddings")?.unwrap_or(false),
        context,
    };

    for key in HARMLESS {
        keys.value(key);
    }
    keys.retain(|key, value| !harmless_value(key).is_some_and(|harmless| same(value, &harmless)));
    keys.refuse_rest()?;
    Ok(spec)
}

fn family(keys: &mut Keys) -> Result<&'static Family> {
    let supported = || {
        let names: Vec<String> =
            FAMILIES.iter().map(|family| format!("`{}`", family.architecture)).collect();
        format!("supported: {}", names.join(", "))
    };
    let architectures = keys
        .value("architectures")
        .ok_or_else(|| keys.missing("architectures").hint(supported()))?;
    let name = match architectures.as_array().map(Vec::as_slice) {
        Some([Value::String(name)]) => name,
        _ => {
            return Err(keys
                .wrong("architectures", "a list of one name", &architectures)
                .hint(supported()));
        }
    };
    let family = FAMILIES.iter().find(|family| family.architecture == name).ok_or_else(|| {
        Error::input(format!("`{CONFIG}`: architecture `{name}` is not supported in this version"))
            .hint(supported())
    })?;
    // transformers chooses the model class by this key, so the two must not disagree.
    match keys.text("model_type")? {
        Some(kind) if kind != family.model_type => Err(Error::input(format!(
            "`{CONFIG}`: `model_type` is `{kind}`, but architecture `{name}` has `{}`",
            family.model_type
        ))),
        _ => Ok(family),
    }
}

fn kv_heads(keys: &mut Keys, family: &Family, heads: usize) -> Result<usize> {
    // A null means as many as query heads in every family; a missing key means what the class says.
    let missing =
        if keys.has("num_key_value_heads") { heads } else { family.kv_heads.unwrap_or(heads) };
    let kv_heads = keys.size("num_key_value_heads", HEADS_MAX)?.unwrap_or(missing);
    if !heads.is_multiple_of(kv_heads) {
        return Err(Error::input(format!(
            "`{CONFIG}`: {heads} `num_attention_heads` cannot be shared by {kv_heads} `num_key_value_heads`"
        )));
    }
    Ok(kv_heads)
}

fn head_dim(keys: &mut Keys, family: &Family, hidden_size: usize, heads: usize) -> Result<usize> {
    let head_dim = match (keys.size("head_dim", HEAD_DIM_MAX)?, family.head_dim) {
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

/// Accepts the keys of sliding windows as long as no layer has one.
fn refuse_windows(keys: &mut Keys, family: &Family, layers: usize) -> Result<()> {
    let refusal = || {
        Error::input(format!(
            "`{CONFIG}`: sliding-window attention is not supported in this version"
        ))
        .hint("supported is full attention in every layer")
    };
    // A window of null means none; where the key is missing the Qwen classes assume 4096.
    let mentioned = keys.has("sliding_window");
    let window = keys.value("sliding_window");
    let without_size = mentioned && window.is_none();
    let max_window_layers = keys.value("max_window_layers");
    let on = keys.flag("use_sliding_window")?;
    if !family.windows {
        // These classes know no windows; a config that asks for one is of another model.
        return if window.is_some() || on == Some(true) { Err(refusal()) } else { Ok(()) };
    }
    // The first `max_window_layers` layers are without one; 28 where the key is missing.
    let first_windowed = match &max_window_layers {
        None => 28,
        Some(value) => value
            .as_u64()
            .ok_or_else(|| keys.wrong("max_window_layers", "a whole number from 0", value))?,
    };
    if on == Some(true) && !without_size && first_windowed < layers as u64 {
        return Err(refusal());
    }
    match keys.value("layer_types") {
        None => Ok(()),
        Some(Value::Array(types)) if types.len() == layers => {
            if types.iter().all(|kind| kind == "full_attention") { Ok(()) } else { Err(refusal()) }
        }
        Some(other) => {
            Err(keys.wrong("layer_types", &format!("a list of {layers} layer types"), &other))
        }
    }
}

/// Equal, where 1 and 1.0 are, and a null is as good as the value that changes nothing.
fn same(found: &Value, harmless: &Value) -> bool {
    found.is_null()
        || found == harmless
        || (found.is_number() && found.as_f64() == harmless.as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::{Rope, RopeScaling};

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
        parse(config.to_string().as_bytes())
    }

    fn llama(changes: Value) -> Result<Spec> {
        config("LlamaForCausalLM", changes)
    }

    fn refusal(architecture: &str, changes: Value) -> String {
        config(architecture, changes).unwrap_err().to_string()
    }

    #[test]
    fn llama_defaults() {
        let expected = Spec {
            architecture: "LlamaForCausalLM".into(),
            vocab_size: 100,
            hidden_size: 64,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            intermediate_size: 96,
            norm_eps: 1e-6,
            rope: Rope { theta: 10_000.0, scaling: RopeScaling::None },
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            qk_norm: false,
            tied_embeddings: false,
            context: 256,
        };
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
        let qwen2 = config("Qwen2ForCausalLM", json!({})).unwrap();
        assert_eq!(
            (qwen2.qkv_bias, qwen2.output_bias, qwen2.qk_norm, qwen2.head_dim),
            (true, false, false, 16)
        );
        let qwen3 = config("Qwen3ForCausalLM", json!({})).unwrap();
        assert_eq!(
            (qwen3.qkv_bias, qwen3.output_bias, qwen3.qk_norm, qwen3.head_dim),
            (false, false, true, 128)
        );
        for architecture in ["LlamaForCausalLM", "Qwen3ForCausalLM"] {
            let biased = config(architecture, json!({"attention_bias": true})).unwrap();
            assert!(biased.qkv_bias && biased.output_bias);
        }
        assert!(llama(json!({"mlp_bias": true, "tie_word_embeddings": true})).unwrap().mlp_bias);
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
            ("pretraining_tp", json!(2)),
            ("rope_interleaved", json!(true)),
            ("residual_multiplier", json!(0.2)),
            ("auto_map", json!({})),
            ("partial_rotary_factor", json!(0.5)),
        ] {
            let message = refusal("LlamaForCausalLM", json!({ key: value }));
            assert!(message.contains(&format!("`{key}` is not known")), "{message}");
        }
        assert!(
            refusal("Qwen2ForCausalLM", json!({"attention_bias": false}))
                .contains("`attention_bias`")
        );
        assert!(refusal("Qwen3ForCausalLM", json!({"mlp_bias": true})).contains("`mlp_bias`"));
        assert!(
            refusal("LlamaForCausalLM", json!({"hidden_act": "gelu"}))
                .contains("`gelu` is not supported")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"quantization_config": {"bits": 4}}))
                .contains("quantized weights")
        );
        assert!(
            refusal("MistralForCausalLM", json!({}))
                .contains("architecture `MistralForCausalLM` is not supported")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"model_type": "mistral"}))
                .contains("`model_type` is `mistral`")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"architectures": "absent"}))
                .contains("`architectures` is missing")
        );
        assert!(
            refusal("LlamaForCausalLM", json!({"architectures": []}))
                .contains("a list of one name")
        );
    }

    #[test]
    fn windows_are_accepted_only_where_no_layer_has_one() {
        let qwen = |changes| config("Qwen2ForCausalLM", changes);
        let refused = |result: Result<Spec>| {
            result.unwrap_err().to_string().contains("sliding-window attention")
        };
        assert!(
            qwen(
                json!({"use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 1})
            )
            .is_ok()
        );
        assert!(
            qwen(
                json!({"use_sliding_window": true, "sliding_window": 4096, "max_window_layers": 2})
            )
            .is_ok()
        );
        assert!(
            qwen(
                json!({"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0})
            )
            .is_ok()
        );
        assert!(
            qwen(
                json!({"sliding_window": null, "layer_types": ["full_attention", "full_attention"]})
            )
            .is_ok()
        );
        assert!(refused(qwen(
            json!({"use_sliding_window": true, "sliding_window": 4096, "max_window_layers": 1})
        )));
        assert!(refused(qwen(json!({"use_sliding_window": true, "max_window_layers": 0}))));
        assert!(refused(qwen(json!({"layer_types": ["full_attention", "sliding_attention"]}))));
        assert!(refused(llama(json!({"sliding_window": 4096}))));
        assert!(qwen(json!({"layer_types": ["full_attention"]})).is_err());
        assert!(qwen(json!({"max_window_layers": -1})).is_err());
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
