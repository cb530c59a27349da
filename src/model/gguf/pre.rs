//! `tokenizer.ggml.pre`, the name of how a byte-level tokenizer splits text before it merges, as the parts of a
//! `tokenizer.json`. The patterns are those of the models' own `tokenizer.json`, as llama.cpp's
//! `src/llama-vocab.cpp` quotes them and transformers 5.23 builds them (`models/*/tokenization_*.py`). A name
//! whose normalizer or pattern could not be found in either is refused. Knows nothing about vocabularies.

use serde_json::{Value as Json, json};

use crate::model::split_patterns::{DEEPSEEK_V3, GPT_4O, LLAMA3, QWEN2, QWEN35, TEKKEN};

/// How text is prepared for merging.
pub(super) struct Pre {
    names: &'static [&'static str],
    /// Whether text is put into Unicode's composed form first.
    composed: bool,
    splits: Splits,
    /// Whether a piece that is a token is taken whole.
    pub(super) ignore_merges: bool,
}

enum Splits {
    /// GPT-2's own pattern, which the library has built in.
    Gpt2,
    /// Each digit apart, then GPT-2's pattern.
    DigitsGpt2,
    /// These patterns one after another, what they match standing apart from the rest.
    Patterns(&'static [&'static str]),
}

const KNOWN: &[Pre] = &[
    Pre { names: &["gpt-2", "phi-2"], composed: false, splits: Splits::Gpt2, ignore_merges: false },
    Pre { names: &["olmo"], composed: true, splits: Splits::Gpt2, ignore_merges: false },
    Pre {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        composed: false,
        splits: Splits::Patterns(&[LLAMA3]),
        ignore_merges: true,
    },
    Pre {
        names: &["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"],
        composed: false,
        splits: Splits::Patterns(&[LLAMA3]),
        ignore_merges: false,
    },
    Pre {
        names: &["qwen2"],
        composed: true,
        splits: Splits::Patterns(&[QWEN2]),
        ignore_merges: false,
    },
    Pre {
        names: &["qwen35"],
        composed: true,
        splits: Splits::Patterns(&[QWEN35]),
        ignore_merges: false,
    },
    Pre {
        names: &["smollm", "starcoder", "refact", "codeshell"],
        composed: false,
        splits: Splits::DigitsGpt2,
        ignore_merges: false,
    },
    Pre { names: &["command-r"], composed: true, splits: Splits::DigitsGpt2, ignore_merges: false },
    Pre {
        names: &["tekken"],
        composed: false,
        splits: Splits::Patterns(&[TEKKEN]),
        ignore_merges: true,
    },
    Pre {
        names: &["gpt-4o", "llama4"],
        composed: false,
        splits: Splits::Patterns(&[GPT_4O]),
        ignore_merges: false,
    },
    Pre {
        names: &["deepseek-v3"],
        composed: false,
        splits: Splits::Patterns(&DEEPSEEK_V3),
        ignore_merges: false,
    },
];

/// What a name stands for.
pub(super) fn find(name: &str) -> Option<&'static Pre> {
    KNOWN.iter().find(|pre| pre.names.contains(&name))
}

/// All names that are known.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|pre| pre.names).copied()
}

impl Pre {
    /// `normalizer` of a `tokenizer.json`.
    pub(super) fn normalizer(&self) -> Json {
        if self.composed { json!({"type": "NFC"}) } else { Json::Null }
    }

    /// `pre_tokenizer` of a `tokenizer.json`.
    pub(super) fn pre_tokenizer(&self) -> Json {
        let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        let mut steps: Vec<Json> = match self.splits {
            Splits::Gpt2 => Vec::new(),
            Splits::DigitsGpt2 => vec![json!({"type": "Digits", "individual_digits": true})],
            Splits::Patterns(patterns) => patterns
                .iter()
                .map(|pattern| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}))
                .collect(),
        };
        steps.push(byte_level(!matches!(self.splits, Splits::Patterns(_))));
        json!({"type": "Sequence", "pretokenizers": steps})
    }
}
