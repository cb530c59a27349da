//! Damaged and hostile tokenizers, configs and chat templates: every one is read or refused, none ends the
//! process, and none takes more memory than a stated multiple of its size.

// The lint configuration spares test functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../src/model/mutate.rs"]
mod mutate;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use candor::model::inputs;

/// Counts the bytes that are in use, and the most that ever were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; beside it only numbers change.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Bytes that a call needed at once.
fn peak(call: impl FnOnce()) -> usize {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    call();
    PEAK.load(Ordering::Relaxed).saturating_sub(before)
}

/// What any call may take: a regular expression of a tokenizer may have 10 MB once it is compiled, which its
/// library sees to, and is held more than once while it is.
const BASE_BYTES: usize = 64 << 20;

/// Reads 10,000 damaged copies of a file and asserts that none takes more than `factor` times its size.
fn damage(what: &str, original: &[u8], factor: usize, read: impl Fn(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let worst = std::cell::Cell::new(0);
    mutate::each(original, |bytes| {
        let bytes_used = peak(|| read(bytes));
        worst.set(worst.get().max(bytes_used));
        let limit = factor * bytes.len() + BASE_BYTES;
        assert!(bytes_used <= limit, "{what}: {bytes_used} bytes for {}", bytes.len());
    });
    println!("{what}: at most {} bytes for a file of {}", worst.get(), original.len());
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)).unwrap()
}

#[test]
fn damaged_tokenizers() {
    for kind in ["byte-level-llama3", "sentencepiece-legacy", "unigram"] {
        let original = fixture(&format!("tokenizers/{kind}/tokenizer.json"));
        inputs::tokenizer(&original).unwrap();
        damage(kind, &original, 100, |bytes| drop(inputs::tokenizer(bytes)));
    }
}

#[test]
fn damaged_configs_of_tokenizers() {
    let tokenizer = small();
    let config = fixture("tokenizers/unigram/tokenizer_config.json");
    damage("tokenizer_config.json", &config, 100, |bytes| {
        drop(inputs::tokenizer_config(bytes, &tokenizer));
    });
    let templates = br#"{"chat_template": [{"name": "default", "template": "{{ bos_token }}"}, {"name": "rag", "template": ""}],
        "bos_token": {"content": "a"}, "eos_token": "b", "extra_special_tokens": {"x_token": "c"}}"#;
    inputs::tokenizer_config(templates, &tokenizer).unwrap();
    damage("tokenizer_config.json with templates", templates, 100, |bytes| {
        drop(inputs::tokenizer_config(bytes, &tokenizer));
    });
}

#[test]
fn damaged_generation_configs() {
    let tokenizer = small();
    let original = br#"{"eos_token_id": [1, 2], "pad_token_id": 0, "temperature": 0.6, "top_p": 0.9, "do_sample": true}"#;
    inputs::generation_config(original, &tokenizer).unwrap();
    damage("generation_config.json", original, 100, |bytes| {
        drop(inputs::generation_config(bytes, &tokenizer));
    });
}

/// A tokenizer that is read quickly.
fn small() -> Vec<u8> {
    br#"{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}}"#.to_vec()
}

/// What rendering may take in all: the budget of the template engine, and texts that are being built.
const TEMPLATE_BYTES: usize = 64 << 20;

#[test]
fn damaged_templates() {
    for family in ["qwen3", "harmony", "llama-3", "glm"] {
        let original = fixture(&format!("templates/families/{family}.jinja"));
        inputs::template(std::str::from_utf8(&original).unwrap()).unwrap();
        damage(family, &original, TEMPLATE_BYTES / original.len(), |bytes| {
            drop(inputs::template(&String::from_utf8_lossy(bytes)));
        });
    }
}

/// What a template repeats to become as deep or as long as its author likes.
fn repeated(open: &str, piece: &str, close: &str) -> Vec<String> {
    [1000, 20_000, 200_000]
        .map(|bytes| format!("{open}{}{close}", piece.repeat(bytes / piece.len())))
        .into()
}

#[test]
fn deep_and_long_templates_are_refused_or_rendered() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let expression = |piece: &str| repeated("{{ ", piece, "1 }}");
    let behind = |piece: &str| repeated("{{ messages", piece, " }}");
    let mut sources = Vec::new();
    for piece in [
        "1+",
        "-",
        "not ",
        "1~",
        "1 and ",
        "1**",
        "1<",
        "(",
        "[",
        "1 if 0 else ",
        "'%s' % ",
        "'%s' % (",
    ] {
        sources.extend(expression(piece));
    }
    for piece in [".b", "[0]", "()", "|d", " is odd", "[1:]"] {
        sources.extend(behind(piece));
    }
    for piece in [
        "{% if a %}",
        "{% for a in [1] %}",
        "{% set a %}",
        "{% raw %}",
        "{{",
        "{#",
        "{% macro m() %}",
        "{% generation %}",
        "a",
        "{{ 1 }}",
    ] {
        sources.extend(repeated("", piece, ""));
    }
    sources.extend(repeated("{% if a %}", "{% elif b %}", "{% endif %}"));
    for source in sources {
        let bytes = peak(|| drop(inputs::template(&source)));
        assert!(bytes <= TEMPLATE_BYTES, "{bytes} bytes for {}", &source[..40]);
    }
}

#[test]
fn templates_that_blow_up_run_out_of_their_budget() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let grow = |start: &str, step: &str| {
        format!(
            "{{% set ns = namespace(x={start}) %}}{{% for i in range(90000) %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x }}}}"
        )
    };
    let loops = |body: &str| {
        format!(
            "{{% set x = 'a ' * 100000 %}}{{% for a in range(90000) %}}{{% for b in range(90000) %}}{body}{{% endfor %}}{{% endfor %}}"
        )
    };
    for source in [
        loops(""),
        loops("{% set y = x.split() %}"),
        loops("{% set y = x.rsplit(' ') %}"),
        loops("{% set y = x | tojson %}"),
        loops("{% set y = x.strip() ~ x | trim %}"),
        grow("[]", "[ns.x]"),
        grow("{}", "{'a': ns.x}"),
        grow("[]", "[[[[[[[[[[[[[[[[[[[[ns.x]]]]]]]]]]]]]]]]]]]]"),
        grow("'aaaa'", "ns.x ~ ns.x"),
        grow("'aaaa'", "[ns.x, ns.x] | join"),
        grow("'aaaa'", "''.join([ns.x, ns.x])"),
        grow("'aaaa'", "ns.x.replace('a', 'aa')"),
        grow("'aaaa'", "ns.x | replace('a', 'aa')"),
        grow("'\"\"\"\"'", "ns.x | tojson"),
        grow("'a\\na'", "(ns.x ~ ns.x) | indent(1000)"),
        grow("'%A'", "strftime_now(ns.x ~ '%A') ~ '%A%A'"),
        "{{ 'a' * 999999999 }}".to_owned(),
        "{{ [1] * 999999999 }}".to_owned(),
        "{{ '%999999999d' % 1 }}".to_owned(),
        "{{ '{:999999999}'.format(1) }}".to_owned(),
        "{{ 'a'.center(999999999) }}".to_owned(),
        "{{ 'a'.ljust(999999999) }}".to_owned(),
        "{{ '1'.zfill(999999999) }}".to_owned(),
        "{{ 'a' | center(999999999) }}".to_owned(),
        "{{ [1, [2]] | tojson(indent='a' * 9999999) }}".to_owned(),
        "{{ range(999999999) | list }}".to_owned(),
        "{{ [1] | batch(999999999, 1) | list }}".to_owned(),
        "{{ [1] | slice(999999999) | list }}".to_owned(),
        "{{ 2 ** 9999999999 }}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}".to_owned(),
    ] {
        let bytes = peak(|| assert!(inputs::template(&source).is_err(), "{source}"));
        assert!(bytes <= TEMPLATE_BYTES, "{bytes} bytes for {source}");
    }
}
