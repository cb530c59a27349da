//! Hostile tokenizers.

use serde_json::{Value, json};

use crate::common::{Draw, Place};

fn split(pattern: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
}

fn replace(from: &str, to: &str) -> Value {
    json!({"type": "Replace", "pattern": {"String": from}, "content": to})
}

/// A pattern that goes back and forth, put together by lot.
fn pattern(draw: &mut Draw) -> String {
    let atom =
        *draw.of(&["a", "[ab]", r"\w", "(?:a|b)", "(?:a|a)", r"\p{L}", ".", r"\S", "(?:a?b?)"]);
    let times = *draw.of(&["+", "*", "{1,9}", "{0,40}", "?"]);
    let again = *draw.of(&["+", "*", "{2,9}", "{0,30}"]);
    let end = *draw.of(&[
        "(?=c)",
        "(?!a|b| |$)",
        r"\1c",
        "(?<=c)x",
        r"\b(?=c)",
        "(?>a*)c",
        "++c",
        "(?:(?=a)a)+c",
    ]);
    let group = format!("({atom}{times}){again}{end}");
    match draw.below(4) {
        0 => format!("{group}|."),
        1 => format!(r"\s+|{group}|\S"),
        2 => format!("(?:{group}){again}|{group}"),
        _ => group,
    }
}

/// Changes a tokenizer; gives its name for messages.
fn spoil(tokenizer: &mut Value, draw: &mut Draw) -> String {
    let steps = |kind: &str, name: &str, steps: Vec<Value>| json!({"type": kind, name: steps});
    match draw.below(14) {
        0..=3 => {
            let pattern = pattern(draw);
            let old = tokenizer["pre_tokenizer"].take();
            tokenizer["pre_tokenizer"] =
                steps("Sequence", "pretokenizers", vec![split(&pattern), old]);
            pattern
        }
        4 => {
            let many = vec![replace("a", "aa"); 10 + draw.below(30)];
            tokenizer["normalizer"] = steps("Sequence", "normalizers", many);
            "replacements that double".into()
        }
        5 => {
            let long = "a".repeat(*draw.of(&[1 << 10, 15 << 10, 1 << 20]));
            let many = vec![replace("a", &long); 1 + draw.below(4)];
            tokenizer["normalizer"] = steps("Sequence", "normalizers", many);
            "long replacements".into()
        }
        6 => {
            let pattern = json!({"Regex": pattern(draw)});
            tokenizer["normalizer"] =
                json!({"type": "Replace", "pattern": pattern, "content": "b"});
            "a replacement by pattern".into()
        }
        7 => {
            let many = vec![replace("a", "aa"); 5 + draw.below(40)];
            tokenizer["decoder"] = steps("Sequence", "decoders", many);
            "a decoder that doubles".into()
        }
        8 => {
            let content = "x".repeat(*draw.of(&[1 << 10, 1 << 20, 8 << 20]));
            let token = json!({"id": 99999, "content": content, "single_word": false, "lstrip": true,
                "rstrip": true, "normalized": true, "special": true});
            tokenizer["added_tokens"].as_array_mut().unwrap().push(token);
            "a long added token".into()
        }
        9 => {
            let long = "y".repeat(*draw.of(&[1 << 10, 1 << 20, 8 << 20]));
            tokenizer["model"]["vocab"][long] = json!(3);
            "a long token".into()
        }
        10 => {
            tokenizer["model"] = json!({"type": "WordPiece", "unk_token": "[U]", "continuing_subword_prefix": "#".repeat(1 + draw.below(2) * 100_000),
                "max_input_chars_per_word": *draw.of(&[100, 1_000_000_000]), "vocab": {"[U]": 0, "a": 1}});
            "words of any length".into()
        }
        11 => {
            tokenizer["normalizer"] =
                json!({"type": "Prepend", "prepend": "a".repeat(*draw.of(&[10, 1 << 22]))});
            "a long beginning".into()
        }
        12 => {
            let pattern = *draw.of(&[
                r"(\p{L}{1000}){1000}",
                r"((a{0,50}){0,50}){0,50}",
                r"(?:\w{1,500}){1,500}x",
            ]);
            tokenizer["pre_tokenizer"] = split(pattern);
            pattern.into()
        }
        _ => {
            tokenizer["pre_tokenizer"] = json!({"type": "FixedLength", "length": draw.below(2)});
            "pieces of length none".into()
        }
    }
}

#[test]
fn tokenizers_end() {
    let place = Place::new();
    let model = place.spoiled("faker", "config.json", |bytes| bytes);
    let original: Value = serde_json::from_str(&place.read("faker/tokenizer.json")).unwrap();
    for (name, text) in [
        ("a", "a".repeat(30_000)),
        ("ab", "ab".repeat(20_000) + " c"),
        ("words", "aab aba bab\n".repeat(3000)),
        ("mixed", format!("{}  {}c", "a".repeat(2000), "ab \u{a0}".repeat(5000))),
    ] {
        place.write(name, text);
    }
    let cases = if std::env::var_os("CANDOR_TEST_LONG").is_some() { 2000 } else { 60 };
    let (mut refused, mut read) = (0, 0);
    for case in 0..cases {
        let mut draw = Draw::new(case);
        let mut tokenizer = original.clone();
        let mut story = spoil(&mut tokenizer, &mut draw);
        if draw.below(4) == 0 {
            story = format!("{story}; {}", spoil(&mut tokenizer, &mut draw));
        }
        place.write("faker/tokenizer.json", tokenizer.to_string());
        let text = *draw.of(&["a", "ab", "words", "mixed"]);
        let output = place.bounded(&["tokenize", &model, "--text", text, "--json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => read += 1,
            Some(1 | 2) if stderr.starts_with("error: ") && stderr.len() < 4000 => refused += 1,
            code => panic!("{code:?} of case {case}, {story}, text `{text}`\n{stderr:.2000}"),
        }
    }
    println!("{cases} tokenizers: {read} read, {refused} refused");
    assert!(read > 0 && refused > 0);
}

/// Past the library's limit the rest of a text would stay in one piece, with the ids of other tokens and exit code 0.
#[test]
fn a_text_is_split_to_its_end_or_refused() {
    let place = Place::new();
    let model = place.spoiled("faker", "tokenizer.json", |bytes| {
        let mut tokenizer: Value = serde_json::from_slice(&bytes).unwrap();
        tokenizer["pre_tokenizer"] = split(r"(?:a+)+(?=c)|\s+|[^\sa]+");
        tokenizer.to_string().into_bytes()
    });
    place.write("short", "b b aac b");
    assert!(place.bounded(&["tokenize", &model, "--text", "short"]).status.success());
    place.write("long", format!("b b {} b b", "a".repeat(64)));
    let output = place.bounded(&["tokenize", &model, "--text", "long"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("(?:a+)+(?=c)") && stderr.contains("too many steps"), "{stderr}");
}
