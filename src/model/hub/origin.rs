//! Where on the hub a model came from, as a manifest keeps it.

use serde::{Deserialize, Serialize};

/// Where a model of the hub came from, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `org/name`.
    pub repository: String,
    /// As it was asked for: a branch, a tag or a commit.
    pub revision: String,
    /// What that was at the time.
    pub commit: String,
}
