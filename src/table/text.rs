//! The bytes of a file as text: unpacked where they are gzip, decoded where a byte order mark says how, and a Parquet
//! file as JSON Lines. Knows nothing about rows and columns.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::parquet;
use crate::error::{Error, Result};

/// Bytes of a table after unpacking. A kilobyte of gzip can unpack to a megabyte, so that the limit holds for what
/// comes out and not for what is read.
const UNPACKED_MAX: u64 = 2 << 30;

/// The text of a file. Line ends of old Macintosh files (CR alone) become LF, so that lines can be counted in one way;
/// a Parquet file becomes JSON Lines in which row n stands on line n.
///
/// # Errors
/// Damaged gzip or Parquet, more than [`UNPACKED_MAX`] bytes, a text that is neither UTF-8 nor UTF-16 with a byte order
/// mark (the line is named).
pub(crate) fn decoded(place: &str, bytes: Vec<u8>) -> Result<String> {
    let bytes = unpacked(place, bytes)?;
    if bytes.starts_with(b"PAR1") {
        return parquet::json_lines(place, bytes);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(Error::input(format!(
            "`{place}` is a zip archive (or a spreadsheet), not a table"
        ))
        .hint("unpack it, or save the spreadsheet as CSV"));
    }
    let text = match &bytes[..] {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(place, rest.to_vec())?,
        [0xff, 0xfe, rest @ ..] => utf16(place, rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(place, rest, u16::from_be_bytes)?,
        _ => utf8(place, bytes)?,
    };
    // Latin letters in UTF-16 have a zero in every second byte.
    let zeros = text.bytes().filter(|byte| *byte == 0).count();
    if zeros > 0 && zeros >= text.len() / 4 {
        return Err(Error::input(format!(
            "`{place}` is full of bytes that are zero: it is no text in UTF-8"
        ))
        .hint("a file in UTF-16 needs its byte order mark; save it as UTF-8"));
    }
    Ok(match text.contains('\r') && !text.contains('\n') {
        true => text.replace('\r', "\n"),
        false => text,
    })
}

fn unpacked(place: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    MultiGzDecoder::new(&bytes[..]).take(UNPACKED_MAX + 1).read_to_end(&mut out).map_err(
        |error| {
            Error::input(format!("`{place}`: the gzip data is damaged: {error}"))
                .hint("fetch or make the file again")
        },
    )?;
    match out.len() as u64 > UNPACKED_MAX {
        true => Err(Error::input(format!("`{place}` unpacks to more than {UNPACKED_MAX} bytes"))
            .hint("split the table")),
        false => Ok(out),
    }
}

fn utf8(place: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::input(format!("`{place}:{line}`: not UTF-8")).hint("save the file as UTF-8")
    })
}

fn utf16(place: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err(Error::input(format!("`{place}` begins as UTF-16 and is not UTF-16 to its end"))
            .hint("save the file as UTF-8")),
    }
}
