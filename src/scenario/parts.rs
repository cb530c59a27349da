//! The parts of the system text: those in the scenario file, and those in files of their own, which are used word
//! for word. Knows nothing about variants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::file::{File, Text};
use super::lint;
use super::source::{Source, list};
use crate::error::{Error, Result};

/// Where the files of parts are.
#[derive(Debug, Clone)]
pub(super) enum Files {
    /// Below the folder of the scenario file.
    Folder(PathBuf),
    /// With a manifest, by their path.
    Recorded(BTreeMap<String, String>),
}

impl Files {
    fn read(&self, source: &Source, path: &Text) -> Result<String> {
        let name = path.get_ref();
        let lost = |error: &dyn std::fmt::Display| {
            source.error_at(path.span().start, format!("cannot read `{name}`: {error}"))
        };
        match self {
            Files::Recorded(texts) => texts.get(name).cloned().ok_or_else(|| {
                lost(&"it was not recorded")
                    .hint("the manifest of the run is damaged: `scenario.files` lacks the file")
            }),
            Files::Folder(folder) => {
                let seen = || {
                    format!(
                        "the path is seen from the folder of the scenario file, `{}`, and does not leave it",
                        shown(folder)
                    )
                };
                if !lint::stays_below(name) {
                    return Err(lost(&"it leads out of the scenario's folder").hint(seen()));
                }
                let path = folder.join(name);
                // Nor by a link.
                let root = std::fs::canonicalize(shown(folder));
                let real = std::fs::canonicalize(&path);
                if let (Ok(root), Ok(real)) = (root, real)
                    && !real.starts_with(root)
                {
                    return Err(lost(&"it is a link out of the scenario's folder").hint(seen()));
                }
                let bytes = crate::files::read_bytes(&path, crate::files::TEXT_MAX)
                    .map_err(|error| lost(&error).hint(seen()))?;
                Ok(Source::marked(name, bytes)?.into_text())
            }
        }
    }
}

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => folder.display().to_string(),
    }
}

/// The checked parts.
pub(super) struct Parts {
    texts: BTreeMap<String, String>,
    /// What the files hold, by their path as the scenario gives it.
    pub(super) files: BTreeMap<String, String>,
    /// Parts with carriage returns.
    returns: BTreeSet<String>,
}

impl Parts {
    /// Reads and checks all parts of a file.
    ///
    /// # Errors
    /// A part that is given twice, is empty, has a placeholder that nobody fills in, or whose file cannot be read.
    pub(super) fn new(source: &Source, file: &File, at: &Files) -> Result<Self> {
        let shown: BTreeSet<&str> = file
            .variants
            .iter()
            .filter_map(|entry| entry.tier_part.as_ref())
            .map(|part| part.get_ref().as_str())
            .collect();
        let mut parts =
            Self { texts: BTreeMap::new(), files: BTreeMap::new(), returns: BTreeSet::new() };
        for (name, text) in &file.parts {
            lint::name(source, "parts", name)?;
            let key = format!("parts.{}", name.get_ref());
            lint::text(source, &key, text)?;
            let shows_tier = shown.contains(name.get_ref().as_str());
            lint::part(source, &key, text.span().start, text.get_ref(), shows_tier)?;
            parts
                .texts
                .insert(name.get_ref().clone(), text.get_ref().trim_matches('\n').to_owned());
        }
        for (name, path) in &file.files {
            lint::name(source, "files", name)?;
            let key = format!("files.{}", name.get_ref());
            lint::text(source, &key, path)?;
            if parts.texts.contains_key(name.get_ref()) {
                let message = format!("key `{key}`: `[parts]` has `{}` too", name.get_ref());
                return Err(source
                    .error_at(name.span().start, message)
                    .hint("a part's text stands in the scenario or in a file, not in both"));
            }
            let whole = at.read(source, path)?;
            lint::file_text(source, name, path, &whole)?;
            let text = whole.trim_matches(['\n', '\r']).to_owned();
            let shows_tier = shown.contains(name.get_ref().as_str());
            lint::part(source, &key, path.span().start, &text, shows_tier)?;
            if text.contains('\r') {
                parts.returns.insert(name.get_ref().clone());
            }
            parts.texts.insert(name.get_ref().clone(), text);
            parts.files.insert(path.get_ref().clone(), whole);
        }
        for path in file.files_of_prefills() {
            lint::text(source, "prefill.file", path)?;
            let whole = at.read(source, path)?;
            parts.files.insert(path.get_ref().clone(), whole);
        }
        Ok(parts)
    }

    /// The text of a part.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn text<'a>(&'a self, source: &Source, key: &str, part: &Text) -> Result<&'a str> {
        self.texts.get(part.get_ref()).map(String::as_str).ok_or_else(|| -> Error {
            let message = format!("key `{key}`: undefined part `{}`", part.get_ref());
            source
                .error_at(part.span().start, message)
                .hint(format!("`[parts]` has {}", list(self.texts.keys())))
        })
    }

    /// What is worth saying about the parts that a variant uses.
    pub(super) fn notes<'a>(&self, used: impl Iterator<Item = &'a Text>) -> Vec<String> {
        let noted = used.filter(|part| self.returns.contains(part.get_ref()));
        noted
            .map(|part| {
                format!(
                    "part `{}` has carriage returns, which the model reads as they stand in its file",
                    part.get_ref()
                )
            })
            .collect()
    }
}
