//! The content of a file: mapped from disk, read into memory, or compiled in. Knows nothing about which file it is.

use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;

use crate::error::{Error, Result};

/// Bytes of a file that are hashed before their pages are given back.
const HASHED_AT_ONCE: usize = 1 << 24;

/// The content of one file; cloning it copies no content.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    /// Mapped from disk.
    Mapped(Arc<Mmap>),
    /// Read into memory.
    Owned(Arc<[u8]>),
    /// Part of the binary.
    Embedded(&'static [u8]),
}

impl Bytes {
    /// Gives the pages of a mapped file back to the system, which reads them again if they are asked for.
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self {
            // SAFETY: the mapping is of a file and only read, so its content survives.
            // Advice that is not taken costs memory and nothing else.
            let _ = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// BLAKE3, in hexadecimal. Holds a part of a mapped file at a time.
    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (i, part) in self.chunks(HASHED_AT_ONCE).enumerate() {
            hasher.update(part);
            self.release(i * HASHED_AT_ONCE..i * HASHED_AT_ONCE + part.len());
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
            Self::Embedded(bytes) => bytes,
        }
    }
}

/// A file of a model; none where it is not there.
///
/// # Errors
/// It cannot be read, or is no regular file.
pub(super) fn read(path: &Path) -> Result<Option<Bytes>> {
    if !path.try_exists().map_err(|error| Error::read(path, &error))? {
        return Ok(None);
    }
    let bytes = if path.extension().is_some_and(|kind| kind == "safetensors" || kind == "gguf") {
        map(path)?
    } else {
        Bytes::Owned(
            crate::files::read_bytes(path, crate::files::TEXT_MAX)
                .map_err(|error| Error::read(path, &error))?
                .into(),
        )
    };
    Ok(Some(bytes))
}

/// A file mapped from disk.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub(super) fn map(path: &Path) -> Result<Bytes> {
    let file = crate::files::open_regular(path).map_err(|error| Error::read(path, &error))?;
    // SAFETY: the mapping is only read. Whoever changes or truncates the file during a run makes these
    // bytes change or the process fault; weights do not fit into memory twice, so that is accepted, as in
    // every loader that maps them, and `verify` compares digests afterwards.
    let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::read(path, &error))?;
    Ok(Bytes::Mapped(Arc::new(map)))
}
