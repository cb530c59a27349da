//! Which files of a repository make up a model. Works on names alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::name::{HubName, has_extension};
use crate::error::{Error, Result};
use crate::model::named::{OPTIONAL, REQUIRED, TEMPLATE_FOLDER, WEIGHTS, WEIGHTS_INDEX};

/// Everything but the weights: what must be there (the first that is not comes back as the error), and what
/// of the rest is.
pub(super) fn words(names: &[String]) -> std::result::Result<Vec<&str>, &'static str> {
    let has = |name: &str| names.iter().any(|there| there == name);
    if let Some(missing) = REQUIRED.into_iter().find(|name| !has(name)) {
        return Err(missing);
    }
    let mut words: Vec<&str> = REQUIRED.to_vec();
    words.extend(OPTIONAL.into_iter().filter(|name| has(name)));
    let named = |name: &&str| is_named_template(name) && !OPTIONAL.contains(name);
    words.extend(names.iter().map(String::as_str).filter(named));
    Ok(words)
}

fn is_named_template(name: &str) -> bool {
    name.strip_prefix(TEMPLATE_FOLDER)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|file| !file.contains('/') && has_extension(file, "jinja"))
}

/// The single file of weights, or the index of several: the one that is read.
pub(super) fn weights(names: &[String]) -> Option<&'static str> {
    [WEIGHTS, WEIGHTS_INDEX].into_iter().find(|name| names.iter().any(|there| there == name))
}

/// The GGUF files of a repository: by name without the number of the part, its parts in order. Projectors of
/// images (`mmproj`) are none of a language model's.
pub(super) fn gguf(names: &[String]) -> BTreeMap<String, Vec<&str>> {
    let mut models: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names.iter().filter(|name| has_extension(name, "gguf") && !is_projector(name)) {
        models.entry(whole(name).0).or_default().push(name);
    }
    models.values_mut().for_each(|parts| parts.sort_unstable());
    models
}

fn is_projector(name: &str) -> bool {
    holds_word(name.rsplit('/').next().unwrap_or(name), "mmproj")
}

/// A file's name without `-00001-of-00003`, and the number of parts that it speaks of.
fn whole(name: &str) -> (String, usize) {
    static PART: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)-\d{5}-of-(\d{5})\.gguf$").ok());
    match PART.as_ref().and_then(|part| part.captures(name)) {
        Some(found) => {
            (format!("{}.gguf", &name[..found.get_match().start()]), found[1].parse().unwrap_or(1))
        }
        None => (name.to_owned(), 1),
    }
}

/// The parts of the one model whose name holds `word`.
///
/// # Errors
/// None does, several do (the message lists what there is), or a part is missing.
pub(super) fn quantization<'a>(
    hub: &HubName,
    names: &'a [String],
    word: &str,
) -> Result<Vec<&'a str>> {
    let models = gguf(names);
    let mut found = models.iter().filter(|(name, _)| holds_word(name, word));
    match (found.next(), found.next()) {
        (Some((name, parts)), None) => complete(hub, name, parts),
        (None, _) => Err(Error::input(format!(
            "`{}` has no GGUF file with `{word}` in its name",
            hub.repository()
        ))
        .hint(there_is(&models))),
        (Some(first), Some(second)) => {
            let all: Vec<String> = [first, second]
                .into_iter()
                .chain(found)
                .map(|(_, p)| format!("`{}`", p[0]))
                .collect();
            Err(Error::input(format!(
                "`{}` has several GGUF files with `{word}` in their name: {}",
                hub.repository(),
                all.join(", ")
            ))
            .hint(format!("name the file: `{}:{}`", hub.repository(), first.1[0])))
        }
    }
}

/// The parts of the model that `file` is, or is a part of; a file in a folder may be named without it.
///
/// # Errors
/// There is none of that name, it is no language model, or a part is missing.
pub(super) fn file<'a>(hub: &HubName, names: &'a [String], file: &str) -> Result<Vec<&'a str>> {
    if is_projector(file) {
        return Err(Error::input(format!(
            "`{file}` turns images into tokens and is no language model"
        ))
        .hint(there_is(&gguf(names))));
    }
    let models = gguf(names);
    let last = |name: &str| name.rsplit('/').next() == Some(file);
    let mut found: Vec<_> = models.iter().filter(|(_, parts)| parts.contains(&file)).collect();
    if found.is_empty() {
        found = models.iter().filter(|(_, parts)| parts.iter().any(|part| last(part))).collect();
    }
    match found[..] {
        [(name, parts)] => complete(hub, name, parts),
        [] => Err(Error::input(format!("`{}` has no file `{file}`", hub.repository()))
            .hint(there_is(&models))),
        [(_, parts), ..] => {
            Err(Error::input(format!("`{}` has `{file}` in several folders", hub.repository()))
                .hint(format!("name the folder too: `{}:{}`", hub.repository(), parts[0])))
        }
    }
}

fn complete<'a>(hub: &HubName, name: &str, parts: &[&'a str]) -> Result<Vec<&'a str>> {
    let expected = whole(parts[0]).1;
    if parts.len() == expected {
        return Ok(parts.to_vec());
    }
    Err(Error::input(format!(
        "`{}` has {} of the {expected} parts of `{name}`",
        hub.repository(),
        parts.len()
    ))
    .hint("choose another file or another revision"))
}

/// Every quantization that can be named, or every file where names tell none.
fn there_is(models: &BTreeMap<String, Vec<&str>>) -> String {
    if models.is_empty() {
        return "it has no GGUF files at all: without `:` it is read as safetensors".into();
    }
    let words: BTreeSet<String> = models
        .iter()
        .map(|(name, parts)| word_of(name).unwrap_or_else(|| parts[0].into()))
        .collect();
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("it has {}", words.join(", "))
}

/// The quantization that a file's name tells.
fn word_of(name: &str) -> Option<String> {
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let word = r"(?i)(?:^|[^a-z0-9])((?:[it]?q[1-8](?:_[a-z0-9]+)*)|b?f16|fp16|f?p?32|mxfp4(?:_moe)?)(?:[^a-z0-9_]|$)";
        Regex::new(word).ok()
    });
    let last = name.rsplit('/').next().unwrap_or(name);
    WORD.as_ref()?.captures(last).map(|found| found[1].to_owned())
}

/// Whether `text` holds `word` with no letter or digit beside it, nor a `_` behind it: `Q4_K` is not in
/// `Q4_K_M`, and `Q4_0` is not in `IQ4_0`. Case does not count.
fn holds_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    text.match_indices(&word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric)
            && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 10] = [
        "README.md",
        "m-Q4_K_M.gguf",
        "m-Q4_K_S.gguf",
        "m.IQ4_XS.gguf",
        "m-UD-Q2_K.gguf",
        "m-Q2_K.gguf",
        "Q8_0/m-Q8_0-00001-of-00002.gguf",
        "Q8_0/m-Q8_0-00002-of-00002.gguf",
        "mmproj-Q6_K.gguf",
        "m-BF16-00001-of-00003.gguf",
    ];

    fn names() -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn hub() -> HubName {
        HubName::parse("org/name").unwrap()
    }

    fn refused(result: Result<Vec<&str>>) -> String {
        let error = result.unwrap_err();
        format!("{error} / {}", error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_quantization_is_a_whole_word_in_any_case() {
        let names = names();
        let found = |word: &str| quantization(&hub(), &names, word);
        assert_eq!(found("q4_k_m").unwrap(), ["m-Q4_K_M.gguf"]);
        assert_eq!(found("IQ4_XS").unwrap(), ["m.IQ4_XS.gguf"]);
        assert_eq!(found("UD-Q2_K").unwrap(), ["m-UD-Q2_K.gguf"]);
        assert_eq!(
            found("Q8_0").unwrap(),
            ["Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf"]
        );
        for word in ["Q4_K", "Q4_XS", "Q6_K"] {
            let error = refused(found(word));
            for there in ["`Q4_K_M`", "`Q4_K_S`", "`IQ4_XS`", "`Q2_K`", "`Q8_0`", "`BF16`"] {
                assert!(error.contains(there), "{error}");
            }
            assert!(!error.contains("mmproj"), "{error}");
        }
        let error = refused(found("Q2_K"));
        assert!(error.contains("`m-Q2_K.gguf`, `m-UD-Q2_K.gguf`"), "{error}");
        assert!(refused(found("BF16")).contains("1 of the 3 parts"));
    }

    #[test]
    fn a_file_brings_its_other_parts() {
        let names = names();
        let found = |name: &str| file(&hub(), &names, name);
        assert_eq!(found("m-Q2_K.gguf").unwrap(), ["m-Q2_K.gguf"]);
        assert_eq!(found("m-Q8_0-00001-of-00002.gguf").unwrap().len(), 2);
        assert_eq!(found("Q8_0/m-Q8_0-00002-of-00002.gguf").unwrap().len(), 2);
        assert!(refused(found("x.gguf")).contains("`Q4_K_M`"));
        assert!(refused(found("mmproj-Q6_K.gguf")).contains("no language model"));
    }

    #[test]
    fn only_what_plays_a_part_is_chosen() {
        let names: Vec<String> = [
            "README.md",
            "config.json",
            "model.safetensors",
            "model.safetensors.index.json",
            "original/consolidated.00.pth",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "chat_template.jinja",
            "additional_chat_templates/tool_use.jinja",
            "additional_chat_templates/notes.txt",
            "onnx/config.json",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(
            words(&names).unwrap(),
            [
                "config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "chat_template.jinja",
                "additional_chat_templates/tool_use.jinja"
            ]
        );
        assert_eq!(weights(&names), Some("model.safetensors"));
        assert_eq!(words(&names[2..]), Err("config.json"));
    }
}
