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

/// What the converter leaves out, so that nothing can know of it: the windows of `MistralForCausalLM` and of
/// Qwen2; and GLM's context, for which it writes the hidden size.
fn is_cut(path: &Path) -> bool {
    ["mistral", "qwen2-window", "glm"].iter().any(|name| path.parent().unwrap().ends_with(name))
}

/// Architectures that are refused by name.
const REFUSED: [&str; 6] = ["deepseek2", "ernie4_5", "glm4moe", "gpt-oss", "helium", "nemotron"];

/// Whether a file is of an architecture that is refused, by name.
fn is_refused(path: &Path) -> bool {
    let Err(error) = Model::open(path.to_str().unwrap()) else { return false };
    let message = error.to_string();
    REFUSED.iter().any(|name| message.contains(&format!("`general.architecture` is `{name}`")))
}

/// Runs a check on every file and shows all that fail.
fn each(check: impl Fn(&Path)) {
    let files = files();
    let failed: Vec<&PathBuf> = files
        .iter()
        .filter(|path| {
            !is_refused(path)
                && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(path))).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn logits_are_those_of_transformers() {
    each(|path| {
        if is_cut(path) {
            return;
        }
        let fixture = open(path);
        let ids = fixture.ids("ids");
        let long = all_logits(&fixture.cpu_for(ids.len()), &ids, 0, &[ids.len()]);
        let far = distance(&long, &fixture.values("logits"));
        let short = all_logits(&fixture.cpu_for(SHORT), &ids[..SHORT], 0, &[SHORT]);
        let near = distance(&short, &fixture.values("short"));
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
        if is_cut(path) {
            return;
        }
        let fixture = open(path);
        let (ids, theirs) = (fixture.ids("ids"), fixture.ids("greedy"));
        let ours = greedy(&fixture.cpu_for(20 + theirs.len()), &ids[..20], theirs.len());
        assert_eq!(ours, theirs, "{}", path.display());
    });
}

#[test]
fn parts_are_one_model() {
    let families = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families");
    let whole = open(&families.join("llama3/model.gguf"));
    let name = |number| format!("llama3/split/model-{number:05}-of-00003.gguf");
    let parts = Model::open(families.join(name(1)).to_str().unwrap()).unwrap();
    assert_eq!((parts.label.as_str(), parts.digests().len()), ("model", 3));
    let ids = whole.ids("ids");
    let logits = |model: &Model| {
        let decoder = CpuDecoder::load(&model.spec, &model.weights().unwrap(), None).unwrap();
        fixtures::bits(&all_logits(&decoder, &ids[..SHORT], 0, &[SHORT]))
    };
    assert_eq!(logits(&parts), logits(&whole.model));

    let middle = Model::open(families.join(name(2)).to_str().unwrap()).unwrap_err();
    assert!(middle.hint_text().unwrap().contains("model-00001-of-00003.gguf"));
    // The first part alone, under its own name and under another.
    let alone = tempfile::tempdir().unwrap();
    for (file, said) in
        [("model-00001-of-00003.gguf", "model-00002-of-00003.gguf"), ("m.gguf", "part 1 of 3")]
    {
        let path = alone.path().join(file);
        std::fs::copy(families.join(name(1)), &path).unwrap();
        let message = Model::open(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(message.contains(said), "{message}");
    }
}

/// Weights in blocks against the same weights as plain numbers. Products in blocks also round the rows to
/// eight bits, which llama.cpp does too: it is as far away from these references (`tests/fixtures/README.md`).
#[test]
fn weights_in_blocks_are_near_what_they_stand_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/quantized");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "gguf") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let model = Model::open(path.to_str().unwrap()).unwrap();
        let weights = model.weights().unwrap();
        let decoder = CpuDecoder::load(&model.spec, &weights, None);
        let stored = path.with_file_name(format!("{name}.reference.safetensors"));
        let stored = candle_core::safetensors::load(stored, &Device::Cpu).unwrap();
        let fixture = Fixture { folder: path.clone(), model, reference: stored };
        let ids = fixture.ids("ids");
        let decoder = decoder.unwrap();
        let ours = all_logits(&decoder, &ids, 0, &[ids.len()]);
        let far = distance(&ours, &fixture.values("logits"));
        let dense = ["F16", "BF16"].contains(&name.as_str());
        println!("{name}: {far:.1e}");
        assert!(far < if dense { TOLERANCE } else { 4e-2 }, "{name}: {far}");
        let pieces = all_logits(&decoder, &ids, 7, &[1, 9]);
        let v = fixture.model.spec.vocab_size;
        assert_eq!(fixtures::bits(&pieces), fixtures::bits(&ours[7 * v..]), "{name}");
        seen += 1;
    }
    assert!(seen >= 14, "{seen}");
}

#[test]
fn only_the_file_itself_is_digested() {
    let llama = files().into_iter().find(|path| path.parent().unwrap().ends_with("llama2"));
    let model = open(&llama.unwrap()).model;
    assert_eq!(model.label, "model");
    assert_eq!(model.digests().keys().collect::<Vec<_>>(), ["model.gguf"]);
    assert!(std::ptr::eq(model.digests(), model.digests()), "hashed once");
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
                if path.is_file() {
                    std::fs::copy(&path, joined.path().join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        let mut theirs = Model::open(joined.path().to_str().unwrap()).unwrap().spec;
        let mut ours = open(path).model.spec;
        // Stored with their offset.
        theirs.norm.offset = 0.0;
        if let Some(qk_norm) = &mut theirs.attention.qk_norm {
            qk_norm.norm.offset = 0.0;
        }
        if is_cut(path) {
            theirs.layers.iter_mut().for_each(|layer| layer.window = None);
            theirs.context = ours.context;
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

/// The fields of a tensor in a GGUF header: where its type and its offset stand, and where its data begins.
struct InHeader {
    dtype_at: usize,
    offset_at: usize,
}

/// Finds a tensor's entry by its name, which stands there with its length and is followed by one dimension.
fn entry(bytes: &[u8], name: &str) -> InHeader {
    let needle =
        [&(name.len() as u64).to_le_bytes()[..], name.as_bytes(), &1u32.to_le_bytes()].concat();
    let at = bytes.windows(needle.len()).position(|piece| piece == needle).unwrap();
    let dtype_at = at + needle.len() + 8;
    InHeader { dtype_at, offset_at: dtype_at + 4 }
}

/// The file with a vector's type replaced and its data put at the end.
fn with_vector(bytes: &[u8], data_start: usize, name: &str, dtype: u32, data: &[u8]) -> Vec<u8> {
    let InHeader { dtype_at, offset_at } = entry(bytes, name);
    let mut bytes = bytes.to_vec();
    bytes.resize(data_start + (bytes.len() - data_start).next_multiple_of(32), 0);
    let offset = (bytes.len() - data_start) as u64;
    bytes[dtype_at..dtype_at + 4].copy_from_slice(&dtype.to_le_bytes());
    bytes[offset_at..offset_at + 8].copy_from_slice(&offset.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Every vector of every family (norms, biases, sinks) in every type that GGUF knows, and in some that it does not:
/// read as what it stands for, or refused by name; never a panic, never zeros.
#[test]
fn vectors_in_any_type_are_read_or_refused_by_name() {
    use candle_core::Tensor;
    use candle_core::quantized::{GgmlDType, QTensor};
    let read: [(u32, GgmlDType); 8] = [
        (0, GgmlDType::F32),
        (1, GgmlDType::F16),
        (30, GgmlDType::BF16),
        (2, GgmlDType::Q4_0),
        (3, GgmlDType::Q4_1),
        (6, GgmlDType::Q5_0),
        (7, GgmlDType::Q5_1),
        (8, GgmlDType::Q8_0),
    ];
    let (mut compared, mut refused) = (0, 0);
    for path in files().into_iter().filter(|path| !is_refused(path)) {
        let bytes = std::fs::read(&path).unwrap();
        let model = Model::open(path.to_str().unwrap()).unwrap();
        let weights = model.weights().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("model.gguf");
        let logits = |bytes: &[u8]| -> candor::error::Result<Vec<u32>> {
            std::fs::write(&made, bytes).unwrap();
            let model = Model::open(made.to_str().unwrap())?;
            let decoder = CpuDecoder::load(&model.spec, &model.weights()?, None)?;
            Ok(fixtures::bits(&all_logits(&decoder, &[1, 2, 3, 4], 0, &[4])))
        };
        let whole = logits(&bytes).unwrap();
        let vectors = weights.list().into_iter().filter(|tensor| {
            tensor.shape.len() == 1 && tensor.dtype == "F32" && !tensor.name.starts_with("rope_")
        });
        // One of each role.
        let mut roles = std::collections::BTreeSet::new();
        for tensor in vectors {
            let role = tensor.name.rsplit_once("blk.").map_or(&*tensor.name, |(_, rest)| {
                rest.split_once('.').map_or(rest, |(_, role)| role)
            });
            if !roles.insert(role.to_owned()) {
                continue;
            }
            let InHeader { offset_at, .. } = entry(&bytes, &tensor.name);
            let offset = u64::from_le_bytes(bytes[offset_at..offset_at + 8].try_into().unwrap());
            let stored = weights.named(&tensor.name, &tensor.shape).unwrap().to_bytes();
            let at = bytes.windows(stored.len()).position(|piece| piece == stored).unwrap();
            let data_start = at - offset as usize;
            let values = weights.named(&tensor.name, &tensor.shape).unwrap().to_f32().unwrap();
            for number in (0..45).chain([99, u32::MAX]) {
                let known = read.iter().find(|(known, _)| *known == number);
                let fits = |dtype: GgmlDType| values.len().is_multiple_of(dtype.block_size());
                let Some(&(_, dtype)) = known.filter(|(_, dtype)| fits(*dtype)) else {
                    let spoiled = with_vector(&bytes, data_start, &tensor.name, number, &[0; 4096]);
                    let message = logits(&spoiled).unwrap_err().to_string();
                    assert!(
                        message.contains(&tensor.name),
                        "{}, type {number}: {message}",
                        tensor.name
                    );
                    refused += 1;
                    continue;
                };
                let plain = Tensor::new(&values[..], &Device::Cpu).unwrap();
                let packed = QTensor::quantize(&plain, dtype).unwrap();
                let meant: Vec<f32> = packed.dequantize(&Device::Cpu).unwrap().to_vec1().unwrap();
                let meant: Vec<u8> = meant.iter().flat_map(|x| x.to_le_bytes()).collect();
                let ours =
                    with_vector(&bytes, data_start, &tensor.name, number, &packed.data().unwrap());
                let theirs = with_vector(&bytes, data_start, &tensor.name, 0, &meant);
                let (ours, theirs) = (logits(&ours).unwrap(), logits(&theirs).unwrap());
                assert_eq!(ours, theirs, "{} as {dtype:?} in {}", tensor.name, path.display());
                assert!(dtype != GgmlDType::F32 || ours == whole);
                compared += 1;
            }
        }
    }
    println!("{compared} vectors read, {refused} refused");
    assert!(compared > 200 && refused > 1000, "{compared}, {refused}");
}
