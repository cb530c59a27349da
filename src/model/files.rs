//! A model's files as named bytes. Knows which of them belong together, and nothing about what they say.

use std::collections::BTreeMap;
use std::path::Path;

use super::adapter::refuse_alone;
use super::beside;
use super::bundled::organism_file;
use super::bytes::{Bytes, map, read};
use super::gguf;
use super::named::{
    CONFIG, DEFAULT_TEMPLATE, OPTIONAL, REQUIRED, TEMPLATE_FOLDER, TOKENIZER, WEIGHTS,
    WEIGHTS_INDEX, shards,
};
use super::source::Source;
use crate::error::{Error, Result};

/// Tokenizers in forms that are not read: `tokenizer.json` is made from them.
const OTHER_TOKENIZERS: [&str; 5] =
    ["tokenizer.model", "tekken.json", "tiktoken.model", "spiece.model", "vocab.json"];

/// The files of one model, by name, without any that play no part.
#[derive(Debug)]
pub struct ModelFiles {
    files: BTreeMap<String, Bytes>,
    /// The safetensors among them, in the order of their names.
    weights: Vec<String>,
    /// Names of the chat templates for other purposes, which are not read.
    other_templates: Vec<String>,
    /// What the model is, where all of it is in GGUF files.
    packed: Option<Packed>,
    /// Names of files of weights that lie beside these and are not read.
    unread: Vec<String>,
}

/// GGUF files and what is in them.
#[derive(Debug)]
struct Packed {
    files: Vec<(String, Bytes)>,
    tensors: Vec<(String, usize, gguf::TensorInfo)>,
    names: gguf::Names,
}

impl ModelFiles {
    /// Finds and opens the files of a model. Weights may be absent: the tokenizer and the template work
    /// without them.
    ///
    /// # Errors
    /// A file that every model needs is missing, a file cannot be read, or the index of the weights names
    /// a file that is not there.
    pub fn open(source: &Source) -> Result<Self> {
        match source {
            Source::Organism(name) => Self::collect(&source.label(), |file| {
                Ok(organism_file(name, file).map(|data| match data {
                    std::borrow::Cow::Borrowed(bytes) => Bytes::Embedded(bytes),
                    std::borrow::Cow::Owned(bytes) => Bytes::Owned(bytes.into()),
                }))
            }),
            Source::Gguf(path) => Self::unpack(path),
            Source::Folder(folder) => {
                let place = folder.display().to_string();
                let has = |name: &str| folder.join(name).exists();
                let has_weights = has(WEIGHTS) || has(WEIGHTS_INDEX);
                if !has(CONFIG) || !has_weights {
                    refuse_alone(folder)?;
                }
                let open = |file: &str| {
                    let bytes = read(&folder.join(file))?;
                    bytes.iter().try_for_each(|bytes| beside::check_kind(file, bytes))?;
                    Ok(bytes)
                };
                // A single file beside an index that does not hold what the index names is none of the model's.
                let index = if has(WEIGHTS) { open(WEIGHTS_INDEX)? } else { None };
                let single = if index.is_some() { open(WEIGHTS)? } else { None };
                let stray = match (&index, &single) {
                    (Some(index), Some(single)) => beside::is_stray(folder, index, single),
                    _ => false,
                };
                let open =
                    |file: &str| if stray && file == WEIGHTS { Ok(None) } else { open(file) };
                let mut files = Self::collect(&place, open)?;
                if let Some(index) = index.filter(|_| !stray) {
                    beside::refuse_second_set(folder, &index)?;
                }
                let read = files.files.keys().map(String::as_str).collect();
                files.unread = beside::unread(folder, &read);
                files.other_templates = other_templates(&folder.join(TEMPLATE_FOLDER));
                Ok(files)
            }
            Source::Hub(name) => Err(Error::input(format!("`{name}` has not been fetched"))
                .hint("`hub::fetch` gives the folder that its files are in")),
        }
    }

    /// The files that are packed into one GGUF file or into the parts of one, of which `path` is the first.
    fn unpack(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut files = Vec::new();
        for part in gguf::parts(&name)? {
            files.push((part.clone(), map(&path.with_file_name(part))?));
        }
        Self::unpacked(files)
    }

    /// The same of files that are at hand.
    pub(super) fn unpacked(files: Vec<(String, Bytes)>) -> Result<Self> {
        let gguf::Unpacked { files: texts, tensors, names } = gguf::unpack(&files)?;
        let texts = texts.into_iter();
        Ok(Self {
            files: texts.map(|(name, text)| (name.to_owned(), Bytes::Owned(text.into()))).collect(),
            weights: Vec::new(),
            other_templates: Vec::new(),
            packed: Some(Packed { files, tensors, names }),
            unread: Vec::new(),
        })
    }

    fn collect(place: &str, open: impl Fn(&str) -> Result<Option<Bytes>>) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in REQUIRED {
            let Some(bytes) = open(name)? else { return Err(missing(place, name, &open)) };
            files.insert(name.to_owned(), bytes);
        }
        for name in OPTIONAL {
            if let Some(bytes) = open(name)? {
                files.insert(name.to_owned(), bytes);
            }
        }
        // Both forms in one folder: the single file is the one that transformers reads.
        let mut weights = Vec::new();
        if let Some(bytes) = open(WEIGHTS)? {
            files.insert(WEIGHTS.to_owned(), bytes);
            weights.push(WEIGHTS.to_owned());
        } else if let Some(index) = open(WEIGHTS_INDEX)? {
            weights = shards(&index)?;
            for shard in &weights {
                let bytes = open(shard)?.ok_or_else(|| {
                    Error::input(format!(
                        "`{place}` has no `{shard}`, which `{WEIGHTS_INDEX}` names"
                    ))
                    .hint("download the model again: a part of its weights is missing")
                })?;
                files.insert(shard.clone(), bytes);
            }
            files.insert(WEIGHTS_INDEX.to_owned(), index);
        }
        Ok(Self { files, weights, other_templates: Vec::new(), packed: None, unread: Vec::new() })
    }

    /// Names of the chat templates that are there for other purposes, sorted.
    pub(super) fn other_templates(&self) -> &[String] {
        &self.other_templates
    }

    /// Names of files of weights that lie beside the model's and are not read, sorted.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// The content of a file, if the model has it.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|bytes| &**bytes)
    }

    /// The safetensors files, in the order of their names.
    pub(super) fn weights(&self) -> impl Iterator<Item = (&str, Bytes)> {
        self.weights.iter().filter_map(|name| Some((name.as_str(), self.files.get(name)?.clone())))
    }

    /// The tensors of GGUF files: name, file, and where in it.
    pub(super) fn packed_tensors(
        &self,
    ) -> impl Iterator<Item = (&str, (&str, &Bytes), &gguf::TensorInfo)> {
        self.packed.iter().flat_map(|packed| {
            packed.tensors.iter().filter_map(|(name, index, info)| {
                let (file, bytes) = packed.files.get(*index)?;
                Some((name.as_str(), (file.as_str(), bytes), info))
            })
        })
    }

    /// How the tensors of GGUF files are named; none if the model is in no such files.
    pub(super) fn packed_names(&self) -> Option<gguf::Names> {
        self.packed.as_ref().map(|packed| packed.names)
    }

    /// Name to blake3 digest (hex) of each file. Reads all of them, weights included.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let digest = |(name, bytes): (&String, &Bytes)| (name.clone(), bytes.digest());
        match &self.packed {
            // The others came out of these.
            Some(packed) => {
                packed.files.iter().map(|(name, bytes)| digest((name, bytes))).collect()
            }
            None => self.files.iter().map(digest).collect(),
        }
    }

    /// A model made of literal files, to test what reads them.
    pub(super) fn literal(files: &[(&str, &[u8])]) -> Self {
        let weights = files.iter().filter(|(name, _)| name.ends_with(".safetensors"));
        Self {
            weights: weights.map(|(name, _)| (*name).to_owned()).collect(),
            packed: None,
            unread: Vec::new(),
            files: files
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), Bytes::Owned((*bytes).into())))
                .collect(),
            other_templates: files.iter().filter_map(|(name, _)| template_name(name)).collect(),
        }
    }
}

/// A file that every model needs is not there.
fn missing(place: &str, name: &str, open: &impl Fn(&str) -> Result<Option<Bytes>>) -> Error {
    let error = Error::input(format!("`{place}` has no `{name}`"));
    let other = OTHER_TOKENIZERS.iter().find(|other| matches!(open(other), Ok(Some(_))));
    match other.filter(|_| name == TOKENIZER) {
        Some(other) => error.hint(format!(
            "only `{TOKENIZER}` is read; transformers makes one from `{other}`: \
             `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`"
        )),
        None => error.hint(
            "a model folder holds `config.json`, `tokenizer.json`, `tokenizer_config.json` and safetensors; of a folder of GGUF files name the file",
        ),
    }
}

/// Names of the templates in a folder that need not be there.
fn other_templates(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            template_name(&format!("{TEMPLATE_FOLDER}/{}", entry.file_name().to_str()?))
        })
        .collect();
    names.sort();
    names
}

/// What a file among the additional templates is called in a model, unless it is the default one.
fn template_name(path: &str) -> Option<String> {
    let name = path.strip_prefix(TEMPLATE_FOLDER)?.strip_prefix('/')?.strip_suffix(".jinja")?;
    (path != DEFAULT_TEMPLATE).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::named::TOKENIZER_CONFIG;
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Result<ModelFiles> {
        ModelFiles::open(&Source::Folder(folder.path().to_path_buf()))
    }

    const BASE: [(&str, &str); 3] = [(CONFIG, "{}"), (TOKENIZER, "{}"), (TOKENIZER_CONFIG, "{}")];

    #[test]
    fn only_the_files_that_play_a_part_are_digested() {
        let folder = folder(&BASE);
        std::fs::write(folder.path().join("README.md"), "hello").unwrap();
        std::fs::write(folder.path().join(WEIGHTS), "").unwrap();
        let files = open(&folder).unwrap();
        let names: Vec<_> = files.digests().into_keys().collect();
        assert_eq!(names, [CONFIG, WEIGHTS, TOKENIZER, TOKENIZER_CONFIG]);
        assert_eq!(files.digests()[CONFIG], blake3::hash(b"{}").to_hex().to_string());
        assert_eq!(files.get(WEIGHTS), Some(&b""[..]));
        assert_eq!(files.get("README.md"), None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = folder(&BASE[..1]);
        assert!(open(&folder).unwrap_err().to_string().ends_with("has no `tokenizer.json`"));
        std::fs::write(folder.path().join("tokenizer.model"), "pieces").unwrap();
        let error = open(&folder).unwrap_err();
        assert!(error.to_string().ends_with("has no `tokenizer.json`"));
        assert!(error.hint_text().unwrap().contains("from `tokenizer.model`: `AutoTokenizer"));
    }

    #[test]
    fn shards_come_from_the_index_and_stay_in_the_folder() {
        let folder = folder(&BASE);
        let index = folder.path().join(WEIGHTS_INDEX);
        std::fs::write(
            &index,
            r#"{"weight_map": {"a": "b.safetensors", "c": "a.safetensors", "d": "b.safetensors"}}"#,
        )
        .unwrap();
        assert!(open(&folder).unwrap_err().to_string().contains("has no `a.safetensors`"));
        for name in ["a.safetensors", "b.safetensors"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let files = open(&folder).unwrap();
        assert_eq!(
            files.weights().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(),
            ["a.safetensors", "b.safetensors"]
        );
        for outside in [r#""../a.safetensors""#, r#""/etc/passwd""#, "3"] {
            std::fs::write(&index, format!(r#"{{"weight_map": {{"a": {outside}}}}}"#)).unwrap();
            assert!(
                open(&folder)
                    .unwrap_err()
                    .to_string()
                    .contains("not the name of a safetensors file"),
                "{outside}"
            );
        }
    }
}
