//! Where templates are compiled and rendered: on a thread with a stack that no template within its limits
//! can fill. The engine recurses over nested expressions and nested values; on an ordinary stack a hostile
//! template would end the process.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::model::guard::guarded;

/// Stack of the thread. Only what is used takes memory: measured, at most 450 bytes for each byte of a template
/// that is compiled, and 500 for each unit of fuel that it burns.
const STACK_BYTES: usize = 256 << 20;

/// Most workers that have room at once: each takes [`STACK_BYTES`] of addresses, which some systems limit.
const WORKERS_MAX: usize = 8;

thread_local! {
    /// Whether this thread has room.
    static ROOMY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a few threads that have room, for many templates one after another: what it does in parallel
/// happens on them, and none of them is started for a single rendering.
///
/// # Errors
/// The system gives no threads.
pub fn with_rooms<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads().min(WORKERS_MAX))
        .thread_name(|i| format!("chat template {i}"))
        .stack_size(STACK_BYTES)
        .start_handler(|_| ROOMY.set(true))
        .build();
    let pool = pool.map_err(|error| {
        Error::failed(format!("there are no threads for the chat template: {error}"))
    })?;
    Ok(pool.install(work))
}

/// Runs `work` where it has room.
///
/// # Errors
/// The system gives no thread, or the engine panics.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let fails = || {
        Error::input("the chat template makes the template engine fail").hint(super::OTHER_TEMPLATE)
    };
    if ROOMY.get() {
        return guarded(work).ok_or_else(fails);
    }
    std::thread::scope(|scope| {
        let builder =
            std::thread::Builder::new().name("chat template".into()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || guarded(work)).map_err(|error| {
            Error::failed(format!("there is no thread for the chat template: {error}"))
        })?;
        match thread.join() {
            Ok(Some(result)) => Ok(result),
            _ => Err(fails()),
        }
    })
}
