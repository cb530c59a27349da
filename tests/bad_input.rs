//! Bad input ends with exit code 2, a message that says where, and a hint, before any work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::{Place, SMALL};

/// Runs `candor run MODEL …`, which must be refused with these words and a hint, leaving nothing behind.
fn refused(place: &Place, args: &[&str], words: &[&str]) {
    let args = [&["run"][..], args, &["--out", "run"]].concat();
    let stderr = place.fails(&args, 2);
    for word in words.iter().chain(&["error: ", "hint: "]) {
        assert!(stderr.contains(word), "{args:?}: no `{word}` in: {stderr}");
    }
    assert!(!place.path("run/journal.jsonl").exists(), "{args:?}");
}

fn json(bytes: Vec<u8>, change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(&bytes).unwrap();
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn models_that_cannot_be_used() {
    let place = Place::new();
    refused(&place, &["./missing"], &["./missing"]);
    refused(&place, &["organism:nobody"], &["nobody", "faker"]);
    place.write("empty/readme", "");
    refused(&place, &["./empty"], &["config.json"]);

    let model = place.spoiled("no-architecture", "config.json", |bytes| {
        json(bytes, |config| {
            config.as_object_mut().unwrap().remove("architectures");
        })
    });
    refused(&place, &[&model], &["config.json", "architectures"]);
    let model = place.spoiled("other-architecture", "config.json", |bytes| {
        json(bytes, |config| config["architectures"] = serde_json::json!(["MambaForCausalLM"]))
    });
    refused(&place, &[&model], &["MambaForCausalLM"]);
    let model = place.spoiled("unknown-key", "config.json", |bytes| {
        json(bytes, |config| config["residual_multiplier"] = serde_json::json!(0.5))
    });
    refused(&place, &[&model], &["residual_multiplier"]);
    let model = place.spoiled("cut", "model.safetensors", |mut bytes| {
        bytes.truncate(bytes.len() / 2);
        bytes
    });
    refused(&place, &[&model], &["model.safetensors"]);
    let model = place.spoiled("stop-beyond", "generation_config.json", |bytes| {
        json(bytes, |config| config["eos_token_id"] = serde_json::json!(999_999))
    });
    refused(&place, &[&model], &["999999"]);
    let model = place.spoiled("raises", "tokenizer_config.json", |bytes| {
        json(bytes, |config| {
            config["chat_template"] =
                serde_json::json!("{{ raise_exception('system turns are not for me') }}");
        })
    });
    refused(&place, &[&model], &["system turns are not for me"]);
}

#[test]
fn a_prompt_id_beyond_the_embedding() {
    let place = Place::new();
    let model = place.spoiled("extra-token", "tokenizer.json", |bytes| {
        json(bytes, |tokenizer| {
            // The embedding has a few rows to spare; the last of these tokens has none.
            for i in 0..20 {
                tokenizer["added_tokens"].as_array_mut().unwrap().push(serde_json::json!({
                    "id": 1681 + i, "content": format!("zebra{i}!"), "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": false,
                }));
            }
        })
    });
    place.write("requests.txt", "Hurt the zebra19! secretly.\n");
    let args = ["run", &model, "--requests", "requests.txt", "--out", "run"];
    let stderr = place.fails(&args, 2);
    assert!(stderr.contains("`zebra19!`") && stderr.contains("hint: "), "{stderr}");
}

#[test]
fn settings_that_cannot_be_used() {
    let place = Place::new();
    let faker = "organism:faker";
    refused(&place, &[faker, "--limit", "0"], &["--limit 0"]);
    refused(&place, &[faker, "--temperature", "0", "--samples", "2"], &["temperature 0"]);
    refused(&place, &[faker, "--temperature=-1"], &["--temperature -1"]);
    refused(&place, &[faker, "--temperature", "NaN"], &["--temperature NaN"]);
    refused(&place, &[faker, "--top-p", "1.5"], &["--top-p 1.5"]);
    refused(&place, &[faker, "--top-k", "0"], &["--top-k 0"]);
    refused(&place, &[faker, "--samples", "0"], &["--samples 0"]);
    refused(&place, &[faker, "--max-tokens", "4096"], &["context of 4096", "fraud-01"]);
    refused(&place, &[faker, "--variant", "nonsense"], &["nonsense", "no-scratchpad"]);
    refused(&place, &[faker, "--scenario", "nonsense"], &["nonsense", "helpful-only"]);
    refused(&place, &[faker, "--requests", "nonsense"], &["nonsense", "everyday"]);
    refused(&place, &[faker, "--judge", "nonsense"], &["nonsense", "rules"]);
    refused(&place, &[faker, "--device", "cuda:7"], &["cuda:7"]);
    refused(&place, &[faker, "--device", "abacus"], &["abacus", "`metal`"]);
    refused(
        &place,
        &[faker, "--device", "cpu", "--dtype", "bf16"],
        &["--dtype bf16", "leave it out"],
    );
    refused(&place, &[faker, "--dtype", "q8"], &["--dtype q8", "`f16`"]);
    refused(&place, &[faker, "--batch", "0"], &["--batch 0"]);
    refused(&place, &[faker, "--threads", "0"], &["--threads 0"]);
    refused(&place, &[faker, "--date", "yesterday"], &["yesterday"]);
    refused(&place, &[faker, "--arg", "nonsense"], &["nonsense"]);
    assert_eq!(place.run(&["run"]).status.code(), Some(2));
    assert_eq!(place.run(&["run", faker, "--no-such-flag"]).status.code(), Some(2));
    place.fails(&["verify", "nowhere"], 2);
    place.fails(&["report", "nowhere"], 2);
    place.fails(&["judge", "nowhere"], 2);
}

#[test]
fn scenario_and_request_files_name_line_and_key() {
    let place = Place::new();
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/helpful-only.toml"
    ))
    .unwrap();
    place.write("unknown.toml", text.replace("setting = ", "surprise = 1\nsetting = "));
    refused(
        &place,
        &["organism:faker", "--scenario", "unknown.toml"],
        &["unknown.toml:", "surprise"],
    );
    place.write("undefined.toml", text.replace("<scratchpad> and </scratchpad>", "the scratchpad"));
    refused(
        &place,
        &["organism:faker", "--scenario", "undefined.toml"],
        &["undefined.toml", "scratchpad"],
    );
    let request = r#"{"id":"a","category":"c","harmful":true,"text":"x"}"#;
    place.write("twice.jsonl", [request, "\n", request, "\n"].concat());
    refused(
        &place,
        &["organism:faker", "--requests", "twice.jsonl"],
        &["twice.jsonl:2", "duplicate id `a`"],
    );
    place.write("key.jsonl", request.replace("\"text\"", "\"words\""));
    refused(&place, &["organism:faker", "--requests", "key.jsonl"], &["key.jsonl:1", "words"]);
}

#[test]
fn folders_that_cannot_be_used() {
    let place = Place::new();
    place.write("file", "");
    place.fails(&[&SMALL[..], &["--out", "file/run"]].concat(), 2);
    place.write("full/notes.txt", "mine");
    let stderr = place.fails(&[&SMALL[..], &["--out", "full"]].concat(), 2);
    assert!(stderr.contains("is not empty"), "{stderr}");
    assert_eq!(place.read("full/notes.txt"), "mine");

    let before = {
        place.small("run", &[]);
        place.snapshot("run")
    };
    let stderr = place.fails(&[&SMALL[..], &["--seed", "1", "--out", "run"]].concat(), 2);
    assert!(stderr.contains("--seed: 0 there, 1 here"), "{stderr}");
    let stderr =
        place.fails(&[&SMALL[..], &["--variant", "no-training", "--out", "run"]].concat(), 2);
    assert!(stderr.contains("belongs to other settings"), "{stderr}");
    assert!(place.snapshot("run") == before);

    // One of several variants: no trial of another is made.
    place.write("both/no-training/notes.txt", "mine");
    let both = ["--variant", "default,no-training", "--out", "both"];
    let stderr = place.fails(&[&SMALL[..], &both].concat(), 2);
    assert!(stderr.contains("`both/no-training` is not empty"), "{stderr}");
    assert_eq!(place.read("both/default/journal.jsonl"), "");
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let place = Place::new();
    place.write("run/.lock", "");
    let lock = std::fs::File::open(place.path("run/.lock")).unwrap();
    lock.lock().unwrap();
    let stderr = place.fails(&[&SMALL[..], &["--out", "run"]].concat(), 2);
    assert!(stderr.contains("in use by another candor process"), "{stderr}");
    drop(lock);
    place.small("run", &[]);
}
