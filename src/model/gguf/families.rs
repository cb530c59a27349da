//! What the name of an architecture in a GGUF file says: the class of Hugging Face that it was made from, and
//! the keys of that class. Knows nothing about the format.

use serde_json::json;

use super::draft::Draft;
use crate::error::Result;

/// One architecture.
pub(super) struct Family {
    /// `general.architecture`.
    pub(super) name: &'static str,
    pub(super) architecture: &'static str,
    pub(super) model_type: &'static str,
    /// The key for the epsilon of the norms; none if the class has a fixed one.
    pub(super) norm_eps: Option<&'static str>,
    /// The key for the activation, and which one it is; none: the class's own default is right.
    pub(super) activation: Option<(&'static str, &'static str)>,
    /// Whether the class has another default for the width of a head than hidden size over heads.
    pub(super) names_head_dim: bool,
    pub(super) partial: Partial,
    /// Whether neighbouring elements of a head are turned together, as llama.cpp's `llama_model_rope_type` has
    /// it: where the class turns halves, the converter put the rows of query and key into this order.
    pub(super) pairs: bool,
    /// What the norm of the MLP's input is called.
    pub(super) mlp_norm: &'static str,
    /// Writes what is its own.
    pub(super) write: fn(&mut Draft<'_>) -> Result<()>,
}

/// How a class says that only the first part of a head is turned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Partial {
    /// It cannot.
    None,
    /// `partial_rotary_factor`.
    Factor,
    /// `rotary_pct`, with `rotary_emb_base` for theta.
    Pct,
}

const BASE: Family = Family {
    name: "",
    architecture: "",
    model_type: "",
    norm_eps: Some("rms_norm_eps"),
    activation: None,
    names_head_dim: false,
    partial: Partial::None,
    pairs: false,
    mlp_norm: "ffn_norm",
    write: |_| Ok(()),
};

const LAYER_NORM: Option<&str> = Some("layer_norm_eps");

/// In the order in which the message about an unknown one names them.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "llama",
        architecture: "LlamaForCausalLM",
        model_type: "llama",
        pairs: true,
        write: llama,
        ..BASE
    },
    Family {
        name: "mistral3",
        architecture: "Ministral3ForCausalLM",
        model_type: "ministral3",
        names_head_dim: true,
        pairs: true,
        write: mistral3,
        ..BASE
    },
    Family {
        name: "qwen2",
        architecture: "Qwen2ForCausalLM",
        model_type: "qwen2",
        write: no_window,
        ..BASE
    },
    Family {
        name: "qwen2moe",
        architecture: "Qwen2MoeForCausalLM",
        model_type: "qwen2_moe",
        write: qwen2_moe,
        ..BASE
    },
    Family {
        name: "qwen3",
        architecture: "Qwen3ForCausalLM",
        model_type: "qwen3",
        names_head_dim: true,
        write: qwen3,
        ..BASE
    },
    Family {
        name: "qwen3moe",
        architecture: "Qwen3MoeForCausalLM",
        model_type: "qwen3_moe",
        names_head_dim: true,
        write: qwen3_moe,
        ..BASE
    },
    Family {
        name: "gemma",
        architecture: "GemmaForCausalLM",
        model_type: "gemma",
        names_head_dim: true,
        activation: Some(("hidden_act", "gelu_pytorch_tanh")),
        ..BASE
    },
    Family {
        name: "gemma2",
        architecture: "Gemma2ForCausalLM",
        model_type: "gemma2",
        names_head_dim: true,
        activation: Some(("hidden_activation", "gelu_pytorch_tanh")),
        write: gemma2,
        ..BASE
    },
    Family {
        name: "gemma3",
        architecture: "Gemma3ForCausalLM",
        model_type: "gemma3_text",
        names_head_dim: true,
        activation: Some(("hidden_activation", "gelu_pytorch_tanh")),
        write: gemma3,
        ..BASE
    },
    Family {
        name: "phi2",
        architecture: "PhiForCausalLM",
        model_type: "phi",
        norm_eps: LAYER_NORM,
        partial: Partial::Factor,
        ..BASE
    },
    Family {
        name: "phi3",
        architecture: "Phi3ForCausalLM",
        model_type: "phi3",
        partial: Partial::Factor,
        write: phi3,
        ..BASE
    },
    Family {
        name: "olmo",
        architecture: "OlmoForCausalLM",
        model_type: "olmo",
        norm_eps: None,
        pairs: true,
        write: olmo,
        ..BASE
    },
    Family {
        name: "olmo2",
        architecture: "Olmo2ForCausalLM",
        model_type: "olmo2",
        write: olmo2,
        ..BASE
    },
    Family {
        name: "granite",
        architecture: "GraniteForCausalLM",
        model_type: "granite",
        pairs: true,
        write: granite,
        ..BASE
    },
    Family {
        name: "granitemoe",
        architecture: "GraniteMoeForCausalLM",
        model_type: "granitemoe",
        pairs: true,
        write: granite_moe,
        ..BASE
    },
    Family {
        name: "smollm3",
        architecture: "SmolLM3ForCausalLM",
        model_type: "smollm3",
        pairs: true,
        write: biases,
        ..BASE
    },
    Family {
        name: "arcee",
        architecture: "ArceeForCausalLM",
        model_type: "arcee",
        pairs: true,
        write: biases,
        ..BASE
    },
    Family {
        name: "exaone4",
        architecture: "Exaone4ForCausalLM",
        model_type: "exaone4",
        write: exaone4,
        ..BASE
    },
    Family {
        name: "seed_oss",
        architecture: "SeedOssForCausalLM",
        model_type: "seed_oss",
        names_head_dim: true,
        mlp_norm: "post_attention_norm",
        write: seed_oss,
        ..BASE
    },
    Family {
        name: "stablelm",
        architecture: "StableLmForCausalLM",
        model_type: "stablelm",
        norm_eps: LAYER_NORM,
        partial: Partial::Factor,
        write: stablelm,
        ..BASE
    },
    Family {
        name: "starcoder2",
        architecture: "Starcoder2ForCausalLM",
        model_type: "starcoder2",
        norm_eps: Some("norm_epsilon"),
        write: starcoder2,
        ..BASE
    },
    Family {
        name: "command-r",
        architecture: "CohereForCausalLM",
        model_type: "cohere",
        norm_eps: LAYER_NORM,
        write: command_r,
        pairs: true,
        ..BASE
    },
    Family {
        name: "cohere2",
        architecture: "Cohere2ForCausalLM",
        model_type: "cohere2",
        norm_eps: LAYER_NORM,
        write: cohere2,
        pairs: true,
        ..BASE
    },
    Family {
        name: "chatglm",
        architecture: "GlmForCausalLM",
        model_type: "glm",
        names_head_dim: true,
        partial: Partial::Factor,
        write: glm,
        pairs: true,
        ..BASE
    },
    Family {
        name: "glm4",
        architecture: "Glm4ForCausalLM",
        model_type: "glm4",
        names_head_dim: true,
        partial: Partial::Factor,
        write: glm,
        pairs: true,
        ..BASE
    },
    Family {
        name: "gptneox",
        architecture: "GPTNeoXForCausalLM",
        model_type: "gpt_neox",
        norm_eps: LAYER_NORM,
        partial: Partial::Pct,
        write: gptneox,
        ..BASE
    },
];

fn biases(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    let bias = draft.has("ffn_down.bias");
    draft.put("mlp_bias", bias);
    Ok(())
}

fn llama(draft: &mut Draft<'_>) -> Result<()> {
    if draft.has("ffn_gate_inp.weight") {
        draft.put("architectures", json!(["MixtralForCausalLM"]));
        draft.put("model_type", "mixtral");
        draft.put("sliding_window", json!(null));
        return draft.experts("num_local_experts");
    }
    biases(draft)
}

/// Queries grow with their position beyond the context of the pretraining.
fn mistral3(draft: &mut Draft<'_>) -> Result<()> {
    let all = draft.keys.number("rope.scaling.yarn_log_multiplier")?;
    let growth = draft.keys.positive("attention.temperature_scale")?;
    if let Some(scaling) = draft.config.get_mut("rope_scaling") {
        scaling["llama_4_scaling_beta"] = json!(growth);
        scaling["mscale"] = json!(all.map(|_| 1.0));
        scaling["mscale_all_dim"] = json!(all);
    }
    draft.put("sliding_window", json!(null));
    Ok(())
}

fn no_window(draft: &mut Draft<'_>) -> Result<()> {
    draft.put("use_sliding_window", false);
    Ok(())
}

fn qwen2_moe(draft: &mut Draft<'_>) -> Result<()> {
    no_window(draft)?;
    draft.experts("num_experts")?;
    // No key says it, and llama.cpp does not divide by the sum.
    draft.put("norm_topk_prob", false);
    draft.put("decoder_sparse_step", 1);
    draft.copy_size("expert_feed_forward_length", "moe_intermediate_size")?;
    draft.copy_size("expert_shared_feed_forward_length", "shared_expert_intermediate_size")
}

fn qwen3(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    no_window(draft)
}

fn qwen3_moe(draft: &mut Draft<'_>) -> Result<()> {
    qwen3(draft)?;
    draft.experts("num_experts")?;
    // No key says it, and llama.cpp divides by the sum.
    draft.put("norm_topk_prob", true);
    draft.put("decoder_sparse_step", 1);
    draft.copy_size("expert_feed_forward_length", "moe_intermediate_size")
}

/// The scale of the scores: the largest Gemma of each generation is told by its layers.
fn gemma_scale(draft: &mut Draft<'_>, layers_of_27b: usize) {
    let scalar = match draft.layers == layers_of_27b {
        true => draft.hidden_size / draft.heads,
        false => draft.head_dim,
    };
    draft.put("query_pre_attn_scalar", scalar);
}

fn gemma2(draft: &mut Draft<'_>) -> Result<()> {
    gemma_scale(draft, 46);
    draft.windows(2, Some(4096))?;
    // What llama.cpp takes where there is no key.
    draft.put("attn_logit_softcapping", 50.0);
    draft.put("final_logit_softcapping", 30.0);
    draft.copy_number("attn_logit_softcapping", "attn_logit_softcapping")?;
    draft.copy_number("final_logit_softcapping", "final_logit_softcapping")
}

fn gemma3(draft: &mut Draft<'_>) -> Result<()> {
    gemma_scale(draft, 62);
    if !draft.windows(6, None)? {
        draft.put("layer_types", vec!["full_attention"; draft.layers]);
    }
    let local = draft.keys.positive("rope.freq_base_swa")?.unwrap_or(10_000.0);
    draft.put("rope_local_base_freq", local);
    draft.copy_number("final_logit_softcapping", "final_logit_softcapping")
}

fn phi3(draft: &mut Draft<'_>) -> Result<()> {
    // All layers or none; llama.cpp itself reads the key and leaves the window out.
    match draft.keys.value("attention.sliding_window") {
        Some(window) if window != 0 => draft.put("sliding_window", window),
        _ => draft.put("sliding_window", json!(null)),
    }
    Ok(())
}

fn olmo(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    draft.expect("attention.layer_norm_epsilon", &[json!(1e-5)])?;
    draft.copy_number("attention.clamp_kqv", "clip_qkv")
}

fn olmo2(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    if draft.windows(4, None)? {
        draft.put("architectures", json!(["Olmo3ForCausalLM"]));
        draft.put("model_type", "olmo3");
        let theta = draft.config.get("rope_theta").cloned().unwrap_or_default();
        draft.expect("rope.freq_base_swa", &[theta])?;
    }
    Ok(())
}

fn granite(draft: &mut Draft<'_>) -> Result<()> {
    biases(draft)?;
    // Models of Granite 4 without Mamba layers keep the keys of such layers, and name their MLP's width twice.
    draft.keys.retain(|key, _| !key.starts_with("ssm."));
    if !draft.has("ffn_gate_inp.weight") {
        let width = draft.config.get("intermediate_size").cloned().unwrap_or_default();
        draft.expect("expert_shared_feed_forward_length", &[width])?;
    }
    // A class beside these leaves the rotation out, which this key says.
    draft.expect("rope.scaling.finetuned", &[json!(true)])?;
    for (from, to) in [
        ("logit_scale", "logits_scaling"),
        ("residual_scale", "residual_multiplier"),
        ("embedding_scale", "embedding_multiplier"),
        ("attention.scale", "attention_multiplier"),
    ] {
        draft.copy_number(from, to)?;
    }
    Ok(())
}

fn granite_moe(draft: &mut Draft<'_>) -> Result<()> {
    granite(draft)?;
    draft.config.remove("mlp_bias");
    draft.experts("num_local_experts")?;
    if draft.has("ffn_gate_shexp.weight") {
        draft.put("architectures", json!(["GraniteMoeSharedForCausalLM"]));
        draft.put("model_type", "granitemoeshared");
        draft.copy_size("expert_shared_feed_forward_length", "shared_intermediate_size")?;
    }
    Ok(())
}

fn exaone4(draft: &mut Draft<'_>) -> Result<()> {
    // Those with windows leave the rotation out of the layers without.
    if !draft.windows(4, None)? {
        draft.put("sliding_window", json!(null));
    }
    let theta = draft.config.get("rope_theta").cloned().unwrap_or_default();
    draft.expect("rope.freq_base_swa", &[theta])
}

fn seed_oss(draft: &mut Draft<'_>) -> Result<()> {
    let (bias, output_bias) = (draft.has("attn_q.bias"), draft.has("attn_output.bias"));
    draft.put("attention_bias", bias);
    draft.put("attention_out_bias", output_bias);
    Ok(())
}

fn stablelm(draft: &mut Draft<'_>) -> Result<()> {
    let parallel = draft.keys.flag("use_parallel_residual")?.unwrap_or(false);
    draft.put("use_parallel_residual", parallel);
    let (bias, norm) = (draft.has("attn_q.bias"), draft.has("attn_q_norm.weight"));
    draft.put("use_qkv_bias", bias);
    draft.put("qk_layernorm", norm);
    Ok(())
}

fn starcoder2(draft: &mut Draft<'_>) -> Result<()> {
    let bias = draft.has("attn_output.bias");
    draft.put("use_bias", bias);
    draft.put("sliding_window", json!(null));
    Ok(())
}

fn command_r(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    let norm = draft.has("attn_q_norm.weight");
    draft.put("use_qk_norm", norm);
    draft.copy_number("logit_scale", "logit_scale")
}

fn cohere2(draft: &mut Draft<'_>) -> Result<()> {
    draft.attention_bias();
    draft.windows(4, None)?;
    draft.copy_number("logit_scale", "logit_scale")
}

fn glm(draft: &mut Draft<'_>) -> Result<()> {
    let bias = draft.has("attn_q.bias") || draft.has("attn_qkv.bias");
    draft.put("attention_bias", bias);
    Ok(())
}

fn gptneox(draft: &mut Draft<'_>) -> Result<()> {
    let parallel = draft.keys.flag("use_parallel_residual")?.unwrap_or(true);
    draft.put("use_parallel_residual", parallel);
    let bias = draft.has("attn_qkv.bias");
    draft.put("attention_bias", bias);
    draft.config.remove("num_key_value_heads");
    Ok(())
}
