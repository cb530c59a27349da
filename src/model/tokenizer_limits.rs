//! What a `tokenizer.json` may cost. The library trusts the file: a pattern may go back and forth without end, past
//! a limit of its own it leaves the rest of a text unsplit without a word, a normalizer may double a text again and
//! again, a token may have fifty megabytes. Here the file is measured before it is read, and each text before it
//! is encoded. Knows nothing about what tokens mean.

use std::borrow::Cow;

use regex::{NoExpand, Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

use super::longest::Longest;
use super::named::TOKENIZER;
use crate::error::{Error, Result};

/// Bytes of the file. The largest published one has some 40 MB.
const FILE_MAX: usize = 128 << 20;

/// Bytes of a token, and of what is put in another text's place.
const TOKEN_MAX: usize = 16 << 10;

/// Bytes of a pattern.
const PATTERN_MAX: usize = 16 << 10;

/// Bytes of a text that is put before or behind others.
const AFFIX_MAX: usize = 1 << 10;

/// Letters of a word that `WordPiece` cuts: its time grows with the cube of it.
const WORD_MAX: u64 = 500;

/// How many times as long a text may become on its way, beside [`ROOM`].
const GROWTH_MAX: usize = 64;

/// What a short text may grow by in any case, in bytes.
const ROOM: usize = 64 << 10;

/// How many times as long a token's text may become where tokens are turned into text.
const DECODED_GROWTH_MAX: usize = 16;

/// Bytes of the compiled form of a pattern.
const COMPILED_MAX: usize = 4 << 20;

/// The parts of the file that are looked at before it is read.
#[derive(Deserialize)]
struct Outline {
    normalizer: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    model: Option<Model>,
}

#[derive(Deserialize)]
struct Added {
    content: String,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    vocab: Longest,
    #[serde(default)]
    merges: Longest,
    #[serde(default)]
    continuing_subword_prefix: Longest,
    #[serde(default)]
    end_of_word_suffix: Longest,
    max_input_chars_per_word: Option<u64>,
}

/// Measures a file before the library reads it.
///
/// # Errors
/// It is too long, or something in it is; or the library would spend too much on reading it.
pub(super) fn measure(bytes: &[u8]) -> Result<()> {
    if bytes.len() > FILE_MAX {
        return Err(too_long("the file", bytes.len(), FILE_MAX));
    }
    // Where the file is no JSON at all, that is the better thing to say.
    let outline: Outline =
        serde_json::from_slice(bytes).map_err(|error| {
            match super::json::check(TOKENIZER, bytes) {
                Ok(()) => Error::input(format!("`{TOKENIZER}` cannot be read: {error}")),
                Err(malformed) => malformed,
            }
        })?;
    for token in &outline.added_tokens {
        if token.content.len() > TOKEN_MAX {
            return Err(too_long("an added token", token.content.len(), TOKEN_MAX));
        }
    }
    if let Some(model) = &outline.model {
        // A merge is two tokens, in some files with a blank between them.
        for (what, longest, limit) in [
            ("a token of the vocabulary", model.vocab.0, TOKEN_MAX),
            ("a merge", model.merges.0, 2 * TOKEN_MAX + 1),
            ("`continuing_subword_prefix`", model.continuing_subword_prefix.0, AFFIX_MAX),
            ("`end_of_word_suffix`", model.end_of_word_suffix.0, AFFIX_MAX),
        ] {
            if longest > limit {
                return Err(too_long(what, longest, limit));
            }
        }
        if let Some(letters) = model.max_input_chars_per_word.filter(|&most| most > WORD_MAX) {
            return Err(wrong(&format!(
                "`max_input_chars_per_word` is {letters}, and {WORD_MAX} are the most that are cut"
            )));
        }
    }
    // The library normalizes the added tokens while it reads.
    let growth = Growth::of(outline.normalizer.as_ref())?;
    outline.added_tokens.iter().try_for_each(|token| growth.check(&token.content))
}

/// A normalizer, step by step.
#[derive(Debug, Default)]
pub(super) struct Growth {
    steps: Vec<Step>,
    /// Whether no text can become much longer, whatever it says.
    is_small: bool,
}

#[derive(Debug)]
enum Step {
    Replace(Regex, String),
    /// A table of replacements of any length.
    Table(NormalizerWrapper),
    Other(NormalizerWrapper),
}

impl Growth {
    /// Of a normalizer as the file has it.
    ///
    /// # Errors
    /// A part of it is too long, or a pattern cannot be bounded.
    pub(super) fn of(normalizer: Option<&Value>) -> Result<Self> {
        let mut steps = Vec::new();
        let mut factor = 1usize;
        let mut has_table = false;
        each_step(normalizer, "normalizers", &mut |step| {
            if let Some((pattern, content)) = replacement(step)? {
                factor = factor.saturating_mul(times(step, content.len()));
                steps.push(Step::Replace(pattern, content));
                return Ok(());
            }
            affix(step, "prepend")?;
            // What the library cannot read, it refuses itself.
            let Ok(wrapper) = serde_json::from_value::<NormalizerWrapper>(step.clone()) else {
                return Ok(());
            };
            let is_table = matches!(wrapper, NormalizerWrapper::Precompiled(_));
            has_table |= is_table;
            steps.push(if is_table { Step::Table(wrapper) } else { Step::Other(wrapper) });
            Ok(())
        })?;
        Ok(Self { steps, is_small: factor <= GROWTH_MAX && !has_table })
    }

    /// Refuses a text that the normalizer makes too long; it does to it what the library would, and stops in time.
    ///
    /// # Errors
    /// It becomes more than [`GROWTH_MAX`] times as long.
    pub(super) fn check(&self, text: &str) -> Result<()> {
        if self.is_small {
            return Ok(());
        }
        let budget = text.len().saturating_mul(GROWTH_MAX).saturating_add(ROOM);
        let grown =
            || wrong(&format!("its normalizer makes a text more than {GROWTH_MAX} times as long"));
        let mut text = Cow::Borrowed(text);
        for step in &self.steps {
            let next = match step {
                Step::Replace(pattern, content) => {
                    let places = pattern.find_iter(&text).count();
                    if text.len().saturating_add(places.saturating_mul(content.len())) > budget {
                        return Err(grown());
                    }
                    pattern.replace_all(&text, NoExpand(content)).into_owned()
                }
                Step::Other(normalizer) => normalized(normalizer, &text).ok_or_else(grown)?,
                Step::Table(normalizer) => {
                    let mut out = String::new();
                    let mut rest = &*text;
                    while !rest.is_empty() {
                        let end = rest.char_indices().nth(32).map_or(rest.len(), |(at, _)| at);
                        let (part, after) = rest.split_at(end);
                        out += &normalized(normalizer, part).ok_or_else(grown)?;
                        if out.len() > budget {
                            return Err(grown());
                        }
                        rest = after;
                    }
                    out
                }
            };
            if next.len() > budget {
                return Err(grown());
            }
            text = Cow::Owned(next);
        }
        Ok(())
    }
}

fn normalized(normalizer: &NormalizerWrapper, text: &str) -> Option<String> {
    let mut text = NormalizedString::from(text);
    super::guard::guarded(|| normalizer.normalize(&mut text).ok())??;
    Some(text.get().to_owned())
}

/// Refuses a decoder that makes tokens too long.
///
/// # Errors
/// A part of it is too long, a pattern cannot be bounded, or what it puts in becomes too long.
pub(super) fn check_decoder(decoder: Option<&Value>) -> Result<()> {
    let mut factor = 1usize;
    each_step(decoder, "decoders", &mut |step| {
        if let Some((_, content)) = replacement(step)? {
            factor = factor.saturating_mul(times(step, content.len()));
        }
        for key in ["prefix", "suffix", "content", "pad_token", "word_delimiter_token"] {
            affix(step, key)?;
        }
        if step.get("suffix").and_then(Value::as_str) == Some("") {
            factor = factor.saturating_mul(2);
        }
        if factor > DECODED_GROWTH_MAX {
            return Err(wrong(&format!(
                "its decoder makes a token more than {DECODED_GROWTH_MAX} times as long"
            )));
        }
        Ok(())
    })
}

/// The steps of a part of the file, those of sequences within sequences one after another.
pub(super) fn each_step(
    part: Option<&Value>,
    list: &str,
    look: &mut dyn FnMut(&Value) -> Result<()>,
) -> Result<()> {
    let Some(part) = part.filter(|part| !part.is_null()) else { return Ok(()) };
    match part.get(list).and_then(Value::as_array) {
        Some(steps) => steps.iter().try_for_each(|step| each_step(Some(step), list, look)),
        None => look(part),
    }
}

/// What a step replaces, and by what.
fn replacement(step: &Value) -> Result<Option<(Regex, String)>> {
    let (Some(pattern), Some(content)) =
        (step.get("pattern"), step.get("content").and_then(Value::as_str))
    else {
        return Ok(None);
    };
    if content.len() > TOKEN_MAX {
        return Err(too_long("what a `Replace` puts in", content.len(), TOKEN_MAX));
    }
    let text = |name: &str| pattern.get(name).and_then(Value::as_str);
    let compiled = match (text("String"), text("Regex")) {
        (Some(text), None) => linear(&regex::escape(text))?,
        (None, Some(pattern)) => linear(pattern)?,
        _ => return Ok(None),
    };
    let Some(compiled) = compiled else {
        return Err(wrong(&format!(
            "the pattern `{}` of a `Replace` looks around or back, for which there is no bound",
            brief(text("Regex").unwrap_or_default())
        )));
    };
    Ok(Some((compiled, content.to_owned())))
}

/// How many times as long a text can become by a replacement.
fn times(step: &Value, content: usize) -> usize {
    let text =
        step.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
    // Nothing is found between all letters, and they stay.
    match text.map_or(0, str::len) {
        0 => content.saturating_add(1),
        found => content.div_ceil(found).max(1),
    }
}

/// A pattern whose time is linear in the text; none if it needs to look around or to go back.
///
/// # Errors
/// It is too long, or its compiled form is.
pub(super) fn linear(pattern: &str) -> Result<Option<Regex>> {
    if pattern.len() > PATTERN_MAX {
        return Err(too_long("a pattern", pattern.len(), PATTERN_MAX));
    }
    // To one library `a++` is a repetition of a repetition, to the other a word about going back.
    // A `}` before the `+` ends a number of repetitions, or a name of letters as in `\p{L}+`.
    let counted = |end: usize| {
        let count = pattern[..end].rsplit('{').next().unwrap_or_default();
        !count.is_empty() && count.chars().all(|c| c.is_ascii_digit() || c == ',')
    };
    if ["++", "*+", "?+"].iter().any(|possessive| pattern.contains(possessive))
        || pattern.match_indices("}+").any(|(end, _)| counted(end))
    {
        return Ok(None);
    }
    match RegexBuilder::new(pattern).size_limit(COMPILED_MAX).build() {
        Ok(regex) => Ok(Some(regex)),
        Err(regex::Error::CompiledTooBig(_)) => Err(wrong(&format!(
            "the pattern `{}` becomes larger than {COMPILED_MAX} bytes",
            brief(pattern)
        ))),
        Err(_) => Ok(None),
    }
}

fn affix(step: &Value, key: &str) -> Result<()> {
    match step.get(key).and_then(Value::as_str) {
        // What a `Replace` puts in has its own limit.
        Some(text) if text.len() > AFFIX_MAX && step.get("pattern").is_none() => {
            Err(too_long(&format!("`{key}`"), text.len(), AFFIX_MAX))
        }
        _ => Ok(()),
    }
}

/// The beginning of a pattern, for a message.
pub(super) fn brief(pattern: &str) -> Cow<'_, str> {
    match pattern.char_indices().nth(120) {
        Some((end, _)) => Cow::Owned(format!("{}…", &pattern[..end])),
        None => Cow::Borrowed(pattern),
    }
}

pub(super) fn wrong(what: &str) -> Error {
    Error::input(format!("`{TOKENIZER}`: {what}"))
        .hint("it is not read: ask whoever made this tokenizer, or take the model from its makers")
}

fn too_long(what: &str, bytes: usize, limit: usize) -> Error {
    wrong(&format!("{what} has {bytes} bytes, and {limit} are the most that are read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn replace(from: &str, to: &str) -> Value {
        json!({"type": "Replace", "pattern": {"String": from}, "content": to})
    }

    fn sequence(steps: Vec<Value>) -> Value {
        json!({"type": "Sequence", "normalizers": steps})
    }

    #[test]
    fn growth_is_bounded_and_honest_normalizers_are_not_measured() {
        let honest = sequence(vec![
            json!({"type": "Prepend", "prepend": "▁"}),
            replace(" ", "▁"),
            json!({"type": "NFKC"}),
        ]);
        assert!(Growth::of(Some(&honest)).unwrap().is_small);
        let doubling = Growth::of(Some(&sequence(vec![replace("a", "aa"); 26]))).unwrap();
        let error = doubling.check(&"a".repeat(2000)).unwrap_err().to_string();
        assert!(error.contains("64 times as long"), "{error}");
        assert!(doubling.check(&"b".repeat(2000)).is_ok());
        // Many replacements that could double, of which none meets the other.
        let many =
            (0..20).map(|i| replace(&format!("<{i}>"), &format!("({i} and more)"))).collect();
        assert!(Growth::of(Some(&sequence(many))).unwrap().check("<1> <2> <3>").is_ok());
    }

    #[test]
    fn patterns_are_linear_or_not() {
        assert!(linear(r"\p{L}+| ?\d").unwrap().is_some());
        for pattern in [r"\s+(?!\S)", r"(a)\1", r"\p{L}++", r"a{1,3}+", "(?>a)"] {
            assert!(linear(pattern).unwrap().is_none(), "{pattern}");
        }
        assert!(linear(r"(\p{L}{100}){100}").unwrap_err().to_string().contains("larger than"));
        assert!(linear(&"a".repeat(PATTERN_MAX + 1)).is_err());
        let looks = json!({"type": "Replace", "pattern": {"Regex": "a(?=b)"}, "content": ""});
        assert!(Growth::of(Some(&looks)).unwrap_err().to_string().contains("`a(?=b)`"));
    }

    #[test]
    fn decoders_are_bounded() {
        let decoder = |steps: Vec<Value>| json!({"type": "Sequence", "decoders": steps});
        assert!(
            check_decoder(Some(&decoder(vec![replace("▁", " "), json!({"type": "Fuse"})]))).is_ok()
        );
        assert!(check_decoder(Some(&decoder(vec![replace("a", "aa"); 5]))).is_err());
        assert!(check_decoder(None).is_ok());
    }
}
