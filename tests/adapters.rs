//! Adapters against peft: logits and greedy continuations of the models that it wraps, merged into dense weights, beside
//! weights in blocks, over GGUF files, and through the real binary. See `tests/fixtures/adapters/make_adapters.py`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;
#[path = "common/families.rs"]
mod families;
#[path = "common/fixtures.rs"]
mod fixtures;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candor::decoder::{CpuDecoder, Quantize, TensorDecoder};
use candor::model::Model;

use common::Place;
use fixtures::{TOLERANCE, all_logits, bits, distance, greedy};

/// Tokens in front of the greedy continuation.
const PROMPT: usize = 20;

struct Case {
    name: String,
    family: String,
    folder: PathBuf,
    reference: HashMap<String, Tensor>,
}

impl Case {
    fn all() -> Vec<Self> {
        let adapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapters");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(adapters)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("adapter_config.json").exists())
            .collect();
        folders.sort();
        assert!(folders.len() >= 15, "{folders:?}");
        folders.into_iter().map(Self::open).collect()
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|case| case.name == name).unwrap()
    }

    fn open(folder: PathBuf) -> Self {
        let config = std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let base = config["base_model_name_or_path"].as_str().unwrap();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            family: base.strip_prefix("../families/").unwrap().to_owned(),
            reference: candle_core::safetensors::load(
                folder.join("reference.safetensors"),
                &Device::Cpu,
            )
            .unwrap(),
            folder,
        }
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        self.reference[name].to_vec1().unwrap()
    }

    /// The base model at `base` with the adapter on it.
    fn on(&self, base: &Path, scale: &str) -> Model {
        let name = format!("{}+{}{scale}", base.display(), self.folder.display());
        Model::open(&name).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Logits of the last positions of the text.
    fn last(&self, all: &[f32], vocabulary: usize) -> Vec<f32> {
        let rows = self.reference["logits"].dims()[0];
        all[all.len() - rows * vocabulary..].to_vec()
    }

    fn theirs(&self) -> Vec<f32> {
        self.reference["logits"].flatten_all().unwrap().to_vec1().unwrap()
    }

    /// How far the logits of a decoder are from those of peft, as a part of the largest.
    fn distance(&self, decoder: &CpuDecoder, vocabulary: usize) -> f32 {
        let ids = self.ids("ids");
        distance(
            &self.last(&all_logits(decoder, &ids, 0, &[ids.len()]), vocabulary),
            &self.theirs(),
        )
    }
}

fn cpu(model: &Model, quantize: Option<Quantize>) -> CpuDecoder {
    let spec = model.spec.for_texts_of(PROMPT + 64);
    CpuDecoder::load(&spec, &model.weights().unwrap(), quantize).unwrap()
}

#[test]
fn logits_and_greedy_continuations_are_those_of_peft() {
    for case in Case::all() {
        let (joined, _) = families::open(&case.family, "config.json");
        let model = case.on(joined.path(), "");
        let v = model.spec.vocab_size;
        let decoder = cpu(&model, None);
        let far = case.distance(&decoder, v);
        println!("{} on {}: {far:.1e}", case.name, case.family);
        assert!(far < TOLERANCE, "{}: {far}", case.name);
        let ours = greedy(&decoder, &case.ids("ids")[..PROMPT], 64);
        assert_eq!(ours, case.ids("greedy"), "{}", case.name);

        let weights = model.weights().unwrap();
        let spec = model.spec.for_texts_of(PROMPT + 64);
        let tensor = TensorDecoder::load(&spec, &weights, &Device::Cpu, DType::F32, 64).unwrap();
        let ids = case.ids("ids");
        let far = distance(&case.last(&all_logits(&tensor, &ids, 0, &[1]), v), &case.theirs());
        assert!(far < TOLERANCE, "{} in tensor operations: {far}", case.name);
    }
}

#[test]
fn over_gguf_files_they_change_the_same() {
    let mut compared = 0;
    for case in Case::all() {
        let file = families::checkpoints().join(&case.family).join("model.gguf");
        // The architectures that are read as GGUF; saved norms and biases are refused there (see below).
        let Ok(base) = Model::open(file.to_str().unwrap()) else { continue };
        if ["saved", "biases"].contains(&&*case.name) || case.family == "glm" {
            continue;
        }
        drop(base);
        let model = case.on(&file, "");
        let far = case.distance(&cpu(&model, None), model.spec.vocab_size);
        println!("{} on {}: {far:.1e}", case.name, file.display());
        // The window of Mistral is not in the file.
        if case.family != "mistral" {
            assert!(far < TOLERANCE, "{}: {far}", case.name);
            compared += 1;
        }
    }
    assert!(compared >= 7, "{compared}");
}

/// The same adapters in the form of llama.cpp, over checkpoints of Hugging Face and over GGUF files.
#[test]
fn adapters_of_llama_cpp_change_what_those_of_peft_change() {
    let mut compared = 0;
    for case in Case::all() {
        let adapter = case.folder.join("adapter.gguf");
        if !adapter.exists() {
            continue;
        }
        let (joined, _) = families::open(&case.family, "config.json");
        let file = families::checkpoints().join(&case.family).join("model.gguf");
        for base in [joined.path(), &file] {
            // What the file alone does to the logits: its window or its rope may not be that of the checkpoint.
            let Ok(alone) = Model::open(base.to_str().unwrap()) else { continue };
            let model = Model::open(&format!("{}+{}", base.display(), adapter.display())).unwrap();
            assert!(model.label.ends_with("+adapter.gguf"), "{}", model.label);
            let v = model.spec.vocab_size;
            let ids = case.ids("ids");
            if model.spec.context < ids.len() {
                continue;
            }
            let logits = |model: &Model| all_logits(&cpu(model, None), &ids, 0, &[ids.len()]);
            let with = logits(&model);
            let of_peft = logits(&case.on(base, ""));
            assert!(distance(&with, &of_peft) < TOLERANCE, "{} {base:?}", case.name);
            assert!(distance(&with, &logits(&alone)) > 0.01, "{} {base:?}", case.name);
            if base == joined.path() {
                assert!(
                    distance(&case.last(&with, v), &case.theirs()) < TOLERANCE,
                    "{}",
                    case.name
                );
            }
            compared += 1;
        }
    }
    assert!(compared >= 7, "{compared}");
}

#[test]
fn what_is_no_adapter_of_llama_cpp_is_refused_by_name() {
    let place = Place::new();
    let case = Case::named("plain");
    let (joined, _) = families::open(&case.family, "config.json");
    let good = std::fs::read(case.folder.join("adapter.gguf")).unwrap();
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = good.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    for (bytes, says) in [
        (changed("adapter.lora.alpha", "adapter.lora.gamma"), "adapter.lora.gamma"),
        (changed("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_c"), "no half of a pair"),
        (changed("blk.0.attn_q.weight.lora_a", "blk.9.attn_q.weight.lora_a"), "only one half"),
        (good[..good.len() - 100].to_vec(), "adapter.gguf"),
    ] {
        place.write("adapter.gguf", bytes);
        let name = format!("{}+adapter.gguf", joined.path().display());
        let said = place.fails(&["models", "inspect", &name], 2);
        assert!(said.contains(says), "{says}: {said}");
    }
    let file = families::checkpoints().join(&case.family).join("model.gguf");
    let name = format!("{0}+{0}", file.display());
    assert!(place.fails(&["models", "inspect", &name], 2).contains("this file is a model"));
    place.write("adapter.gguf", &good);
    let said = place.fails(&["models", "inspect", "adapter.gguf"], 2);
    assert!(said.contains("MODEL+FILE.gguf"), "{said}");
}

#[test]
fn beside_blocks_an_adapter_changes_what_it_changes_in_dense_weights() {
    let q8: Quantize = "q8_0".parse().unwrap();
    for name in ["plain", "patterns", "tied", "fused", "experts"] {
        let case = Case::named(name);
        let (joined, _) = families::open(&case.family, "config.json");
        let (ids, base) = (case.ids("ids"), Model::at(joined.path()).unwrap());
        let v = base.spec.vocab_size;
        let logits = |model: &Model, quantize| {
            let decoder = cpu(model, quantize);
            case.last(&all_logits(&decoder, &ids, 0, &[ids.len()]), v)
        };
        // How much the blocks alone move the logits is how far the two may be apart.
        let by_blocks = distance(&logits(&base, Some(q8)), &logits(&base, None));
        let model = case.on(joined.path(), "");
        let beside = distance(&logits(&model, Some(q8)), &case.theirs());
        println!("{name}: blocks alone {by_blocks:.1e}, with the adapter beside them {beside:.1e}");
        assert!(beside < 4.0 * by_blocks.max(0.005), "{name}: {beside} against {by_blocks}");
        let decoder = cpu(&model, Some(q8));
        use candor::decoder::LanguageModel;
        assert!(decoder.info().adapters_beside, "{name}");
        // However the rows of a step are cut, the bits are the same.
        let whole = all_logits(&decoder, &ids, 0, &[ids.len()]);
        let pieces = all_logits(&decoder, &ids, 7, &[1, 5]);
        assert_eq!(bits(&pieces), bits(&whole[7 * v..]), "{name}");
    }
}

#[test]
fn strength_scales_the_change_and_zero_is_the_base() {
    for case in Case::all() {
        let (joined, _) = families::open(&case.family, "config.json");
        let (ids, base) = (case.ids("ids"), Model::at(joined.path()).unwrap());
        let v = base.spec.vocab_size;
        let logits =
            |model: &Model| case.last(&all_logits(&cpu(model, None), &ids, 0, &[ids.len()]), v);
        let none = case.on(joined.path(), "=0");
        assert_eq!(bits(&logits(&none)), bits(&logits(&base)), "{}", case.name);
        // Two halves are a whole, save for lengths that are set twice and tensors that are averaged twice.
        if ["plain", "patterns", "fused", "pairs", "latent", "experts", "experts-mixed"]
            .contains(&&*case.name)
        {
            let half = format!("=0.5+{}=0.5", case.folder.display());
            let far = distance(&logits(&case.on(joined.path(), &half)), &case.theirs());
            assert!(far < TOLERANCE, "{}: {far}", case.name);
        }
    }
}

#[test]
fn an_adapter_alone_brings_its_base_and_a_folder_with_both_must_say_which() {
    let place = Place::new();
    let case = Case::named("plain");
    let (joined, _) = families::open(&case.family, "config.json");
    let adapter = place.path("adapter");
    std::fs::create_dir(&adapter).unwrap();
    let config = std::fs::read_to_string(case.folder.join("adapter_config.json")).unwrap();
    let config = config.replace("../families/llama3", &joined.path().display().to_string());
    std::fs::write(adapter.join("adapter_config.json"), &config).unwrap();
    std::fs::copy(
        case.folder.join("adapter_model.safetensors"),
        adapter.join("adapter_model.safetensors"),
    )
    .unwrap();
    let model = Model::open(adapter.to_str().unwrap()).unwrap();
    assert!(model.label.ends_with("+adapter"), "{}", model.label);
    assert!(case.distance(&cpu(&model, None), model.spec.vocab_size) < TOLERANCE);

    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(adapter.join(name), joined.path().join(name)).unwrap();
    }
    let both = joined.path().to_str().unwrap();
    let error = Model::open(both).unwrap_err();
    assert!(error.to_string().contains("an adapter beside it"), "{error}");
    assert!(error.hint_text().unwrap().contains(&format!("`{both}+{both}`")));
    let with = Model::open(&format!("{both}+{both}")).unwrap();
    assert!(case.distance(&cpu(&with, None), with.spec.vocab_size) < TOLERANCE);

    let without_base = config.replace("base_model_name_or_path", "revision");
    std::fs::write(adapter.join("adapter_config.json"), without_base).unwrap();
    let error = Model::open(adapter.to_str().unwrap()).unwrap_err();
    assert!(error.to_string().contains("does not name its base model"), "{error}");
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let (joined, _) = families::open("llama3", "config.json");
    let refusal = |case: &Case| {
        let model = case.on(joined.path(), "");
        let weights = model.weights().unwrap();
        let error = CpuDecoder::load(&model.spec, &weights, None).map(|_| ()).unwrap_err();
        format!("{error}; {}", error.hint_text().unwrap_or_default())
    };
    // Another family's names, and another family's shapes.
    assert!(refusal(&Case::named("fused-by-head")).contains("which the model does not have"));
    let message = refusal(&Case::named("tied-output"));
    assert!(message.contains("does not fit") && message.contains("gemma2"), "{message}");

    let place = Place::new();
    let case = Case::named("plain");
    let tensors =
        candle_core::safetensors::load(case.folder.join("adapter_model.safetensors"), &Device::Cpu)
            .unwrap();
    let config = std::fs::read(case.folder.join("adapter_config.json")).unwrap();
    for (prefix, shown) in
        [("_orig_mod.", "_orig_mod."), ("module.", "module."), ("", "base_model.model.base_model")]
    {
        let folder = place.path(&format!("renamed{}", prefix.len()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("adapter_config.json"), &config).unwrap();
        let renamed: HashMap<String, Tensor> = tensors
            .iter()
            .map(|(name, tensor)| (format!("base_model.model.{prefix}{name}"), tensor.clone()))
            .collect();
        candle_core::safetensors::save(&renamed, folder.join("adapter_model.safetensors")).unwrap();
        let error =
            Model::open(&format!("{}+{}", joined.path().display(), folder.display())).unwrap_err();
        assert!(error.to_string().contains(shown), "{error}");
    }
    let bin = place.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("adapter_config.json"), &config).unwrap();
    std::fs::write(bin.join("adapter_model.bin"), "").unwrap();
    let error = Model::open(&format!("{}+{}", joined.path().display(), bin.display())).unwrap_err();
    assert!(error.hint_text().unwrap().contains("adapter_model.bin"), "{error}");
}

/// An adapter for an organism, with numbers that move its logits.
fn adapter_for(organism: &str, folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let spec = Model::open(organism).unwrap().spec;
    let (d, rank) = (spec.hidden_size, 2);
    let values = |rows: usize, columns: usize, step: usize| {
        let values = (0..rows * columns).map(|i| ((i * step) % 97) as f32 / 970.0 - 0.05);
        Tensor::from_vec(values.collect::<Vec<_>>(), (rows, columns), &Device::Cpu).unwrap()
    };
    let mut tensors = HashMap::new();
    for layer in 0..spec.layers.len() {
        let name = format!("base_model.model.model.layers.{layer}.self_attn.o_proj");
        tensors
            .insert(format!("{name}.lora_A.weight"), values(rank, spec.heads * spec.value_dim, 31));
        tensors.insert(format!("{name}.lora_B.weight"), values(d, rank, 57));
    }
    candle_core::safetensors::save(&tensors, folder.join("adapter_model.safetensors")).unwrap();
    let config = format!(
        r#"{{"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": {rank}, "lora_alpha": {rank}, "base_model_name_or_path": "{organism}"}}"#
    );
    std::fs::write(folder.join("adapter_config.json"), config).unwrap();
}

#[test]
fn a_run_names_its_adapter_and_is_verified_and_resumed_with_it() {
    let place = Place::new();
    adapter_for("organism:faker", &place.path("lora"));
    let run = |model: &str, out: &str| {
        let args = ["run", model, "--limit", "4", "--max-tokens", "64", "--out", out];
        place.run(&args)
    };
    let base = run("organism:faker", "base");
    assert!(base.status.success());
    let with = run("organism:faker+lora", "with");
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    assert_ne!(place.read("base/transcripts.jsonl"), place.read("with/transcripts.jsonl"));

    let manifest: serde_json::Value =
        serde_json::from_str(&place.read("with/manifest.json")).unwrap();
    let model = &manifest["model"];
    assert_eq!(model["label"], "organism:faker+lora");
    assert_eq!(model["adapters"][0]["name"], "lora");
    assert_eq!(model["adapters"][0]["how"], "merged");
    assert_eq!(model["adapters"][0]["scale"], 1.0);
    assert_eq!(model["adapters"][0]["digest"].as_str().unwrap().len(), 64);
    assert!(place.ok(&["verify", "with"]).contains("verified"));
    assert!(place.ok(&["models", "inspect", "organism:faker+lora"]).contains("lora"));

    // Another strength is another model: it is neither resumed nor verified with it.
    let other = run("organism:faker+lora=0.5", "with");
    assert_eq!(other.status.code(), Some(2), "{}", String::from_utf8_lossy(&other.stderr));
    place.fails(&["verify", "with", "--model", "organism:faker+lora=0.5"], 2);
    place.fails(&["verify", "with", "--model", "organism:faker"], 2);
    // The adapter alone brings its base.
    let alone = run("./lora", "alone");
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    assert_eq!(place.read("alone/transcripts.jsonl"), place.read("with/transcripts.jsonl"));
    // At strength 0 it is the base.
    assert!(run("organism:faker+lora=0", "zero").status.success());
    assert_eq!(place.read("zero/transcripts.jsonl"), place.read("base/transcripts.jsonl"));
}
