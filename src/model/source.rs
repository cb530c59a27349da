//! What a model argument means. Looks at the disk to see whether a path exists, and at nothing else; the
//! network is never touched.

use std::path::{Path, PathBuf};

use super::files::organisms;
use super::gguf;
use crate::error::{Error, Result};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A trained control that is compiled into the binary.
    Organism(String),
    /// A folder with `config.json`, safetensors and `tokenizer.json`.
    Folder(PathBuf),
    /// A GGUF file, or the first of the parts of one.
    Gguf(PathBuf),
}

impl Source {
    /// Reads a model argument. An existing path wins over every other reading.
    ///
    /// # Errors
    /// Nothing of that name exists, or it is of a kind that this version does not support.
    pub fn parse(text: &str) -> Result<Self> {
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if path.exists() {
            return if has_extension(text, "gguf") {
                Ok(Self::Gguf(path.to_path_buf()))
            } else {
                Err(Error::input(format!("`{text}` is a file, not a model folder")).hint(POSSIBLE))
            };
        }
        if let Some(name) = text.strip_prefix("organism:") {
            if organisms().iter().any(|known| known == name) {
                return Ok(Self::Organism(name.to_owned()));
            }
            return Err(
                Error::input(format!("there is no organism `{name}`")).hint(known_organisms())
            );
        }
        if looks_like_path(text) {
            return Err(Error::input(format!("`{text}` does not exist")).hint(POSSIBLE));
        }
        if is_hub_name(text) {
            return Err(Error::input(format!(
                "`{text}` looks like a hub name, and hub names are not supported in this version"
            ))
            .hint("download the model and give its folder"));
        }
        if organisms().iter().any(|known| known == text) {
            return Err(Error::input(format!("there is no model `{text}`"))
                .hint(format!("did you mean `organism:{text}`?")));
        }
        Err(Error::input(format!("there is no model `{text}`"))
            .hint(format!("{POSSIBLE}; {}", known_organisms())))
    }

    /// The model's display name: `organism:NAME`, or the folder's or GGUF file's own name (never its whole path, so that
    /// two places of one model are called the same).
    pub fn label(&self) -> String {
        match self {
            Self::Organism(name) => format!("organism:{name}"),
            Self::Gguf(path) => {
                gguf::label(&path.file_name().unwrap_or_default().to_string_lossy()).to_owned()
            }
            Self::Folder(path) => {
                // `.` and `..` have no name of their own: ask the disk where they lead.
                let named =
                    if path.file_name().is_some() { None } else { path.canonicalize().ok() };
                let path = named.as_deref().unwrap_or(path);
                path.file_name()
                    .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
            }
        }
    }
}

const POSSIBLE: &str = "a model is `organism:NAME`, a folder with `config.json`, safetensors and `tokenizer.json`, or a GGUF file";

fn known_organisms() -> String {
    let names: Vec<String> = organisms().iter().map(|name| format!("`organism:{name}`")).collect();
    if names.is_empty() {
        "no organisms are compiled into this binary".to_owned()
    } else {
        format!("compiled in: {}", names.join(", "))
    }
}

fn looks_like_path(text: &str) -> bool {
    text.is_empty()
        || text.starts_with(['.', '/', '~', '\\'])
        || text.ends_with(['/', '\\'])
        || text.matches('/').count() > 1
        || text.contains('\\')
        || !text.contains('/')
            && ["gguf", "safetensors", "json"].iter().any(|kind| has_extension(text, kind))
}

fn has_extension(text: &str, extension: &str) -> bool {
    Path::new(text).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// `org/name`, `org/name@revision`, `org/name:QUANT` and `org/name:FILE.gguf@revision`.
fn is_hub_name(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let without_revision = text.split_once('@').map_or(text, |(name, _)| name);
    let repository = without_revision.split_once(':').map_or(without_revision, |(name, _)| name);
    repository
        .split_once('/')
        .is_some_and(|(organization, name)| plain(organization) && plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (String, String) {
        let error = Source::parse(text).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Input, "{text}");
        (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
    }

    #[test]
    fn an_existing_folder_is_a_model_and_lends_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny");
        std::fs::create_dir(&path).unwrap();
        let source = Source::parse(path.to_str().unwrap()).unwrap();
        assert_eq!(source, Source::Folder(path.clone()));
        assert_eq!(source.label(), "tiny");
        assert_eq!(Source::Folder(path.join("..").join("tiny/")).label(), "tiny");
        assert!(!Source::Folder(PathBuf::from(".")).label().contains('.'));
    }

    #[test]
    fn a_gguf_file_is_a_model_and_lends_its_stem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.Q4_0-00001-of-00002.gguf");
        std::fs::write(&path, b"").unwrap();
        let source = Source::parse(path.to_str().unwrap()).unwrap();
        assert_eq!(source, Source::Gguf(path.clone()));
        assert_eq!(source.label(), "tiny.Q4_0");
        let other = path.with_extension("bin");
        std::fs::write(&other, b"").unwrap();
        assert!(refusal(other.to_str().unwrap()).0.contains("not a model folder"));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for name in ["org/name", "org/name@main", "org/name:Q4_K_M", "org/name:m.gguf@abc"] {
            assert!(
                refusal(name).0.contains("hub names are not supported in this version"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_missing_path_is_told_from_an_unknown_name() {
        for path in ["./none", "/no/such/place", "../none", "none.gguf", "a/b/c", "none/", ""] {
            assert!(refusal(path).0.ends_with("does not exist"), "{path}");
        }
        let (message, hint) = refusal("llama");
        assert_eq!(message, "there is no model `llama`");
        assert!(hint.contains("organism"), "{hint}");
        assert_eq!(refusal("organism:nobody").0, "there is no organism `nobody`");
    }
}
