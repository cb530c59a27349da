//! A JSON object that is read key by key, so that what nobody read can be named. Knows nothing about what
//! the keys mean.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Hint for a key that no released model has in this form.
const AS_RELEASED: &str = "compare the file with the one that the model was released with";

/// The keys of one object that are still unread.
#[derive(Debug)]
pub(super) struct Keys {
    /// Start of every message: the file, and the path to this object in it, up to where the key follows.
    place: String,
    map: Map<String, Value>,
}

impl Keys {
    /// Reads a file that holds one object.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let parsed = serde_json::from_slice(bytes)
            .or_else(|error| serde_json::from_slice(&quoted(bytes)).map_err(|_| error));
        match parsed.map_err(|error| malformed(file, bytes, &error))? {
            Value::Object(map) => Ok(Self { place: format!("`{file}`: `"), map }),
            _ => Err(Error::input(format!("`{file}` must hold a JSON object"))),
        }
    }

    /// Keys that come from no JSON file. `place` starts every message, up to where the key follows.
    pub(super) fn new(place: String, map: Map<String, Value>) -> Self {
        Self { place, map }
    }

    /// An object without keys.
    pub(super) fn empty(file: &str) -> Self {
        Self { place: format!("`{file}`: `"), map: Map::new() }
    }

    /// Takes a key as it is; `None` if it is missing or null.
    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// Takes a whole number from 1 to `limit`; `None` if it is missing or null.
    pub(super) fn size(&mut self, key: &str, limit: usize) -> Result<Option<usize>> {
        let wanted = format!("a whole number from 1 to {limit}");
        let size = |value: &Value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=limit).contains(n))
        };
        self.typed(key, &wanted, size)
    }

    /// Takes a whole number that the file must give.
    pub(super) fn required_size(&mut self, key: &str, limit: usize) -> Result<usize> {
        self.size(key, limit)?.ok_or_else(|| self.missing(key))
    }

    /// Reads a size and leaves it there.
    pub(super) fn peek_size(&mut self, key: &str, limit: usize) -> Result<Option<usize>> {
        let value = self.map.get(key).cloned();
        let size = self.size(key, limit)?;
        self.map.extend(value.map(|value| (key.to_owned(), value)));
        Ok(size)
    }

    /// Takes a whole number from 0; `None` if it is missing or null.
    pub(super) fn count(&mut self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a whole number from 0", |value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok())
        })
    }

    /// Gives a key that is not there this value.
    pub(super) fn fill(&mut self, key: &str, value: Value) {
        self.map.entry(key).or_insert(value);
    }

    /// Gives a key another name, unless one of that name is there.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if let Some(value) = self.map.remove(from) {
            self.map.entry(to).or_insert(value);
        }
    }

    /// Takes a positive finite number; `None` if it is missing or null.
    pub(super) fn positive(&mut self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a positive number", |value| {
            value.as_f64().filter(|n| n.is_finite() && *n > 0.0)
        })
    }

    /// Takes a positive finite number that the file must give.
    pub(super) fn required_positive(&mut self, key: &str) -> Result<f64> {
        self.positive(key)?.ok_or_else(|| self.missing(key))
    }

    /// Takes a finite number; `None` if it is missing or null.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", |value| value.as_f64().filter(|n| n.is_finite()))
    }

    /// Takes a list of positive finite numbers; `None` if it is missing or null.
    pub(super) fn positives(&mut self, key: &str) -> Result<Option<Vec<f64>>> {
        let positive = |value: &Value| value.as_f64().filter(|n| n.is_finite() && *n > 0.0);
        self.typed(key, "a list of positive numbers", |value| {
            value.as_array()?.iter().map(positive).collect()
        })
    }

    /// Takes a boolean; `None` if it is missing or null.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// Takes a string; `None` if it is missing or null.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// Takes an object; `None` if it is missing or null.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Self>> {
        let place = format!("{}{key}.", self.place);
        let map = self.typed(key, "an object", |value| value.as_object().cloned())?;
        Ok(map.map(|map| Self { place, map }))
    }

    /// What is still unread.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether a key is there and unread, be it null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Whether a key is there, unread, and 0.
    pub(super) fn has_zero(&self, key: &str) -> bool {
        self.map.get(key).and_then(Value::as_u64) == Some(0)
    }

    /// A key as it is, left unread.
    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// Leaves out the keys for which `keep` says no.
    pub(super) fn retain(&mut self, keep: impl Fn(&str, &Value) -> bool) {
        self.map.retain(|key, value| keep(key, value));
    }

    /// Whether nothing is unread.
    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// An error about a key: what it must be, and what stands there.
    pub(super) fn wrong(&self, key: &str, wanted: &str, found: &Value) -> Error {
        Error::input(format!("{}{key}` must be {wanted}, found {found}", self.place))
            .hint(AS_RELEASED)
    }

    /// An error about a key that is not there.
    pub(super) fn missing(&self, key: &str) -> Error {
        Error::input(format!("{}{key}` is missing", self.place)).hint(AS_RELEASED)
    }

    /// Refuses a key that nobody read.
    pub(super) fn refuse_rest(&self) -> Result<()> {
        match self.entries().next() {
            None => Ok(()),
            Some((key, value)) => Err(Error::input(format!("{}{key}` is not known to this version (value {value})", self.place))
                .hint("the key may change the computation, so the model is refused rather than run without it")),
        }
    }

    fn typed<T>(
        &mut self,
        key: &str,
        wanted: &str,
        convert: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => convert(&value).map(Some).ok_or_else(|| self.wrong(key, wanted, &value)),
        }
    }
}

/// Words that Python writes and reads in JSON although JSON has no such numbers.
const NO_NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The text with these words in quotes where they stand for numbers, so that a key which nobody needs does not stop
/// a file, and one that must be a number is refused with the word.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    let (mut inside, mut rest) = (false, bytes);
    while let Some((&first, after)) = rest.split_first() {
        let word = NO_NUMBERS.into_iter().find(|word| !inside && rest.starts_with(word.as_bytes()));
        if let Some(word) = word {
            out.push(b'"');
            out.extend_from_slice(word.as_bytes());
            out.push(b'"');
            rest = &rest[word.len()..];
            continue;
        }
        match (first, after.first()) {
            (b'\\', Some(&second)) if inside => {
                out.extend_from_slice(&[first, second]);
                rest = &after[1..];
                continue;
            }
            (b'"', _) => inside = !inside,
            _ => {}
        }
        out.push(first);
        rest = after;
    }
    out
}

/// Refuses a file that is no JSON, for readers that do not say what is wrong with it.
pub(super) fn check(file: &str, bytes: &[u8]) -> Result<()> {
    let parsed: serde_json::Result<serde::de::IgnoredAny> = serde_json::from_slice(bytes);
    parsed.map(drop).map_err(|error| malformed(file, bytes, &error))
}

/// What is wrong with a file that is no JSON.
fn malformed(file: &str, bytes: &[u8], error: &serde_json::Error) -> Error {
    let line = bytes.split(|&byte| byte == b'\n').nth(error.line().saturating_sub(1));
    // The column is that of the first letter that does not fit, or of one beside it.
    let from = error.column().saturating_sub(3);
    let rest = line.and_then(|line| line.get(from..)).unwrap_or_default();
    let text = String::from_utf8_lossy(&rest[..rest.len().min(16)]);
    let word = NO_NUMBERS.into_iter().find(|word| text.contains(word));
    match word.filter(|_| error.classify() == serde_json::error::Category::Syntax) {
        Some(word) => Error::input(format!(
            "`{file}` is not valid JSON: `{word}` in line {} is no number in JSON, although Python writes it",
            error.line()
        ))
        .hint("put a number there (such as 1e38), or take the key out if this model does not need it"),
        None => Error::input(format!("`{file}` is not valid JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Keys {
        Keys::parse("f.json", text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_read_is_gone_and_the_rest_is_refused_by_name() {
        let mut keys = keys(r#"{"a": 3, "b": {"c": true, "d": 1}, "e": null}"#);
        assert_eq!(keys.size("a", 3).unwrap(), Some(3));
        assert_eq!(keys.size("e", 3).unwrap(), None);
        let mut inner = keys.object("b").unwrap().unwrap();
        assert!(keys.is_empty());
        assert_eq!(inner.flag("c").unwrap(), Some(true));
        assert_eq!(
            inner.refuse_rest().unwrap_err().to_string(),
            "`f.json`: `b.d` is not known to this version (value 1)"
        );
    }

    #[test]
    fn wrong_types_are_named_with_what_stands_there() {
        let message = |text: &str| keys(text).size("a", 9).unwrap_err().to_string();
        assert_eq!(
            message(r#"{"a": "x"}"#),
            r#"`f.json`: `a` must be a whole number from 1 to 9, found "x""#
        );
        for bad in ["0", "10", "-1", "1.5", "[]"] {
            assert!(keys(&format!(r#"{{"a": {bad}}}"#)).size("a", 9).is_err(), "{bad}");
        }
        assert!(keys(r#"{"a": 0.0}"#).positive("a").is_err());
        assert!(
            keys("{}").required_size("a", 9).unwrap_err().to_string().ends_with("`a` is missing")
        );
        for word in NO_NUMBERS {
            let text = format!("{{\n  \"a\": [0.0, {word}],\n \"b\": 1}}");
            let mut keys = Keys::parse("f.json", text.as_bytes()).unwrap();
            let message = keys.positives("a").unwrap_err().to_string();
            assert!(message.contains(&format!("found [0.0,\"{word}\"]")), "{message}");
            assert_eq!(keys.value("b"), Some(1.into()));
            let message = check("f.json", text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(&format!("`{word}` in line 2 is no number")), "{message}");
        }
        let quoted = Keys::parse("f.json", br#"{"a": "NaN", b}"#).unwrap_err().to_string();
        assert!(!quoted.contains("no number"), "{quoted}");
        assert!(Keys::parse("f.json", b"[]").is_err());
        assert!(Keys::parse("f.json", b"{").is_err());
    }
}
