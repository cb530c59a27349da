//! The pairs of a GGUF adapter: `TENSOR.lora_a` [R, K] and `TENSOR.lora_b` [N, R] of the model's tensors, in the names and
//! the order of rows that GGUF files have. As llama.cpp reads them (`src/llama-adapter.cpp`).

use std::collections::BTreeMap;

use super::low_rank::LowRank;
use super::tensors::{Place, Tensors};
use crate::error::{Error, Result};
use crate::model::bytes::Bytes;
use crate::model::gguf::{AdapterHead, TensorInfo};

/// What to do with an adapter whose GGUF form is not read.
const USE_PEFT: &str = "use the adapter in the form of peft, from which the GGUF file was made";

impl Tensors {
    /// Sorts the tensors of a GGUF adapter that `place` names in messages.
    ///
    /// # Errors
    /// Half of a pair is missing, a tensor is no half of one, has another shape or a type that is not plain.
    pub(super) fn packed(place: &str, bytes: Bytes, head: &AdapterHead) -> Result<Self> {
        let mut halves: BTreeMap<&str, [Option<&TensorInfo>; 2]> = BTreeMap::new();
        for (name, info) in &head.tensors {
            let side = [".lora_a", ".lora_b"].into_iter().enumerate();
            let Some((side, tensor)) =
                side.filter_map(|(i, end)| Some((i, name.strip_suffix(end)?))).next()
            else {
                return Err(Error::input(format!(
                    "`{place}`: tensor `{name}` is no half of a pair, which is not supported"
                ))
                .hint(USE_PEFT));
            };
            if tensor == "token_embd.weight" || info.shape.len() != 2 {
                return Err(Error::input(format!(
                    "`{place}`: the change of `{tensor}` is not supported: a GGUF adapter's of the embedding or of experts stands otherwise"
                ))
                .hint(USE_PEFT));
            }
            halves.entry(tensor).or_default()[side] = Some(info);
        }
        let mut tensors = Self::none(bytes);
        for (name, halves) in halves {
            let [Some(a), Some(b)] = halves else {
                return Err(Error::input(format!(
                    "`{place}`: of `{name}` only one half of the pair is there"
                ))
                .hint("download the adapter again"));
            };
            let (rank, fits) = (a.shape[0], a.shape[0] == b.shape[1] && a.shape[0] > 0);
            if !fits {
                return Err(Error::input(format!(
                    "`{place}`: the pair of `{name}` has shapes {:?} and {:?}, which do not fit together",
                    a.shape, b.shape
                ))
                .hint("download the adapter again"));
            }
            let values = |side: &str, info: &TensorInfo| {
                let dtype = info.element.dtype().filter(|dtype| dtype.block_size() == 1);
                let dtype = dtype.ok_or_else(|| {
                    Error::input(format!(
                        "`{place}`: tensor `{name}.{side}` is stored as {}, which is not supported",
                        info.element
                    ))
                    .hint("convert the adapter with `--outtype f32` or `f16`")
                })?;
                let file_place = Place {
                    name: format!("tensor `{name}.{side}` in `{place}`"),
                    dtype,
                    shape: info.shape.clone(),
                    range: info.range.clone(),
                };
                tensors.stored(&file_place).to_f32()
            };
            let (a, mut b) = (values("lora_a", a)?, values("lora_b", b)?);
            let scaling =
                head.alpha.filter(|alpha| *alpha != 0.0).map_or(1.0, |alpha| alpha / rank as f64);
            b.iter_mut().for_each(|b| *b *= scaling as f32);
            let change = LowRank { rank, a: a.into(), b: b.into(), lengths: None, strength: 1.0 };
            tensors.pairs.insert(name.to_owned(), change);
        }
        if tensors.pairs.is_empty() {
            return Err(Error::input(format!("`{place}` changes nothing"))
                .hint("download the adapter again"));
        }
        Ok(tensors)
    }
}
