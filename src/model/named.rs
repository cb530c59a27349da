//! The names of a model's files, and those that an index of weights gives. Knows nothing about what the files say.

use std::collections::BTreeSet;

use super::json::Keys;
use crate::error::{Error, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const GENERATION_CONFIG: &str = "generation_config.json";
pub(super) const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
pub(super) const CHAT_TEMPLATE: &str = "chat_template.jinja";
/// Templates by name, `NAME.jinja`; one that is called `default` wins over all others.
pub(super) const TEMPLATE_FOLDER: &str = "additional_chat_templates";
pub(super) const DEFAULT_TEMPLATE: &str = "additional_chat_templates/default.jinja";
/// Where older releases of models that also see or hear keep their template.
pub(super) const LEGACY_TEMPLATE: &str = "chat_template.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const WEIGHTS_INDEX: &str = "model.safetensors.index.json";

/// The files that every model has, weights apart.
pub(super) const REQUIRED: [&str; 2] = [CONFIG, TOKENIZER];

/// Files of a model that say something about its text and need not be there.
pub(super) const OPTIONAL: [&str; 6] = [
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS_MAP,
    GENERATION_CONFIG,
    CHAT_TEMPLATE,
    DEFAULT_TEMPLATE,
    LEGACY_TEMPLATE,
];

/// The file names that an index of sharded weights uses, sorted.
pub(super) fn shards(index: &[u8]) -> Result<Vec<String>> {
    let map = Keys::parse(WEIGHTS_INDEX, index)?
        .object("weight_map")?
        .ok_or_else(|| Error::input(format!("`{WEIGHTS_INDEX}` has no `weight_map`")))?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map.entries() {
        // A name with a separator could lead out of the folder.
        let name = file
            .as_str()
            .filter(|name| name.ends_with(".safetensors") && !name.contains(['/', '\\', '\0']));
        let name = name.ok_or_else(|| {
            Error::input(format!("`{WEIGHTS_INDEX}` gives {file} for `{tensor}`, which is not the name of a safetensors file"))
        })?;
        names.insert(name.to_owned());
    }
    Ok(names.into_iter().collect())
}
