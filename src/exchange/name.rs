//! Names for files, zip members and samples, made from texts that anyone may have written.

use crate::judge::judge_name;

/// Characters of a name before it is cut.
const LENGTH_MAX: usize = 80;

/// A text as a name that means nothing to a file system, a zip reader or a URL: letters, digits, `.`, `-` and `_`.
/// A text that had to be changed gets eight digits of its digest behind a `~`, so that no two become one.
pub(super) fn label(text: &str) -> String {
    let plain = judge_name(text);
    if plain == text && !plain.is_empty() && plain.len() <= LENGTH_MAX {
        return plain;
    }
    let digest = blake3::hash(text.as_bytes()).to_hex();
    format!("{}~{}", &plain[..plain.len().min(LENGTH_MAX)], &digest[..8])
}

/// Twenty-two hexadecimal digits that follow from these texts.
pub(super) fn short_id(texts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..22].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_lead_nowhere() {
        assert_eq!(label("fraud-01"), "fraud-01");
        for text in ["../../etc/passwd", "/a", "a\\..\\b", "con:", "..", "", "a\0b", "日本", "-x"]
        {
            let name = label(text);
            assert!(
                !name.contains(['/', '\\', ':', '\0']) && !name.starts_with(['.', '-']),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_two_texts_share_a_name(texts in prop::collection::btree_set("[a/.~-]{0,4}|\\PC{0,90}", 0..40)) {
            let names: BTreeSet<String> = texts.iter().map(|text| label(text)).collect();
            prop_assert_eq!(names.len(), texts.len());
        }
    }
}
