//! Models that are split into several GGUF files: names, and whether the files belong together. Names and keys
//! are those of llama.cpp's `llama-gguf-split`. Knows nothing about what is in the files.

use std::collections::BTreeMap;

use super::value::Value;
use crate::error::{Error, Result};

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
/// The key of the number of tensors of all files.
pub(super) const TENSORS: &str = "split.tensors.count";

/// The names of all parts, given that of the first, or one alone that is no part.
///
/// # Errors
/// The file is a part, but not the first.
pub(in crate::model) fn names(name: &str) -> Result<Vec<String>> {
    let Some((stem, number, count)) = parts(name) else { return Ok(vec![name.to_owned()]) };
    if number != 1 {
        return Err(Error::input(format!("`{name}` is part {number} of {count} of a model"))
            .hint(format!("give the first part: `{}`", part_name(stem, 1, count))));
    }
    Ok((1..=count).map(|number| part_name(stem, number, count)).collect())
}

/// Stem, number and count of `stem-00001-of-00003.gguf`.
fn parts(name: &str) -> Option<(&str, u32, u32)> {
    let rest = name.strip_suffix(".gguf")?;
    let (rest, count) = rest.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| {
        let plain = text.len() == 5 && text.bytes().all(|c| c.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (number, count) = (digits(number)?, digits(count)?);
    (1..=count).contains(&number).then_some((stem, number, count))
}

fn part_name(stem: &str, number: u32, count: u32) -> String {
    format!("{stem}-{number:05}-of-{count:05}.gguf")
}

/// The name of a model's file without what only says that it is split.
pub(in crate::model) fn label(name: &str) -> &str {
    parts(name).map_or_else(|| name.strip_suffix(".gguf").unwrap_or(name), |(stem, _, _)| stem)
}

/// Checks what a file says about its place (`index` of `count`) against the place that it has.
pub(super) fn check(
    file: &str,
    index: usize,
    count: usize,
    metadata: &BTreeMap<&str, Value<'_>>,
) -> Result<()> {
    let number = |key| metadata.get(key).and_then(|value| value.as_u64());
    let said = (number(NUMBER).unwrap_or(0), number(COUNT).unwrap_or(1).max(1));
    if said == (index as u64, count as u64) {
        return Ok(());
    }
    let error = Error::input(format!(
        "`{file}` says that it is part {} of {} (`{NUMBER}`, `{COUNT}`), but it was found as part {} of {count}",
        said.0.saturating_add(1),
        said.1,
        index + 1
    ));
    Err(error.hint("give the first part, with all files named as they were published"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_names() {
        assert_eq!(names("m.gguf").unwrap(), ["m.gguf"]);
        assert_eq!(
            names("m-00001-of-00002.gguf").unwrap(),
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
        );
        let error = names("m-00002-of-00003.gguf").unwrap_err();
        assert!(error.hint_text().unwrap().contains("`m-00001-of-00003.gguf`"));
        for plain in ["m-00003-of-00002.gguf", "m-1-of-2.gguf", "m-0000a-of-00002.gguf"] {
            assert_eq!(names(plain).unwrap(), [plain]);
        }
        assert_eq!((label("m-00001-of-00002.gguf"), label("m.Q4_0.gguf")), ("m", "m.Q4_0"));
    }

    #[test]
    fn a_file_must_be_in_its_place() {
        let metadata = |number, count| {
            BTreeMap::from([(NUMBER, Value::Unsigned(number)), (COUNT, Value::Unsigned(count))])
        };
        assert!(check("f", 0, 1, &BTreeMap::new()).is_ok());
        assert!(check("f", 1, 2, &metadata(1, 2)).is_ok());
        let message = check("f", 0, 1, &metadata(0, 2)).unwrap_err().to_string();
        assert!(message.contains("part 1 of 2") && message.contains("found as part 1 of 1"));
        assert!(check("f", 1, 2, &metadata(0, 2)).is_err());
    }
}
