//! What each architecture does that others do not: one file for each family of models. The facts are those of
//! transformers 5.23 (`configuration_*.py`, `modeling_*.py`). Knows nothing about weights or tokens.

mod apertus;
mod cohere;
mod deepseek;
mod falcon;
mod gemma;
mod glm;
mod gpt_neox;
mod gpt_oss;
mod granite;
mod llama;
mod llama4;
mod mistral;
mod mixtures;
mod olmo;
mod others;
mod phi;
mod qwen;
mod qwen_hybrid;
mod stablelm;
mod wrappers;

use super::draft::Draft;
use super::json::Keys;
use super::layout::{LLAMA, Layout};
use super::rope::{ROPE, RopeDefaults};
use crate::error::Result;

pub(super) use wrappers::{Chosen, choose};

/// One architecture.
pub(super) struct Family {
    /// Name of the class in `architectures`.
    pub(super) architecture: &'static str,
    /// What `model_type` says beside it.
    pub(super) model_type: &'static str,
    /// What holds where the config says nothing.
    pub(super) defaults: Defaults,
    /// Names of the tensors.
    pub(super) layout: Layout,
    /// Gives keys of other names the usual ones.
    pub(super) prepare: fn(&mut Keys) -> Result<()>,
    /// Width of a head, where other keys than the usual ones give it.
    pub(super) head_width: Option<fn(&mut Keys) -> Result<usize>>,
    /// Width of the part of a head that can be turned, where that is not the whole of it.
    pub(super) turned_width: Option<fn(&mut Keys) -> Result<usize>>,
    /// Reads what is left of the config.
    pub(super) read: fn(&mut Draft) -> Result<()>,
}

/// What holds where a config says nothing.
pub(super) struct Defaults {
    /// Key and value heads where the config does not mention them; none: as many as query heads.
    pub(super) kv_heads: Option<usize>,
    /// Width of a head; none: hidden size over heads.
    pub(super) head_dim: Option<usize>,
    /// Key and default of the norms' epsilon.
    pub(super) eps: (&'static str, f64),
    /// Key and default of the activation.
    pub(super) activation: (&'static str, &'static str),
    /// The rotary embedding.
    pub(super) rope: RopeDefaults,
    /// Whether the output matrix is the embedding.
    pub(super) tied: bool,
}

const DEFAULTS: Defaults = Defaults {
    kv_heads: None,
    head_dim: None,
    eps: ("rms_norm_eps", 1e-6),
    activation: ("hidden_act", "silu"),
    rope: ROPE,
    tied: false,
};

/// What most architectures are but for their name; they share Llama's layout.
const BASE: Family = Family {
    architecture: "",
    model_type: "",
    defaults: DEFAULTS,
    layout: LLAMA,
    prepare: |_| Ok(()),
    head_width: None,
    turned_width: None,
    read: |_| Ok(()),
};

/// All architectures, in the order in which they are listed to users.
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    [
        llama::FAMILIES,
        mistral::FAMILIES,
        qwen::FAMILIES,
        qwen_hybrid::FAMILIES,
        gemma::FAMILIES,
        phi::FAMILIES,
        olmo::FAMILIES,
        granite::FAMILIES,
        cohere::FAMILIES,
        glm::FAMILIES,
        deepseek::FAMILIES,
        gpt_oss::FAMILIES,
        stablelm::FAMILIES,
        gpt_neox::FAMILIES,
        mixtures::FAMILIES,
        apertus::FAMILIES,
        llama4::FAMILIES,
        falcon::FAMILIES,
        others::FAMILIES,
    ]
    .into_iter()
    .flatten()
}

/// Positions that a class assumes where its config does not say, by `model_type`.
pub(super) fn context(model_type: &str) -> Option<usize> {
    Some(match model_type {
        "llama" | "phi" | "olmo" | "olmo2" | "olmo3" | "granite" | "granitemoe"
        | "granitemoehybrid" | "deepseek_v2" | "gpt_neox" | "falcon" | "hunyuan_v1_dense"
        | "hunyuan_v1_moe" | "exaone4" => 2048,
        "arcee" | "phi3" | "stablelm" | "helium" | "nemotron" | "starcoder2" | "olmoe"
        | "deepseek_v3" | "exaone" => 4096,
        "gemma" | "gemma2" | "cohere" | "cohere2" => 8192,
        "qwen2" | "qwen3" | "qwen2_moe" | "qwen3_moe" | "smollm3" | "qwen2_vl_text"
        | "qwen2_5_vl_text" | "qwen3_5_text" | "qwen3_5_moe_text" | "qwen3_next" => 32_768,
        "apertus" => 65_536,
        "qwen3_vl_text" | "qwen3_vl_moe_text" => 128_000,
        "mllama_text_model" | "mistral" | "ministral" | "mixtral" | "gemma3_text" | "glm"
        | "glm4" | "glm4_moe" | "gpt_oss" | "ernie4_5" | "ernie4_5_moe" | "phimoe"
        | "llama4_text" | "sarvam_moe" => 131_072,
        "minimax_m2" => 196_608,
        "deepseek_v32" => 163_840,
        "glm4_moe_lite" | "glm_moe_dsa" => 202_752,
        "ministral3" => 262_144,
        "seed_oss" => 524_288,
        _ => return None,
    })
}
