//! The files that are compiled in: organisms, and adapters for models that are not. Knows nothing about what they say.

use std::collections::BTreeSet;

/// The organisms as they were at build time, one folder each.
#[derive(rust_embed::Embed)]
#[folder = "models/organisms/"]
#[exclude = "base/*"]
struct Organisms;

/// A file of an organism that is compiled in, whether or not it is one of a model's.
pub fn organism_file(organism: &str, name: &str) -> Option<std::borrow::Cow<'static, [u8]>> {
    Organisms::get(&format!("{organism}/{name}")).map(|file| file.data)
}

/// Names of the organisms that are compiled in, sorted.
pub fn organisms() -> Vec<String> {
    let names: BTreeSet<String> = Organisms::iter()
        .filter_map(|path| path.strip_suffix("/config.json").map(str::to_owned))
        .filter(|name| !name.contains('/'))
        .collect();
    names.into_iter().collect()
}

/// Names of the adapters that are compiled in, sorted: controls that were planted into models which are not.
pub(super) fn bundled_adapters() -> Vec<String> {
    let names: BTreeSet<String> = Organisms::iter()
        .filter_map(|path| path.strip_suffix("/adapter_config.json").map(str::to_owned))
        .filter(|name| !name.contains('/'))
        .collect();
    names.into_iter().collect()
}
