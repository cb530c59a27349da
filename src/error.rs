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
    /// What another crate or the system said, where that is the cause.
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Input that cannot be used: `message` names the file, key or tensor.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// Work that could not be finished.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Results of two versions that cannot be compared: `message` names both.
    pub fn incomparable(message: impl Into<String>) -> Self {
        Self::new(Kind::Incomparable, message)
    }

    /// Stopped by the user.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// A file that the user named and that cannot be read.
    pub fn read(path: &Path, error: &std::io::Error) -> Self {
        Self::input(format!("cannot read `{}`: {error}", path.display())).caused_by(again(error))
    }

    /// A file that cannot be written once work has begun.
    pub fn write(path: &Path, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot write `{}`: {error}", path.display())).caused_by(again(error))
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

    /// Adds the error behind it, which the message tells already: for programs that look for a cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// The same error of the system once more, since it cannot be cloned.
fn again(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(code) => std::io::Error::from_raw_os_error(code),
        None => std::io::Error::new(error.kind(), error.to_string()),
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::failed(format!("tensor operation failed: {error}")).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_cause_is_there_for_programs() {
        let system = std::io::Error::from_raw_os_error(28);
        let error = Error::write(Path::new("a/b"), &system).within("run").hint("make room");
        let cause = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(cause.and_then(std::io::Error::raw_os_error), Some(28));
        assert!(error.to_string().starts_with("run: cannot write `a/b`: "));
        assert!(Error::input("no cause").source().is_none());
    }
}
