use super::*;
use crate::model::layout::LLAMA;
use crate::model::named::WEIGHTS;
use crate::model::{Dimensions, LayerPart, Rope, RopeScaling};

const EMBEDDING: &str = "model.embed_tokens.weight";
const OUTPUT: &str = "lm_head.weight";

fn of(files: &ModelFiles) -> Result<Weights> {
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
    let spec = Spec::llama("LlamaForCausalLM", sizes, rope, 1e-6);
    Weights::open(files, Some((Naming::HuggingFace(&LLAMA), &spec)))
}

/// A file with an F32 tensor `a` of shape [2, 2] and a BF16 tensor `b` of shape [3], from its parts.
fn file() -> Vec<u8> {
    let header = r#"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([1.0f32, -2.0, 0.5, 4.0].iter().flat_map(|x| x.to_le_bytes()));
    // 1, 2 and -1 as the upper halves of their f32.
    bytes.extend([0x3f80u16, 0x4000, 0xbf80].iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

fn open(bytes: &[u8]) -> Result<Weights> {
    of(&ModelFiles::literal(&[(WEIGHTS, bytes)]))
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

#[test]
fn tensors_come_in_their_stored_type() {
    let weights = open(&file()).unwrap();
    let tensor =
        |name: &str, shape: &[usize]| weights.named(name, shape).unwrap().tensor().unwrap();
    let a = tensor("a", &[2, 2]);
    assert_eq!(a.to_vec2::<f32>().unwrap(), [[1.0, -2.0], [0.5, 4.0]]);
    let b = tensor("b", &[3]);
    assert_eq!(b.dtype(), DType::BF16);
    assert_eq!(b.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [1.0, 2.0, -1.0]);
    assert_eq!(weights.dtype(), DType::F32);
    assert_eq!(
        weights.list().iter().map(|tensor| &tensor.name[..]).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[test]
fn shapes_names_and_types_are_checked() {
    let weights = open(&file()).unwrap();
    let message = weights.named("a", &[4]).map(drop).unwrap_err().to_string();
    assert_eq!(message, "tensor `a` in `model.safetensors` has shape [2, 2], expected [4]");
    assert_eq!(
        weights.named("c", &[1]).map(drop).unwrap_err().to_string(),
        "tensor `c` is missing"
    );
    let text = String::from_utf8_lossy(&file()).replace("BF16", "I16 ");
    assert!(refusal(text.as_bytes()).contains("not a valid safetensors file"));
    let mut bytes = file();
    let at = bytes.windows(6).position(|window| window == b"\"BF16\"").unwrap();
    bytes.splice(at..at + 6, *b" \"I16\"");
    let message = open(&bytes).unwrap().named("b", &[3]).map(drop).unwrap_err().to_string();
    assert!(message.contains("stored as I16, which is not supported"), "{message}");
}

#[test]
fn a_part_is_found_by_what_it_does_and_held_against_its_shape() {
    let header = r#"{"model.layers.0.self_attn.q_proj.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()));
    let weights = open(&bytes).unwrap();
    let query = Part::Layer(0, LayerPart::Query);
    let stored = weights.get(query, Kind::Weight, &[2, 2]).unwrap();
    assert_eq!(stored.to_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let message = weights.get(query, Kind::Weight, &[4, 2]).map(drop).unwrap_err().to_string();
    assert!(
        message.contains("has shape [2, 2], which does not hold the Query of layer 0"),
        "{message}"
    );
    let message = weights.get(query, Kind::Bias, &[2]).map(drop).unwrap_err().to_string();
    assert_eq!(message, "tensor `model.layers.0.self_attn.q_proj.bias` is missing");
}

#[test]
fn a_file_that_is_cut_short_says_by_how_much() {
    let bytes = file();
    let total = bytes.len();
    assert_eq!(
        refusal(&bytes[..total - 1]),
        format!(
            "`model.safetensors` is cut short: {} bytes, but its header describes {total}",
            total - 1
        )
    );
    assert!(refusal(&bytes[..20]).contains("its header alone takes"));
    assert!(refusal(&bytes[..3]).contains("cut short: 3 bytes"));
    assert!(refusal(b"").contains("cut short: 0 bytes"));
    assert!(refusal(&[bytes, vec![0]].concat()).contains("1 bytes follow"));
    assert!(refusal(&[0xff; 16]).contains("a header of"));
    // The version that stands for a big file in git.
    assert!(refusal(b"version https://git-lfs.github.com/spec/v1").contains("a header of"));
}

#[test]
fn tensors_that_nobody_asks_for_are_refused() {
    let weights = open(&file()).unwrap();
    assert!(weights.check_all_used(&["a", "b"]).is_ok());
    let message = weights.check_all_used(&["a"]).unwrap_err().to_string();
    assert!(message.ends_with("does not use: `b`"), "{message}");

    let with = |other: &str, last: f32| {
        let header = format!(
            r#"{{"{EMBEDDING}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"{other}":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([1.0f32, last].iter().flat_map(|x| x.to_le_bytes()));
        open(&bytes).unwrap().check_all_used(&[EMBEDDING])
    };
    assert!(with("model.layers.0.self_attn.rotary_emb.inv_freq", 2.0).is_ok());
    assert!(with("visual.blocks.0.attn.qkv.weight", 2.0).is_ok());
    assert!(with(OUTPUT, 1.0).is_err());
    assert!(with("model.layers.0.self_attn.q_proj.bias", 1.0).is_err());
}

#[test]
fn an_index_must_agree_with_the_files() {
    let index = |file: &str| format!(r#"{{"weight_map": {{"a": "{file}", "b": "{WEIGHTS}"}}}}"#);
    let files = |index: &str| {
        of(&ModelFiles::literal(&[(WEIGHTS, &file()), (WEIGHTS_INDEX, index.as_bytes())]))
    };
    assert!(files(&index(WEIGHTS)).is_ok());
    assert!(files(&index("other.safetensors")).unwrap_err().to_string().contains("puts `a` into"));
    let twice = ModelFiles::literal(&[("1.safetensors", &file()), ("2.safetensors", &file())]);
    assert!(of(&twice).unwrap_err().to_string().contains("is in both"));
    assert!(of(&ModelFiles::literal(&[])).is_err());
}

#[test]
fn damaged_files_never_panic() {
    crate::model::mutate::each(&file(), |bytes| {
        if let Ok(weights) = open(bytes) {
            drop((weights.named("a", &[2, 2]), weights.named("b", &[3]), weights.dtype()));
        }
    });
}
