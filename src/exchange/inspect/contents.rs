//! The bytes of a log: a JSON document, or members of a zip that may have been made to harm. No member's name is used
//! for anything but to tell what it is, and nothing is unpacked beyond fixed sizes.

use std::io::{Cursor, Read};

use ruzstd::decoding::StreamingDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};

/// Bytes of a member once unpacked.
const MEMBER_MAX: u64 = 256 << 20;
/// Bytes of all members together.
const TOTAL_MAX: u64 = 4 << 30;
/// Members of an archive.
const MEMBERS_MAX: usize = 1_000_000;

/// The documents of an `.eval` file.
pub(super) struct Contents {
    /// `header.json`, or `_journal/start.json` where the run was cut short.
    pub(super) header: Vec<u8>,
    /// `samples/…` with their names, in the order of the zip.
    pub(super) samples: Vec<(String, Vec<u8>)>,
}

impl Contents {
    /// Unpacks what is needed.
    ///
    /// # Errors
    /// No zip, a damaged one, one without a header, one that is larger than the limits.
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        let damaged = |error: &dyn std::fmt::Display| {
            Error::input(format!("the zip cannot be read: {error}"))
                .hint("an `.eval` file is a zip that Inspect or `candor export` has written")
        };
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        if archive.len() > MEMBERS_MAX {
            return Err(Error::input(format!(
                "the zip has {} members, more than {MEMBERS_MAX}",
                archive.len()
            )));
        }
        let mut left = TOTAL_MAX;
        let (mut header, mut start, mut samples) = (None, None, Vec::new());
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).map_err(|error| damaged(&error))?;
            let name = member.name().map_err(|error| damaged(&error))?.into_owned();
            let is_sample = name.starts_with("samples/") && name.ends_with(".json");
            if !is_sample && name != "header.json" && name != "_journal/start.json" {
                continue;
            }
            let limit = MEMBER_MAX.min(left);
            let bytes = match member.compression() {
                CompressionMethod::Stored => bounded(member, limit),
                CompressionMethod::ZSTD => match StreamingDecoder::new(member) {
                    Ok(decoder) => bounded(decoder, limit),
                    Err(error) => return Err(damaged(&error).within(format!("`{name}`"))),
                },
                CompressionMethod::Deflated => {
                    drop(member);
                    bounded(archive.by_index(index).map_err(|error| damaged(&error))?, limit)
                }
                other => {
                    return Err(Error::input(format!("`{name}` is compressed by `{other}`"))
                        .hint("stored, deflated and zstd members are read; `inspect log convert` makes those"));
                }
            };
            let bytes = bytes
                .map_err(|error| damaged(&error).within(format!("`{name}`")))?
                .ok_or_else(|| too_large(&name, limit))?;
            left -= bytes.len() as u64;
            match name.as_str() {
                "header.json" => header = Some(bytes),
                "_journal/start.json" => start = Some(bytes),
                _ => samples.push((name, bytes)),
            }
        }
        let header = header.or(start).ok_or_else(|| {
            Error::input("the zip has neither `header.json` nor `_journal/start.json`")
                .hint("give a log that Inspect or `candor export` has written")
        })?;
        Ok(Self { header, samples })
    }
}

/// All bytes of a reader; none where there are more than the limit.
fn bounded(reader: impl Read, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

fn too_large(name: &str, limit: u64) -> Error {
    Error::input(format!("`{name}` is larger than {limit} bytes once unpacked"))
        .hint("a log's samples may take 256 MiB each and 4 GiB together")
}

/// The same JSON with `null` for `NaN` and the infinities, which Python writes and JSON does not know.
pub(super) fn plain_json(bytes: Vec<u8>) -> Vec<u8> {
    const WORDS: [(&[u8], &[u8]); 3] =
        [(b"NaN", b"null"), (b"-Infinity", b"null"), (b"Infinity", b"null")];
    let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    if !has(b"NaN") && !has(b"Infinity") {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => {
                out.push(bytes[at]);
                at += 1;
            }
            b'"' => quoted = !quoted,
            _ if !quoted => {
                if let Some((word, instead)) =
                    WORDS.iter().find(|(word, _)| bytes[at..].starts_with(word))
                {
                    out.extend_from_slice(instead);
                    at += word.len();
                    continue;
                }
            }
            _ => {}
        }
        out.extend(bytes.get(at));
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = vec![b' '; (MEMBER_MAX + 1) as usize];
        let bytes = zipped(&[("header.json", b"{}"), ("samples/1_epoch_1.json", &zeros)]);
        assert!(bytes.len() < 1 << 20, "{}", bytes.len());
        let error = Contents::of(&bytes).err().unwrap().to_string();
        assert!(error.contains("`samples/1_epoch_1.json` is larger than"), "{error}");
    }

    #[test]
    fn other_members_are_left_alone() {
        let bytes = zipped(&[
            ("../../etc/passwd", b"no"),
            ("samples/10_epoch_1.json", b"ten"),
            ("samples/2_epoch_1.json", b"two"),
            ("_journal/start.json", b"start"),
        ]);
        let contents = Contents::of(&bytes).unwrap();
        assert_eq!(contents.header, b"start");
        let names: Vec<_> = contents.samples.iter().map(|(_, bytes)| &bytes[..]).collect();
        assert_eq!(names, [b"ten", b"two"]);
    }

    #[test]
    fn python_writes_numbers_that_json_has_not() {
        let json = |text: &str| String::from_utf8(plain_json(text.into())).unwrap();
        assert_eq!(json(r#"{"a":NaN,"b":[-Infinity,Infinity]}"#), r#"{"a":null,"b":[null,null]}"#);
        assert_eq!(json(r#"{"NaN \" NaN":NaN}"#), r#"{"NaN \" NaN":null}"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Contents::of(&bytes);
        }

        #[test]
        fn a_damaged_zip_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = zipped(&[("header.json", b"{\"a\":1}"), ("samples/1_epoch_1.json", b"{\"b\":2}")]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Contents::of(&bytes);
        }

        #[test]
        fn texts_keep_their_words(text in "[NaInfity\"\\\\ -]{0,20}") {
            let json = serde_json::to_vec(&text).unwrap();
            prop_assert_eq!(plain_json(json.clone()), json);
        }
    }
}
