//! Tensors that no part of the decoder asks for: which of them belong to other parts of a model, and what the names
//! of the others tell. Works on names alone.

use super::beside::listed;
use crate::error::{Error, Result};

/// Beginnings of the names of what a decoder of text can do without: what turns images and sounds into
/// embeddings, layers that guess several tokens ahead, heads that give a value instead of a token.
const OTHER_PARTS: [&str; 31] = [
    "vision_tower.",
    "vision_model.",
    "visual.",
    "multi_modal_projector.",
    "mm_projector.",
    "audio_tower.",
    "audio_projector.",
    "model.vision_tower.",
    "model.vision_model.",
    "model.visual.",
    "model.multi_modal_projector.",
    "model.mm_projector.",
    "model.audio_tower.",
    "model.multi_modal_projector_",
    "vision_embed_tokens.",
    "model.connector.",
    "connector.",
    "embed_vision.",
    "embed_audio.",
    "model.embed_vision.",
    "model.embed_audio.",
    "model.vision_embedder.",
    "image_newline",
    "model.image_newline",
    "mtp.",
    "model.mtp.",
    "v_head.",
    "value_head.",
    // GGUF
    "v.",
    "mm.",
    "a.",
];

/// Names that wrappers put around a module's own, and how they are taken off.
const WRAPPERS: [(&str, &str); 6] = [
    (
        "base_model.model.",
        "the weights were saved through PEFT: merge them with `merge_and_unload()` and save the result",
    ),
    (
        "_orig_mod.",
        "the weights were saved from a compiled module: save those of the module itself (`model._orig_mod`), or rename the tensors",
    ),
    (
        "_fsdp_wrapped_module.",
        "the weights were saved from inside FSDP: gather and save those of the module itself",
    ),
    (
        "_forward_module.",
        "the weights were saved through Lightning Fabric: save those of the module itself",
    ),
    (
        "module.",
        "the weights were saved from inside DistributedDataParallel: save those of `model.module`, or rename the tensors",
    ),
    (
        "base_layer.",
        "the weights were saved with an adapter that is not merged: merge it with `merge_and_unload()` and save the result",
    ),
];

/// Whether a tensor belongs to a part of the model that text does not need.
pub(super) fn is_of_another_part(name: &str) -> bool {
    OTHER_PARTS.iter().any(|start| name.starts_with(start))
}

/// A note about tensors of other parts; none without any.
pub(super) fn note(names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "not read: {} tensors of parts of the model that text does not need: {}",
            names.len(),
            listed(names)
        )
    })
}

/// Refuses tensors that nobody asks for: without them it would be another model.
///
/// # Errors
/// Names the first of them, and what they look like.
pub(super) fn refuse(names: &[&str], layers: Option<usize>) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let error = Error::input(format!(
        "the weights hold tensors that this architecture does not use: {}",
        listed(names)
    ));
    let all = |test: &dyn Fn(&str) -> bool| names.iter().all(|name| test(name));
    Err(if names.iter().any(|name| name.contains("lora_")) {
        error.hint("they are those of an adapter that is not merged: merge it with PEFT's `merge_and_unload()` and save the result")
    } else if let Some(count) = layers.filter(|&count| all(&|name| layer(name) >= Some(count))) {
        error.hint(format!("`config.json` gives the model {count} layers (numbers 0 to {}): the weights are those of a deeper one", count.saturating_sub(1)))
    } else if all(&|name| name.ends_with(".bias") || name.ends_with("_bias")) {
        error.hint("biases that nobody adds would change every token: `config.json` may lack a key such as `attention_bias`")
    } else {
        error.hint("running without them would be another model; `config.json` may be of another architecture")
    })
}

/// The number of the layer that a tensor belongs to.
pub(super) fn layer(name: &str) -> Option<usize> {
    let mut parts = name.split('.');
    parts.find(|part| ["layers", "blk", "h"].contains(part))?;
    parts.next()?.parse().ok()
}

/// A tensor is missing: perhaps it is there under the name that a wrapper gave it.
pub(super) fn missing<'a>(name: &str, mut there: impl Iterator<Item = &'a str>) -> Option<Error> {
    let bare =
        |stored: &str| WRAPPERS.iter().fold(stored.to_owned(), |name, (w, _)| name.replace(w, ""));
    let found = there.find(|stored| stored.len() > name.len() && bare(stored) == name)?;
    let (wrapper, hint) = WRAPPERS.iter().find(|(wrapper, _)| found.contains(wrapper))?;
    Some(
        Error::input(format!(
            "tensor `{name}` is missing; there is `{found}`, with `{wrapper}` in its name"
        ))
        .hint(*hint),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever wraps a module, however often, once or at every layer.
        #[test]
        fn wrapped_names_are_found_and_named(
            which in prop::collection::vec(0..WRAPPERS.len(), 1..3), cut in 0usize..4,
        ) {
            let name = "model.layers.0.self_attn.q_proj.weight";
            let at = name.match_indices('.').map(|(at, _)| at + 1).nth(cut).filter(|_| cut > 0).unwrap_or(0);
            let wrappers: String = which.iter().map(|&i| WRAPPERS[i].0).collect();
            let stored = format!("{}{wrappers}{}", &name[..at], &name[at..]);
            let error = missing(name, ["model.norm.weight", &stored].into_iter()).unwrap();
            prop_assert!(error.to_string().contains(&stored));
            prop_assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn a_name_that_is_only_similar_is_no_wrapped_one() {
        assert!(
            missing("model.norm.weight", ["model.norm.bias", "x.model.norm.weight"].into_iter())
                .is_none()
        );
    }

    #[test]
    fn what_is_not_used_is_told_by_what_it_looks_like() {
        let hint =
            |names: &[&str]| refuse(names, Some(2)).unwrap_err().hint_text().unwrap().to_owned();
        assert!(hint(&["model.layers.2.mlp.up_proj.weight"]).contains("2 layers"));
        assert!(hint(&["blk.7.ffn_up.weight"]).contains("deeper"));
        assert!(hint(&["model.layers.0.self_attn.o_proj.bias"]).contains("attention_bias"));
        assert!(hint(&["model.layers.0.self_attn.q_norm.weight"]).contains("architecture"));
        assert!(hint(&["a.lora_A.default.weight", "b"]).contains("merge_and_unload"));
        assert!(refuse(&[], Some(2)).is_ok());
        assert!(is_of_another_part("mtp.layers.0.mlp.up_proj.weight"));
        assert!(!is_of_another_part("model.layers.0.mlp.up_proj.weight"));
    }
}
