//! bitsandbytes' four bits: codes for the quantiles of a distribution, in flat blocks of one scale each, the scales
//! themselves possibly in eight bits. The definition is that of `bitsandbytes.functional.dequantize_4bit`.

use serde_json::Value;

use super::raw::Raw;
use super::rounding::Rounding;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub(super) struct Normal {
    codes: Raw,
    /// What the sixteen codes stand for.
    map: Raw,
    scales: Raw,
    /// Scales of the scales, and what their 256 codes stand for.
    nested: Option<(Raw, Raw)>,
    block: usize,
    nested_block: usize,
    offset: f32,
    rounding: &'static str,
    pub(super) shape: [usize; 2],
}

/// Numbers of one matrix.
pub(super) struct Values {
    scales: Vec<f32>,
    map: Vec<f32>,
}

impl Normal {
    /// `state` is what bitsandbytes writes about a matrix, `beside` gives the tensors beside it by the ends of
    /// their names.
    ///
    /// # Errors
    /// Something is missing or does not fit.
    pub(super) fn new(
        codes: Raw,
        state: &Raw,
        mut beside: impl FnMut(&str) -> Option<Raw>,
    ) -> Result<Self> {
        let wrong = |what: &str| {
            Error::input(format!("{}: {what} of bitsandbytes' state is missing or not known", state.place))
                .hint("save the model again with transformers and bitsandbytes, or use its original weights")
        };
        let read: Value = serde_json::from_slice(state.data()).map_err(|_| wrong("the text"))?;
        let size =
            |key: &str| read.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let shape = read.get("shape").and_then(Value::as_array).map(|list| {
            list.iter()
                .filter_map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()))
                .collect::<Vec<_>>()
        });
        let Some(&[rows, columns]) = shape.as_deref() else { return Err(wrong("`shape`")) };
        let block = size("blocksize").filter(|&n| n > 0).ok_or_else(|| wrong("`blocksize`"))?;
        let rounding = match read.get("dtype").and_then(Value::as_str) {
            Some("bfloat16") => "BF16",
            Some("float16") => "F16",
            Some("float32") => "F32",
            _ => return Err(wrong("`dtype`")),
        };
        let nested = beside("nested_absmax").zip(beside("nested_quant_map"));
        let count = rows.checked_mul(columns).ok_or_else(|| wrong("`shape`"))?;
        let offset = read.get("nested_offset").and_then(Value::as_f64);
        let normal = Self {
            map: beside("quant_map")
                .filter(|map| map.count() == 16)
                .ok_or_else(|| wrong("`quant_map`"))?,
            scales: beside("absmax")
                .filter(|scales| scales.count() == count.div_ceil(block))
                .ok_or_else(|| wrong("`absmax`"))?,
            nested_block: size("nested_blocksize").filter(|&n| n > 0).unwrap_or(256),
            offset: match &nested {
                Some(_) => offset.ok_or_else(|| wrong("`nested_offset`"))? as f32,
                None => 0.0,
            },
            nested,
            block,
            rounding,
            shape: [rows, columns],
            codes,
        };
        if normal.codes.count() != count.div_ceil(2) {
            return Err(wrong("`shape`"));
        }
        Ok(normal)
    }

    /// Every tensor that belongs to it beside the codes.
    pub(super) fn scales(&self) -> Result<Values> {
        let scales = match &self.nested {
            None if self.scales.is(&["F32", "F16", "BF16"]) => self.scales.scales()?,
            None => return Err(self.scales.unexpected("scales")),
            Some((absmax, map)) => {
                let (absmax, map) = (absmax.scales()?, map.scales()?);
                if !self.scales.is(&["U8"])
                    || map.len() != 256
                    || absmax.len() != self.scales.count().div_ceil(self.nested_block)
                {
                    return Err(self.scales.unexpected("nested scales"));
                }
                let codes = self.scales.data().iter().enumerate();
                codes
                    .map(|(i, &code)| {
                        map[usize::from(code)] * absmax[i / self.nested_block] + self.offset
                    })
                    .collect()
            }
        };
        Ok(Values { scales, map: self.map.scales()? })
    }

    /// Number `at` of the flat matrix. The first of two codes is in the high half of a byte.
    pub(super) fn number(&self, values: &Values, at: usize) -> f32 {
        let byte = self.codes.data().get(at / 2).copied().unwrap_or(0);
        let code = byte >> (4 * (1 - at % 2)) & 15;
        let value = values.map[usize::from(code)] * values.scales[at / self.block];
        Rounding::of(self.rounding).round(value)
    }
}
