//! Which keys of a `config.json` may stay unread, decided by kind: a key that no published model computes
//! differently for does not stop a checkpoint. Knows nothing about what the other keys mean.
//!
//! Three questions, in this order. Is it a key of a kind that never reaches a logit, whatever it says
//! ([`NEVER`])? Does it say what holds anyway, or what the stored tensors tell ([`agrees`])? Is it known to some
//! configuration class of transformers and switched off ([`is_off`])? What is none of these is refused by name,
//! and so is every key that is new to all of transformers, since nobody knows what it does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::spec::{NormKind, Shares, Spec};

/// Every key that a configuration class of transformers 5.24 has, sorted; written by
/// `tests/fixtures/families/make_keys.py`.
static KNOWN: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("known_keys.txt").lines().collect());

/// A kind of key that reaches no logit, whatever its value is.
struct Never {
    /// Whole names.
    names: &'static [&'static str],
    /// Parts that a name begins with.
    starts: &'static [&'static str],
    /// Parts that a name ends with.
    ends: &'static [&'static str],
}

const NEVER: [Never; 8] = [
    // Where the file comes from and what wrote it.
    Never {
        names: &[
            "_name_or_path",
            "_model_name_or_path",
            "name_or_path",
            "_commit_hash",
            "_from_auto",
            "_diffusers_version",
            "auto_map",
            "base_model",
            "base_model_name",
            "custom_pipelines",
            "dtype",
            "finetuning_task",
            "is_llama_config",
            "language",
            "license",
            "model_name",
            "task_specific_params",
            "tokenizer_class",
            "torch_dtype",
            "transformers.js_config",
            "transformers_version",
        ],
        starts: &["unsloth_"],
        ends: &["_version"],
    },
    // Ids of tokens: the tokenizer, the template and `generation_config.json` decide them.
    Never {
        names: &["ignore_index"],
        starts: &[],
        ends: &["_token_id", "_token_ids", "_token_index", "_token_indices"],
    },
    // Noise that only training adds, and where training begins.
    Never {
        names: &["dropout", "embd_pdrop", "resid_pdrop", "init_method", "init_std", "layerdrop"],
        starts: &["initializer_", "dropout_"],
        ends: &[
            "_dropout",
            "_pdrop",
            "_dropout_prob",
            "_dropout_rate",
            "_jitter_noise",
            "_init_std",
            "_jitter",
        ],
    },
    // What only a loss reads.
    Never {
        names: &[
            "aux_loss_alpha",
            "aux_loss_free",
            "gradient_checkpointing",
            "keys_to_ignore_at_inference",
            "label_smoothing",
            "seq_aux",
            "router_aux_loss",
        ],
        starts: &["gradient_checkpointing_"],
        ends: &[
            "_loss_coef",
            "_loss_weight",
            "_loss_alpha",
            "_loss_coefficient",
            "_loss_factor",
            "_loss_func",
        ],
    },
    // How it is computed and what is handed out beside it; and how many machines share the work.
    Never {
        names: &[
            "_attn_implementation",
            "_attn_implementation_autoset",
            "_experts_implementation",
            "attn_implementation",
            "attention_softmax_in_fp32",
            "cache_implementation",
            "chunk_size_feed_forward",
            "disable_exllama",
            "moe_router_dtype",
            "tf_legacy_loss",
            "ep_size",
            "output_attentions",
            "output_hidden_states",
            "output_router_logits",
            "output_scores",
            "pretraining_tp",
            "return_dict",
            "return_dict_in_generate",
            "scale_attention_softmax_in_fp32",
            "softmax_in_fp32",
            "torchscript",
            "use_bfloat16",
            "use_cache",
            "use_flash_attention",
            "use_flash_attn",
            "use_return_dict",
            "return_logits",
        ],
        starts: &["flash_attn_", "fused_", "use_fused_", "tensor_parallel", "pipeline_parallel"],
        ends: &["_parallel_size", "_parallel_degree"],
    },
    // Settings of sampling, which a run has of its own.
    Never {
        names: &[
            "bad_words_ids",
            "begin_suppress_tokens",
            "diversity_penalty",
            "do_sample",
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "length_penalty",
            "max_length",
            "max_new_tokens",
            "max_sequence_length",
            "min_length",
            "model_max_length",
            "no_repeat_ngram_size",
            "num_beam_groups",
            "num_beams",
            "num_return_sequences",
            "prefix",
            "remove_invalid_values",
            "repetition_penalty",
            "suppress_tokens",
            "temperature",
            "top_k",
            "top_p",
            "typical_p",
        ],
        starts: &[],
        ends: &[],
    },
    // Parts that see, whose keys older files mix among those of the text; and layers that guess several tokens ahead, which give no logit of their own here.
    Never {
        names: &["num_nextn_predict_layers", "num_mtp_layers", "num_mtp_modules", "use_mtp"],
        starts: &["mtp_", "nextn_", "vision_"],
        ends: &[],
    },
    // Heads that give a class or a value instead of a token.
    Never {
        names: &["id2label", "label2id", "num_labels", "problem_type", "classifier_bias"],
        starts: &["classifier_", "summary_"],
        ends: &[],
    },
];

/// Whether a key that nobody read changes nothing.
pub(super) fn changes_nothing(key: &str, value: &Value, spec: &Spec) -> bool {
    never(key)
        || agrees(key, value, spec)
            .unwrap_or_else(|| KNOWN.contains(key) && (value.is_null() || is_off(key, value)))
}

fn never(key: &str) -> bool {
    NEVER.iter().any(|kind| {
        kind.names.contains(&key)
            || kind.starts.iter().any(|start| key.starts_with(start))
            || kind.ends.iter().any(|end| key.ends_with(end))
    })
}

/// Whether a key says what the decoder does anyway; none where it has no such meaning. A null says nothing.
fn agrees(key: &str, value: &Value, spec: &Spec) -> Option<bool> {
    let is = |what: bool| Some(value.is_null() || value.as_bool() == Some(what));
    let says = |words: &[&str]| {
        Some(value.is_null() || value.as_str().is_some_and(|v| words.contains(&v)))
    };
    let experts = spec.experts.as_ref();
    match key {
        // A bias that is there and not read, or read and not there, is refused when the weights are loaded;
        // a norm likewise. transformers' classes that have no such key do not look at it either.
        "qkv_bias"
        | "use_qkv_bias"
        | "attention_bias"
        | "attn_bias"
        | "add_bias_linear"
        | "mlp_bias"
        | "use_bias"
        | "bias"
        | "o_bias"
        | "attention_out_bias"
        | "attention_output_bias"
        | "lm_head_bias"
        | "add_qkv_bias"
        | "use_qk_norm"
        | "qk_norm"
        | "qk_layernorm"
        | "use_mlp_bias"
        | "out_bias" => Some(value.is_null() || value.is_boolean()),
        "pruned_heads" => Some(value.as_object().is_none_or(serde_json::Map::is_empty)),
        "is_causal" | "causal" | "use_causal_mask" => is(true),
        "use_rope" | "rope" | "rotary" => {
            is(spec.layers.iter().all(|layer| layer.rope.is_some() || layer.delta))
        }
        // States are kept in f32, as this key of releases asks for.
        "mamba_ssm_dtype" => says(&["float32"]),
        "norm_topk_prob" | "moe_renormalize" => match experts {
            None => is(value.as_bool().unwrap_or(false)),
            Some(experts) => is(experts.normalized),
        },
        "scoring_func" | "score_function" | "moe_router_score_function" => {
            match experts.map(|e| e.shares) {
                Some(Shares::Sigmoid) => says(&["sigmoid"]),
                Some(_) => says(&["softmax"]),
                None => says(&["softmax", "sigmoid"]),
            }
        }
        "norm_type" | "normalization_type" | "norm_class" => match spec.norm.kind {
            NormKind::Rms => says(&["rms", "rms_norm", "rmsnorm", "RMSNorm"]),
            NormKind::Layer => says(&["layer_norm", "layernorm", "LayerNorm"]),
        },
        "use_sliding_window" if spec.layers.iter().all(|layer| layer.window.is_none()) => {
            Some(value.is_null() || value.is_boolean())
        }
        "max_window_layers" if spec.layers.iter().all(|layer| layer.window.is_none()) => Some(true),
        "layer_types" => {
            let plain =
                |kind: &Value| matches!(kind.as_str(), Some("full_attention" | "attention"));
            let windows = spec.layers.iter().any(|layer| layer.window.is_some());
            let list = value.as_array();
            Some(value.is_null() || !windows && list.is_some_and(|list| list.iter().all(plain)))
        }
        // How expert weights are laid out in other tools' files.
        "moe_layer_freq" => Some(value.is_null() || *value == json!(1)),
        // Kept for a text that turns pairs of elements, which the families' layouts know by themselves.
        "rope_interleaved"
        | "use_mrope"
        | "is_encoder_decoder"
        | "is_decoder"
        | "add_cross_attention"
        | "tie_encoder_decoder"
        | "use_bidirectional_attention"
        | "cross_attention" => is(false),
        "partial_rotary_factor" | "rotary_pct" => {
            let share = spec
                .ropes
                .first()
                .map_or(1.0, |rope| rope.rotary_dim as f64 / spec.head_dim as f64);
            Some(value.is_null() || value.as_f64() == Some(share) || value.as_f64() == Some(1.0))
        }
        _ => None,
    }
}

/// Whether a known key is switched off: what it would add is not there. Numbers that are factors are off at 1, all
/// others at 0. Keys whose absence is the change (a scale that is not applied, a rotation that is left out) are none.
fn is_off(key: &str, value: &Value) -> bool {
    const TAKES_AWAY: [&str; 8] = [
        "use_rope",
        "scale_",
        "normalize",
        "gated",
        "use_gated",
        "do_layer_norm",
        "tie_",
        "rms_norm",
    ];
    if TAKES_AWAY.iter().any(|start| key.starts_with(start)) {
        return false;
    }
    let is_factor = ["_multiplier", "_scale", "_factor", "_scaling", "_ratio"]
        .iter()
        .any(|end| key.ends_with(end));
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(n) if is_factor => n.as_f64() == Some(1.0),
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "none",
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dimensions, Rope, RopeScaling};

    fn spec() -> Spec {
        let sizes = Dimensions {
            vocab_size: 1,
            hidden_size: 2,
            intermediate_size: 2,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 2,
            context: 8,
        };
        let rope = Rope { theta: 1e4, rotary_dim: 2, scaling: RopeScaling::None };
        Spec::llama("LlamaForCausalLM", sizes, rope, 1e-6)
    }

    fn free(key: &str, value: Value) -> bool {
        changes_nothing(key, &value, &spec())
    }

    #[test]
    fn kinds_that_reach_no_logit_are_free_whatever_they_say() {
        for key in [
            "unk_token_id",
            "_model_name_or_path",
            "hidden_dropout_prob",
            "router_aux_loss_coef",
            "mtp_depth",
        ] {
            assert!(free(key, json!(7)), "{key}");
            assert!(free(key, json!(null)), "{key}");
        }
    }

    #[test]
    fn known_keys_are_free_when_they_are_off() {
        for (key, off, on) in [
            ("shared_expert_intermediate_size", json!(0), json!(8)),
            ("attn_logit_softcapping", json!(null), json!(50.0)),
            ("residual_multiplier", json!(1.0), json!(0.2)),
            ("q_lora_rank", json!(null), json!(4)),
            ("use_rope", json!(true), json!(false)),
            ("norm_type", json!("rms_norm"), json!("layer_norm")),
        ] {
            assert!(free(key, off), "{key}");
            assert!(!free(key, on), "{key}");
        }
        assert!(free("qkv_bias", json!(false)) && free("use_qk_norm", json!(true)));
        assert!(!free("residual_multiplier", json!(0.0)));
        assert!(!free("scale_attn_weights", json!(false)));
    }

    #[test]
    fn a_key_that_is_new_to_all_of_transformers_is_never_free() {
        for value in [json!(null), json!(false), json!(0), json!([])] {
            assert!(!free("use_super_attention", value));
        }
        assert!(KNOWN.len() > 2000);
    }
}
