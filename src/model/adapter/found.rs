//! From a model's name to the places of its files and its adapters: on disk, in the binary or on the hub. Knows
//! nothing about what the files say, save which base an adapter names.

use std::path::{Path, PathBuf};

use super::files::refuse_beside;
use super::{ADAPTER_CONFIG, Adapter};
use crate::error::{Error, Result};
use crate::model::adapter::named::ModelName;
use crate::model::bundled::{bundled_adapters, organisms};
use crate::model::hub::{self, Access, HubName, Origin, TransferProgress};
use crate::model::source::Source;

/// A model's files and adapters, found but, for the model, not read.
pub(in crate::model) struct NamedModel {
    /// Where the model's own files are.
    pub(in crate::model) source: Source,
    /// What to call the model, adapters apart.
    pub(in crate::model) label: String,
    /// Where on the hub it came from, if it did.
    pub(in crate::model) origin: Option<Origin>,
    /// What is put on it.
    pub(in crate::model) adapters: Vec<Adapter>,
    /// What the user should know and what is no error.
    pub(in crate::model) notes: Vec<String>,
}

/// How names of the hub are fetched, where there are any.
struct Fetching<'a> {
    access: &'a dyn Fn() -> Result<Access>,
    progress: &'a mut dyn TransferProgress,
}

impl NamedModel {
    /// Finds what `MODEL[+ADAPTER[=SCALE]…]` names. An adapter in the place of the model brings the model that it was
    /// trained on.
    ///
    /// # Errors
    /// Something named does not exist or cannot be fetched; a folder holds an adapter and weights, so that either
    /// could be meant; an adapter alone names no base.
    pub(in crate::model) fn find(
        text: &str,
        access: &dyn Fn() -> Result<Access>,
        progress: &mut dyn TransferProgress,
    ) -> Result<Self> {
        let name = ModelName::parse(text)?;
        let mut fetching = Fetching { access, progress };
        let mut named = match local_adapter(name.base, name.adapters.is_empty())? {
            Some(folder) => Self::of_adapter_alone(&folder, &mut fetching)?,
            None => Self::of_base(name.base, &mut fetching)?,
        };
        for adapter in &name.adapters {
            named.adapters.push(fetching.adapter(adapter.name, adapter.scale)?);
        }
        Ok(named)
    }

    /// The model that an adapter was trained on, with that adapter on it.
    fn of_adapter_alone(folder: &Path, fetching: &mut Fetching<'_>) -> Result<Self> {
        let adapter = Adapter::open(folder, label(folder), 1.0)?;
        let Some(base) = adapter.base.clone() else {
            return Err(Error::input(format!(
                "the adapter `{}` does not name its base model",
                folder.display()
            ))
            .hint(format!("name it: `MODEL+{}`", folder.display())));
        };
        // A relative path is meant from where the adapter lies, if something is there.
        let beside = folder.join(&base);
        let base = if beside.exists() { beside.display().to_string() } else { base };
        let mut named = Self::of_base(&base, fetching).map_err(|error| {
            error
                .within(format!("the base model of the adapter `{}`", folder.display()))
                .hint(format!("name the base model yourself: `MODEL+{}`", folder.display()))
        })?;
        named
            .notes
            .push(format!("the adapter's base model is `{base}`, as its `{ADAPTER_CONFIG}` says"));
        named.adapters.push(adapter);
        Ok(named)
    }

    fn of_base(name: &str, fetching: &mut Fetching<'_>) -> Result<Self> {
        if let Some(organism) = name.strip_prefix("organism:")
            && bundled_adapters().iter().any(|known| known == organism)
        {
            return Err(Error::input(format!("`{name}` is an adapter, not a model"))
                .hint(format!("name its base model: `MODEL+{name}`")));
        }
        let source = Source::parse(name)?;
        let Source::Hub(hub) = &source else {
            let label = source.label();
            return Ok(Self {
                source,
                label,
                origin: None,
                adapters: Vec::new(),
                notes: Vec::new(),
            });
        };
        let fetched = hub::fetch(hub, &(fetching.access)()?, fetching.progress)?;
        if Adapter::is_at(&fetched.path) && !Adapter::is_model(&fetched.path) {
            let mut named = Self::of_adapter_alone(&fetched.path, fetching)?;
            if let Some(adapter) = named.adapters.last_mut() {
                adapter.label = hub.label();
                adapter.origin = Some(fetched.origin);
            }
            return Ok(named);
        }
        Ok(Self {
            source: Source::at(&fetched.path)?,
            label: hub.label(),
            origin: Some(fetched.origin),
            adapters: Vec::new(),
            notes: fetched.notes,
        })
    }
}

impl Fetching<'_> {
    /// Reads an adapter by its path or its name on the hub.
    fn adapter(&mut self, name: &str, scale: f32) -> Result<Adapter> {
        let path = Path::new(name);
        if path.is_dir() {
            return Adapter::open(path, label(path), scale);
        }
        if path.exists() && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) {
            return Adapter::packed(path, label(path), scale);
        }
        if path.exists() {
            return Err(Error::input(format!("`{name}` is a file, not the folder of an adapter"))
                .hint("an adapter is a folder that peft's `save_pretrained` wrote, a GGUF file that llama.cpp's `convert_lora_to_gguf.py` wrote, or a name of the hub"));
        }
        if let Some(organism) = name.strip_prefix("organism:") {
            return Adapter::bundled(organism, scale)?.ok_or_else(|| no_organism(organism));
        }
        let Some(hub) = HubName::parse(name) else {
            return Err(Error::input(format!("the adapter `{name}` does not exist"))
                .hint("an adapter is a folder that peft's `save_pretrained` wrote, or a name of the hub: `org/name[@revision]`"));
        };
        let fetched = hub::fetch_adapter(&hub, &(self.access)()?, self.progress)?;
        let adapter = Adapter::open(&fetched.path, hub.label(), scale)?;
        Ok(Adapter { origin: Some(fetched.origin), ..adapter })
    }
}

/// Says that no adapter of this name is compiled in.
fn no_organism(name: &str) -> Error {
    if organisms().iter().any(|known| known == name) {
        return Error::input(format!("`organism:{name}` is a model, not an adapter"))
            .hint("name it alone");
    }
    let known: Vec<String> =
        bundled_adapters().iter().map(|name| format!("`+organism:{name}`")).collect();
    Error::input(format!("there is no organism `{name}` that is an adapter")).hint(
        match known.is_empty() {
            true => "no adapters are compiled into this binary".to_owned(),
            false => format!("compiled in: {}", known.join(", ")),
        },
    )
}

/// The folder of a name that stands for an adapter rather than a model; none where it is a model.
fn local_adapter(name: &str, alone: bool) -> Result<Option<PathBuf>> {
    let folder = PathBuf::from(name);
    if !folder.is_dir() {
        return Ok(None);
    }
    if !Adapter::is_model(&folder) {
        return Ok(Adapter::is_at(&folder).then_some(folder));
    }
    // With an adapter named after it, it is clear that the folder's own weights are the base.
    match alone {
        false => Ok(None),
        true => refuse_beside(&folder).map(|()| None),
    }
}

/// The folder's own name.
fn label(folder: &Path) -> String {
    let named = if folder.file_name().is_some() { None } else { folder.canonicalize().ok() };
    let folder = named.as_deref().unwrap_or(folder);
    folder
        .file_name()
        .map_or_else(|| "adapter".to_owned(), |name| name.to_string_lossy().into_owned())
}
