//! Tensors by name out of safetensors files, on the CPU, in the type that they are stored in. Knows
//! nothing about which tensors a decoder needs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Serialize;

use super::files::{Bytes, ModelFiles, WEIGHTS_INDEX};
use super::json::Keys;
use super::stored::Stored;
use crate::error::{Error, Result};

/// The length of the header, a little-endian number, comes first.
const HEADER_LENGTH_BYTES: usize = 8;
/// The same limit as in the format's own reader.
const HEADER_MAX_BYTES: usize = 100_000_000;

const EMBEDDING: &str = "model.embed_tokens.weight";
const OUTPUT: &str = "lm_head.weight";

/// All tensors of a model. Cheap to keep: the bytes stay where they are until a tensor is asked for.
#[derive(Debug)]
pub struct Weights {
    tensors: BTreeMap<String, Entry>,
}

/// What a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Type of its elements, as the format calls it.
    pub dtype: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Bytes in the file.
    pub bytes: usize,
    /// The file.
    pub file: String,
}

/// Where a tensor lies.
#[derive(Debug)]
struct Entry {
    file: String,
    bytes: Bytes,
    /// Start of the file's data section.
    data_start: usize,
    info: TensorInfo,
}

impl Entry {
    fn range(&self) -> Range<usize> {
        let (start, end) = self.info.data_offsets;
        self.data_start + start..self.data_start + end
    }

    fn data(&self) -> &[u8] {
        // `read_header` checked that the file covers all its tensors.
        self.bytes.get(self.range()).unwrap_or_default()
    }
}

impl Weights {
    /// Reads and checks the headers of all weight files.
    ///
    /// # Errors
    /// There is no weight file, one is cut short or malformed, a tensor is in two files, or the index and
    /// the files do not agree.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (file, bytes) in files.weights() {
            let (data_start, metadata) = read_header(file, &bytes)?;
            for (name, info) in metadata.tensors() {
                let stored = Entry {
                    file: file.to_owned(),
                    bytes: bytes.clone(),
                    data_start,
                    info: info.clone(),
                };
                if let Some(other) = tensors.insert(name.clone(), stored) {
                    return Err(Error::input(format!(
                        "tensor `{name}` is in both `{}` and `{file}`",
                        other.file
                    )));
                }
            }
        }
        if tensors.is_empty() {
            return Err(Error::input("there are no safetensors weights")
                .hint("the folder needs `model.safetensors`, or shards with `model.safetensors.index.json`"));
        }
        let weights = Self { tensors };
        weights.check_index(files)?;
        Ok(weights)
    }

    /// Each tensor must be in the file that the index gives for it.
    fn check_index(&self, files: &ModelFiles) -> Result<()> {
        let Some(index) = files.get(WEIGHTS_INDEX) else { return Ok(()) };
        let Some(map) = Keys::parse(WEIGHTS_INDEX, index)?.object("weight_map")? else {
            return Ok(());
        };
        match map.entries().find(|(name, file)| {
            self.tensors.get(*name).map(|stored| stored.file.as_str()) != file.as_str()
        }) {
            None => Ok(()),
            Some((name, file)) => Err(Error::input(format!(
                "`{WEIGHTS_INDEX}` puts `{name}` into {file}, where it is not"
            ))
            .hint("download the model again: its files are of different versions")),
        }
    }

    /// One tensor, still in its file.
    ///
    /// # Errors
    /// It is missing, has another shape, or is stored as something other than F32, F16 or BF16.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Stored<'_>> {
        let entry = self.tensors.get(name).ok_or_else(|| {
            Error::input(format!("tensor `{name}` is missing"))
                .hint("`config.json` and the weights do not belong together")
        })?;
        if entry.info.shape != shape {
            return Err(Error::input(format!(
                "tensor `{name}` in `{}` has shape {:?}, expected {shape:?}",
                entry.file, entry.info.shape
            ))
            .hint("`config.json` and the weights do not belong together"));
        }
        let dtype = match entry.info.dtype {
            Dtype::F32 => GgmlDType::F32,
            Dtype::F16 => GgmlDType::F16,
            Dtype::BF16 => GgmlDType::BF16,
            other => {
                return Err(Error::input(format!(
                    "tensor `{name}` in `{}` is stored as {other}, which is not supported in this version",
                    entry.file
                ))
                .hint("supported: F32, F16, BF16"));
            }
        };
        Ok(Stored::new(dtype, shape.to_vec(), &entry.bytes, entry.range()))
    }

    /// One tensor, copied to the CPU in its stored type.
    ///
    /// # Errors
    /// Those of [`Self::get`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<candle_core::Tensor> {
        let stored = self.get(name, shape)?;
        let dtype = match stored.dtype() {
            GgmlDType::F16 => DType::F16,
            GgmlDType::BF16 => DType::BF16,
            _ => DType::F32,
        };
        Ok(candle_core::Tensor::from_raw_buffer(stored.data(), dtype, shape, &Device::Cpu)?)
    }

    /// All tensors, sorted by name.
    pub fn list(&self) -> Vec<Tensor> {
        let tensor = |(name, entry): (&String, &Entry)| Tensor {
            name: name.clone(),
            dtype: entry.info.dtype.to_string(),
            shape: entry.info.shape.clone(),
            bytes: entry.range().len(),
            file: entry.file.clone(),
        };
        self.tensors.iter().map(tensor).collect()
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The type in which most of the bytes are stored; F32 if none are in a type that is supported.
    pub fn dtype(&self) -> DType {
        let bytes_in = |dtype| {
            let stored =
                self.tensors.values().filter(|stored| float(stored.info.dtype) == Some(dtype));
            stored.map(|stored| stored.data().len()).sum::<usize>()
        };
        // The first of equals is taken last, so F32 wins a tie.
        [DType::F16, DType::BF16, DType::F32]
            .into_iter()
            .max_by_key(|&dtype| bytes_in(dtype))
            .unwrap_or(DType::F32)
    }

    /// Refuses weights with tensors beyond those in `asked`: a bias that nobody adds would change every
    /// token. Two kinds are let through, since they hold nothing of their own: rotary tables, which the
    /// config determines, and an output matrix whose bytes are the embedding's.
    ///
    /// # Errors
    /// Names the first tensors that were not asked for.
    pub fn check_all_used<S: AsRef<str>>(&self, asked: &[S]) -> Result<()> {
        let asked: BTreeSet<&str> = asked.iter().map(AsRef::as_ref).collect();
        let copied =
            |name: &str| match (name, self.tensors.get(OUTPUT), self.tensors.get(EMBEDDING)) {
                (OUTPUT, Some(output), Some(embedding)) => output.data() == embedding.data(),
                _ => false,
            };
        let unused: Vec<&str> =
            self.tensors.keys().map(String::as_str).filter(|name| !asked.contains(name)).collect();
        let unused: Vec<&str> = unused
            .into_iter()
            .filter(|name| !name.ends_with(".rotary_emb.inv_freq") && !copied(name))
            .collect();
        if unused.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = unused.iter().take(3).map(|name| format!("`{name}`")).collect();
        let more = if unused.len() > 3 {
            format!(" and {} more", unused.len() - 3)
        } else {
            String::new()
        };
        Err(Error::input(format!("the weights hold tensors that this architecture does not use: {}{more}", shown.join(", ")))
            .hint("running without them would be another model; `config.json` may be of another architecture"))
    }
}

fn float(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}

/// Start of the data section, and the tensors, which are known to cover it exactly.
///
/// Done here rather than by `SafeTensors::deserialize`, which cannot say how much of the file is missing
/// and adds sizes from the header unchecked.
fn read_header(file: &str, bytes: &[u8]) -> Result<(usize, Metadata)> {
    let cut_short = |needed: String| {
        Error::input(format!("`{file}` is cut short: {} bytes, but {needed}", bytes.len()))
            .hint("download the file again")
    };
    let malformed =
        |what: String| Error::input(format!("`{file}` is not a valid safetensors file: {what}"));
    let Some((length, rest)) = bytes.split_first_chunk::<HEADER_LENGTH_BYTES>() else {
        return Err(cut_short(format!("the length of its header takes {HEADER_LENGTH_BYTES}")));
    };
    let length = u64::from_le_bytes(*length);
    let header_bytes = usize::try_from(length)
        .ok()
        .filter(|&length| length <= HEADER_MAX_BYTES)
        .ok_or_else(|| malformed(format!("a header of {length} bytes")))?;
    let header = rest.get(..header_bytes).ok_or_else(|| {
        cut_short(format!("its header alone takes {}", HEADER_LENGTH_BYTES + header_bytes))
    })?;
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|error| malformed(error.to_string()))?;

    let data_start = HEADER_LENGTH_BYTES + header_bytes;
    let needed = data_start
        .checked_add(metadata.data_len())
        .ok_or_else(|| malformed("its sizes overflow".to_owned()))?;
    match bytes.len() {
        found if found < needed => Err(cut_short(format!("its header describes {needed}"))),
        found if found > needed => {
            Err(malformed(format!("{} bytes follow its last tensor", found - needed)))
        }
        _ => Ok((data_start, metadata)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::files::WEIGHTS;

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
        Weights::open(&ModelFiles::literal(&[(WEIGHTS, bytes)]))
    }

    fn refusal(bytes: &[u8]) -> String {
        open(bytes).unwrap_err().to_string()
    }

    #[test]
    fn tensors_come_in_their_stored_type() {
        let weights = open(&file()).unwrap();
        let a = weights.tensor("a", &[2, 2]).unwrap();
        assert_eq!(a.to_vec2::<f32>().unwrap(), [[1.0, -2.0], [0.5, 4.0]]);
        let b = weights.tensor("b", &[3]).unwrap();
        assert_eq!(b.dtype(), DType::BF16);
        assert_eq!(b.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [1.0, 2.0, -1.0]);
        assert_eq!(weights.dtype(), DType::F32);
        assert!(weights.has("a") && !weights.has("c"));
    }

    #[test]
    fn shapes_names_and_types_are_checked() {
        let weights = open(&file()).unwrap();
        let message = weights.tensor("a", &[4]).unwrap_err().to_string();
        assert_eq!(message, "tensor `a` in `model.safetensors` has shape [2, 2], expected [4]");
        assert_eq!(weights.tensor("c", &[1]).unwrap_err().to_string(), "tensor `c` is missing");
        let text = String::from_utf8_lossy(&file()).replace("BF16", "I16 ");
        assert!(refusal(text.as_bytes()).contains("not a valid safetensors file"));
        let mut bytes = file();
        let at = bytes.windows(6).position(|window| window == b"\"BF16\"").unwrap();
        bytes.splice(at..at + 6, *b" \"I16\"");
        let message = open(&bytes).unwrap().tensor("b", &[3]).unwrap_err().to_string();
        assert!(message.contains("stored as I16, which is not supported"), "{message}");
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
        assert!(with(OUTPUT, 1.0).is_ok());
        assert!(with(OUTPUT, 2.0).is_err());
        assert!(with("model.layers.0.self_attn.q_proj.bias", 1.0).is_err());
    }

    #[test]
    fn an_index_must_agree_with_the_files() {
        let index =
            |file: &str| format!(r#"{{"weight_map": {{"a": "{file}", "b": "{WEIGHTS}"}}}}"#);
        let files = |index: &str| {
            Weights::open(&ModelFiles::literal(&[
                (WEIGHTS, &file()),
                (WEIGHTS_INDEX, index.as_bytes()),
            ]))
        };
        assert!(files(&index(WEIGHTS)).is_ok());
        assert!(
            files(&index("other.safetensors")).unwrap_err().to_string().contains("puts `a` into")
        );
        let twice = ModelFiles::literal(&[("1.safetensors", &file()), ("2.safetensors", &file())]);
        assert!(Weights::open(&twice).unwrap_err().to_string().contains("is in both"));
        assert!(Weights::open(&ModelFiles::literal(&[])).is_err());
    }

    #[test]
    fn damaged_files_never_panic() {
        crate::model::mutate::each(&file(), |bytes| {
            if let Ok(weights) = open(bytes) {
                drop((weights.tensor("a", &[2, 2]), weights.tensor("b", &[3]), weights.dtype()));
            }
        });
    }
}
