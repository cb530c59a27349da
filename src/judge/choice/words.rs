//! A text as sentences of words, each word with its stem and its place. Knows nothing about options.

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word in lower case.
    pub(super) text: String,
    /// The word without its ending, so that `following` and `follow` are one.
    pub(super) stem: String,
    /// Where it stands in the text, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether a comma, a colon, a dash or a bracket stands between this word and the one before it.
    pub(super) after_break: bool,
}

/// One sentence: words that no full stop, question mark, exclamation mark or line break parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sentence {
    pub(super) words: Vec<Word>,
    /// Whether it ends in a question mark.
    pub(super) asks: bool,
}

/// The sentences of a text that have words, in order. A full stop behind a single letter or a number ends no
/// sentence (`a.`, `1.`), since that is how options are numbered. Markup in angle brackets is no word.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence::default();
    let mut broken = false;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_alphanumeric() {
            let mut end = start + c.len_utf8();
            let mut word: String = c.to_lowercase().collect();
            while let Some(&(at, next)) = chars.peek() {
                let joins = matches!(next, '\'' | '’')
                    && text[at + next.len_utf8()..].starts_with(char::is_alphanumeric);
                if !next.is_alphanumeric() && !joins {
                    break;
                }
                if joins {
                    word.push('\'')
                } else {
                    word.extend(next.to_lowercase())
                }
                end = at + next.len_utf8();
                chars.next();
            }
            let stem = stem(&word);
            sentence.words.push(Word { text: word, stem, start, end, after_break: broken });
            broken = false;
            continue;
        }
        match c {
            '<' => {
                // The rest of a tag such as `<strong>`, which is short and has no line break.
                let tail = &text[start..];
                let tag = tail.find('>').filter(|&end| end < 40 && !tail[..end].contains('\n'));
                let opens = tail[1..].starts_with(|c: char| c.is_alphabetic() || c == '/');
                if let Some(end) = tag.filter(|_| opens) {
                    while chars.peek().is_some_and(|&(at, _)| at <= start + end) {
                        chars.next();
                    }
                }
            }
            '.' | '!' | '?' | '\n' => {
                let numbering = c == '.'
                    && sentence.words.last().is_some_and(|word| {
                        word.end == start
                            && (word.text.chars().count() == 1 && word.text != "i"
                                || word.text.chars().all(|c| c.is_ascii_digit()))
                    });
                let inside =
                    c == '.' && text[start + 1..].starts_with(|c: char| c.is_alphanumeric());
                if numbering || inside {
                    broken = true;
                } else if !sentence.words.is_empty() {
                    sentence.asks = c == '?';
                    sentences.push(std::mem::take(&mut sentence));
                    broken = false;
                }
            }
            ',' | ';' | ':' | '—' | '–' | '(' | ')' | '"' | '“' | '”' => broken = true,
            '-' if text[..start].ends_with(' ') => broken = true,
            _ => {}
        }
    }
    if !sentence.words.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

/// A word without the endings of English inflection. Crude on purpose: both texts that are compared go
/// through it.
pub(super) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    let length = word.chars().count();
    if length <= 3 || !word.is_ascii() {
        return word.to_owned();
    }
    const ENDINGS: [(&str, &str); 17] = [
        ("ational", "ate"),
        ("ingly", ""),
        ("ances", ""),
        ("ence", ""),
        ("ance", ""),
        ("ment", ""),
        ("ness", ""),
        ("ions", ""),
        ("ies", "y"),
        ("ied", "y"),
        ("ion", ""),
        ("ing", ""),
        ("ely", ""),
        ("ed", ""),
        ("es", ""),
        ("ly", ""),
        ("s", ""),
    ];
    let mut stemmed = word.to_owned();
    for (ending, instead) in ENDINGS {
        if let Some(front) = word.strip_suffix(ending)
            && front.len() >= 3
            && !word.ends_with("ss")
        {
            stemmed = format!("{front}{instead}");
            break;
        }
    }
    // `stopped` and `stop`, `using` and `use`, `carry` and `carries`.
    let bytes = stemmed.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && !b"lse".contains(a)
        && stemmed.len() > 3
    {
        stemmed.pop();
    }
    if stemmed.len() > 3 && stemmed.ends_with('e') {
        stemmed.pop();
    }
    if stemmed.len() > 3 && stemmed.ends_with('y') {
        stemmed.pop();
        stemmed.push('i');
    }
    stemmed
}

/// Words that say nothing about which option is meant.
pub(super) fn is_function_word(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
        "been", "before", "being", "both", "but", "by", "can", "could", "did", "do", "does",
        "each", "even", "for", "from", "get", "had", "has", "have", "he", "her", "here", "him",
        "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "may", "me", "might",
        "more", "most", "must", "my", "no", "nor", "not", "of", "off", "on", "once", "one", "only",
        "or", "other", "others", "our", "out", "over", "own", "same", "she", "should", "since",
        "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these",
        "they", "this", "those", "through", "to", "too", "under", "until", "up", "us", "very",
        "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why",
        "will", "with", "would", "you", "your", "i'd", "i'll", "i'm", "it's", "that's", "don't",
        "option", "choice", "action",
    ];
    WORDS.contains(&word)
}
