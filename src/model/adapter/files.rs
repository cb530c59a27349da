//! Adapters as PEFT writes them: a small `adapter_config.json` and weights that change those of another model.
//! Found by the names of their files; knows nothing about how one is applied.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

/// What PEFT calls an adapter's own files.
const CONFIG: &str = "adapter_config.json";
const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

/// Folders below a model's that are looked into: PEFT writes each adapter that is not called `default` into a
/// folder of its name, trainers write `checkpoint-N/`, and a second level holds both.
const DEPTH: usize = 2;

/// More entries of a folder than this are not looked at: no release has so many.
const ENTRIES_MAX: usize = 4096;

/// Files of an adapter that lie in a folder or below it, sorted, as paths that start there.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, Path::new(""), DEPTH, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, below: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let names = WEIGHTS.iter().chain([&CONFIG]);
    found.extend(names.filter(|name| folder.join(name).exists()).map(|name| below.join(name)));
    if depth == 0 {
        return;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        collect(&entry.path(), &below.join(entry.file_name()), depth - 1, found);
    }
}

/// Refuses a model's folder in which an adapter lies too: transformers applies one that stands beside the weights,
/// and which of the two models is meant cannot be known.
///
/// # Errors
/// Names the adapter's file.
pub(super) fn refuse_beside(folder: &Path) -> Result<()> {
    let Some(file) = files(folder).into_iter().next() else { return Ok(()) };
    let inside = file.parent().filter(|inside| *inside != Path::new(""));
    let beside = inside.map_or_else(|| folder.to_owned(), |inside| folder.join(inside));
    Err(Error::input(format!(
        "`{}` holds a model and an adapter beside it (`{}`)",
        folder.display(),
        file.display()
    ))
    .hint(format!(
        "say which is meant: `{0}+{1}` is the model with it, `{0}+{1}=0` the model alone",
        folder.display(),
        beside.display()
    )))
}

/// Says of a folder without a model's own weights that it is an adapter, if it is one.
///
/// # Errors
/// It is: names its kind and its base.
pub(in crate::model) fn refuse_alone(folder: &Path) -> Result<()> {
    if !WEIGHTS.iter().chain([&CONFIG]).any(|name| folder.join(name).exists()) {
        return Ok(());
    }
    let (kind, base) = told(&folder.join(CONFIG));
    let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    let of = match &base {
        Some(base) => format!("of `{base}`"),
        None => "of a model that it does not name".to_owned(),
    };
    Err(Error::input(format!("`{}` is an adapter{kind} {of}, not a model", folder.display()))
        .hint(format!("name its base model: `MODEL+{}`", folder.display())))
}

/// Kind and base of an adapter, as far as its config can be read.
fn told(config: &Path) -> (Option<String>, Option<String>) {
    let text = std::fs::metadata(config)
        .ok()
        .filter(|meta| meta.is_file() && meta.len() < 1 << 20)
        .and_then(|_| crate::files::read_bytes(config, crate::files::TEXT_MAX).ok())
        .unwrap_or_default();
    let value: Value = serde_json::from_slice(&text).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    (text("peft_type"), text("base_model_name_or_path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, r#"{"peft_type": "LORA", "base_model_name_or_path": "org/base"}"#)
                .unwrap();
        }
        folder
    }

    #[test]
    fn an_adapter_is_found_wherever_peft_puts_one() {
        for file in [
            "adapter_config.json",
            "adapter_model.bin",
            "adapter_model.safetensors",
            "mine/adapter_config.json",
            "checkpoint-12/mine/adapter_model.safetensors",
        ] {
            let folder = folder(&["config.json", "model.safetensors", file]);
            let error = refuse_beside(folder.path()).unwrap_err();
            assert!(error.to_string().contains(file), "{error}");
            assert!(error.hint_text().unwrap().contains("=0` the model alone"), "{error}");
        }
        let other = folder(&["config.json", "a/b/c/adapter_config.json", "my_adapter_config.json"]);
        assert!(refuse_beside(other.path()).is_ok());
    }

    #[test]
    fn an_adapter_alone_says_what_it_is_and_of_what() {
        let error = refuse_alone(folder(&["adapter_config.json"]).path()).unwrap_err();
        assert!(error.to_string().ends_with("is an adapter (LORA) of `org/base`, not a model"));
        let error = refuse_alone(folder(&["adapter_model.bin"]).path()).unwrap_err();
        assert!(error.to_string().ends_with("of a model that it does not name, not a model"));
        assert!(refuse_alone(folder(&["config.json"]).path()).is_ok());
    }
}
