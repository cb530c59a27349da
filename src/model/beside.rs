//! What lies in a model's folder besides the files that are read. A file of weights that stays unread is said, a
//! second set of weights is refused, and files that are not what their name says are told for what they are.
//! Works on names and first bytes; knows nothing about tensors.

use std::collections::BTreeSet;
use std::path::Path;

use super::json::Keys;
use super::named::{WEIGHTS, WEIGHTS_INDEX, shards};
use super::safetensors;
use crate::error::{Error, Result};

/// Names that are shown one by one; the rest are counted.
const SHOWN: usize = 3;

/// More entries of a folder than this are not looked at.
const ENTRIES_MAX: usize = 4096;

/// What stands for a large file in git.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Files of weights in a folder that are not among those that are `read`, sorted.
pub(super) fn unread(folder: &Path, read: &BTreeSet<&str>) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_weights(name) && !read.contains(name.as_str()))
        .collect();
    names.sort();
    names
}

/// Whether a file holds weights of some format, by its name. What trainers keep for themselves is none.
fn is_weights(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    match extension {
        "safetensors" | "gguf" | "h5" | "msgpack" | "pth" | "ckpt" | "npz" | "onnx" => {
            !stem.starts_with("rng_state")
        }
        "bin" | "pt" => {
            ["pytorch_model", "model", "consolidated"].iter().any(|start| stem.starts_with(start))
        }
        _ => false,
    }
}

/// A note about files of weights that are there and not read; none without any.
pub(super) fn note(unread: &[String]) -> Option<String> {
    (!unread.is_empty())
        .then(|| format!("not read, since other files hold the weights: {}", listed(unread)))
}

/// Names in short: the first few and a count.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Refuses a single file of weights beside the shards of an index: two sets of weights, of which transformers
/// reads the single file and other tools the shards. An index that names the single file, or files that are gone,
/// is no second set.
///
/// # Errors
/// Names both.
pub(super) fn refuse_second_set(folder: &Path, index: &[u8]) -> Result<()> {
    let Ok(shards) = shards(index) else { return Ok(()) };
    match shards.iter().find(|shard| *shard != WEIGHTS && folder.join(shard).exists()) {
        None => Ok(()),
        Some(shard) => Err(Error::input(format!(
            "`{}` holds two sets of weights: `{WEIGHTS}`, and `{shard}` and others that `{WEIGHTS_INDEX}` names",
            folder.display()
        ))
        .hint("move one of the two elsewhere: which of them is meant cannot be known")),
    }
}

/// Whether a single file of weights beside an index, and beside files that the index names, lacks a tensor that the
/// index puts into these: then it is something else, and the index's files are the model.
pub(super) fn is_stray(folder: &Path, index: &[u8], single: &[u8]) -> bool {
    let Ok(shards) = shards(index) else { return false };
    if !shards.iter().any(|shard| folder.join(shard).exists()) {
        return false;
    }
    let map = Keys::parse(WEIGHTS_INDEX, index).and_then(|mut keys| keys.object("weight_map"));
    let Ok(Some(map)) = map else { return false };
    if map.entries().any(|(_, file)| file.as_str() == Some(WEIGHTS)) {
        return false;
    }
    let Ok(tensors) = safetensors::tensors(WEIGHTS, single) else { return false };
    let there: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    map.entries().any(|(name, _)| !there.contains(name))
}

/// What to say where a folder has weights, and none that are read.
pub(super) fn no_safetensors(unread: &[String]) -> Error {
    let error = match unread.is_empty() {
        true => Error::input("there are no safetensors weights"),
        false => Error::input(format!(
            "there are no safetensors weights; {} cannot be read",
            listed(unread)
        )),
    };
    let starts = |start: &str| unread.iter().any(|name| name.starts_with(start));
    let ends = |end: &str| unread.iter().any(|name| name.ends_with(end));
    if ends(".gguf") {
        error.hint("name the GGUF file itself instead of its folder")
    } else if starts("consolidated") {
        error.hint("consolidated weights are named as their maker names them: fetch the release for transformers (`model.safetensors`), or convert them with the script that transformers has for the family")
    } else if ends(".bin") || ends(".pt") || ends(".pth") {
        error.hint("a pickle can run code when it is opened; transformers turns it into safetensors: `AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)`")
    } else if !unread.is_empty() {
        error.hint("transformers turns them into safetensors: `save_pretrained(FOLDER)`")
    } else {
        error.hint(
            "the folder needs `model.safetensors`, or shards with `model.safetensors.index.json`",
        )
    }
}

/// Refuses a file that only stands for another one, and text that does not begin as UTF-8 JSON does.
///
/// # Errors
/// Says what the file is.
pub(super) fn check_kind(name: &str, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(LFS_POINTER) {
        return Err(Error::input(format!(
            "`{name}` is a Git LFS pointer: it stands for a large file that was not fetched"
        ))
        .hint("run `git lfs pull` in the folder, or fetch the model with `candor models pull`"));
    }
    let is_text = [".json", ".jinja"].iter().any(|end| name.ends_with(end));
    let mark = match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("a byte order mark"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the byte order mark of UTF-16"),
        _ => None,
    };
    match mark.filter(|_| is_text) {
        None => Ok(()),
        Some(mark) => Err(Error::input(format!("`{name}` begins with {mark}"))
            .hint("an editor put it there: save the file as UTF-8 without a byte order mark")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_from_what_trainers_keep() {
        for name in [
            "consolidated.safetensors",
            "consolidated.00.pth",
            "pytorch_model.bin",
            "pytorch_model-00001-of-00002.bin",
            "model.fp16.safetensors",
            "m-Q4_K_M.gguf",
            "tf_model.h5",
            "flax_model.msgpack",
        ] {
            assert!(is_weights(name), "{name}");
        }
        for name in ["training_args.bin", "optimizer.pt", "rng_state.pth", "README.md", "bin"] {
            assert!(!is_weights(name), "{name}");
        }
    }

    #[test]
    fn every_kind_of_unread_weights_has_its_way_out() {
        for (file, hint) in [
            ("m.gguf", "name the GGUF file"),
            ("consolidated.00.pth", "for transformers"),
            ("pytorch_model.bin", "pickle"),
            ("tf_model.h5", "save_pretrained"),
        ] {
            let error = no_safetensors(&[file.to_owned()]);
            assert!(error.to_string().contains(file), "{error}");
            assert!(error.hint_text().unwrap().contains(hint), "{error:?}");
        }
        assert_eq!(no_safetensors(&[]).to_string(), "there are no safetensors weights");
        let many: Vec<String> = (0..5).map(|i| format!("{i}.gguf")).collect();
        assert_eq!(listed(&many), "`0.gguf`, `1.gguf`, `2.gguf` and 2 more");
    }
}
