//! Model folders as transformers writes them: both config styles give one spec, prompts and ids are those
//! of transformers, every tensor has its place, and damaged folders are refused by name.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/tensors.rs"]
mod tensors_file;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candor::decoder::{CpuDecoder, TensorDecoder};
use candor::error::Error;
use candor::model::{Message, Model, RenderOptions, RopeScaling, Spec};
use proptest::prelude::*;
use serde::Deserialize;
use tensors_file::Tensors;

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

/// A copy of a small model whose weights are one file, with its tensors changed.
fn spoiled(name: &str, change: impl Fn(&mut Tensors)) -> tempfile::TempDir {
    let folder = copy(name);
    let mut all = Tensors::new();
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.starts_with("model") && file.ends_with(".safetensors") {
            all.extend(tensors_file::read(&path));
            shards.push(path);
        }
    }
    shards.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    std::fs::remove_file(folder.path().join("model.safetensors.index.json")).unwrap_or_default();
    change(&mut all);
    tensors_file::write(&folder.path().join("model.safetensors"), &all);
    folder
}

/// What either decoder says of a model.
fn loaded(folder: &Path) -> [Result<(), Error>; 2] {
    let load = || open(folder).and_then(|model| Ok((model.weights()?, model)));
    [
        load().and_then(|(w, model)| CpuDecoder::load(&model.spec, &w, None).map(drop)),
        load().and_then(|(w, model)| {
            TensorDecoder::load(&model.spec, &w, &Device::Cpu, DType::F32, 64).map(drop)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// NaN or an infinity anywhere in any tensor, in any type: both decoders name the tensor.
    #[test]
    fn weights_that_are_no_numbers_are_named(
        model in 0..MODELS.len(), which: prop::sample::Index, at: prop::sample::Index, kind in 0usize..4,
        dtype in prop::sample::select(vec!["F32", "F16", "BF16"]),
    ) {
        let named = std::cell::RefCell::new(String::new());
        let folder = spoiled(MODELS[model], |tensors| {
            let names: Vec<String> = tensors.keys().cloned().collect();
            let name = &names[which.index(names.len())];
            let (stored, shape, bytes) = tensors.get_mut(name).unwrap();
            *stored = dtype.to_owned();
            let (width, count) = (tensors_file::width(dtype), shape.iter().product::<usize>());
            *bytes = vec![0; count * width];
            let at = at.index(count) * width;
            bytes[at..at + width].copy_from_slice(&tensors_file::no_numbers(dtype)[kind]);
            *named.borrow_mut() = format!("`{name}`");
        });
        for result in loaded(folder.path()) {
            let message = result.unwrap_err().to_string();
            let name = named.borrow().clone();
            prop_assert!(message.contains(&name) && message.contains("no finite numbers"), "{}", message);
        }
    }

    /// Any tensor of the decoder's own kind that nobody asks for is refused, those of other parts are noted.
    #[test]
    fn tensors_that_nobody_reads_are_refused_or_said(
        (name, says) in prop::sample::select(vec![
            ("model.layers.2.mlp.up_proj.weight", "deeper"),
            ("model.layers.0.mlp.up_proj.bias", "attention_bias"),
            ("model.layers.1.self_attn.extra_norm.weight", "architecture"),
            ("model.embed_positions.weight", "architecture"),
            ("model.layers.0.self_attn.q_proj.lora_A.default.weight", "merge_and_unload"),
            ("visual.blocks.0.attn.qkv.weight", ""),
            ("mtp.layers.0.mlp.up_proj.weight", ""),
            ("model.vision_tower.patch.weight", ""),
        ]),
        values in prop::collection::vec(-1f32..1.0, 1..9),
    ) {
        let folder = spoiled("llama", |tensors| {
            let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            tensors.insert(name.to_owned(), ("F32".to_owned(), vec![values.len()], bytes));
        });
        let notes = open(folder.path()).unwrap().weights().unwrap().notes();
        for result in loaded(folder.path()) {
            match result {
                Ok(()) => prop_assert!(says.is_empty() && notes[0].contains(name), "{notes:?}"),
                Err(error) => {
                    prop_assert!(error.to_string().contains(name), "{}", error);
                    prop_assert!(error.hint_text().unwrap().contains(says) && notes.is_empty(), "{:?}", error);
                }
            }
        }
    }

    /// A wrapper's name in front of all tensors, or inside of them.
    #[test]
    fn names_of_a_wrapper_are_told(
        wrapper in prop::sample::select(vec!["base_model.model.", "_orig_mod.", "module.", "module._orig_mod."]),
        inside: bool,
    ) {
        let folder = spoiled("llama", |tensors| {
            let wrapped = |name: String| match name.strip_prefix("model.layers.0.").filter(|_| inside) {
                Some(rest) => format!("model.layers.0.{wrapper}{rest}"),
                None if inside => name,
                None => format!("{wrapper}{name}"),
            };
            *tensors = std::mem::take(tensors).into_iter().map(|(k, v)| (wrapped(k), v)).collect();
        });
        for result in loaded(folder.path()) {
            let error = result.unwrap_err();
            prop_assert!(error.to_string().contains("is missing; there is"), "{}", error);
            prop_assert!(error.to_string().contains(wrapper), "{}", error);
        }
    }

    /// A head that is stored although it is tied: with other numbers than the embedding's it is used, as transformers
    /// 5 does, and a note says so.
    #[test]
    fn a_head_under_tied_embeddings_is_used_where_it_is_another(
        change in prop::option::of((any::<prop::sample::Index>(), any::<bool>())), as_f32: bool,
    ) {
        let folder = spoiled("qwen3", |tensors| {
            let (dtype, shape, bytes) = tensors["model.embed_tokens.weight"].clone();
            let (dtype, mut bytes) = match (as_f32, dtype.as_str()) {
                (true, "BF16") => {
                    let widened = bytes.chunks_exact(2).flat_map(|x| [0, 0, x[0], x[1]]).collect();
                    ("F32".to_owned(), widened)
                }
                _ => (dtype, bytes),
            };
            if let Some((at, _)) = change {
                let at = at.index(bytes.len());
                // The lowest bit of a mantissa, or of a sign and exponent: another number in any case.
                let at = at / tensors_file::width(&dtype) * tensors_file::width(&dtype);
                bytes[at] ^= 1;
            }
            tensors.insert("lm_head.weight".to_owned(), (dtype, shape, bytes));
        });
        for result in loaded(folder.path()) {
            prop_assert!(result.is_ok());
        }
        let model = Model::open(folder.path().to_str().unwrap()).unwrap();
        let notes = model.weights().unwrap().notes();
        let noted = notes.iter().any(|note| note.contains("tie_word_embeddings"));
        prop_assert_eq!(noted, change.is_some());
    }
}
