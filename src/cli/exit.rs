//! The exit codes: 0 done, 1 failed, 2 usage or bad input, 3 not comparable here, 130 interrupted.

use std::process::ExitCode;

use crate::error::Kind;

/// Results cannot be compared: they come from another version, or their bits from another machine.
pub(in crate::cli) const NOT_COMPARABLE: u8 = 3;

/// The exit code of an error.
pub(in crate::cli) fn code(kind: Kind) -> ExitCode {
    ExitCode::from(match kind {
        Kind::Failed => 1,
        Kind::Input => 2,
        Kind::Incomparable => NOT_COMPARABLE,
        Kind::Interrupted => 130,
    })
}
