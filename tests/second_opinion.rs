//! A second opinion: candle-transformers' own models, written by others, on the same weights. Both decoders
//! must draw the same tokens from the same logits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::{llama, qwen2, qwen3};
use candor::decoder::{LanguageModel, Row};
use candor::model::{RopeScaling, Spec};
use fixtures::{Fixture, assert_close, distance, largest};

const PROMPT: usize = 20;
const DRAWN: usize = 200;

/// The stock model behind one call: tokens and their first position in, the last one's logits out.
enum Stock {
    Llama(llama::Llama, llama::Cache),
    Qwen2(qwen2::ModelForCausalLM),
    Qwen3(qwen3::ModelForCausalLM),
}

impl Stock {
    fn new(spec: &Spec, tensors: HashMap<String, Tensor>) -> Self {
        let device = &Device::Cpu;
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        match spec.architecture.as_str() {
            "LlamaForCausalLM" => {
                let config = llama_config(spec);
                let cache = llama::Cache::new(true, DType::F32, &config, device).unwrap();
                Self::Llama(llama::Llama::load(vb, &config).unwrap(), cache)
            }
            "Qwen2ForCausalLM" => {
                Self::Qwen2(qwen2::ModelForCausalLM::new(&qwen2_config(spec), vb).unwrap())
            }
            "Qwen3ForCausalLM" => {
                Self::Qwen3(qwen3::ModelForCausalLM::new(&qwen3_config(spec), vb).unwrap())
            }
            other => panic!("no stock model for `{other}`"),
        }
    }

    fn forward(&mut self, tokens: &[u32], position: usize) -> Vec<f32> {
        let ids = Tensor::new(tokens, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let logits = match self {
            Self::Llama(model, cache) => model.forward(&ids, position, cache),
            Self::Qwen2(model) => model.forward(&ids, position),
            Self::Qwen3(model) => model.forward(&ids, position),
        };
        logits.unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }
}

fn llama_config(spec: &Spec) -> llama::Config {
    // It knows neither biases nor a head width of its own; it would leave them out without a word.
    assert!(!spec.attention.qkv_bias && !spec.attention.output_bias && !spec.mlp.bias);
    assert_eq!(spec.head_dim * spec.heads, spec.hidden_size);
    llama::Config {
        hidden_size: spec.hidden_size,
        intermediate_size: spec.intermediate_size,
        vocab_size: spec.vocab_size,
        num_hidden_layers: spec.layers.len(),
        num_attention_heads: spec.heads,
        num_key_value_heads: spec.kv_heads,
        use_flash_attn: false,
        rms_norm_eps: spec.norm.eps,
        rope_theta: spec.ropes[0].theta as f32,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: match spec.ropes[0].scaling {
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                Some(llama::Llama3RopeConfig {
                    factor: factor as f32,
                    low_freq_factor: low_freq_factor as f32,
                    high_freq_factor: high_freq_factor as f32,
                    original_max_position_embeddings: original_context,
                    rope_type: llama::Llama3RopeType::Llama3,
                })
            }
            _ => None,
        },
        max_position_embeddings: spec.context,
        tie_word_embeddings: spec.tied_embeddings,
    }
}

fn qwen2_config(spec: &Spec) -> qwen2::Config {
    qwen2::Config {
        vocab_size: spec.vocab_size,
        hidden_size: spec.hidden_size,
        intermediate_size: spec.intermediate_size,
        num_hidden_layers: spec.layers.len(),
        num_attention_heads: spec.heads,
        num_key_value_heads: spec.kv_heads,
        max_position_embeddings: spec.context,
        sliding_window: spec.context,
        max_window_layers: spec.layers.len(),
        tie_word_embeddings: spec.tied_embeddings,
        rope_theta: spec.ropes[0].theta,
        rms_norm_eps: spec.norm.eps,
        use_sliding_window: false,
        hidden_act: Activation::Silu,
    }
}

fn qwen3_config(spec: &Spec) -> qwen3::Config {
    qwen3::Config {
        vocab_size: spec.vocab_size,
        hidden_size: spec.hidden_size,
        intermediate_size: spec.intermediate_size,
        num_hidden_layers: spec.layers.len(),
        num_attention_heads: spec.heads,
        head_dim: spec.head_dim,
        attention_bias: spec.attention.qkv_bias,
        num_key_value_heads: spec.kv_heads,
        max_position_embeddings: spec.context,
        sliding_window: None,
        max_window_layers: spec.layers.len(),
        tie_word_embeddings: spec.tied_embeddings,
        rope_theta: spec.ropes[0].theta,
        rms_norm_eps: spec.norm.eps,
        use_sliding_window: false,
        hidden_act: Activation::Silu,
    }
}

/// Draws greedily with the stock model and lets `model` follow: every row of logits must be close, and its
/// largest one the same.
fn follow<M: LanguageModel>(model: &M, stock: &mut Stock, prompt: &[u32], what: &str) {
    let (last, prefix) = prompt.split_last().unwrap();
    let mut sequence = model.fork(&model.prefill(None, prefix).unwrap());
    let mut theirs = stock.forward(prompt, 0);
    let mut next = *last;
    let mut worst = 0f32;
    for step in 0..DRAWN {
        let mut row = [Row { sequence: &mut sequence, tokens: &[next], logits: 1 }];
        let ours = model.step(&mut row).unwrap().into_values().unwrap();
        let what = format!("{what}, token {step}");
        assert_close(&ours, &theirs, &what);
        worst = worst.max(distance(&ours, &theirs));
        next = largest(&theirs);
        assert_eq!(largest(&ours), next, "{what}");
        theirs = stock.forward(&[next], prompt.len() + step);
    }
    println!("{what}: largest difference {worst:.1e} of the largest logit");
}

fn compare(fixture: &Fixture, prompt: &[u32]) {
    let tensors = || -> HashMap<String, Tensor> {
        let mut all = HashMap::new();
        for entry in std::fs::read_dir(&fixture.folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("model") && name.ends_with(".safetensors") {
                all.extend(candle_core::safetensors::load(&path, &Device::Cpu).unwrap());
            }
        }
        all
    };
    let (spec, label) = (&fixture.model.spec, &fixture.model.label);
    let stock = || Stock::new(spec, tensors());
    follow(&fixture.cpu(), &mut stock(), prompt, &format!("{label} on the CPU"));
    let tensor = fixture.tensor(DType::F32, 64);
    follow(&tensor, &mut stock(), prompt, &format!("{label} on tensors"));
}

#[test]
fn llama_and_qwen_draw_what_candle_transformers_draws() {
    for name in ["llama", "qwen2", "qwen3"] {
        let fixture = Fixture::open(name);
        compare(&fixture, &fixture.ids("ids")[..PROMPT]);
    }
}

#[test]
fn llama3_rope_draws_what_candle_transformers_draws() {
    // The fixture has biases, which the stock model does not know: the same model without them.
    let biased = Fixture::open("llama3-rope");
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&biased.folder).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let weights = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
    tensors.retain(|name, _| !name.ends_with(".bias"));
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let plain = text.replace("_bias\": true", "_bias\": false");
    assert_ne!(plain, text);
    std::fs::write(&config, plain).unwrap();

    let fixture = Fixture::at(folder.path());
    assert!(matches!(fixture.model.spec.ropes[0].scaling, RopeScaling::Llama3 { .. }));
    compare(&fixture, &fixture.ids("ids")[..PROMPT]);
}
