//! Files that are either there as a whole or not at all, and JSON in them.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempPath;

use crate::error::{Error, Result};

/// How the name begins of a file that is not finished. One that a killed process left behind means nothing.
pub(super) const UNFINISHED: &str = ".writing-";

/// A file that is written beside its place and takes it at the end: written, synced, renamed, and the folder
/// synced, in this order. Dropped before that, it leaves nothing behind.
///
/// A file is locked while it is written, so that the next writer in its folder can tell one that a killed process left
/// behind from one that is still being written, and clears it away.
pub(super) struct Beside<'p> {
    path: &'p Path,
    file: BufWriter<File>,
    unfinished: TempPath,
    hasher: blake3::Hasher,
}

impl<'p> Beside<'p> {
    pub(super) fn new(path: &'p Path) -> Result<Self> {
        let folder = folder_of(path);
        clear_abandoned(folder);
        let (file, unfinished) =
            begin_unfinished(folder).map_err(|error| unwritten(path, &error))?;
        Ok(Self { path, file: BufWriter::new(file), unfinished, hasher: blake3::Hasher::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|error| unwritten(self.path, &error))
    }

    /// Puts it into its place, and gives the digest of its bytes.
    pub(super) fn finish(self) -> Result<String> {
        let Self { path, file, unfinished, hasher } = self;
        let finish = || -> std::io::Result<()> {
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            // A temporary file is private; what is written here is meant to be read.
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            file.sync_all()?;
            // Not `persist`, whose system calls go past the C library, where the tests of failing disks stand.
            fs::rename(&unfinished, path)?;
            sync_folder(folder_of(path))
        };
        finish().map_err(|error| unwritten(path, &error))?;
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// A new file under a name that means nothing, locked. Where the file system knows no locks it is not, and will not be
/// cleared away either.
fn begin_unfinished(folder: &Path) -> std::io::Result<(File, TempPath)> {
    loop {
        let (file, path) =
            tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?.into_parts();
        let lost = match file.try_lock() {
            // Between its making and its lock another writer may have taken it for abandoned.
            Ok(()) => !path.exists(),
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        };
        if !lost {
            return Ok((file, path));
        }
    }
}

/// Clears away what killed processes left unfinished in a folder. What cannot be looked at stays: this is tidying, and
/// keeps nobody from writing.
fn clear_abandoned(folder: &Path) {
    let abandoned = |path: &PathBuf| {
        let is_unfinished =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED));
        is_unfinished && crate::files::open_regular(path).is_ok_and(|file| file.try_lock().is_ok())
    };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(abandoned) {
        let _ = fs::remove_file(path);
    }
}

/// The error for a file that cannot be written: what to do about it, and that nothing is lost.
pub(crate) fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    let remedy = what_to_do(error, "free some space or choose another `--out`");
    Error::write(path, error).hint(format!("{remedy}; the same command goes on from here"))
}

/// What to do about a write that failed: `usual` unless the system's word for it tells more.
pub(super) fn what_to_do<'w>(error: &std::io::Error, usual: &'w str) -> &'w str {
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            "raise the limit on the size of files (`ulimit -f unlimited`, or the limit of the batch system)"
        }
        std::io::ErrorKind::NotFound => {
            "its folder is gone: make it again or choose another one with `--out`"
        }
        _ => usual,
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
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
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`write_whole`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_whole(path, (json(path, serde_json::to_string_pretty(value))? + "\n").as_bytes())
}

/// Values as the text of a JSON Lines file at `path`.
///
/// # Errors
/// A value cannot be put into JSON.
pub fn lines_text<T: Serialize>(path: &Path, values: impl Iterator<Item = T>) -> Result<String> {
    values.map(|value| Ok(json(path, serde_json::to_string(&value))? + "\n")).collect()
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
///
/// # Errors
/// It cannot be read.
pub fn file_digest(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    crate::files::open_regular(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|error| Error::read(path, &error))?;
    Ok(hasher.finalize().to_hex().to_string())
}
