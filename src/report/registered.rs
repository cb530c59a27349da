//! Whether a run kept to what was registered before it, and what else was looked at. Knows nothing about how the two
//! are compared.

use serde::{Deserialize, Serialize};

/// A run against its registration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgainstRegistration {
    /// BLAKE3 of the registration's file.
    pub digest: String,
    /// Whether the run did what was registered, as far as its folder tells.
    pub kept: bool,
    /// In what it did not, in words.
    pub departures: Vec<String>,
    /// What was looked at beside what was registered: verdicts of other judges, probes.
    pub looked_at: Vec<String>,
    /// The smallest gap that is of interest, free minus paid.
    pub smallest_gap: f64,
}

impl AgainstRegistration {
    /// In a sentence.
    pub(super) fn words(&self) -> String {
        let digest = self.digest.get(..12).unwrap_or(&self.digest);
        let mut words = match self.departures.is_empty() {
            true => format!("kept to its registration ({digest})"),
            false => format!(
                "did not keep to its registration ({digest}): {}",
                self.departures.join("; ")
            ),
        };
        if !self.looked_at.is_empty() {
            words += &format!("; looked at beside it: {}", self.looked_at.join(", "));
        }
        words
    }
}
