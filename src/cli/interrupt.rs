//! Ctrl-C: the first one lets the step end and the records be synced, the second one ends at once. The end of a process
//! that started this one can count as a first one.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();

/// The flag that is set by Ctrl-C (and by SIGTERM and SIGHUP).
pub(in crate::cli) fn flag() -> Result<&'static AtomicBool> {
    let set = HANDLER.get_or_init(|| {
        let handler = || {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                #[expect(clippy::exit, reason = "the user asked twice")]
                std::process::exit(130);
            }
        };
        ctrlc::set_handler(handler).map_err(|error| error.to_string())
    });
    match set {
        Ok(()) => Ok(&INTERRUPTED),
        Err(error) => Err(Error::failed(format!("Ctrl-C cannot be caught: {error}"))),
    }
}

/// Sets the flag when stdin is closed, which the system does when the process at its other end is gone, however it
/// ended.
pub(in crate::cli) fn when_stdin_closes() {
    std::thread::spawn(|| {
        // What is said there means nothing, and one that cannot be read is closed.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
}

/// A write beyond the limit on the size of files fails, and is told like that on a full disk, instead of ending the
/// process without a word (SIGXFSZ).
pub(in crate::cli) fn let_writes_fail() {
    #[cfg(unix)]
    {
        let noted = std::sync::Arc::new(AtomicBool::new(false));
        // Where the handler cannot be set the process ends as it would have.
        let _ = signal_hook::flag::register(SIGXFSZ, noted);
    }
}

/// Its number on Linux and macOS alike.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;
