//! One repository in the cache, laid out as Python's `huggingface_hub` lays it out, so that each finds what
//! the other has fetched:
//!
//! ```text
//! models--ORG--NAME/refs/REVISION            the commit that a branch or tag stood for
//! models--ORG--NAME/snapshots/COMMIT/FILE    a relative link to its blob
//! models--ORG--NAME/blobs/ETAG               the content; ETAG.incomplete while it is fetched
//! models--ORG--NAME/.no_exist/COMMIT/FILE    empty: the repository has no such file
//! .locks/models--ORG--NAME/ETAG.lock         held while a blob is fetched
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::TransferProgress;
use super::name::is_relative;
use crate::error::{Error, Result};

/// Tells programs that make backups to leave the cache out: <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Models of the Hugging Face hub, which can be fetched again.\n";

/// A repository's folder in the cache.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    locks: PathBuf,
}

impl Cache {
    pub(super) fn new(cache: &Path, repository: &str) -> Self {
        let name = format!("models--{}", repository.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(&name) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that a revision stood for when it was last asked for.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = crate::files::read_text(
            &self.folder.join("refs").join(revision),
            crate::files::TEXT_MAX,
        )
        .ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Remembers what a revision stands for. Another process sees the old commit or the new one.
    pub(super) fn remember(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        // Of this process and this thread: two that share a name take the file from under each other.
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let beside = with_suffix(&path, &format!(".{process}.{thread:?}.tmp"));
        make_parent(&path)
            .and_then(|()| fs::write(&beside, commit))
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(|error| unwritable(&path, &error))
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where a file of a commit is, if its content is there.
    pub(super) fn find(&self, commit: &str, file: &str) -> Option<PathBuf> {
        let path = self.snapshot(commit).join(file);
        path.is_file().then_some(path)
    }

    /// The names of all files of a commit that are there, sorted.
    pub(super) fn names(&self, commit: &str) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.snapshot(commit), "", &mut names);
        names.sort_unstable();
        names
    }

    /// Whether it is known that the repository has no such file or folder.
    pub(super) fn is_absent(&self, commit: &str, file: &str) -> bool {
        self.absent(commit, file).exists()
    }

    /// Notes that the repository has no such file or folder.
    pub(super) fn note_absent(&self, commit: &str, file: &str) -> Result<()> {
        let path = self.absent(commit, file);
        if path.exists() {
            return Ok(());
        }
        make_parent(&path)
            .and_then(|()| fs::write(&path, ""))
            .map_err(|error| unwritable(&path, &error))
    }

    fn absent(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit).join(file)
    }

    /// Makes a file of a commit out of a blob. `fresh` says that no other file can be made of it yet.
    pub(super) fn link(
        &self,
        commit: &str,
        file: &str,
        etag: &str,
        fresh: bool,
    ) -> Result<PathBuf> {
        let path = self.snapshot(commit).join(file);
        let up = "../".repeat(2 + file.matches('/').count());
        let target = format!("{up}blobs/{etag}");
        let link = || -> io::Result<()> {
            make_parent(&path)?;
            // A link whose blob was deleted.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            match symlink(Path::new(&target), &path) {
                Ok(()) => Ok(()),
                // Windows without the right to make links.
                Err(_) if cfg!(windows) && fresh => fs::rename(self.blob(etag), &path),
                Err(_) if cfg!(windows) => fs::copy(self.blob(etag), &path).map(drop),
                Err(error) => Err(error),
            }
        };
        link().map_err(|error| unwritable(&path, &error))?;
        Ok(path)
    }

    /// Waits until no other process fetches this blob. The lock ends with the file that is returned.
    pub(super) fn lock(
        &self,
        etag: &str,
        file: &str,
        progress: &mut dyn TransferProgress,
    ) -> Result<File> {
        let path = self.locks.join(format!("{etag}.lock"));
        let open = || -> io::Result<File> {
            make_parent(&path)?;
            fs::create_dir_all(self.folder.join("blobs"))?;
            let tag = self.folder.with_file_name("CACHEDIR.TAG");
            if !tag.exists() {
                fs::write(tag, CACHE_TAG)?;
            }
            OpenOptions::new().create(true).truncate(false).write(true).open(&path)
        };
        let lock = open().map_err(|error| unwritable(&path, &error))?;
        let locked = match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                progress.note(&format!("waiting for another process that fetches `{file}`"));
                lock.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        locked.map(|()| lock).map_err(|error| {
            Error::failed(format!("cannot lock `{}`: {error}", path.display()))
                .hint("set `HF_HUB_CACHE` to a folder on a disk of this machine")
        })
    }
}

/// A full commit: a revision that always stands for itself.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What cannot be written into the cache, and what to do about it.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space, or set `HF_HUB_CACHE` to a folder on another disk; running the command again goes on from here"
        }
        _ => "set `HF_HUB_CACHE` to a folder that can be written",
    };
    Error::write(path, error).hint(hint)
}

/// `path` with something behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// A folder that is not there holds nothing, and what cannot be read is as good as not there.
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{name}");
        if !is_relative(&name) {
            continue;
        }
        if entry.path().is_file() {
            names.push(name);
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), &format!("{name}/"), names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_full_disk_is_told_from_a_folder_that_cannot_be_written() {
        let hint = |kind: io::ErrorKind| {
            unwritable(Path::new("blob"), &kind.into()).hint_text().unwrap_or_default().to_owned()
        };
        assert!(hint(io::ErrorKind::StorageFull).contains("goes on from here"));
        assert!(!hint(io::ErrorKind::PermissionDenied).contains("goes on"));
    }

    /// Each remembers another commit every time, so that all of them write.
    #[test]
    fn threads_that_remember_at_once_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), "org/name");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let cache = &cache;
                scope.spawn(move || {
                    for turn in 0..200 {
                        let commit = format!("{:040x}", thread * 1000 + turn);
                        cache.remember("main", &commit).unwrap();
                    }
                });
            }
        });
        assert!(cache.commit("main").is_some());
    }

    #[test]
    fn a_ref_is_a_commit_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), "org/name");
        assert_eq!(cache.commit("main"), None);
        assert_eq!(cache.commit(COMMIT).as_deref(), Some(COMMIT));
        cache.remember("refs/pr/1", COMMIT).unwrap();
        assert_eq!(cache.commit("refs/pr/1").as_deref(), Some(COMMIT));
        let path = folder.path().join("models--org--name/refs/refs/pr/1");
        assert_eq!(fs::read_to_string(&path).unwrap(), COMMIT);
        fs::write(&path, "../../elsewhere").unwrap();
        assert_eq!(cache.commit("refs/pr/1"), None);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_relative_however_deep_the_file_lies() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), "org/name");
        fs::create_dir_all(cache.folder().join("blobs")).unwrap();
        fs::write(cache.blob("e"), "content").unwrap();
        for file in ["a", "b/c", "b/d/e"] {
            let path = cache.link(COMMIT, file, "e", true).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
            assert!(fs::read_link(&path).unwrap().is_relative());
        }
        assert_eq!(
            fs::read_link(cache.snapshot(COMMIT).join("a")).unwrap(),
            Path::new("../../blobs/e")
        );
        assert_eq!(cache.names(COMMIT), ["a", "b/c", "b/d/e"]);
        fs::remove_file(cache.blob("e")).unwrap();
        assert_eq!(cache.find(COMMIT, "a"), None);
    }
}
