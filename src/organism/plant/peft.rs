//! An adapter's two files as peft writes them, so that transformers loads them too.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde_json::json;

use super::pairs::{Pairs, SCALE};
use crate::error::{Error, Result};

/// The files by name. `base` is what the adapter calls the model that it was trained on.
pub(super) fn files(pairs: &Pairs, base: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let modules: Vec<&str> = pairs.all.iter().map(|pair| pair.module.as_str()).collect();
    let config = json!({
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": SCALE * pairs.rank,
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": pairs.rank,
        "target_modules": modules,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": false,
    });
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for pair in &pairs.all {
        let name = |side: &str| format!("base_model.model.{}.lora_{side}.weight", pair.module);
        tensors.insert(name("A"), pair.a.as_tensor().to_device(&candle_core::Device::Cpu)?);
        tensors.insert(name("B"), pair.b.as_tensor().to_device(&candle_core::Device::Cpu)?);
    }
    let weights = safetensors::serialize(tensors, None)
        .map_err(|error| Error::failed(format!("the adapter cannot be written: {error}")))?;
    Ok(vec![
        ("adapter_config.json", format!("{config:#}\n").into_bytes()),
        ("adapter_model.safetensors", weights),
    ])
}
