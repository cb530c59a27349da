//! Files that are either there as a whole or not at all, and JSON in them.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Writes `bytes` beside `path`, syncs, and renames into place.
///
/// # Errors
/// Names the path; what was there before is untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        // A temporary file is private; what is written here is meant to be read.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(|error| {
        Error::write(path, &error)
            .hint("free some space or choose another `--out`; the same command goes on from here")
    })
}

/// Makes a rename or a new file in `folder` survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
    Ok(())
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`write_whole`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_whole(path, (json(path, serde_json::to_string_pretty(value))? + "\n").as_bytes())
}

/// Writes values as JSON Lines and returns the digest of the bytes.
///
/// # Errors
/// As [`write_whole`].
pub fn write_lines<T: Serialize>(path: &Path, values: impl Iterator<Item = T>) -> Result<String> {
    let mut text = String::new();
    for value in values {
        text += &json(path, serde_json::to_string(&value))?;
        text.push('\n');
    }
    write_whole(path, text.as_bytes())?;
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

fn json(path: &Path, text: serde_json::Result<String>) -> Result<String> {
    text.map_err(|error| {
        Error::failed(format!("cannot put `{}` into JSON: {error}", path.display()))
    })
}

/// Reads a value from a JSON file.
///
/// # Errors
/// Names the file, and the key that is wrong.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| Error::read(path, &error))?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        Error::input(format!("`{}`: at `{}`: {}", path.display(), error.path(), error.inner()))
            .hint("the file was changed or comes from another version of candor")
    })
}

/// Reads values from a JSON Lines file.
///
/// # Errors
/// Names the file and the line.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = fs::read_to_string(path).map_err(|error| Error::read(path, &error))?;
    let value = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            Error::input(format!("`{}:{number}`: {error}", path.display()))
                .hint("the file was changed or comes from another version of candor")
        })
    };
    (1..).zip(text.lines()).map(value).collect()
}
