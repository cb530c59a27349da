//! Which of a model's files holds its chat template, as transformers 5.23 decides it
//! (`tokenization_utils_base.py`, `_from_pretrained` and `get_chat_template`). Knows nothing about rendering.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::files::ModelFiles;
use crate::model::json::Keys;
use crate::model::named::{
    CHAT_TEMPLATE, DEFAULT_TEMPLATE, LEGACY_TEMPLATE, TEMPLATE_FOLDER, TOKENIZER_CONFIG,
};

/// The text of the default template: a file of its own, else `chat_template` of `tokenizer_config.json` (from
/// several the one named `default`), else of `chat_template.json`. `None` if there is none at all.
pub(super) fn default_template(files: &ModelFiles) -> Result<Option<String>> {
    for name in [DEFAULT_TEMPLATE, CHAT_TEMPLATE] {
        if let Some(bytes) = files.get(name) {
            let source = std::str::from_utf8(bytes)
                .map_err(|error| Error::input(format!("`{name}` is not UTF-8: {error}")))?;
            return Ok(Some(source.to_owned()));
        }
    }
    // Templates in files hide those of the config, even where none of them is the default.
    if !files.other_templates().is_empty() {
        return Err(no_default(TEMPLATE_FOLDER, files.other_templates()));
    }
    for name in [TOKENIZER_CONFIG, LEGACY_TEMPLATE] {
        if let Some(bytes) = files.get(name) {
            let mut keys = Keys::parse(name, bytes)?;
            if let Some(value) = keys.value("chat_template") {
                return default_of(name, &keys, &value).map(Some);
            }
        }
    }
    Ok(None)
}

/// The default of what a file gives: one template, or several by name, as a list or as an object.
fn default_of(file: &str, keys: &Keys, value: &Value) -> Result<String> {
    let wrong = |found: &Value| {
        keys.wrong("chat_template", "a template, or templates with their names", found)
    };
    let named: Vec<(&str, &Value)> = match value {
        Value::String(source) => return Ok(source.clone()),
        Value::Array(list) => list
            .iter()
            .map(|entry| Some((entry.get("name")?.as_str()?, entry.get("template")?)))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(&Value::from("a list of something else")))?,
        Value::Object(map) => {
            map.iter().map(|(name, template)| (name.as_str(), template)).collect()
        }
        _ => return Err(wrong(value)),
    };
    // Of two with one name the later counts, as in a Python dictionary.
    match named.iter().rfind(|(name, _)| *name == "default") {
        Some((_, template)) => template.as_str().map(str::to_owned).ok_or_else(|| wrong(template)),
        None => {
            let names: Vec<String> = named.iter().map(|(name, _)| (*name).to_owned()).collect();
            Err(no_default(file, &names))
        }
    }
}

fn no_default(place: &str, names: &[String]) -> Error {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Error::input(format!(
        "`{place}`: no chat template is named `default`, only {}",
        names.join(", ")
    ))
    .hint(format!("put the one that is meant into the model folder as `{CHAT_TEMPLATE}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: &str = "additional_chat_templates/rag.jinja";

    fn find(files: &[(&str, &str)]) -> Result<Option<String>> {
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        default_template(&ModelFiles::literal(&files))
    }

    fn found(files: &[(&str, &str)]) -> Option<String> {
        find(files).unwrap()
    }

    #[test]
    fn files_win_over_the_config_and_the_config_over_the_legacy_file() {
        let config = (TOKENIZER_CONFIG, r#"{"chat_template": "c"}"#);
        let legacy = (LEGACY_TEMPLATE, r#"{"chat_template": "l"}"#);
        let all = [(DEFAULT_TEMPLATE, "d"), (CHAT_TEMPLATE, "f"), (NAMED, "n"), config, legacy];
        assert_eq!(found(&all).as_deref(), Some("d"));
        assert_eq!(found(&all[1..]).as_deref(), Some("f"));
        assert_eq!(
            find(&all[2..]).unwrap_err().to_string(),
            "`additional_chat_templates`: no chat template is named `default`, only `rag`"
        );
        assert_eq!(found(&all[3..]).as_deref(), Some("c"));
        assert_eq!(found(&all[4..]).as_deref(), Some("l"));
        assert_eq!(
            found(&[(TOKENIZER_CONFIG, r#"{"chat_template": null}"#), legacy]).as_deref(),
            Some("l")
        );
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn of_several_the_default_counts_and_a_missing_one_names_the_others() {
        let config =
            |value: &str| find(&[(TOKENIZER_CONFIG, &format!(r#"{{"chat_template": {value}}}"#))]);
        let list =
            r#"[{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]"#;
        assert_eq!(config(list).unwrap().as_deref(), Some("d"));
        assert_eq!(config(r#"{"rag": "r", "default": "d"}"#).unwrap().as_deref(), Some("d"));
        let error = config(r#"[{"name": "rag", "template": "t"}]"#).unwrap_err();
        assert!(error.to_string().ends_with("only `rag`"), "{error}");
        for wrong in ["3", "[3]", r#"[{"name": "default"}]"#, r#"{"default": 1}"#] {
            assert!(
                config(wrong).unwrap_err().to_string().contains("`chat_template` must be"),
                "{wrong}"
            );
        }
    }
}
