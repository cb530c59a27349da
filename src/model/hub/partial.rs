//! A blob while it is fetched: what is there already, what comes behind it, and whether the whole is what it
//! should be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::cache::{unwritable, with_suffix};
use crate::error::{Error, Result};

/// Bytes that are read at once.
pub(super) const PIECE: usize = 1 << 18;

/// `ETAG.incomplete`.
pub(super) struct Partial {
    path: PathBuf,
    blob: PathBuf,
    file: File,
    bytes: u64,
    /// Of all bytes so far, where the etag is a digest.
    hasher: Option<Sha256>,
    etag: String,
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
    pub(super) fn finish(mut self, file: &str, bytes: Option<u64>) -> Result<()> {
        if bytes.is_some_and(|bytes| bytes != self.bytes) {
            let what = format!(
                "`{file}` came with {} bytes instead of {}",
                self.bytes,
                bytes.unwrap_or_default()
            );
            return Err(self.discard(what));
        }
        if let Some(hasher) = self.hasher.take() {
            let digest: String =
                hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            if digest != self.etag {
                let what = format!(
                    "`{file}` was damaged on its way: its SHA-256 is {digest}, and the hub names {}",
                    self.etag
                );
                return Err(self.discard(what));
            }
        }
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, &self.blob))
            .map_err(|error| unwritable(&self.blob, &error))
    }

    fn discard(self, what: String) -> Error {
        let hint = match fs::remove_file(&self.path) {
            Ok(()) => "run the same command again: it fetches this file anew".into(),
            Err(error) => format!("delete `{}` ({error}), then run it again", self.path.display()),
        };
        Error::failed(what).hint(hint)
    }
}

fn is_sha256(etag: &str) -> bool {
    etag.len() == 64 && etag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
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
        second.finish("file", Some(3)).unwrap();
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
        let error = fill(b"abd").finish("file", Some(3)).unwrap_err().to_string();
        assert!(error.contains("SHA-256"), "{error}");
        let error = fill(b"abc").finish("file", Some(4)).unwrap_err().to_string();
        assert!(error.contains("3 bytes instead of 4"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fill(b"abc").finish("file", None).unwrap();
    }
}
