//! The header of one GGUF file, versions 2 and 3, little-endian: metadata and where each tensor lies. All of
//! it is checked before it is handed out. The format is that of `docs/gguf.md` in the ggml repository.
//! Knows nothing about what keys and tensors mean.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cursor::Cursor;
use super::element::Element;
use super::value::Value;
use crate::error::{Error, Result};

const ALIGNMENT: &str = "general.alignment";
const DIMENSIONS_MAX: u32 = 4;
/// What the format's own writer allows; a name beyond it is damage.
const NAME_BYTES_MAX: usize = 1 << 16;

/// One file's header. Holds at most a small multiple of the header's own bytes: lists and texts stay in the file.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) metadata: BTreeMap<&'a str, Value<'a>>,
    pub(super) tensors: BTreeMap<&'a str, TensorInfo>,
}

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct TensorInfo {
    /// Outermost dimension first.
    pub(in crate::model) shape: Vec<usize>,
    /// Type of the elements.
    pub(in crate::model) element: Element,
    /// Bytes of the file; empty if the type is unknown.
    pub(in crate::model) range: Range<usize>,
}

/// A tensor whose offset still counts from the end of the header.
struct Unplaced<'a> {
    name: &'a str,
    shape: Vec<usize>,
    element: Element,
    offset: u64,
}

impl<'a> Header<'a> {
    /// Reads the header of `file`.
    ///
    /// # Errors
    /// Not GGUF, another version or byte order, a count, length, type, shape or range that the file does not
    /// bear out, a key or tensor that is there twice.
    pub(super) fn read(file: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor::new(file, bytes);
        check_version(file, &mut cursor)?;
        let tensor_count = cursor.u64()?;
        let key_count = cursor.u64()?;
        // Both loops end, at the latest, where the file does: nothing is reserved for a count.
        let mut metadata = BTreeMap::new();
        for i in 0..key_count {
            cursor.reading(format!("key {} of {key_count}", i + 1));
            let key = name(&mut cursor)?;
            cursor.reading(format!("`{key}`"));
            let value = Value::read(&mut cursor)?;
            if metadata.insert(key, value).is_some() {
                return Err(Error::input(format!("`{file}`: key `{key}` is there twice")));
            }
        }
        let mut unplaced = BTreeMap::new();
        for i in 0..tensor_count {
            cursor.reading(format!("tensor {} of {tensor_count}", i + 1));
            let tensor = Unplaced::read(&mut cursor)?;
            let name = tensor.name;
            if unplaced.insert(name, tensor).is_some() {
                return Err(Error::input(format!("`{file}`: tensor `{name}` is there twice")));
            }
        }
        let alignment = alignment(file, &metadata)?;
        let data = (cursor.position() as u64).next_multiple_of(alignment);
        let tensors = unplaced
            .into_values()
            .map(|tensor| {
                Ok((tensor.name, tensor.place(file, bytes.len() as u64, data, alignment)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { metadata, tensors })
    }
}

fn check_version(file: &str, cursor: &mut Cursor<'_>) -> Result<()> {
    let magic = cursor.take(4)?;
    if magic != b"GGUF" {
        return Err(Error::input(format!("`{file}` is not a GGUF file: it starts with {:?}", String::from_utf8_lossy(magic)))
            .hint("a download that was not complete, or the text that stands for a large file in git, looks like this"));
    }
    match cursor.u32()? {
        2 | 3 => Ok(()),
        1 => Err(Error::input(format!("`{file}` is GGUF version 1, which is not supported"))
            .hint("supported: versions 2 and 3; convert the model again")),
        version if matches!(version.swap_bytes(), 1..=3) => {
            Err(Error::input(format!("`{file}` is a big-endian GGUF file, which is not supported"))
                .hint("use a little-endian one"))
        }
        version => {
            Err(Error::input(format!("`{file}` is GGUF version {version}, which is not supported"))
                .hint("supported: versions 2 and 3"))
        }
    }
}

fn name<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str> {
    let name = cursor.text()?;
    match name.len() {
        0 => Err(cursor.wrong("an empty name")),
        1..=NAME_BYTES_MAX => Ok(name),
        bytes => Err(cursor.wrong(format!("a name of {bytes} bytes"))),
    }
}

fn alignment(file: &str, metadata: &BTreeMap<&str, Value<'_>>) -> Result<u64> {
    let Some(value) = metadata.get(ALIGNMENT) else { return Ok(32) };
    value.as_u64().filter(|n| n.is_power_of_two() && *n <= 1 << 30).ok_or_else(|| {
        Error::input(format!("`{file}`: `{ALIGNMENT}` must be a power of two, found {value:?}"))
    })
}

impl<'a> Unplaced<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self> {
        let name = name(cursor)?;
        cursor.reading(format!("tensor `{name}`"));
        let dimensions = cursor.u32()?;
        if dimensions > DIMENSIONS_MAX {
            return Err(cursor.wrong(format!("{dimensions} dimensions")));
        }
        // The file counts from the innermost.
        let mut shape = Vec::with_capacity(dimensions as usize);
        for _ in 0..dimensions {
            let size = cursor.u64()?;
            let size = usize::try_from(size).ok().filter(|&size| size > 0);
            shape.push(size.ok_or_else(|| cursor.wrong("a dimension of no possible size"))?);
        }
        shape.reverse();
        Ok(Self { name, shape, element: Element(cursor.u32()?), offset: cursor.u64()? })
    }

    /// The tensor's bytes, if they are in the file.
    fn place(self, file: &str, file_bytes: u64, data: u64, alignment: u64) -> Result<TensorInfo> {
        let Self { name, shape, element, offset } = self;
        let wrong = |what: String| Error::input(format!("`{file}`: tensor `{name}` {what}"));
        if !offset.is_multiple_of(alignment) {
            return Err(wrong(format!("starts at {offset}, which is no multiple of {alignment}")));
        }
        let Some((block, block_bytes)) = element.block() else {
            // It is refused by name if it is asked for.
            return Ok(TensorInfo { shape, element, range: 0..0 });
        };
        let elements = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let elements =
            elements.ok_or_else(|| wrong(format!("has the impossible shape {shape:?}")))?;
        if !shape.last().copied().unwrap_or(1).is_multiple_of(block) {
            return Err(wrong(format!(
                "has rows of {} elements, no whole number of {element} blocks of {block}",
                shape.last().unwrap_or(&1)
            )));
        }
        let range = (elements / block).checked_mul(block_bytes).and_then(|bytes| {
            let start = data.checked_add(offset)?;
            let end = start.checked_add(bytes as u64)?;
            (end <= file_bytes).then_some(start as usize..end as usize)
        });
        let range = range.ok_or_else(|| {
            wrong(format!("({element} {shape:?} at {offset}) goes beyond the end of the file ({file_bytes} bytes)"))
                .hint("download the file again: it is cut short or damaged")
        })?;
        Ok(TensorInfo { shape, element, range })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of version 3 with these keys (already typed), tensors (name, dimensions from the innermost, type,
    /// offset) and bytes of data.
    pub(in crate::model::gguf) fn file(
        keys: &[(&str, &[u8])],
        tensors: &[(&str, &[u64], u32, u64)],
        data: usize,
    ) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend((keys.len() as u64).to_le_bytes());
        for (key, value) in keys {
            text(&mut bytes, key);
            bytes.extend(*value);
        }
        for (name, dimensions, element, offset) in tensors {
            text(&mut bytes, name);
            bytes.extend((dimensions.len() as u32).to_le_bytes());
            bytes.extend(dimensions.iter().flat_map(|n| n.to_le_bytes()));
            bytes.extend(element.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        let error = Header::read("f.gguf", bytes).unwrap_err().to_string();
        assert!(error.contains("`f.gguf`"), "{error}");
        error
    }

    const ONE: &[u8] = b"\x04\0\0\0\x01\0\0\0";

    #[test]
    fn keys_and_tensors_are_found() {
        let bytes = file(
            &[("a", ONE)],
            &[("w", &[4, 2], 0, 0), ("q", &[64, 3], 8, 32), ("odd", &[7], 99, 0)],
            32 + 3 * 2 * 34,
        );
        let header = Header::read("f.gguf", &bytes).unwrap();
        assert_eq!(header.metadata["a"], Value::Unsigned(1));
        let end = bytes.len();
        let start = end - 32 - 3 * 2 * 34;
        assert_eq!(header.tensors["w"].shape, [2, 4]);
        assert_eq!(header.tensors["w"].range, start..start + 32);
        assert_eq!(header.tensors["q"].range, start + 32..end);
        // It is refused by whoever asks for it.
        assert_eq!(header.tensors["odd"].element.to_string(), "number 99");
    }

    #[test]
    fn other_formats_are_told_apart() {
        let whole = file(&[], &[], 0);
        let version = |bytes: [u8; 4]| refusal(&[b"GGUF", &bytes[..], &whole[8..]].concat());
        assert!(version([1, 0, 0, 0]).contains("version 1"));
        assert!(version([0, 0, 0, 3]).contains("big-endian"));
        assert!(version([9, 0, 0, 0]).contains("version 9"));
        assert!(Header::read("f.gguf", &[b"GGUF\x02\0\0\0", &whole[8..]].concat()).is_ok());
        assert!(refusal(b"version https://git-lfs").contains("is not a GGUF file"));
        for end in 0..24 {
            assert!(refusal(&whole[..end]).contains("beyond the end"), "{end}");
        }
    }

    #[test]
    fn impossible_tensors_are_refused_by_name() {
        let tensor = |dimensions: &[u64], element, offset| {
            let message = refusal(&file(&[], &[("w", dimensions, element, offset)], 64));
            assert!(message.contains("tensor `w`"), "{message}");
            message
        };
        assert!(tensor(&[17], 0, 0).contains("beyond the end"));
        assert!(tensor(&[1], 0, 96).contains("beyond the end"));
        assert!(tensor(&[1], 0, u64::MAX - 31).contains("beyond the end"));
        assert!(tensor(&[1 << 31, 1 << 33], 0, 0).contains("impossible shape"));
        assert!(tensor(&[1 << 61], 0, 0).contains("beyond the end"));
        assert!(tensor(&[16], 8, 0).contains("no whole number of Q8_0 blocks"));
        assert!(tensor(&[1], 0, 8).contains("no multiple of 32"));
        assert!(tensor(&[0], 0, 0).contains("no possible size"));
        assert!(tensor(&[1; 5], 0, 0).contains("5 dimensions"));
    }

    #[test]
    fn repeats_and_alignments_are_checked() {
        assert!(
            refusal(&file(&[("a", ONE), ("a", ONE)], &[], 0)).contains("key `a` is there twice")
        );
        let twice = file(&[], &[("w", &[1], 0, 0), ("w", &[1], 0, 0)], 32);
        assert!(refusal(&twice).contains("tensor `w` is there twice"));
        for bad in [0u32, 3, 48] {
            let value = [&4u32.to_le_bytes()[..], &bad.to_le_bytes()].concat();
            assert!(
                refusal(&file(&[(ALIGNMENT, &value)], &[], 0)).contains("power of two"),
                "{bad}"
            );
        }
    }
}
