//! What samples and scorers of a log are called.

use crate::exchange::name::label;

/// The sample's id: the request at its tier. It is also a name in a zip.
pub(super) fn sample_id(request: &str, tier: &str) -> String {
    format!("{}@{}", label(request), label(tier))
}

/// The scorer that is a judge's verdicts on the answers.
pub(super) fn compliance_scorer(judge: &str) -> String {
    format!("compliance_{judge}")
}

/// The scorer that is a judge's verdicts on the reasoning. Its name comes after the other's: the viewer's list shows the
/// answer of the first.
pub(super) fn reasoning_scorer(judge: &str) -> String {
    format!("reasoning_{judge}")
}
