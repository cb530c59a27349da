//! A typed value of GGUF metadata. Lists stay in the file's bytes until somebody asks for their elements, so
//! that what is held of a file never grows beyond a multiple of it. Knows nothing about what a key means.

use serde_json::{Number, Value as Json};

use super::cursor::Cursor;
use crate::error::{Error, Result};

/// Lists in lists are followed this deep.
const DEPTH_MAX: usize = 4;

/// Type of a value, by the number that the format gives it (`enum gguf_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned { bytes: usize },
    Signed { bytes: usize },
    F32,
    F64,
    Bool,
    Text,
    List,
}

impl Kind {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Unsigned { bytes: 1 },
            1 => Self::Signed { bytes: 1 },
            2 => Self::Unsigned { bytes: 2 },
            3 => Self::Signed { bytes: 2 },
            4 => Self::Unsigned { bytes: 4 },
            5 => Self::Signed { bytes: 4 },
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::Text,
            9 => Self::List,
            10 => Self::Unsigned { bytes: 8 },
            11 => Self::Signed { bytes: 8 },
            12 => Self::F64,
            _ => return None,
        })
    }

    /// Bytes of one value, where all have the same number.
    fn bytes(self) -> Option<usize> {
        match self {
            Self::Unsigned { bytes } | Self::Signed { bytes } => Some(bytes),
            Self::F32 => Some(4),
            Self::F64 => Some(8),
            Self::Bool => Some(1),
            Self::Text | Self::List => None,
        }
    }
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    /// The shortest decimal number that gives the stored one: what an f32 was before it was rounded to that.
    Float(f64),
    Bool(bool),
    Text(&'a str),
    List(List<'a>),
}

/// A list whose elements were checked and are decoded when they are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct List<'a> {
    kind: Kind,
    len: usize,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// Reads the number of a type and a value of it.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self> {
        let kind = read_kind(cursor)?;
        read_value(cursor, kind, 0)
    }

    /// As JSON; a list of more than `longest` elements is refused.
    pub(super) fn to_json(self, longest: usize) -> Result<Json, String> {
        Ok(match self {
            Self::Unsigned(n) => n.into(),
            Self::Signed(n) => n.into(),
            Self::Float(x) => {
                Number::from_f64(x).map(Json::Number).ok_or_else(|| format!("{x} is no number"))?
            }
            Self::Bool(b) => b.into(),
            Self::Text(text) => text.into(),
            Self::List(list) if list.len > longest => {
                return Err(format!("a list of {} elements is too long", list.len));
            }
            Self::List(list) => {
                list.iter().map(|value| value.to_json(longest)).collect::<Result<_, _>>()?
            }
        })
    }

    /// A whole number that is not negative.
    pub(in crate::model) fn as_u64(self) -> Option<u64> {
        match self {
            Self::Unsigned(n) => Some(n),
            Self::Signed(n) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    /// Any number.
    pub(in crate::model) fn as_f64(self) -> Option<f64> {
        match self {
            Self::Unsigned(n) => Some(n as f64),
            Self::Signed(n) => Some(n as f64),
            Self::Float(x) => Some(x),
            _ => None,
        }
    }

    /// A text.
    pub(in crate::model) fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> List<'a> {
    /// Number of elements.
    pub(in crate::model) fn len(self) -> usize {
        self.len
    }

    /// The elements in order.
    pub(in crate::model) fn iter(self) -> impl Iterator<Item = Value<'a>> {
        let mut cursor = Cursor::new("", self.bytes);
        // Each element was read once before, so none fails now.
        (0..self.len).map_while(move |_| read_value(&mut cursor, self.kind, 0).ok())
    }
}

fn read_kind(cursor: &mut Cursor<'_>) -> Result<Kind> {
    let number = cursor.u32()?;
    Kind::of(number).ok_or_else(|| cursor.wrong(format!("a value of the unknown type {number}")))
}

fn read_value<'a>(cursor: &mut Cursor<'a>, kind: Kind, depth: usize) -> Result<Value<'a>> {
    Ok(match kind {
        Kind::Unsigned { bytes } => Value::Unsigned(little_endian(cursor.take(bytes as u64)?)),
        Kind::Signed { bytes } => {
            let unused = 64 - 8 * bytes as u32;
            let number = little_endian(cursor.take(bytes as u64)?);
            Value::Signed((number << unused).cast_signed() >> unused)
        }
        Kind::F32 => {
            let x = f32::from_bits(cursor.u32()?);
            Value::Float(x.to_string().parse().unwrap_or(f64::from(x)))
        }
        Kind::F64 => Value::Float(f64::from_bits(cursor.u64()?)),
        Kind::Bool => match cursor.take(1)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            other => return Err(cursor.wrong(format!("a truth value of {other:?}"))),
        },
        Kind::Text => Value::Text(cursor.text()?),
        Kind::List => Value::List(read_list(cursor, depth)?),
    })
}

fn read_list<'a>(cursor: &mut Cursor<'a>, depth: usize) -> Result<List<'a>> {
    if depth == DEPTH_MAX {
        return Err(cursor.wrong(format!("lists in lists more than {DEPTH_MAX} deep")));
    }
    let kind = read_kind(cursor)?;
    let count = cursor.u64()?;
    let start = cursor.position();
    match kind.bytes() {
        Some(bytes) if kind != Kind::Bool => {
            cursor.take(count.saturating_mul(bytes as u64))?;
        }
        // These end, at the latest, where the file does: an element takes at least one byte.
        _ => {
            for _ in 0..count {
                read_value(cursor, kind, depth + 1)?;
            }
        }
    }
    let len =
        usize::try_from(count).map_err(|_| Error::input(format!("a list of {count} elements")))?;
    Ok(List { kind, len, bytes: cursor.since(start) })
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Value<'_>> {
        Value::read(&mut Cursor::new("f.gguf", bytes))
    }

    fn typed(number: u32, rest: &[u8]) -> Vec<u8> {
        [&number.to_le_bytes(), rest].concat()
    }

    fn list(kind: u32, count: u64, rest: &[u8]) -> Vec<u8> {
        typed(9, &[&kind.to_le_bytes()[..], &count.to_le_bytes(), rest].concat())
    }

    #[test]
    fn every_type_is_read() {
        assert_eq!(read(&typed(0, &[200])).unwrap(), Value::Unsigned(200));
        assert_eq!(read(&typed(1, &[200])).unwrap(), Value::Signed(-56));
        assert_eq!(read(&typed(2, &[1, 2])).unwrap(), Value::Unsigned(513));
        assert_eq!(read(&typed(3, &[0xfe, 0xff])).unwrap(), Value::Signed(-2));
        assert_eq!(read(&typed(4, &[1, 0, 0, 0x80])).unwrap(), Value::Unsigned(0x8000_0001));
        assert_eq!(read(&typed(5, &[0xff; 4])).unwrap(), Value::Signed(-1));
        assert_eq!(read(&typed(6, &1e-6f32.to_le_bytes())).unwrap(), Value::Float(1e-6));
        assert_eq!(read(&typed(7, &[1])).unwrap(), Value::Bool(true));
        assert_eq!(read(&typed(8, b"\x02\0\0\0\0\0\0\0ab")).unwrap(), Value::Text("ab"));
        assert_eq!(read(&typed(10, &[0xff; 8])).unwrap(), Value::Unsigned(u64::MAX));
        assert_eq!(read(&typed(11, &[0xff; 8])).unwrap(), Value::Signed(-1));
        assert_eq!(read(&typed(12, &0.1f64.to_le_bytes())).unwrap(), Value::Float(0.1));
    }

    #[test]
    fn lists_may_hold_lists() {
        let inner = &list(3, 2, &[1, 0, 0xff, 0xff])[4..];
        let bytes = list(9, 2, &[inner, inner].concat());
        let json = read(&bytes).unwrap().to_json(2).unwrap();
        assert_eq!(json, serde_json::json!([[1, -1], [1, -1]]));
        assert!(read(&bytes).unwrap().to_json(1).unwrap_err().contains("2 elements"));
        let deep = (0..9).fold(list(0, 0, &[]), |inner, _| list(9, 1, &inner[4..]));
        assert!(read(&deep).unwrap_err().to_string().contains("deep"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(message(&typed(13, &[])).contains("unknown type 13"));
        assert!(message(&typed(7, &[2])).contains("truth value"));
        assert!(message(&list(4, u64::MAX, &[0; 64])).contains("beyond the end"));
        assert!(message(&list(8, u64::MAX, &[0; 64])).contains("beyond the end"));
        assert!(message(&typed(8, b"\x02\0\0\0\0\0\0\0\xff\xff")).contains("not UTF-8"));
        let nan = typed(6, &f32::NAN.to_le_bytes());
        assert!(read(&nan).unwrap().to_json(0).is_err());
    }
}
