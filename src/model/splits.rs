//! How a tokenizer splits a text before it looks for tokens, and whether it comes to an end. The library's patterns
//! go back and forth; past its limit on that it says nothing and leaves the rest of the text unsplit. A pattern that
//! needs no such steps is linear in the text and needs no watching. The others are followed here first, with errors
//! and a budget: those of published models on long texts only, all others on every text. Knows nothing about
//! tokens.

use fancy_regex::{Regex, RegexBuilder, RuntimeError};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::split::SplitPattern;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

use super::split_patterns::PATTERNS;
use super::tokenizer_limits::{brief, linear, wrong};
use crate::error::Result;

/// GPT-2's pattern, which the library has built in.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Bytes of a text on which no published pattern can reach the library's limit of a million steps for one match:
/// each goes back over white space only, and takes less than ten steps for a letter of it.
const SHORT: usize = 64 << 10;

/// Steps that any match may take, that one in [`LETTERS_MORE`] letters may take, and that the library takes.
const STEPS: [usize; 3] = [512, 16 << 10, 1_000_000];

/// For how many letters of a text one match may take more steps than those of a level before.
const LETTERS_MORE: [usize; 2] = [512, 16 << 10];

/// How many matches may do so in any text.
const MORE: usize = 16;

/// Bytes of the compiled form of a pattern's parts.
const COMPILED_MAX: usize = 4 << 20;

/// The patterns of a tokenizer that must be watched.
#[derive(Debug, Default)]
pub(super) struct Splits {
    watched: Vec<Watched>,
    /// Whether short texts must be watched as well.
    always: bool,
}

#[derive(Debug)]
struct Watched {
    source: String,
    levels: [Regex; 3],
}

impl Splits {
    /// Of a tokenizer's steps before it looks for tokens.
    ///
    /// # Errors
    /// A pattern is too long or cannot be compiled, or a step would never end.
    pub(super) fn of(pre_tokenizer: Option<&PreTokenizerWrapper>) -> Result<Self> {
        let mut splits = Self::default();
        if let Some(step) = pre_tokenizer {
            splits.add(step)?;
        }
        Ok(splits)
    }

    fn add(&mut self, step: &PreTokenizerWrapper) -> Result<()> {
        match step {
            PreTokenizerWrapper::Sequence(steps) => {
                steps.as_ref().iter().try_for_each(|step| self.add(step))
            }
            PreTokenizerWrapper::FixedLength(fixed) if fixed.length == 0 => {
                Err(wrong("`FixedLength` has the length 0"))
            }
            _ => match pattern(step) {
                Some(pattern) if linear(pattern)?.is_none() => self.watch(pattern),
                _ => Ok(()),
            },
        }
    }

    fn watch(&mut self, pattern: &str) -> Result<()> {
        self.always |= pattern != GPT2 && !PATTERNS.contains(&pattern);
        if self.watched.iter().all(|known| known.source != pattern) {
            let compile = |steps| {
                let mut builder = RegexBuilder::new(pattern);
                builder.backtrack_limit(steps).delegate_size_limit(COMPILED_MAX);
                builder.build().map_err(|error| {
                    wrong(&format!("the pattern `{}` cannot be compiled: {error}", brief(pattern)))
                })
            };
            let [few, more, most] = STEPS;
            let levels = [compile(few)?, compile(more)?, compile(most)?];
            self.watched.push(Watched { source: pattern.to_owned(), levels });
        }
        Ok(())
    }

    /// Follows the patterns through a text.
    ///
    /// # Errors
    /// One of them takes too many steps; it is named.
    pub(super) fn check(&self, tokenizer: &Tokenizer, text: &str) -> Result<()> {
        let Some(first) = tokenizer.get_pre_tokenizer().filter(|_| !self.watched.is_empty()) else {
            return Ok(());
        };
        if !self.always && text.len() <= SHORT {
            return Ok(());
        }
        let added = tokenizer.get_added_vocabulary();
        let mut pieces = added.extract_and_normalize(tokenizer.get_normalizer(), text);
        self.follow(first, &mut pieces)
    }

    fn follow(&self, step: &PreTokenizerWrapper, pieces: &mut PreTokenizedString) -> Result<()> {
        if let PreTokenizerWrapper::Sequence(steps) = step {
            return steps.as_ref().iter().try_for_each(|step| self.follow(step, pieces));
        }
        let source = pattern(step);
        if let Some(watched) = self.watched.iter().find(|known| Some(&*known.source) == source) {
            for (piece, _, tokens) in
                pieces.get_splits(OffsetReferential::Normalized, OffsetType::None)
            {
                if tokens.is_none() {
                    watched.follow(piece)?;
                }
            }
        }
        step.pre_tokenize(pieces).map_err(|error| wrong(&error.to_string()))
    }
}

/// The pattern of a step, if it has one.
fn pattern(step: &PreTokenizerWrapper) -> Option<&str> {
    match step {
        PreTokenizerWrapper::Split(split) => match &split.pattern {
            SplitPattern::Regex(pattern) => Some(pattern),
            SplitPattern::String(_) => None,
        },
        PreTokenizerWrapper::ByteLevel(level) => level.use_regex.then_some(GPT2),
        _ => None,
    }
}

impl Watched {
    /// Finds every match, the cheapest way first.
    fn follow(&self, text: &str) -> Result<()> {
        let mut left = LETTERS_MORE.map(|letters| MORE + text.len() / letters);
        let mut at = 0;
        while at <= text.len() {
            let mut level = 0;
            let found = loop {
                match self.levels[level].find_from_pos(text, at) {
                    Ok(found) => break found,
                    Err(fancy_regex::Error::RuntimeError(RuntimeError::BacktrackLimitExceeded))
                        if left.get(level).is_some_and(|&left| left > 0) =>
                    {
                        left[level] -= 1;
                        level += 1;
                    }
                    Err(_) => {
                        return Err(wrong(&format!(
                            "the pattern `{}`, by which it splits, takes too many steps on a text of {} bytes",
                            brief(&self.source),
                            text.len()
                        )));
                    }
                }
            };
            let Some(found) = found else { break };
            at = match found.end() > at {
                true => found.end(),
                // An empty match: the next one is looked for behind the next letter.
                false => at + text[at..].chars().next().map_or(1, char::len_utf8),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(pattern: &str, text: &str) -> Result<()> {
        let mut splits = Splits::default();
        splits.watch(pattern)?;
        splits.watched[0].follow(text)
    }

    #[test]
    fn patterns_that_go_back_and_forth_are_named() {
        let pattern = r"(a|b|ab)*(?>c)";
        let error = follow(pattern, &"ab".repeat(40)).unwrap_err().to_string();
        assert!(
            error.contains("`(a|b|ab)*(?>c)`, by which it splits, takes too many steps"),
            "{error}"
        );
        assert!(follow(pattern, "abc abc").is_ok());
    }

    #[test]
    fn published_patterns_take_few_steps() {
        let texts = [
            " ".repeat(20_000) + "a",
            "\n ".repeat(20_000) + "a",
            "a'b 12\t".repeat(5000),
            "ä漢".repeat(20_000),
            "  \u{a0}x".repeat(9000),
        ];
        for pattern in PATTERNS.into_iter().chain([GPT2]) {
            for text in &texts {
                follow(pattern, text).unwrap();
            }
        }
    }

    #[test]
    fn the_library_s_own_pattern_is_the_one_that_is_watched() {
        let level = tokenizers::pre_tokenizers::byte_level::ByteLevel::new(false, true, true);
        let texts = ["I'll go  to\n\nBonn 12 !? ", "a\u{a0}\u{3000} b", "x'd''s  "];
        for text in texts {
            let mut pieces = PreTokenizedString::from(text);
            level.pre_tokenize(&mut pieces).unwrap();
            let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
            let places: Vec<_> = pieces.into_iter().map(|(_, place, _)| place).collect();
            let regex = Regex::new(GPT2).unwrap();
            let matches: Vec<_> = regex
                .find_iter(text)
                .map(|found| found.unwrap().range())
                .map(|r| (r.start, r.end))
                .collect();
            assert_eq!(places, matches);
        }
    }
}
