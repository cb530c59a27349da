//! One writer at a time: the lock of a run folder, or of a folder of run folders, and who has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{UNFINISHED, read_json};
use crate::error::{Error, Result};

const LOCK: &str = ".lock";
const HOLDER: &str = ".holder";
/// How often one that was refused looks for the holder's name, which is written right after the lock is taken.
const LOOKS: usize = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The right to write to a folder, which one process has at a time, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// Who has the lock: a word for others, which decides nothing. What decides is the lock of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    process: u32,
    host: String,
}

impl Lock {
    /// Takes it in a folder that is made if it is not there.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn make(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| refused(path, &error))?;
        Self::take(path)
    }

    /// Takes it, and clears away what a killed process left unfinished.
    ///
    /// # Errors
    /// Another process has it, which the message names, or the folder cannot be written.
    pub fn take(path: &Path) -> Result<Self> {
        let refused = |error| refused(path, &error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path)),
            Err(TryLockError::Error(error)) if cannot_lock(&error) => {
                return Err(unlockable(path, &error));
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        let lock = Self { path: path.to_owned(), _file: file };
        lock.sign();
        for folder in [path.to_owned(), path.join("verdicts")] {
            clear(&folder).map_err(refused)?;
        }
        Ok(lock)
    }

    /// The folder that it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A disk that does not take the name keeps nobody from working.
    fn sign(&self) {
        let host = sysinfo::System::host_name().unwrap_or_else(|| "an unnamed host".into());
        if let Ok(text) = serde_json::to_string(&Holder { process: std::process::id(), host }) {
            let _ = fs::write(self.path.join(HOLDER), text);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join(HOLDER));
    }
}

/// Whether a file is one that a lock leaves in its folder.
pub(super) fn is_trace(name: &str) -> bool {
    name == LOCK || name == HOLDER || name.starts_with(UNFINISHED)
}

pub(super) fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!("cannot write to `{}`: {error}", path.display()))
        .hint("choose a folder that can be written with `--out`")
}

/// Whether the file system is one that knows no locks, as some network file systems are mounted.
fn cannot_lock(error: &std::io::Error) -> bool {
    // ENOSYS, ENOLCK, EOPNOTSUPP as Linux and macOS number them.
    let codes: &[i32] = if cfg!(target_os = "macos") { &[78, 77, 45, 102] } else { &[38, 37, 95] };
    error.kind() == std::io::ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn unlockable(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!(
        "`{}` lies on a file system that cannot lock files ({error}), and without a lock two processes could write one run",
        path.display()
    ))
    .hint("it can be written, but not locked: mount it with locks (NFS: `rpc.statd` must run, no `nolock`), or choose a folder on a local disk with `--out` and copy it when the run is done")
}

fn taken(path: &Path) -> Error {
    let look = |look| {
        if look > 0 {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        read_json::<Holder>(&path.join(HOLDER)).ok()
    };
    let holder = match (0..LOOKS).find_map(look) {
        Some(Holder { process, host }) => format!("candor process {process} on `{host}`"),
        None => "another candor process".into(),
    };
    Error::input(format!("`{}` is in use by {holder}", path.display()))
        .hint("wait for it to end, or choose another folder with `--out`")
}

fn clear(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
