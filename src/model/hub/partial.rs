//! A blob while it is fetched: what is there already, what comes behind it, and whether the whole is what it
//! should be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::cache::{unwritable, with_suffix};
use crate::error::{Error, Result};

/// Bytes that are read at once.
pub(super) const PIECE: usize = 1 << 18;

/// Most bytes of a file whose length nobody said.
pub(super) const UNSAID_MAX: u64 = 1 << 30;

/// `ETAG.incomplete`.
pub(super) struct Partial {
    path: PathBuf,
    blob: PathBuf,
    file: File,
    bytes: u64,
    /// Of all bytes so far, where the etag is their SHA-256.
    hasher: Option<Sha256>,
    etag: String,
}

/// Why a blob was not made.
pub(super) struct Unfinished {
    pub(super) error: Error,
    /// Whether what came was something else than announced, so that fetching it anew may help.
    pub(super) is_other: bool,
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self { error, is_other: false }
    }
}

impl Partial {
    /// Opens what an earlier try left of a blob, or begins it.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub(super) fn open(blob: PathBuf, etag: &str) -> Result<Self> {
        let path = with_suffix(&blob, ".incomplete");
        let mut hasher = is_sha256(etag).then(Sha256::new);
        let mut open = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            let Some(hasher) = &mut hasher else {
                let bytes = file.seek(SeekFrom::End(0))?;
                return Ok((file, bytes));
            };
            let mut piece = vec![0; PIECE];
            let mut bytes = 0;
            loop {
                let read = file.read(&mut piece)?;
                if read == 0 {
                    return Ok((file, bytes));
                }
                hasher.update(&piece[..read]);
                bytes += read as u64;
            }
        };
        let (file, bytes) = open().map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path, blob, file, bytes, hasher, etag: etag.to_owned() })
    }

    /// Bytes that are there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Refuses to fill a disk that has no room for the rest of `bytes`.
    ///
    /// # Errors
    /// It has no room; both numbers are named.
    pub(super) fn check_room(&self, file: &str, bytes: u64) -> Result<()> {
        let missing = bytes.saturating_sub(self.bytes);
        let folder = self.blob.parent().unwrap_or(&self.blob);
        match free_bytes(folder) {
            Some(free) if free < missing => Err(Error::failed(format!(
                "`{file}` needs {missing} more bytes, and the disk of `{}` has {free} left",
                folder.display()
            ))
            .hint("free some space, or set `HF_HUB_CACHE` to a folder on another disk")),
            _ => Ok(()),
        }
    }

    /// Puts bytes behind those that are there.
    ///
    /// # Errors
    /// The disk does not take them.
    pub(super) fn append(&mut self, piece: &[u8]) -> Result<()> {
        self.file.write_all(piece).map_err(|error| unwritable(&self.path, &error))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(piece);
        }
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Begins again from nothing.
    ///
    /// # Errors
    /// The disk does not let it.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|error| unwritable(&self.path, &error))?;
        self.hasher = self.hasher.is_some().then(Sha256::new);
        self.bytes = 0;
        Ok(())
    }

    /// Makes the blob of it, if length and digest are as announced; `file` is its name for messages.
    ///
    /// # Errors
    /// They are not, in which case nothing is kept, or the disk does not let it.
    pub(super) fn finish(mut self, file: &str, bytes: Option<u64>) -> Result<(), Unfinished> {
        if bytes.is_some_and(|bytes| bytes != self.bytes) {
            let what = format!(
                "`{file}` came with {} bytes instead of {}",
                self.bytes,
                bytes.unwrap_or_default()
            );
            return Err(self.discard(what));
        }
        let (kind, found) = match self.hasher.take() {
            Some(hasher) => ("SHA-256", [hex(&hasher.finalize()), String::new()]),
            None => ("SHA-1", self.sha1().map_err(|error| unwritable(&self.path, &error))?),
        };
        if !found.contains(&self.etag) {
            let what = format!(
                "`{file}` was damaged on its way: its {kind} is {}, and the hub names {}",
                found[0], self.etag
            );
            return Err(self.discard(what));
        }
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.blob));
        Ok(done.map_err(|error| unwritable(&self.blob, &error))?)
    }

    /// The name that git gives to what is there, and the plain digest, which some mirrors give instead.
    fn sha1(&mut self) -> io::Result<[String; 2]> {
        self.file.rewind()?;
        let (mut git, mut plain) = (Sha1::new(), Sha1::new());
        git.update(format!("blob {}\0", self.bytes));
        let mut piece = vec![0; PIECE];
        loop {
            let read = self.file.read(&mut piece)?;
            if read == 0 {
                return Ok([hex(&git.finalize()), hex(&plain.finalize())]);
            }
            git.update(&piece[..read]);
            plain.update(&piece[..read]);
        }
    }

    /// Keeps nothing, and says what came.
    pub(super) fn discard(self, what: String) -> Unfinished {
        let hint = match fs::remove_file(&self.path) {
            Ok(()) => "run the same command again: it fetches this file anew".into(),
            Err(error) => format!("delete `{}` ({error}), then run it again", self.path.display()),
        };
        Unfinished { error: Error::failed(what).hint(hint), is_other: true }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an etag says what a content must be: its SHA-256, or the SHA-1 by which git names it.
pub(super) fn is_digest(etag: &str) -> bool {
    is_sha256(etag) || (etag.len() == 40 && is_hex(etag))
}

/// Bytes that can still be written where a folder is; none where the system does not say.
#[cfg(unix)]
fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_: &std::path::Path) -> Option<u64> {
    None
}

fn is_sha256(etag: &str) -> bool {
    etag.len() == 64 && is_hex(etag)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of `abc`, from FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_blob_is_put_together_over_several_tries() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join(ABC);
        let mut first = Partial::open(blob.clone(), ABC).unwrap();
        first.append(b"a").unwrap();
        drop(first);
        let mut second = Partial::open(blob.clone(), ABC).unwrap();
        assert_eq!(second.bytes(), 1);
        second.append(b"bc").unwrap();
        second.finish("file", Some(3)).map_err(|unfinished| unfinished.error).unwrap();
        assert_eq!(fs::read(&blob).unwrap(), b"abc");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_wrong_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join(ABC);
        let fill = |bytes: &[u8]| {
            let mut partial = Partial::open(blob.clone(), ABC).unwrap();
            partial.append(b"wrong").unwrap();
            partial.restart().unwrap();
            partial.append(bytes).unwrap();
            partial
        };
        let refused = |content: &[u8], bytes| {
            let unfinished = fill(content).finish("file", Some(bytes)).err().unwrap();
            assert!(unfinished.is_other);
            unfinished.error.to_string()
        };
        let error = refused(b"abd", 3);
        assert!(error.contains("SHA-256"), "{error}");
        let error = refused(b"abc", 4);
        assert!(error.contains("3 bytes instead of 4"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(fill(b"abc").finish("file", None).is_ok());
    }

    /// What `git hash-object` and `sha1sum` say of `abc` without a line end.
    #[test]
    fn small_files_are_what_git_names() {
        let folder = tempfile::tempdir().unwrap();
        let finish = |etag: &str, content: &[u8]| {
            let mut partial = Partial::open(folder.path().join(etag), etag).unwrap();
            partial.append(content).unwrap();
            partial.finish("file", None)
        };
        let (git, plain) = (
            "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        );
        for etag in [git, plain] {
            assert!(is_digest(etag) && finish(etag, b"abc").is_ok());
            let error = finish(etag, b"abd").err().unwrap().error.to_string();
            assert!(error.contains("SHA-1"), "{error}");
        }
        for other in ["", "abc", "d41d8cd98f00b204e9800998ecf8427e", &"g".repeat(40)] {
            assert!(!is_digest(other), "{other}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_disk_without_room_is_told_with_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let partial = Partial::open(folder.path().join(ABC), ABC).unwrap();
        assert!(partial.check_room("file", 1).is_ok());
        let error = partial.check_room("file", u64::MAX).unwrap_err().to_string();
        assert!(error.contains("`file` needs 18446744073709551615 more bytes"), "{error}");
    }
}
