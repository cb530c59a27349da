//! What a config says about how its weights are coded. Knows nothing about tensors.

use candle_core::quantized::GgmlDType;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::files::ModelFiles;
use crate::model::json::Keys;
use crate::model::named::CONFIG;

/// Hint where a format cannot be read.
const USE_OTHERS: &str = "use the model's original weights, or a GGUF file";

/// What the tensors alone do not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Scheme {
    /// The method's own name, if the config gives one.
    pub(super) method: Option<String>,
    /// Bits of a packed code.
    pub(super) bits: usize,
    /// Inputs that share a scale, where the shape of the scales leaves it open.
    pub(super) block: Option<(usize, usize)>,
    /// Whether GPTQ's zero points are stored less one.
    pub(super) zeros_less_one: bool,
    /// Type of the model's dense numbers.
    pub(super) dtype: GgmlDType,
}

impl Scheme {
    /// Of a model's files; what is left where a config says nothing fits plain weights.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(in crate::model) fn of(files: &ModelFiles) -> Result<Self> {
        let Some(bytes) = files.get(CONFIG) else { return Self::read(None, None) };
        let mut keys = Keys::parse(CONFIG, bytes)?;
        let mut text = keys.object("text_config").ok().flatten();
        let mut find =
            |key: &str| keys.value(key).or_else(|| text.as_mut().and_then(|text| text.value(key)));
        let (dtype, torch_dtype) = (find("dtype"), find("torch_dtype"));
        let quantization = find("quantization_config").or_else(|| find("compression_config"));
        Self::read(quantization.as_ref(), dtype.or(torch_dtype).as_ref())
    }

    /// From the value of `quantization_config`, and the type that the config gives the model.
    ///
    /// # Errors
    /// A method, or a setting of one, that is not read.
    pub(in crate::model) fn read(config: Option<&Value>, dtype: Option<&Value>) -> Result<Self> {
        let dtype =
            match dtype.and_then(Value::as_str).map(|name| name.trim_start_matches("torch.")) {
                Some("float32") => GgmlDType::F32,
                Some("float16") => GgmlDType::F16,
                _ => GgmlDType::BF16,
            };
        let mut scheme = Self { method: None, bits: 4, block: None, zeros_less_one: true, dtype };
        let Some(config) = config else { return Ok(scheme) };
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let size = |key: &str| {
            config.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
        };
        let refuse = |what: String| {
            Error::input(format!(
                "`{CONFIG}`: `quantization_config`: {what} is not supported in this version"
            ))
            .hint(USE_OTHERS)
        };
        let named = text("quant_method").or(text("quant_algo").map(|_| "modelopt"));
        let method = match named {
            Some(method) => method.to_owned(),
            None if config.get("config_groups").is_some() => "compressed-tensors".to_owned(),
            None if config.get("bits").is_some() => "gptq".to_owned(),
            None => return Err(refuse(format!("{config} without a `quant_method`"))),
        };
        match method.as_str() {
            "mxfp4" | "fbgemm_fp8" => {}
            "fp8" => {
                scheme.block = match config.get("weight_block_size") {
                    None | Some(Value::Null) => None,
                    Some(size) => Some(
                        pair(size).ok_or_else(|| refuse(format!("`weight_block_size` {size}")))?,
                    ),
                };
            }
            "compressed-tensors" => scheme.compressed(config, &refuse)?,
            "modelopt" | "modelopt_fp4" => {
                let algorithm = text("quant_algo").or(text("quant_algorithm")).unwrap_or("");
                if ![
                    "FP8",
                    "NVFP4",
                    "MIXED_PRECISION",
                    "FP8_PER_CHANNEL_PER_TOKEN",
                    "FP8_PB_WO",
                    "W4A16_NVFP4",
                ]
                .contains(&algorithm)
                {
                    return Err(refuse(format!("`quant_algo` `{algorithm}`")));
                }
            }
            "gptq" => {
                scheme.bits = size("bits").unwrap_or(4);
                if ![2, 3, 4, 8].contains(&scheme.bits) {
                    return Err(refuse(format!("`bits` {}", scheme.bits)));
                }
                match text("checkpoint_format").or(text("format")).unwrap_or("gptq") {
                    "gptq" => {}
                    "gptq_v2" => scheme.zeros_less_one = false,
                    other => return Err(refuse(format!("`checkpoint_format` `{other}`"))),
                }
            }
            "awq" => {
                let bits = size("bits").or(size("w_bit")).unwrap_or(4);
                let version = text("version").or(text("format")).unwrap_or("gemm").to_lowercase();
                if bits != 4 || version != "gemm" {
                    return Err(refuse(format!("AWQ with {bits} bits in the form `{version}`")));
                }
            }
            "bitsandbytes" | "bitsandbytes_4bit" | "bitsandbytes_8bit" => {}
            other => return Err(refuse(format!("`quant_method` `{other}`"))),
        }
        scheme.method = Some(method);
        Ok(scheme)
    }

    fn compressed(&mut self, config: &Value, refuse: &dyn Fn(String) -> Error) -> Result<()> {
        let sparsity =
            config.get("sparsity_config").and_then(|s| s.get("format")).and_then(Value::as_str);
        if let Some(format) = sparsity.filter(|format| *format != "dense") {
            return Err(refuse(format!("the sparse format `{format}`")));
        }
        if let Some(turned) = config.get("transform_config")
            && turned.as_object().is_some_and(|map| map.values().any(|value| !is_empty(value)))
        {
            return Err(refuse(
                "`transform_config`, which turns activations at run time,".to_owned(),
            ));
        }
        let groups = config.get("config_groups").and_then(Value::as_object);
        let mut formats: Vec<&str> =
            config.get("format").and_then(Value::as_str).into_iter().collect();
        for group in groups.into_iter().flat_map(|groups| groups.values()) {
            formats.extend(group.get("format").and_then(Value::as_str));
            let Some(weights) = group.get("weights").filter(|weights| !weights.is_null()) else {
                continue;
            };
            if let Some(bits) = weights.get("num_bits").and_then(Value::as_u64) {
                self.bits = usize::try_from(bits)
                    .ok()
                    .filter(|bits| (1..=8).contains(bits))
                    .ok_or_else(|| refuse(format!("`num_bits` {bits}")))?;
            }
            if let Some(block) = weights.get("block_structure").filter(|block| !block.is_null()) {
                self.block =
                    Some(pair(block).ok_or_else(|| refuse(format!("`block_structure` {block}")))?);
            }
        }
        const READ: [&str; 9] = [
            "dense",
            "float-quantized",
            "int-quantized",
            "mixed-precision",
            "mxfp4-pack-quantized",
            "mxfp8-quantized",
            "naive-quantized",
            "nvfp4-pack-quantized",
            "pack-quantized",
        ];
        match formats.iter().find(|format| !READ.contains(format)) {
            None => Ok(()),
            Some(format) => Err(refuse(format!("the format `{format}`"))),
        }
    }

    /// What a user should know of a model whose weights are coded; none of plain ones.
    pub(in crate::model) fn note(&self) -> Option<String> {
        let method = self.method.as_ref()?;
        Some(format!(
            "weights stored as `{method}` are widened to {:?} while they are loaded; activations, keys and values are not rounded as that format's own kernels round them",
            self.dtype
        ))
    }
}

/// Two sizes above 0.
fn pair(value: &Value) -> Option<(usize, usize)> {
    let list: Vec<usize> = match value.as_array() {
        Some(list) => {
            let sizes = list.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()));
            sizes.collect::<Option<_>>()?
        }
        None => value.as_str()?.split('x').map(|n| n.parse().ok()).collect::<Option<_>>()?,
    };
    match list[..] {
        [rows, columns] if rows > 0 && columns > 0 => Some((rows, columns)),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        other => other.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(config: Value) -> String {
        Scheme::read(Some(&config), None).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        assert!(refusal(json!({"quant_method": "aqlm"})).contains("`aqlm`"));
        assert!(refusal(json!({"quant_method": "gptq", "bits": 5})).contains("`bits` 5"));
        assert!(refusal(json!({"quant_method": "awq", "version": "gemv"})).contains("`gemv`"));
        assert!(
            refusal(json!({"quant_method": "compressed-tensors", "format": "marlin-24"}))
                .contains("marlin-24")
        );
        let turned = json!({"quant_method": "compressed-tensors", "format": "dense",
            "transform_config": {"config_groups": {"R1": {"type": "hadamard"}}}});
        assert!(refusal(turned).contains("transform_config"));
        assert!(refusal(json!({"quant_algo": "W4A8_AWQ"})).contains("W4A8_AWQ"));
        assert!(
            refusal(json!({"quant_method": "fp8", "weight_block_size": [0, 1]}))
                .contains("weight_block_size")
        );
        assert!(refusal(json!({})).contains("quant_method"));
    }

    #[test]
    fn what_tensors_do_not_tell_is_read() {
        let scheme = Scheme::read(
            Some(&json!({"quant_method": "fp8", "weight_block_size": [128, 64]})),
            Some(&json!("torch.float16")),
        )
        .unwrap();
        assert_eq!((scheme.block, scheme.dtype), (Some((128, 64)), GgmlDType::F16));
        assert!(scheme.note().unwrap().contains("fp8"));
        let none = Scheme::read(None, None).unwrap();
        assert_eq!((none.dtype, none.note()), (GgmlDType::BF16, None));
    }
}
