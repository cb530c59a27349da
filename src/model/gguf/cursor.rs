//! A place in a file's bytes that only moves forward and never leaves them. Knows nothing about GGUF.

use crate::error::{Error, Result};

/// Little-endian reading with the file's name for messages.
pub(super) struct Cursor<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// What is being read, for messages.
    subject: String,
}

impl<'a> Cursor<'a> {
    /// At the start of the bytes.
    pub(super) fn new(file: &'a str, bytes: &'a [u8]) -> Self {
        Self { file, bytes, at: 0, subject: "the header".to_owned() }
    }

    /// Says what comes next, for messages.
    pub(super) fn reading(&mut self, subject: String) {
        self.subject = subject;
    }

    /// Bytes passed so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The bytes from an earlier place up to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| {
            self.wrong(format!(
                "{count} bytes that go beyond the end of the file ({} bytes)",
                self.bytes.len()
            ))
            .hint("download the file again: it is cut short or damaged")
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    /// A whole number of four bytes.
    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A whole number of eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A text behind its length.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.u64()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("text that is not UTF-8"))
    }

    /// An error about what is being read.
    pub(super) fn wrong(&self, what: impl AsRef<str>) -> Error {
        Error::input(format!("`{}`: {} has {}", self.file, self.subject, what.as_ref()))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64)?);
        Ok(bytes)
    }
}
