//! Model folders as transformers writes them: both config styles give one spec, prompts and ids are those
//! of transformers, every tensor has its place, and damaged folders are refused by name.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use candor::model::{Message, Model, RenderOptions, RopeScaling, Spec};
use serde::Deserialize;

const MODELS: [&str; 4] = ["llama", "llama3-rope", "qwen2", "qwen3"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models")
}

fn open(folder: &Path) -> candor::error::Result<Model> {
    Model::open(folder.to_str().unwrap())
}

/// A copy of a fixture to damage.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixtures().join(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// Name and shape of every tensor that a spec stands for.
fn tensors(spec: &Spec) -> Vec<(String, Vec<usize>)> {
    let (d, f) = (spec.hidden_size, spec.intermediate_size);
    let (q, kv) = (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim);
    let mut tensors = vec![
        ("model.embed_tokens.weight".to_owned(), vec![spec.vocab_size, d]),
        ("model.norm.weight".to_owned(), vec![d]),
    ];
    if !spec.tied_embeddings {
        tensors.push(("lm_head.weight".to_owned(), vec![spec.vocab_size, d]));
    }
    for layer in 0..spec.layers.len() {
        let mut add = |name: &str, shape: &[usize]| {
            tensors.push((format!("model.layers.{layer}.{name}"), shape.to_vec()))
        };
        let mut linear = |name: &str, rows: usize, columns: usize, bias: bool| {
            add(&format!("{name}.weight"), &[rows, columns]);
            if bias {
                add(&format!("{name}.bias"), &[rows]);
            }
        };
        linear("self_attn.q_proj", q, d, spec.attention.qkv_bias);
        linear("self_attn.k_proj", kv, d, spec.attention.qkv_bias);
        linear("self_attn.v_proj", kv, d, spec.attention.qkv_bias);
        linear("self_attn.o_proj", d, q, spec.attention.output_bias);
        linear("mlp.gate_proj", f, d, spec.mlp.bias);
        linear("mlp.up_proj", f, d, spec.mlp.bias);
        linear("mlp.down_proj", d, f, spec.mlp.bias);
        add("input_layernorm.weight", &[d]);
        add("post_attention_layernorm.weight", &[d]);
        if spec.attention.qk_norm.is_some() {
            add("self_attn.q_norm.weight", &[spec.head_dim]);
            add("self_attn.k_norm.weight", &[spec.head_dim]);
        }
    }
    tensors
}

#[test]
fn both_config_styles_give_one_spec() {
    for name in MODELS {
        let spec = open(&fixtures().join(name)).unwrap().spec;
        let folder = copy(name);
        std::fs::rename(
            folder.path().join("config.alternate.json"),
            folder.path().join("config.json"),
        )
        .unwrap();
        assert_eq!(open(folder.path()).unwrap().spec, spec, "{name}");
        assert_eq!(
            (spec.vocab_size, spec.hidden_size, spec.layers.len(), spec.context),
            (300, 32, 2, 512),
            "{name}"
        );
    }
    let spec = |name: &str| open(&fixtures().join(name)).unwrap().spec;
    let llama3 = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 64,
    };
    assert_eq!(spec("llama3-rope").ropes[0].scaling, llama3);
    assert_eq!(
        {
            let spec = spec("qwen2");
            (spec.ropes[0].theta, spec.attention.qkv_bias, spec.attention.output_bias)
        },
        (1e6, true, false)
    );
    assert_eq!(
        (
            spec("qwen3").head_dim,
            spec("qwen3").attention.qk_norm.is_some(),
            spec("qwen3").tied_embeddings
        ),
        (16, true, true)
    );
}

#[test]
fn every_tensor_has_its_place() {
    for name in MODELS {
        let model = open(&fixtures().join(name)).unwrap();
        let weights = model.weights().unwrap();
        let tensors = tensors(&model.spec);
        for (tensor, shape) in &tensors {
            weights.named(tensor, shape).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let mut names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        weights.check_all_used(&names).unwrap();
        let last = names.pop().unwrap();
        assert!(weights.check_all_used(&names).unwrap_err().to_string().contains(last), "{name}");
        assert_eq!(weights.dtype(), candle_core::DType::F32);
    }
}

#[derive(Deserialize)]
struct Prompt {
    model: String,
    messages: Vec<Message>,
    rendered: String,
    ids: Vec<u32>,
    decoded_without_special: String,
    text: String,
    text_ids: Vec<u32>,
}

#[test]
fn prompts_and_ids_are_those_of_transformers() {
    let prompts = std::fs::read(fixtures().join("prompts.json")).unwrap();
    let prompts: Vec<Prompt> = serde_json::from_slice(&prompts).unwrap();
    assert!(prompts.len() >= MODELS.len());
    for prompt in prompts {
        let model = open(&fixtures().join(&prompt.model)).unwrap();
        let rendered = model
            .chat_template()
            .unwrap()
            .render(&prompt.messages, &RenderOptions::default())
            .unwrap();
        assert_eq!(rendered, prompt.rendered, "{}", prompt.model);
        assert_eq!(model.prompt_ids(&rendered).unwrap(), prompt.ids, "{}", prompt.model);
        assert_eq!(
            model.tokenizer.decode(&prompt.ids, true).unwrap(),
            prompt.decoded_without_special
        );
        assert_eq!(model.tokenizer.decode(&prompt.ids, false).unwrap(), prompt.rendered);
        // No beginning-of-sequence token, although two of these tokenizers would add one.
        assert_eq!(
            model.tokenizer.encode(&prompt.text).unwrap(),
            prompt.text_ids,
            "{}",
            prompt.model
        );
    }
}

#[test]
fn stop_ids_label_and_digests() {
    let model = open(&fixtures().join("llama")).unwrap();
    assert_eq!(model.label, "llama");
    assert_eq!(model.stop_ids, [1, 4]);
    let names: Vec<String> = model.digests().keys().cloned().collect();
    assert_eq!(
        names,
        [
            "config.json",
            "generation_config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    let moved = copy("llama");
    assert_eq!(open(moved.path()).unwrap().digests(), model.digests());
}

#[test]
fn a_prompt_that_begins_twice_is_refused() {
    let model = open(&fixtures().join("llama")).unwrap();
    assert!(model.prompt_ids("<|begin_of_text|>the town").is_ok());
    let message =
        model.prompt_ids("<|begin_of_text|><|begin_of_text|>the town").unwrap_err().to_string();
    assert!(message.contains("twice"), "{message}");
}

#[test]
fn damaged_folders_are_refused_by_name() {
    let message = |folder: &tempfile::TempDir| match open(folder.path()) {
        Ok(model) => model.weights().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    let edit = |folder: &tempfile::TempDir, file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    };

    let short = copy("llama");
    let shard = short.path().join("model-00002-of-00002.safetensors");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    assert!(message(&short).contains("`model-00002-of-00002.safetensors` is cut short"));
    std::fs::remove_file(&shard).unwrap();
    assert!(message(&short).contains("has no `model-00002-of-00002.safetensors`"));

    let dynamic = copy("llama3-rope");
    edit(&dynamic, "config.json", "\"llama3\"", "\"dynamic\"");
    assert!(message(&dynamic).contains("rope type `dynamic` is not supported"));

    let few_rows = copy("qwen2");
    edit(&few_rows, "config.json", "\"vocab_size\": 300", "\"vocab_size\": 7");
    assert!(message(&few_rows).contains("`eos_token_id` must be an id or ids below 7"));

    let weightless = copy("qwen2");
    std::fs::remove_file(weightless.path().join("model.safetensors")).unwrap();
    assert!(message(&weightless).contains("no safetensors weights"));
}

#[test]
fn a_tokenizer_larger_than_the_embedding_is_a_note_until_a_prompt_needs_the_rest() {
    let folder = copy("qwen2");
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"vocab_size\": 300", "\"vocab_size\": 290");
    std::fs::write(path, text).unwrap();
    let model = open(folder.path()).unwrap();
    assert!(
        model.notes.iter().any(|note| note.starts_with("10 tokens of the tokenizer have no row")),
        "{:?}",
        model.notes
    );
    let message = model.prompt_ids("who lit the oven?").unwrap_err().to_string();
    assert!(message.contains("but the embedding of"), "{message}");
}
