//! The header of a safetensors file: where each tensor lies. Knows nothing about what they are for.

use std::ops::Range;

use candle_core::quantized::GgmlDType;
use safetensors::tensor::{Dtype, Metadata};

use crate::error::{Error, Result};

/// The length of the header, a little-endian number, comes first.
const HEADER_LENGTH_BYTES: usize = 8;
/// The same limit as in the format's own reader.
const HEADER_MAX_BYTES: usize = 100_000_000;

/// A tensor of a file.
pub(super) struct Tensor {
    pub(super) name: String,
    /// Or what the file calls a type that is not supported.
    pub(super) dtype: std::result::Result<GgmlDType, String>,
    pub(super) shape: Vec<usize>,
    /// Its bytes in the file, which are there.
    pub(super) range: Range<usize>,
}

/// All tensors of a file.
///
/// # Errors
/// The file is malformed, or shorter than its header says.
pub(super) fn tensors(file: &str, bytes: &[u8]) -> Result<Vec<Tensor>> {
    let (data_start, metadata) = read_header(file, bytes)?;
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let dtype = match info.dtype {
            Dtype::F32 => Ok(GgmlDType::F32),
            Dtype::F16 => Ok(GgmlDType::F16),
            Dtype::BF16 => Ok(GgmlDType::BF16),
            other => Err(other.to_string()),
        };
        let (start, end) = info.data_offsets;
        Tensor {
            name,
            dtype,
            shape: info.shape.clone(),
            range: data_start + start..data_start + end,
        }
    });
    Ok(tensors.collect())
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
