//! The form `.eval`: a zip of JSON members in the order in which Inspect writes them.

use std::io::{Cursor, Write};

use serde::Serialize;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::header::Header;
use super::sample::Sample;
use crate::error::{Error, Result};
use crate::exchange::exported::unwritable;

/// The zip's bytes. Every member has the date that a zip has by default, so that equal runs have equal bytes.
pub(super) fn bytes(header: &Header, samples: &[Sample<'_>]) -> Result<Vec<u8>> {
    let mut archive = Archive(ZipWriter::new(Cursor::new(Vec::new())));
    let start = json!({"version": header.version, "eval": header.eval, "plan": header.plan});
    archive.put("_journal/start.json", &start)?;
    for sample in samples {
        let member = format!("samples/{}_epoch_{}.json", sample.id, sample.epoch);
        archive.put(&member, sample).map_err(|error| {
            let trial = sample.transcript;
            error.within(format!("{}/{}/{}", trial.request, trial.tier, trial.sample))
        })?;
    }
    let summaries: Vec<_> = samples.iter().map(Sample::summary).collect();
    archive.put("_journal/summaries/1.json", &summaries)?;
    archive.put("summaries.json", &summaries)?;
    archive.put("header.json", header)?;
    let bytes = archive.0.finish().map_err(|error| unwritable(&error))?;
    Ok(bytes.into_inner())
}

struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    fn put(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let wrong = |error: &dyn std::fmt::Display| -> Error { unwritable(error) };
        let text = serde_json::to_vec(value).map_err(|error| wrong(&error))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        self.0.start_file(name, options).map_err(|error| wrong(&error))?;
        self.0.write_all(&text).map_err(|error| wrong(&error))
    }
}
