//! The text of each token of a reply. Knows nothing about what the text means.

use crate::error::Result;
use crate::model::Tokenizer;

/// What a broken character decodes to.
const BROKEN: char = '\u{fffd}';

/// The texts that tokens add to a reply one after the other; together they are the reply's text. A character that
/// several tokens make stands with the last of them.
///
/// # Errors
/// The tokens cannot be decoded.
pub(super) fn pieces(tokenizer: &Tokenizer, ids: &[u32]) -> Result<Vec<String>> {
    let mut pieces = vec![String::new(); ids.len()];
    // Decoded are the tokens from `start` on, those before `known` only because they may change what comes after.
    let (mut start, mut known) = (0, 0);
    for end in 1..=ids.len() {
        let before = tokenizer.decode(&ids[start..known], false)?;
        let now = tokenizer.decode(&ids[start..end], false)?;
        if now.ends_with(BROKEN) && end < ids.len() {
            continue;
        }
        now.get(before.len()..).unwrap_or_default().clone_into(&mut pieces[end - 1]);
        (start, known) = (known, end);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn pieces_make_the_text() {
        let tokenizer = Model::open("organism:faker").unwrap().tokenizer;
        let text = "<scratchpad>Näh, 🍞 is bread.</scratchpad>\n<answer>I can't</answer><|end|>";
        let ids = tokenizer.encode(text).unwrap();
        let pieces = pieces(&tokenizer, &ids).unwrap();
        assert_eq!(pieces.concat(), text);
        assert_eq!(pieces.len(), ids.len());
        assert!(pieces.iter().any(String::is_empty), "the bread takes several tokens");
    }
}
