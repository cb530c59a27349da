//! Where templates are compiled and rendered: on a thread with a stack that no template within its limits
//! can fill. The engine recurses over nested expressions and nested values; on an ordinary stack a hostile
//! template would end the process.

use crate::error::{Error, Result};
use crate::model::guard::guarded;

/// Stack of the thread. Only what is used takes memory: measured, at most 450 bytes for each byte of a template
/// that is compiled, and 500 for each unit of fuel that it burns.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` where it has room.
///
/// # Errors
/// The system gives no thread, or the engine panics.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let builder =
            std::thread::Builder::new().name("chat template".into()).stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || guarded(work)).map_err(|error| {
            Error::failed(format!("there is no thread for the chat template: {error}"))
        })?;
        match thread.join() {
            Ok(Some(result)) => Ok(result),
            _ => Err(Error::input("the chat template makes the template engine fail")
                .hint(super::OTHER_TEMPLATE)),
        }
    })
}
