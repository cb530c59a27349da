//! One run as a file with the keys of a sweep's: what a sweep takes several of, it takes one of. Knows nothing about
//! what is on the command line.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::file::{ModelEntry, SamplingEntry, SettingsEntry};
use crate::error::{Error, Result};
use crate::scenario::{Source, read_toml};

const EXAMPLE: &str = "`candor run MODEL --print-config` prints such a file";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    out: Option<PathBuf>,
    scenarios: Option<Vec<String>>,
    variants: Option<Vec<String>>,
    seeds: Option<Vec<u64>>,
    #[serde(default)]
    settings: SettingsEntry,
    #[serde(default)]
    models: Vec<Spanned<ModelEntry>>,
    #[serde(default)]
    sampling: Vec<Spanned<SamplingEntry>>,
}

/// What such a file says; none where it does not.
#[derive(Debug)]
pub struct Single {
    /// The run folder, or that of the variants' run folders.
    pub out: Option<PathBuf>,
    /// Name or path of the scenario.
    pub scenario: Option<String>,
    /// Variants, in order.
    pub variants: Option<Vec<String>>,
    /// The seed.
    pub seed: Option<u64>,
    /// The settings, those of the model over those of the file.
    pub settings: SettingsEntry,
    /// The model, with its adapters in its name.
    pub model: Option<ModelEntry>,
    /// How tokens are drawn.
    pub sampling: Option<SamplingEntry>,
}

impl Single {
    /// Reads such a file.
    ///
    /// # Errors
    /// A key that is unknown or has the wrong type, or of which a run takes one and the file has several: by file and
    /// line.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(path, &error).hint(EXAMPLE))?;
        let source = Source::new(path.display().to_string(), bytes)?;
        let file: File = read_toml(&source, EXAMPLE)?;
        let mut models = Vec::new();
        for entry in &file.models {
            let place = entry.span().start;
            models.extend(entry.get_ref().with_adapters().into_iter().map(|model| (place, model)));
        }
        let several = |place: usize, key: &str, count: usize| {
            source
                .error_at(place, format!("a run takes one of `{key}`, and here are {count}"))
                .hint("`candor sweep` makes them all")
        };
        if let [_, (place, _), ..] = models[..] {
            return Err(several(place, "models", models.len()));
        }
        if let [_, second, ..] = &file.sampling[..] {
            return Err(several(second.span().start, "sampling", file.sampling.len()));
        }
        let one = |key: &str, count: usize| match count {
            0 | 1 => Ok(()),
            _ => Err(several(0, key, count)),
        };
        one("scenarios", file.scenarios.as_ref().map_or(0, Vec::len))?;
        one("seeds", file.seeds.as_ref().map_or(0, Vec::len))?;
        let model = models.pop().map(|(_, model)| model);
        let settings = match &model {
            Some(model) => model.settings.over(&file.settings),
            None => file.settings,
        };
        Ok(Self {
            out: file.out,
            scenario: file.scenarios.and_then(|mut all| all.pop()),
            variants: file.variants,
            seed: file.seeds.and_then(|mut all| all.pop()),
            settings,
            model,
            sampling: file.sampling.into_iter().next().map(Spanned::into_inner),
        })
    }
}
