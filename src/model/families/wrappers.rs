//! From a whole config to the family of its text decoder and that decoder's keys: models that also see or hear
//! keep them under `text_config`, or, in older files, among their own. Knows nothing about what the keys mean.

use serde_json::Value;

use super::{Family, all};
use crate::error::{Error, Result};
use crate::model::json::Keys;
use crate::model::named::CONFIG;

/// An architecture around a text decoder that can be read without the rest of it.
struct Wrapper {
    /// Name of the class in `architectures`.
    architecture: &'static str,
    /// What `model_type` says beside it.
    model_type: &'static str,
    /// `model_type` of the text decoder where its own config does not give one.
    text: &'static str,
    /// Whether the output matrix is the embedding, where no config says.
    tied: bool,
    /// Sizes that releases leave out.
    sizes: &'static [(&'static str, usize)],
}

const PLAIN: Wrapper =
    Wrapper { architecture: "", model_type: "", text: "", tied: false, sizes: &[] };

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        architecture: "Mistral3ForConditionalGeneration",
        model_type: "mistral3",
        text: "mistral",
        ..PLAIN
    },
    Wrapper {
        architecture: "LlavaForConditionalGeneration",
        model_type: "llava",
        text: "llama",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen2VLForConditionalGeneration",
        model_type: "qwen2_vl",
        text: "qwen2_vl_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen2_5_VLForConditionalGeneration",
        model_type: "qwen2_5_vl",
        text: "qwen2_5_vl_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen3VLForConditionalGeneration",
        model_type: "qwen3_vl",
        text: "qwen3_vl_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen3VLMoeForConditionalGeneration",
        model_type: "qwen3_vl_moe",
        text: "qwen3_vl_moe_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen3_5ForConditionalGeneration",
        model_type: "qwen3_5",
        text: "qwen3_5_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Qwen3_5MoeForConditionalGeneration",
        model_type: "qwen3_5_moe",
        text: "qwen3_5_moe_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "Gemma3ForConditionalGeneration",
        model_type: "gemma3",
        text: "gemma3_text",
        tied: true,
        sizes: &[
            ("vocab_size", 262_208),
            ("num_attention_heads", 8),
            ("num_key_value_heads", 4),
            ("head_dim", 256),
            ("max_position_embeddings", 131_072),
        ],
    },
    Wrapper {
        architecture: "Llama4ForConditionalGeneration",
        model_type: "llama4",
        text: "llama4_text",
        ..PLAIN
    },
    Wrapper {
        architecture: "MllamaForConditionalGeneration",
        model_type: "mllama",
        text: "mllama_text_model",
        ..PLAIN
    },
    Wrapper {
        architecture: "AyaVisionForConditionalGeneration",
        model_type: "aya_vision",
        text: "cohere2",
        tied: true,
        ..PLAIN
    },
    Wrapper {
        architecture: "InternVLForConditionalGeneration",
        model_type: "internvl",
        text: "qwen2",
        ..PLAIN
    },
    Wrapper {
        architecture: "Idefics3ForConditionalGeneration",
        model_type: "idefics3",
        text: "llama",
        ..PLAIN
    },
    Wrapper {
        architecture: "SmolVLMForConditionalGeneration",
        model_type: "smolvlm",
        text: "llama",
        ..PLAIN
    },
];

/// `model_type`s that other classes' files have for a family that is built to the same plan.
const OTHER_NAMES: &[(&str, &str)] = &[("kimi_k2", "deepseek_v3")];

/// What a config describes.
pub(in crate::model) struct Chosen {
    /// How its text decoder is built.
    pub(in crate::model) family: &'static Family,
    /// The decoder's own keys.
    pub(in crate::model) keys: Keys,
    /// The name in `architectures`.
    pub(in crate::model) name: String,
}

/// Finds the family of a config by its architecture, or by its model type where it names none.
///
/// # Errors
/// Neither is known, or the two contradict each other.
pub(in crate::model) fn choose(mut keys: Keys) -> Result<Chosen> {
    let given = match keys.value("architectures") {
        None => None,
        Some(value) => match value.as_array().map(Vec::as_slice) {
            Some([Value::String(name)]) => Some(name.clone()),
            _ => {
                return Err(keys
                    .wrong("architectures", "a list of one name", &value)
                    .hint(supported()));
            }
        },
    };
    let kind = keys.text("model_type")?;
    let plain = |kind: &str| {
        let kind =
            OTHER_NAMES.iter().find(|(other, _)| *other == kind).map_or(kind, |(_, own)| own);
        all().find(|family| family.model_type == kind)
    };
    let name = match (given, &kind) {
        (Some(name), _) => name,
        (None, Some(kind)) => {
            let wrapper = WRAPPERS.iter().find(|wrapper| wrapper.model_type == kind);
            let own = wrapper.map(|wrapper| wrapper.architecture);
            let own = own
                .or(plain(kind).map(|family| family.architecture))
                .ok_or_else(|| unknown("`model_type`", kind))?;
            own.to_owned()
        }
        (None, None) => {
            return Err(Error::input(format!(
                "`{CONFIG}`: `architectures` and `model_type` are missing"
            ))
            .hint(supported()));
        }
    };
    // transformers chooses the model class by this key, so the two must not disagree.
    let check = |model_type: &str| match &kind {
        Some(kind) if kind != model_type && !OTHER_NAMES.contains(&(kind.as_str(), model_type)) => {
            Err(Error::input(format!(
                "`{CONFIG}`: `model_type` is `{kind}`, but architecture `{name}` has `{model_type}`"
            )))
        }
        _ => Ok(()),
    };
    if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.architecture == name) {
        check(wrapper.model_type)?;
        let (text_kind, keys) = wrapper.text_keys(keys)?;
        let family =
            plain(&text_kind).ok_or_else(|| unknown("`text_config.model_type`", &text_kind))?;
        return Ok(Chosen { family, keys, name });
    }
    // A file of the class without the part that gives logits names that class.
    let bare = |family: &&Family| {
        let stem = family.architecture.strip_suffix("ForCausalLM");
        stem.is_some_and(|stem| name.strip_suffix("Model") == Some(stem))
    };
    let family = all()
        .find(|family| family.architecture == name)
        .or_else(|| all().find(bare))
        .ok_or_else(|| unknown("architecture", &name))?;
    check(family.model_type)?;
    Ok(Chosen { family, keys, name })
}

impl Wrapper {
    /// The text decoder's `model_type` and keys.
    fn text_keys(&self, mut keys: Keys) -> Result<(String, Keys)> {
        let tied = keys.peek("tie_word_embeddings").cloned().filter(|tied| !tied.is_null());
        let coded = keys.peek("quantization_config").cloned();
        let nested = keys.object("text_config")?;
        let mut text = match nested {
            Some(text) => text,
            None if keys.has("num_hidden_layers") => keys,
            None => return Err(keys.missing("text_config")),
        };
        // Of the parts beside the text, whichever way they are written.
        text.retain(|key, _| {
            ![
                "vision_config",
                "audio_config",
                "vision_feature_layer",
                "vision_feature_select_strategy",
            ]
            .contains(&key)
        });
        text.value("architectures");
        let kind = text.text("model_type")?.unwrap_or_else(|| self.text.to_owned());
        self.sizes.iter().for_each(|&(key, size)| text.fill(key, size.into()));
        if let Some(tied) = tied {
            text.value("tie_word_embeddings");
            text.fill("tie_word_embeddings", tied);
        }
        text.fill("tie_word_embeddings", self.tied.into());
        if let Some(coded) = coded {
            text.fill("quantization_config", coded);
        }
        Ok((kind, text))
    }
}

fn unknown(what: &str, name: &str) -> Error {
    Error::input(format!("`{CONFIG}`: {what} `{name}` is not supported in this version"))
        .hint(supported())
}

fn supported() -> String {
    let wrappers = WRAPPERS.iter().map(|wrapper| wrapper.architecture);
    let names = all().map(|family| family.architecture).chain(wrappers);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    format!("supported: {}", names.join(", "))
}
