//! A safetensors file of one f32 tensor `logits` [T, V], written row by row. Knows nothing about models.
//!
//! The format (safetensors, `README.md`, section Format): the header's length as a little-endian u64, the
//! header in JSON, the elements in little-endian order. The header is filled up with spaces so that the
//! elements begin at a multiple of 8.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

const ALIGNMENT: usize = 8;

/// The file while it is written: beside its place, and moved there at the end.
pub(in crate::cli) struct LogitsFile {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
    /// Rows that are still to come.
    missing: usize,
    row_len: usize,
}

impl LogitsFile {
    /// A file for `rows` rows of `row_len` logits.
    ///
    /// # Errors
    /// The place cannot be written to.
    pub(in crate::cli) fn create(path: &Path, rows: usize, row_len: usize) -> Result<Self> {
        let bytes = rows * row_len * size_of::<f32>();
        let mut header = format!(
            r#"{{"logits":{{"dtype":"F32","shape":[{rows},{row_len}],"data_offsets":[0,{bytes}]}}}}"#
        );
        while !header.len().is_multiple_of(ALIGNMENT) {
            header.push(' ');
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder);
        // Found out before any work, so it is the user's input that is wrong.
        let file = file.map_err(|error| {
            Error::input(format!("cannot write `{}`: {error}", path.display()))
                .hint("choose another place for `--logits`")
        })?;
        let mut file = Self {
            path: path.to_owned(),
            out: BufWriter::with_capacity(1 << 20, file),
            missing: rows,
            row_len,
        };
        file.write(&(header.len() as u64).to_le_bytes())?;
        file.write(header.as_bytes())?;
        Ok(file)
    }

    /// The next row.
    ///
    /// # Errors
    /// The disk does not take it, or the row is one too many or of another length.
    pub(in crate::cli) fn push(&mut self, row: &[f32]) -> Result<()> {
        if self.missing == 0 || row.len() != self.row_len {
            return Err(Error::failed(format!(
                "`{}`: a row of {} logits where {} of {} are to come",
                self.path.display(),
                row.len(),
                self.missing,
                self.row_len
            )));
        }
        self.missing -= 1;
        for part in row.chunks(1024) {
            let bytes: Vec<u8> = part.iter().flat_map(|logit| logit.to_le_bytes()).collect();
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Puts the whole file into its place.
    ///
    /// # Errors
    /// The disk does not take it, or rows are missing.
    pub(in crate::cli) fn finish(self) -> Result<()> {
        let Self { path, out, missing, .. } = self;
        if missing > 0 {
            return Err(Error::failed(format!("`{}`: {missing} rows are missing", path.display())));
        }
        let place = || -> std::io::Result<()> {
            let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            // A temporary file is private; what is written here is meant to be read.
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
            }
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        place().map_err(|error| Error::write(&path, &error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| {
            Error::write(&self.path, &error).hint("free some space or choose another `--logits`")
        })
    }
}
