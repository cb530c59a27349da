//! Logs of Inspect (`inspect_ai`), schema version 2: written with everything that its viewer relies on, and read.
//!
//! One log is one run. A sample is a request in a tier, its epochs are the run's samples; the scratchpad is a block of
//! reasoning, the answer is text; every judge is a pair of scorers. The forms differ in the container only: `.json`
//! is one document, `.eval` a zip with one member per sample. Knows nothing about run folders.

mod archive;
mod contents;
mod header;
mod names;
mod read;
mod sample;

use serde::Serialize;

use super::exported::{Exported, FileOut, unwritable};
use crate::error::Result;
use header::Header;
use sample::Sample;

pub use read::read;

/// The container of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A zip with a member for each sample.
    Eval,
    /// One JSON document.
    Json,
}

/// The whole document of the form `.json`; the header's keys stand before the samples, as its readers want.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    header: &'a Header,
    samples: &'a [Sample<'a>],
}

/// The log of a run. Its name is the one that Inspect would give it.
///
/// # Errors
/// Something that JSON or a zip has no place for.
pub fn write(run: &Exported, form: Form) -> Result<FileOut> {
    let header = Header::of(run)?;
    let samples: Vec<Sample<'_>> =
        run.trials().map(|trial| Sample::of(run, &trial)).collect::<Result<_>>()?;
    let created = run.created().replace(':', "-");
    let stem = format!("{created}_{}_{}", run.task().replace('_', "-"), run.id("task"));
    Ok(match form {
        Form::Json => {
            let document = Document { header: &header, samples: &samples };
            let mut bytes = serde_json::to_vec_pretty(&document).map_err(|e| unwritable(&e))?;
            bytes.push(b'\n');
            FileOut { name: stem + ".json", bytes }
        }
        Form::Eval => FileOut { name: stem + ".eval", bytes: archive::bytes(&header, &samples)? },
    })
}
