//! All files of one model as one: metadata by key with typed access, tensors by name, numbers of small
//! tensors. Knows nothing about what a key means.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Map;

use super::header::{Header, TensorInfo};
use super::split::{TENSORS, check};
use super::value::{List, Value};
use crate::error::{Error, Result};
use crate::model::bytes::Bytes;
use crate::model::json::Keys;

/// Longest tensor whose numbers may become part of the config.
const NUMBERS_MAX: usize = 1 << 12;

/// Headers of a model's files, joined.
pub(super) struct Contents<'a> {
    /// The first file's name, for messages.
    file: &'a str,
    files: &'a [(String, Bytes)],
    metadata: BTreeMap<&'a str, Value<'a>>,
    /// With the number of the file that it is in.
    tensors: BTreeMap<&'a str, (usize, TensorInfo)>,
}

impl<'a> Contents<'a> {
    /// Reads and joins the headers.
    ///
    /// # Errors
    /// A header that is damaged, files that are not the parts of one model in their order.
    pub(super) fn read(files: &'a [(String, Bytes)]) -> Result<Self> {
        let mut joined: Option<Self> = None;
        for (index, (file, bytes)) in files.iter().enumerate() {
            let header = Header::read(file, bytes)?;
            let joined = joined.get_or_insert_with(|| Self {
                file,
                files,
                metadata: header.metadata.clone(),
                tensors: BTreeMap::new(),
            });
            check(file, index, files.len(), &header.metadata)?;
            for (name, info) in header.tensors {
                if let Some((other, _)) = joined.tensors.insert(name, (index, info)) {
                    return Err(Error::input(format!(
                        "tensor `{name}` is in both `{}` and `{file}`",
                        files[other].0
                    )));
                }
            }
        }
        let joined = joined.ok_or_else(|| Error::failed("a GGUF model without files"))?;
        joined.check_count()?;
        Ok(joined)
    }

    /// Checks the number of tensors of all files against the one that they say.
    fn check_count(&self) -> Result<()> {
        let found = self.tensors.len() as u64;
        match self.whole(TENSORS)? {
            Some(said) if said != found => Err(self
                .wrong(TENSORS, &format!("is {said}, but the files hold {found} tensors"))
                .hint("download the model again: its files are of different versions")),
            _ => Ok(()),
        }
    }

    /// An error about a key.
    pub(super) fn wrong(&self, key: &str, what: &str) -> Error {
        Error::input(format!("`{}`: `{key}` {what}", self.file))
    }

    /// A value as it is.
    pub(super) fn value(&self, key: &str) -> Option<Value<'a>> {
        self.metadata.get(key).copied()
    }

    /// A text, if it is there.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, "a text", Value::as_text)
    }

    /// A truth value, if it is there.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    /// A whole number, if it is there.
    pub(super) fn whole(&self, key: &str) -> Result<Option<u64>> {
        self.typed(key, "a whole number", Value::as_u64)
    }

    /// A list, if it is there.
    pub(super) fn list(&self, key: &str) -> Result<Option<List<'a>>> {
        self.typed(key, "a list", |value| match value {
            Value::List(list) => Some(list),
            _ => None,
        })
    }

    /// The elements of a list, each converted, if it is there.
    pub(super) fn elements<T>(
        &self,
        key: &str,
        wanted: &str,
        convert: impl Fn(Value<'a>) -> Option<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(list) = self.list(key)? else { return Ok(None) };
        let elements = list.iter().map(convert).collect::<Option<Vec<T>>>();
        elements.map(Some).ok_or_else(|| self.wrong(key, &format!("must be a list of {wanted}")))
    }

    /// All keys that start with `prefix`, in their order.
    pub(super) fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let matching = self.metadata.iter().filter(move |(key, _)| key.starts_with(prefix));
        matching.map(|(key, value)| (*key, *value))
    }

    /// The keys of an architecture without its name, to be read one by one.
    ///
    /// # Errors
    /// One holds a list of more than `longest` elements, or no number where one should be.
    pub(super) fn keys_of(&self, architecture: &str, longest: usize) -> Result<Keys> {
        let mut map = Map::new();
        for (key, value) in &self.metadata {
            if let Some(rest) = key.strip_prefix(architecture).and_then(|key| key.strip_prefix('.'))
            {
                let value = value
                    .to_json(longest)
                    .map_err(|what| self.wrong(key, &format!("holds what cannot be: {what}")))?;
                map.insert(rest.to_owned(), value);
            }
        }
        Ok(Keys::new(format!("`{}`: `{architecture}.", self.file), map))
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// All tensors by name, each with the number of its file.
    pub(super) fn tensors(&self) -> &BTreeMap<&'a str, (usize, TensorInfo)> {
        &self.tensors
    }

    /// Rows of the embedding; of a file without tensors, tokens of the vocabulary.
    pub(super) fn vocabulary(&self) -> Result<usize> {
        match self.tensors.get("token_embd.weight").map(|(_, info)| &info.shape[..]) {
            Some(&[rows, _]) => Ok(rows),
            Some(shape) => Err(Error::input(format!(
                "`{}`: tensor `token_embd.weight` has shape {shape:?}, which is no matrix",
                self.file
            ))),
            None => Ok(self.list("tokenizer.ggml.tokens")?.map_or(0, List::len)),
        }
    }

    /// The numbers of a small F32 tensor, if it is there: those of a text that gives each of them again.
    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        let Some((file, info)) = self.tensors.get(name) else { return Ok(None) };
        let wrong = |what: String| {
            Error::input(format!("`{}`: tensor `{name}` {what}", self.files[*file].0))
        };
        if info.element.0 != 0 || info.range.len() / 4 > NUMBERS_MAX {
            return Err(wrong(format!(
                "must hold at most {NUMBERS_MAX} elements of type F32, found {} {:?}",
                info.element, info.shape
            )));
        }
        let bytes = self.files[*file].1.get(info.range.clone()).unwrap_or_default();
        let mut text = String::new();
        let decimal = |x: &[u8; 4]| {
            text.clear();
            let written = write!(text, "{}", f32::from_le_bytes(*x)).ok();
            written.and_then(|()| text.parse::<f64>().ok()).filter(|x| x.is_finite())
        };
        let numbers: Option<Vec<f64>> = bytes.as_chunks().0.iter().map(decimal).collect();
        numbers.map(Some).ok_or_else(|| wrong("holds elements that are no numbers".to_owned()))
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        convert: impl Fn(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => convert(value)
                .map(Some)
                .ok_or_else(|| self.wrong(key, &format!("must be {wanted}"))),
        }
    }
}
