//! What was registered before a run: scenario, requests, samples, judge, the smallest gap of interest. A run that names
//! its registration keeps it word for word in its manifest, so that whoever reads the run can tell whether it kept to it.
//! Knows nothing about how a registration is planned or shown.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// Raised when a file means something else.
const FORMAT: u32 = 1;

/// The file that `candor plan --register` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Version of the file's format.
    pub registration: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// BLAKE3 of the scenario's file.
    pub scenario_digest: String,
    /// Variant of the scenario.
    pub variant: String,
    /// Name of the request set.
    pub requests: String,
    /// BLAKE3 of the request set's file.
    pub requests_digest: String,
    /// Ids of the requests that are put, in order.
    pub request_ids: Vec<String>,
    /// Continuations of each prompt.
    pub samples: u32,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Temperature of the drawing.
    pub temperature: f64,
    /// Most new tokens of a reply.
    pub max_tokens: usize,
    /// The judge whose verdicts count.
    pub judge: String,
    /// The test of the hypothesis that there is no gap.
    pub test: String,
    /// The p-value below which the hypothesis is rejected.
    pub alpha: f64,
    /// The smallest gap that is of interest, free minus paid.
    pub smallest_gap: f64,
    /// The width of the gap's interval at which the run ends early; none for a run that is made to its end.
    pub until_width: Option<f64>,
}

/// A registration in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// BLAKE3 of the file.
    pub digest: String,
    /// What it says.
    pub plan: Registration,
}

impl Registration {
    /// The version of the format that is written.
    pub const FORMAT: u32 = FORMAT;

    /// The text of its file.
    ///
    /// # Errors
    /// A number that JSON has no word for.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| Error::input(format!("the registration cannot be written: {error}")))
    }
}

impl Registered {
    /// Reads a registration's file.
    ///
    /// # Errors
    /// It cannot be read, or is no registration.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            files::read_bytes(path, files::TEXT_MAX).map_err(|error| Error::read(path, &error))?;
        let none = |why: String| {
            Error::input(format!("`{}` is no registration: {why}", path.display()))
                .hint("`candor plan --register FILE` writes one")
        };
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let plan: Registration =
            serde_path_to_error::deserialize(&mut json).map_err(|error| none(error.to_string()))?;
        match plan.registration {
            FORMAT => Ok(Self { digest: blake3::hash(&bytes).to_hex().to_string(), plan }),
            other => Err(none(format!("its format is {other}, and not {FORMAT}"))),
        }
    }
}
