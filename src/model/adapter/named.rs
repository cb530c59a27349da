//! What `MODEL+ADAPTER[=SCALE][+…]` means. Looks at the disk to see whether a path exists, and at nothing else.

use std::path::Path;

use crate::error::{Error, Result};

/// A model as the user named it, taken apart at its `+` signs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct ModelName<'a> {
    /// The model itself, or an adapter that stands alone.
    pub(in crate::model) base: &'a str,
    /// What is put on it, in order.
    pub(in crate::model) adapters: Vec<AdapterName<'a>>,
}

/// One adapter of a model's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct AdapterName<'a> {
    /// A folder, a file, or a name of the hub.
    pub(in crate::model) name: &'a str,
    /// How much of the change that it makes is applied: 1 is all of it.
    pub(in crate::model) scale: f32,
}

impl<'a> ModelName<'a> {
    /// Takes a name apart. The longest beginning that is an existing path is never cut, so that a folder whose name
    /// holds a `+` can be named; the same holds for each adapter.
    ///
    /// # Errors
    /// An adapter has no name, or a scale is no finite number.
    pub(in crate::model) fn parse(text: &'a str) -> Result<Self> {
        let pieces = split(text);
        let Some((base, adapters)) = pieces.split_first() else {
            return Ok(Self { base: text, adapters: Vec::new() });
        };
        let adapters = adapters.iter().map(|piece| AdapterName::parse(text, piece));
        Ok(Self { base, adapters: adapters.collect::<Result<_>>()? })
    }
}

impl<'a> AdapterName<'a> {
    /// Reads `NAME` or `NAME=SCALE`; an existing path that holds a `=` wins.
    fn parse(whole: &str, piece: &'a str) -> Result<Self> {
        let (name, scale) = match piece.rsplit_once('=') {
            Some((name, scale)) if !Path::new(piece).exists() => {
                let number = scale.trim().parse::<f32>().ok().filter(|scale| scale.is_finite());
                let number = number.ok_or_else(|| {
                    Error::input(format!("`{scale}` in `{whole}` is no scale of an adapter"))
                        .hint("a scale is a number, as in `MODEL+ADAPTER=0.5`")
                })?;
                (name, number)
            }
            _ => (piece, 1.0),
        };
        if name.is_empty() {
            return Err(Error::input(format!("`{whole}` names an adapter without a name"))
                .hint("write `MODEL+ADAPTER`, or `MODEL+ADAPTER=0.5`"));
        }
        Ok(Self { name, scale })
    }
}

/// The pieces between the `+` signs. A piece is as long as it can be where that makes it an existing path.
fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let ends: Vec<usize> = rest.match_indices('+').map(|(at, _)| at).collect();
        let is_path = |end: &usize| Path::new(&rest[..*end]).exists();
        let longest = std::iter::once(rest.len()).chain(ends.iter().rev().copied()).find(is_path);
        let end = longest.or_else(|| ends.first().copied()).unwrap_or(rest.len());
        pieces.push(&rest[..end]);
        match rest[end..].strip_prefix('+') {
            Some(more) => rest = more,
            None => return pieces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (&str, Vec<(&str, f32)>) {
        let name = ModelName::parse(text).unwrap();
        (name.base, name.adapters.iter().map(|a| (a.name, a.scale)).collect())
    }

    #[test]
    fn a_name_is_cut_at_its_plus_signs() {
        assert_eq!(parsed("org/model"), ("org/model", vec![]));
        assert_eq!(parsed("org/model@main+org/lora"), ("org/model@main", vec![("org/lora", 1.0)]));
        assert_eq!(
            parsed("organism:faker+a=0.5+b@v1=-2"),
            ("organism:faker", vec![("a", 0.5), ("b@v1", -2.0)])
        );
    }

    #[test]
    fn a_path_that_exists_is_never_cut() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("a+b");
        let adapter = folder.path().join("c+d=1");
        std::fs::create_dir(&model).unwrap();
        std::fs::create_dir(&adapter).unwrap();
        let (model, adapter) = (model.to_str().unwrap(), adapter.to_str().unwrap());
        assert_eq!(parsed(model), (model, vec![]));
        let both = format!("{model}+{adapter}+{adapter}=2");
        assert_eq!(parsed(&both), (model, vec![(adapter, 1.0), (adapter, 2.0)]));
    }

    #[test]
    fn what_is_no_adapter_is_refused() {
        for text in ["m+", "m+=2", "m+a=b", "m+a=inf", "m+a=nan", "m++a"] {
            let error = ModelName::parse(text).unwrap_err();
            assert!(error.hint_text().is_some_and(|hint| hint.contains("MODEL+ADAPTER")), "{text}");
        }
    }
}
