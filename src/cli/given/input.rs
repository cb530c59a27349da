//! Files that the user names to be read whole, `-` for stdin. Knows nothing about what is in them.

use std::path::Path;

use crate::error::{Error, Result};

/// The text of a file, or of stdin.
///
/// # Errors
/// It cannot be read, or is not UTF-8 (the offset of the first wrong byte is named).
pub(in crate::cli) fn text(path: &Path) -> Result<String> {
    let bytes = match path == Path::new("-") {
        true => {
            let read = crate::files::read_up_to(std::io::stdin().lock(), crate::files::TEXT_MAX);
            read.map_err(|error| Error::input(format!("cannot read stdin: {error}")))?
        }
        false => crate::files::read_bytes(path, crate::files::TEXT_MAX).map_err(|error| {
            Error::read(path, &error).hint("give a file that exists, or `-` for stdin")
        })?,
    };
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::input(format!("`{}` is not UTF-8: the byte at offset {at}", path.display()))
            .hint("save the file as UTF-8")
    })
}

/// A value from a JSON file, or from JSON on stdin.
///
/// # Errors
/// Those of [`text`]; not JSON, or not of this form (the place is named).
pub(in crate::cli) fn json<T: serde::de::DeserializeOwned>(path: &Path, form: &str) -> Result<T> {
    let text = text(path)?;
    parse(path, &text, form)
}

/// The same from a text that was read.
///
/// # Errors
/// Not JSON, or not of this form.
pub(in crate::cli) fn parse<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: &str,
    form: &str,
) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let wrong = |place: String, error: &dyn std::fmt::Display| {
        Error::input(format!("`{}`{place}: {error}", path.display()))
            .hint(format!("the file must hold {form}"))
    };
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = match error.path().iter().next() {
            Some(_) => format!(" at `{}`", error.path()),
            None => String::new(),
        };
        wrong(place, error.inner())
    })?;
    reader.end().map_err(|error| wrong(String::new(), &error))?;
    Ok(value)
}
