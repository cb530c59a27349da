//! The longest text within a JSON value, found without keeping the value. Knows nothing about what it is of.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Bytes of the longest text, keys included.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Longest(pub(super) usize);

impl<'de> Deserialize<'de> for Longest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut longest = 0;
        Look(&mut longest).deserialize(deserializer)?;
        Ok(Self(longest))
    }
}

struct Look<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.0 = (*self.0).max(text.len());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_element_seed(Look(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_key_seed(Look(self.0))?.is_some() {
            access.next_value_seed(Look(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Longest;

    #[test]
    fn the_longest_text_of_keys_and_values() {
        for (text, longest) in [
            ("null", 0),
            (r#"{"abc": 1, "d": [2.5, "äb"]}"#, 3),
            (r#"[["a", -1], ["", true], ["four", {}]]"#, 4),
        ] {
            assert_eq!(serde_json::from_str::<Longest>(text).unwrap().0, longest, "{text}");
        }
    }
}
