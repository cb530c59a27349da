//! What a model argument means. Looks at the disk to see whether a path exists, and at nothing else; the
//! network is never touched.

use std::path::{Path, PathBuf};

use super::bundled::organisms;
use super::gguf;
use super::hub::HubName;
use crate::error::{Error, Result};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A trained control that is compiled into the binary.
    Organism(String),
    /// A folder with `config.json`, safetensors and `tokenizer.json`.
    Folder(PathBuf),
    /// A model of the Hugging Face hub.
    Hub(HubName),
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
        if path.exists() {
            return Self::at(path);
        }
        if let Some(name) = text.strip_prefix("organism:") {
            if organisms().iter().any(|known| known == name) {
                return Ok(Self::Organism(name.to_owned()));
            }
            return Err(
                Error::input(format!("there is no organism `{name}`")).hint(known_organisms())
            );
        }
        if let Some(name) = HubName::parse(text) {
            return Ok(Self::Hub(name));
        }
        if looks_like_path(text) {
            return Err(Error::input(format!("`{text}` does not exist")).hint(POSSIBLE));
        }
        if organisms().iter().any(|known| known == text) {
            return Err(Error::input(format!("there is no model `{text}`"))
                .hint(format!("did you mean `organism:{text}`?")));
        }
        Err(Error::input(format!("there is no model `{text}`"))
            .hint(format!("{POSSIBLE}; {}", known_organisms())))
    }

    /// The model at a path.
    ///
    /// # Errors
    /// Nothing is there, or a file of a kind that this version does not support.
    pub fn at(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if !path.exists() {
            return Err(Error::input(format!("`{}` does not exist", path.display())).hint(POSSIBLE));
        }
        let text = path.display().to_string();
        if has_extension(&text, "gguf") {
            return Ok(Self::Gguf(path.to_path_buf()));
        }
        Err(Error::input(format!("`{text}` is a file, not a model folder")).hint(POSSIBLE))
    }

    /// The model's display name: `organism:NAME`, the hub's name without a revision, or the
    /// folder's or GGUF file's own name (never its whole path, so that two places of one model are called the same).
    pub fn label(&self) -> String {
        match self {
            Self::Organism(name) => format!("organism:{name}"),
            Self::Hub(name) => name.label(),
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

const POSSIBLE: &str = "a model is `organism:NAME`, a folder with `config.json`, safetensors and `tokenizer.json`, a GGUF file, or a name of the hub: `org/name[@revision]`, `org/name:QUANT[@revision]` or `org/name:FILE.gguf[@revision]`";

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
        || ["gguf", "safetensors", "json"].iter().any(|kind| has_extension(text, kind))
}

fn has_extension(text: &str, extension: &str) -> bool {
    Path::new(text).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
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
    fn a_path_that_exists_wins_over_the_hub_and_one_that_must_be_a_path_is_no_hub_name() {
        for name in ["org/name", "org/name@refs/pr/1", "org/name:Q4_K_M", "org/name:m.gguf@abc"] {
            let Source::Hub(hub) = Source::parse(name).unwrap() else { panic!("{name}") };
            assert_eq!(hub.to_string(), name);
        }
        assert_eq!(Source::parse("src/model").unwrap(), Source::Folder("src/model".into()));
        for path in ["./org/name", "/org/name", "../org/name", "org/name/", "models/none.gguf"] {
            assert!(refusal(path).0.ends_with("does not exist"), "{path}");
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
