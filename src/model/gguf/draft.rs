//! A config that is being written while the metadata of a GGUF file is being read. Knows no architecture.

use serde_json::{Map, Value as Json, json};

use super::contents::Contents;
use crate::error::Result;
use crate::model::json::Keys;

/// Longest list that a key of the architecture may have: one entry per layer.
pub(super) const LIST_MAX: usize = 1 << 12;
/// Above any published model.
pub(super) const SIZE_MAX: usize = 1 << 32;

/// A config that is being written while metadata is being read.
pub(super) struct Draft<'a> {
    pub(super) contents: &'a Contents<'a>,
    /// Keys of the architecture without its name, still unread.
    pub(super) keys: Keys,
    pub(super) config: Map<String, Json>,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) hidden_size: usize,
    pub(super) head_dim: usize,
}

impl Draft<'_> {
    /// Writes a key.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Json>) {
        self.config.insert(key.to_owned(), value.into());
    }

    /// Copies a positive number if it is there.
    pub(super) fn copy_number(&mut self, from: &str, to: &str) -> Result<()> {
        if let Some(number) = self.keys.positive(from)? {
            self.put(to, number);
        }
        Ok(())
    }

    /// Copies a size if it is there.
    pub(super) fn copy_size(&mut self, from: &str, to: &str) -> Result<()> {
        if let Some(size) = uniform(&mut self.keys, from)? {
            self.put(to, size);
        }
        Ok(())
    }

    /// Whether the first layer has this tensor: how a GGUF file says that there are biases and the like.
    pub(super) fn has(&self, tensor: &str) -> bool {
        self.contents.has_tensor(&format!("blk.0.{tensor}"))
    }

    /// Writes whether there are biases on the attention's output projection, which stands for all four.
    pub(super) fn attention_bias(&mut self) {
        let bias = self.has("attn_output.bias");
        self.put("attention_bias", bias);
    }

    /// Number of experts and of those that a token passes.
    pub(super) fn experts(&mut self, count_key: &str) -> Result<()> {
        let count = self.keys.required_size("expert_count", SIZE_MAX)?;
        self.put(count_key, count);
        let used = uniform(&mut self.keys, "expert_used_count")?
            .ok_or_else(|| self.keys.missing("expert_used_count"))?;
        self.put("num_experts_per_tok", used);
        // 1 is softmax, as these architectures have it.
        self.expect("expert_gating_func", &[json!(1)])
    }

    /// The window, and which layers have it: all but every `period`-th, unless a key says otherwise.
    pub(super) fn windows(&mut self, period: usize, missing: Option<usize>) -> Result<bool> {
        let pattern = self.keys.value("attention.sliding_window_pattern");
        let window = match self.keys.value("attention.sliding_window") {
            None => missing,
            Some(value) if value == 0 => None,
            Some(value) => {
                Some(value.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
                    self.keys.wrong("attention.sliding_window", "a whole number", &value)
                })?)
            }
        };
        let Some(window) = window else { return Ok(false) };
        let windowed: Vec<bool> = match &pattern {
            None => (0..self.layers).map(|i| (i + 1) % period != 0).collect(),
            Some(Json::Number(n)) if n.as_u64().is_some_and(|n| n > 0) => {
                let period = n.as_u64().unwrap_or(1);
                (0..self.layers as u64).map(|i| (i + 1) % period != 0).collect()
            }
            Some(Json::Array(list))
                if list.len() == self.layers && list.iter().all(Json::is_boolean) =>
            {
                list.iter().map(|on| on == true).collect()
            }
            Some(other) => {
                return Err(self.keys.wrong(
                    "attention.sliding_window_pattern",
                    "a period, or one truth value per layer",
                    other,
                ));
            }
        };
        let kind = |&on: &bool| if on { "sliding_attention" } else { "full_attention" };
        self.put("sliding_window", window);
        self.put("layer_types", windowed.iter().map(kind).collect::<Vec<_>>());
        Ok(true)
    }

    /// Accepts a key as long as it says one of these.
    pub(super) fn expect(&mut self, key: &str, accepted: &[Json]) -> Result<()> {
        let same = |a: &Json, b: &Json| a == b || a.is_number() && a.as_f64() == b.as_f64();
        match self.keys.value(key) {
            Some(found) if !accepted.iter().any(|value| same(value, &found)) => {
                let accepted: Vec<String> = accepted.iter().map(Json::to_string).collect();
                Err(self
                    .keys
                    .wrong(key, &accepted.join(" or "), &found)
                    .hint("this version computes nothing else"))
            }
            _ => Ok(()),
        }
    }

    /// Takes the keys that change nothing, or nothing as long as they say this.
    pub(super) fn ignore_harmless(&mut self) {
        // Sizes that the tensors' shapes say too, and the layout of a format that is gone.
        for key in [
            "vocab_size",
            "tensor_data_layout",
            "rope.scaling.finetuned",
            "attention.layer_norm_epsilon",
        ] {
            self.keys.value(key);
        }
        let (head_dim, layers) = (self.head_dim, self.layers);
        let harmless = |key: &str, value: &Json| match key {
            "attention.value_length" => value == head_dim,
            "attention.causal" => value == true,
            "expert_count"
            | "expert_used_count"
            | "nextn_predict_layers"
            | "pooling_type"
            | "leading_dense_block_count"
            | "expert_shared_count"
            | "expert_group_count"
            | "expert_group_used_count"
            | "attention.sliding_window" => value == 0,
            "expert_weights_scale" => matches!(value.as_f64(), Some(x) if x == 0.0 || x == 1.0),
            "decoder_block_count" => value == layers,
            _ => false,
        };
        self.keys.retain(|key, value| !harmless(key, value));
    }
}

/// A size that may be given for each layer, as long as it is the same for all.
pub(super) fn uniform(keys: &mut Keys, key: &str) -> Result<Option<usize>> {
    let Some(value) = keys.value(key) else { return Ok(None) };
    let all = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    let size = |value: &Json| {
        value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=SIZE_MAX).contains(n))
    };
    match all.first().and_then(size) {
        Some(first) if all.iter().all(|value| size(value) == Some(first)) => Ok(Some(first)),
        _ => Err(keys.wrong(
            key,
            &format!("one whole number from 1 to {SIZE_MAX} for all layers"),
            &value,
        )),
    }
}
