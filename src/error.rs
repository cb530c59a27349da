//! The one error type: what happened and where, and what to do about it.
//!
//! Rooms do not match on each other's errors; they pass them up, and the command line turns the kind
//! into an exit code. That is why one type with a kind is enough, and why the message is written where
//! the file, key, tensor or trial is known.

use std::fmt;
use std::path::Path;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The user's input cannot be used as it is: exit code 2.
    Input,
    /// The work was started and could not be finished: exit code 1.
    Failed,
    /// Made by another version, with whose results this one's cannot be compared: exit code 3.
    Incomparable,
    /// Stopped by the user; the same command goes on from here: exit code 130.
    Interrupted,
}

/// An error with an optional hint.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// Input that cannot be used: `message` names the file, key or tensor.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, message: message.into(), hint: None }
    }

    /// Work that could not be finished.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into(), hint: None }
    }

    /// Results of two versions that cannot be compared: `message` names both.
    pub fn incomparable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Incomparable, message: message.into(), hint: None }
    }

    /// Stopped by the user.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted, message: message.into(), hint: None }
    }

    /// A file that the user named and that cannot be read.
    pub fn read(path: &Path, error: &std::io::Error) -> Self {
        Self::input(format!("cannot read `{}`: {error}", path.display()))
    }

    /// A file that cannot be written once work has begun.
    pub fn write(path: &Path, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot write `{}`: {error}", path.display()))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts where it happened in front of the message.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do about it, if there is something to say.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::failed(format!("tensor operation failed: {error}"))
    }
}
