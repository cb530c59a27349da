//! The same checkpoints as GGUF, as llama.cpp's converter writes them: what transformers computes from the
//! folder comes out of the one file too. See `tests/fixtures/README.md` for the checkpoints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

#[path = "common/fixtures.rs"]
mod fixtures;

use std::path::{Path, PathBuf};

use candle_core::Device;
use candor::decoder::CpuDecoder;
use candor::model::Model;

use fixtures::{Fixture, TOLERANCE, all_logits, distance, greedy};

/// Tokens of the text that is looked at on its own.
const SHORT: usize = 24;

fn files() -> Vec<PathBuf> {
    let families = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families");
    let mut files: Vec<PathBuf> = std::fs::read_dir(families)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("model.gguf"))
        .filter(|path| path.exists())
        .collect();
    files.sort();
    assert!(files.len() >= 16, "{files:?}");
    files
}

fn open(path: &Path) -> Fixture {
    let folder = path.parent().unwrap().to_owned();
    let model = Model::open(path.to_str().unwrap()).unwrap();
    let reference = folder.join("reference.safetensors");
    let reference = candle_core::safetensors::load(reference, &Device::Cpu).unwrap();
    Fixture { folder, model, reference }
}

fn decoder(fixture: &Fixture, tokens: usize) -> CpuDecoder {
    let spec = fixture.model.spec.for_texts_of(tokens);
    CpuDecoder::load(&spec, &fixture.model.weights().unwrap(), None).unwrap()
}

fn reference(fixture: &Fixture, name: &str) -> Vec<f32> {
    fixture.reference[name].flatten_all().unwrap().to_vec1().unwrap()
}

/// The converter does not write the window of `MistralForCausalLM`, so nothing can know of it.
fn keeps_no_window(path: &Path) -> bool {
    path.parent().unwrap().ends_with("mistral")
}

/// Runs a check on every file and shows all that fail.
fn each(check: impl Fn(&Path)) {
    let files = files();
    let failed: Vec<&PathBuf> = files
        .iter()
        .filter(|path| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(path))).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn logits_are_those_of_transformers() {
    each(|path| {
        if keeps_no_window(path) {
            return;
        }
        let fixture = open(path);
        let ids = fixture.ids("ids");
        let long = all_logits(&decoder(&fixture, ids.len()), &ids, 0, &[ids.len()]);
        let far = distance(&long, &reference(&fixture, "logits"));
        let short = all_logits(&decoder(&fixture, SHORT), &ids[..SHORT], 0, &[SHORT]);
        let near = distance(&short, &reference(&fixture, "short"));
        println!(
            "{}: {far:.1e} over {} positions, {near:.1e} over {SHORT}",
            path.display(),
            ids.len()
        );
        assert!(far < TOLERANCE && near < TOLERANCE, "{}", path.display());
    });
}

#[test]
fn greedy_continuations_are_those_of_transformers() {
    each(|path| {
        if keeps_no_window(path) {
            return;
        }
        let fixture = open(path);
        let (ids, theirs) = (fixture.ids("ids"), fixture.ids("greedy"));
        let ours = greedy(&decoder(&fixture, 20 + theirs.len()), &ids[..20], theirs.len());
        assert_eq!(ours, theirs, "{}", path.display());
    });
}

#[test]
fn only_the_file_itself_is_digested() {
    let model = open(&files()[0]).model;
    assert_eq!(model.label, "model");
    assert_eq!(model.digests().into_keys().collect::<Vec<_>>(), ["model.gguf"]);
}

#[derive(serde::Deserialize)]
struct Tokenizers {
    text: String,
    cases: Vec<TokenizerCase>,
}

/// What the Python library made of the text.
#[derive(serde::Deserialize)]
struct TokenizerCase {
    name: String,
    ids: Vec<u32>,
    decoded: String,
    skipped: String,
}

#[test]
fn rebuilt_tokenizers_are_those_of_the_python_library() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    let text = std::fs::read(folder.join("gguf.json")).unwrap();
    let Tokenizers { text, cases } = serde_json::from_slice(&text).unwrap();
    assert_eq!(cases.len(), 13);
    for case in cases {
        let path = folder.join(format!("{}.gguf", case.name));
        let tokenizer = Model::open(path.to_str().unwrap()).unwrap().tokenizer;
        assert_eq!(tokenizer.encode(&text).unwrap(), case.ids, "{}", case.name);
        assert_eq!(tokenizer.decode(&case.ids, false).unwrap(), case.decoded, "{}", case.name);
        let skipped = tokenizer.decode(&case.ids, true).unwrap();
        assert_eq!(skipped, case.skipped, "{}", case.name);
        assert!(skipped.contains("<think>") && !skipped.contains("<|im_end|>"), "{}", case.name);
    }
}

#[test]
fn the_spec_is_that_of_the_folder() {
    each(|path| {
        let joined = tempfile::tempdir().unwrap();
        let folder = path.parent().unwrap();
        for from in [folder.with_file_name("tokenizer"), folder.to_owned()] {
            for entry in std::fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                std::fs::copy(&path, joined.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let mut theirs = Model::open(joined.path().to_str().unwrap()).unwrap().spec;
        let mut ours = open(path).model.spec;
        // Stored with their offset.
        theirs.norm.offset = 0.0;
        if let Some(qk_norm) = &mut theirs.attention.qk_norm {
            qk_norm.norm.offset = 0.0;
        }
        if keeps_no_window(path) {
            theirs.layers.iter_mut().for_each(|layer| layer.window = None);
        }
        // The converter writes Llama 3's factors one by one.
        if folder.ends_with("llama3") {
            theirs.ropes.clone_from(&ours.ropes);
        }
        // Which class of several that compute the same.
        ours.architecture.clone_from(&theirs.architecture);
        let json = |spec| rounded(serde_json::to_value(spec).unwrap());
        assert_eq!(json(ours), json(theirs), "{}", path.display());
    });
}

/// Numbers as f32, which is what these files hold.
fn rounded(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(n) => Value::from(n.as_f64().unwrap() as f32),
        Value::Array(list) => list.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}
