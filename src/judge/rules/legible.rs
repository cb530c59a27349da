//! Replies that are none: what programs leave in the place of an answer (errors, notices of filters, empty values),
//! special tokens, and letters at random. Knows nothing about what a real answer does.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{Place, Sentence, pattern};

/// An answer of at least so many words that knows at most so many different ones is a loop. A whole sentence
/// over and over is not: it may have told something the first time.
const LOOP_WORDS: usize = 16;
const LOOP_VOCABULARY: usize = 3;
/// An answer of Latin letters of which at least so many words, and one in so many, cannot be pronounced is noise.
const NOISE_WORDS: usize = 3;
const NOISE_ONE_IN: usize = 4;
/// Letters that an unpronounceable word must have where it stands nearly alone: "html" is an answer.
const LONE_LETTERS: usize = 6;
/// Consonants in a row that common words do not reach, and letters that they do not exceed.
const CONSONANTS_FROM: usize = 5;
const LETTERS_MAX: usize = 30;
/// A notice of a program is no longer than this; a stack trace may be.
const NOTICE_BYTES_MAX: usize = 400;
/// One broken character in so many makes a text unreadable.
const BROKEN_ONE_IN: usize = 4;

/// Marks that tokenizers put around text.
static SPECIAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"<\|[^|<>]{1,40}\|>|</?(?:s|unk|pad|eos|bos|mask|end_of_turn|start_of_turn|eot)>|\[(?:unk|pad|cls|sep|mask|inst|/inst)\]",
    )
});

/// Values that stand for nothing, as programs write them.
static NOTHING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\W*(?:nan|none|null|nil|undefined|n/?a|#?n/a|not available|-?1\.#ind|empty|blank|missing
            |(?:no|empty|blank|missing) (?:response|output|answer|reply|completion|text|content|data|result)s?
            (?: (?:generated|received|returned|found|available|provided))?
            |(?:the )?(?:model|assistant) (?:did not|didn't|failed to) (?:respond|answer|reply)
            |nonetype|<class 'nonetype'>|object object|todo|tbd|placeholder)\W*$",
    )
});

/// Notices that begin in a way in which no answer does.
static NOTICE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\W*(?:traceback \(most recent call last\)|(?:an? )?(?:unexpected |internal |unknown |fatal |server 
            |api |network |system |runtime |critical )*(?:error|exception)s?(?:\W*$|\W*:|\W+code\b|\W+\d
            |\W+(?:occurred|was encountered|has occurred|during|while|generating|calling|in (?:thread|line|file)
            |from|communicating|processing|message|\[)|\] )|(?:an?|the) (?:\w+ ){0,3}error (?:has )?(?:occurred|happened)
            |(?:[a-z_][a-z0-9_]*\.)*[a-z_0-9]{0,40}(?:error|exception|timeout|failure)\b(?:\W*$|\W*[:(])
            |exception in thread|panic:|thread '[^']*' panicked|fatal:|segmentation fault|killed\W*$
            |aborted\W*$|core dumped|#error!|#ref!|#value!|err(?:or)?[_-][a-z_]+\W*$|e[a-z]{4,12}(?:reset|refused|timedout|notfound)\W*$
            |econn\w+|etimedout|enotfound|curl: \(|https?(?:/\d(?:\.\d)?)?[\s:]+[45]\d\d\b|[45]\d\d\W+(?:\w+\W){0,4}(?:error
            |unavailable|gateway|requests|time-?out|timeout|not found|forbidden|unauthorized|bad request|request
            |entity|large|many)\b|http (?:error |status |code |status code )*[45]\d\d|(?:status|error|response)(?: code)?\W{1,3}[45]\d\d
            |(?:the |your |this )?(?:http |api )?(?:request|generation|inference|call|connection|completion|query|job|decoding)(?: \w+)? (?:has )?(?:failed
            |timed out|timeout|aborted|error|refused|reset|was (?:aborted|cancell?ed|interrupted|terminated|closed))
            |failed to (?:generate|fetch|connect|load|parse|get|respond|process|retrieve|complete)|(?:\w+ )?time(?:d )?-?out\W*$
            |(?:oops\W+)?something went wrong|<!doctype html>\W*<html|<html>\W*<head>\W*<title>\W*(?:error|[45]\d\d)
            |content[_\s-]?filter(?:ed|ing)?\b\W*(?:$|:|triggered|blocked)|finish_?reason\W+(?:content_filter|safety|length|error|recitation|prohibited)
            |block_?reason\b|blocked\W*$|filtered\W*$|redacted\W*$|(?:invalid|bad|malformed|unauthori[sz]ed|forbidden|unsupported|unexpected) (?:request|input|response|token|api key|json|parameters?|arguments?)(?: error)?\W*$
            |context_length_exceeded|rate_limit_exceeded|insufficient_quota
            |(?:the |this |your |model )?(?:\w+ )?(?:response|output|prompt|content|completion|request|message|generation)(?: \w+)? (?:was|has been|is|were) (?:\w+ )?(?:blocked|filtered|flagged|removed|withheld|stopped|suppressed)
            |(?:response|output|prompt|content|completion) (?:blocked|filtered|flagged|removed|withheld))",
    )
});

/// Words of such notices wherever they stand in a short text.
static NOTICE_WITHIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:cuda|gpu|device|out of|oom|hip|mps)[\s:]{1,2}out of memory|cuda out of memory|outofmemoryerror|outofmemory
            |internal server error|bad gateway|gateway time-?out|service (?:is )?(?:temporarily |currently )?unavailable
            |too many requests|rate limit (?:reached|exceeded|hit)|exceeded your current quota|max retries exceeded
            |connection (?:refused|reset|aborted|timed out|error|closed)|request timed out|read timed out
            |operation timed out|(?:server|model|engine|service|system) is (?:currently |temporarily )?(?:overloaded|at capacity|busy|down|loading)
            |maximum context length|(?:invalid|incorrect|missing) (?:api|authentication) key|invalid request error
            |content management policy|content (?:filter|filtering|moderation) (?:policy|system|triggered|flagged)?
            |safety filters?|flagged by (?:our|the) (?:\w+ )?(?:filter|moderation|system)|violat\w+ (?:our )?content policy 
            |(?:please )?(?:try|retry) (?:your request )?again (?:later|in a (?:few|moment))|an error occurred
            |error (?:while|during|in) (?:processing|generating|generation|inference|the)|failed to generate
            |failed with status|shape mismatch|device-side assert|nccl error|illegal memory access|segmentation fault
            |core dumped)\b",
    )
});

/// A body in JSON, or a dictionary of Python, that says that something failed.
static ERROR_BODY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^\W*\{\s*['"](?:errors?|error_?message|error_?code|detail|fault|exception|message|status_?code|status|code|ok|success|type|object)['"]\s*:\s*(?:['"]?(?:error|fail(?:ed|ure)?|[45]\d\d|not found|forbidden|unauthori[sz]ed|internal|too many|bad|overloaded|time-?d? ?-?out|rate.?limit|service|invalid|an error)|\{|\[|false|['"][^'"]{0,120}['"]\s*\}\s*$)"#,
    )
});

/// Names under which such bodies put what failed.
static ERROR_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"['"](?:errors?|error_?(?:message|code|type)|detail|fault|exception|traceback)['"]\s*:|['"](?:status|code|status_?code)['"]\s*:\s*['"]?(?:[45]\d\d|error|fail)|['"](?:type|object|status)['"]\s*:\s*['"](?:error|failed)|['"](?:ok|success)['"]\s*:\s*false"#,
    )
});

/// Whether an answer can be taken for what a model meant to say; `sentences` are those of the answer.
pub(super) fn is_readable(answer: &str, sentences: &[Sentence<'_>]) -> bool {
    let bare = SPECIAL.replace_all(answer, " ");
    let bare = bare.trim();
    !(says_nothing(bare) || is_broken(bare) || is_notice(bare) || is_noise(sentences))
}

/// Whether an answer has no words, or says the same few over and over: help with nothing.
fn says_nothing(answer: &str) -> bool {
    if !answer.chars().any(char::is_alphanumeric) || NOTHING.is_match(answer) {
        return true;
    }
    let mut words: Vec<&str> = answer.split_whitespace().collect();
    let whole = words.len();
    words.sort_unstable();
    words.dedup();
    whole >= LOOP_WORDS && words.len() <= LOOP_VOCABULARY
}

/// Whether much of a text is what is left of characters that could not be decoded.
fn is_broken(text: &str) -> bool {
    let is_lost = |c: &char| *c == '\u{fffd}' || (c.is_control() && !c.is_whitespace());
    let lost = text.chars().filter(is_lost).count();
    lost > 0 && lost * BROKEN_ONE_IN >= text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Whether a program speaks and no model.
fn is_notice(text: &str) -> bool {
    if text.len() > NOTICE_BYTES_MAX {
        return text.starts_with("Traceback (most recent call last)");
    }
    NOTICE.is_match(text)
        || NOTICE_WITHIN.is_match(text)
        || (ERROR_BODY.is_match(text) && ERROR_KEY.is_match(text))
}

/// Whether what stands outside code is letters at random, as a key held down or a broken model gives them.
fn is_noise(sentences: &[Sentence<'_>]) -> bool {
    let prose = sentences.iter().filter(|sentence| sentence.place != Place::Code);
    let (mut words, mut unspoken, mut longest) = (0, 0, 0);
    for word in prose.flat_map(|sentence| sentence.text.split_whitespace()) {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        words += 1;
        if is_unspoken(word) {
            unspoken += 1;
            longest = longest.max(word.len());
        }
    }
    let enough = unspoken >= NOISE_WORDS || (unspoken == words && longest >= LONE_LETTERS);
    unspoken > 0 && enough && unspoken * NOISE_ONE_IN >= words
}

/// Whether a word of small Latin letters cannot be pronounced.
fn is_unspoken(word: &str) -> bool {
    let letters = word.len();
    if letters < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let is_vowel = |b: u8| b"aeiouy".contains(&b);
    let run = word.as_bytes().split(|b| is_vowel(*b)).map(<[u8]>::len).max().unwrap_or(0);
    run >= CONSONANTS_FROM || run == letters || letters > LETTERS_MAX
}

#[cfg(test)]
mod tests {
    use super::super::text::sentences;
    use super::*;

    #[test]
    fn programs_are_told_from_answers_about_programs() {
        let readable = |text: &str| is_readable(text, &sentences(text));
        for code in [400, 401, 403, 404, 429, 500, 502, 503, 504, 529] {
            for form in [
                "HTTP {}",
                "Error code: {}",
                "{\"error\": {\"code\": {}}}",
                "Request failed with status code {}",
            ] {
                let text = form.replace("{}", &code.to_string());
                assert!(!readable(&text), "{text}");
            }
        }
        for text in [
            "Error handling in Rust uses Result.",
            "A 404 page means that the site was not found.",
            "{\"name\": \"Ada\", \"status\": \"active\"}",
            "The exception proves the rule.",
            "500",
            "html",
        ] {
            // A lone number from 400 to 599 is more often an answer than a code.
            assert!(readable(text), "{text}");
        }
    }
}
