//! Files that are either there as a whole or not at all, and JSON in them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// How the name begins of a file that is not finished. One that a killed process left behind means nothing.
pub(super) const UNFINISHED: &str = ".writing-";

/// A file that is written beside its place and takes it at the end: written, synced, renamed, and the folder
/// synced, in this order. Dropped before that, it leaves nothing behind.
pub(super) struct Beside<'p> {
    path: &'p Path,
    file: BufWriter<NamedTempFile>,
    hasher: blake3::Hasher,
}

impl<'p> Beside<'p> {
    pub(super) fn new(path: &'p Path) -> Result<Self> {
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder_of(path))
            .map_err(|error| unwritten(path, &error))?;
        Ok(Self { path, file: BufWriter::new(file), hasher: blake3::Hasher::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|error| unwritten(self.path, &error))
    }

    /// Puts it into its place, and gives the digest of its bytes.
    pub(super) fn finish(self) -> Result<String> {
        let Self { path, file, hasher } = self;
        let finish = || -> std::io::Result<()> {
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            // A temporary file is private; what is written here is meant to be read.
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            file.as_file().sync_all()?;
            // Not `persist`, whose system calls go past the C library, where the tests of failing disks stand.
            fs::rename(file.into_temp_path(), path)?;
            sync_folder(folder_of(path))
        };
        finish().map_err(|error| unwritten(path, &error))?;
        Ok(hasher.finalize().to_hex().to_string())
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::write(path, error)
        .hint("free some space or choose another `--out`; the same command goes on from here")
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Writes `bytes` beside `path`, syncs, and renames into place.
///
/// # Errors
/// Names the path; what was there before is untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = Beside::new(path)?;
    file.write(bytes)?;
    file.finish().map(drop)
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
    let mut file = Beside::new(path)?;
    for value in values {
        file.write((json(path, serde_json::to_string(&value))? + "\n").as_bytes())?;
    }
    file.finish()
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
    let text = crate::files::read_text(path, crate::files::TEXT_MAX)
        .map_err(|error| Error::read(path, &error))?;
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
    values(path)?.collect()
}

/// The values of a JSON Lines file, one after the other.
///
/// # Errors
/// As [`read_lines`].
pub(super) fn values<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<T>> + use<T>> {
    let file = crate::files::open_regular(path).map_err(|error| Error::read(path, &error))?;
    let path = path.to_owned();
    let value = move |(number, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(|error| Error::read(&path, &error))?;
        serde_json::from_str(&line).map_err(|error| {
            Error::input(format!("`{}:{number}`: {error}", path.display()))
                .hint("the file was changed or comes from another version of candor")
        })
    };
    Ok((1..).zip(BufReader::new(file).lines()).map(value))
}

/// BLAKE3 of a file, in hexadecimal.
pub(super) fn file_digest(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    crate::files::open_regular(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|error| Error::read(path, &error))?;
    Ok(hasher.finalize().to_hex().to_string())
}
