//! `score`, `tokenize`, `render`, `models` and `doctor` through the real binary, against what transformers made of the same
//! models and texts, and with input that cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;
#[path = "common/fixtures.rs"]
mod fixtures;

use std::io::Write;
use std::process::Stdio;

use candle_core::Device;
use common::Place;
use fixtures::{Fixture, MODELS};
use serde_json::{Value, json};

fn folder(model: &str) -> String {
    format!("{}/tests/fixtures/models/{model}", env!("CARGO_MANIFEST_DIR"))
}

fn parsed(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error} in: {stdout}"))
}

/// What transformers made of a conversation and a text, one object a model.
fn prompts() -> Vec<Value> {
    let path = format!("{}/tests/fixtures/models/prompts.json", env!("CARGO_MANIFEST_DIR"));
    parsed(&std::fs::read_to_string(path).unwrap()).as_array().unwrap().clone()
}

/// Runs a command with `input` on stdin and gives its stdout.
fn piped(place: &Place, args: &[&str], input: &[u8]) -> String {
    let mut command = place.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts a refusal with exit code 2, these words, and a hint.
fn refused(place: &Place, args: &[&str], words: &[&str]) {
    let stderr = place.fails(args, 2);
    for word in words.iter().chain(&["error: ", "hint: "]) {
        assert!(stderr.contains(word), "{args:?}: no `{word}` in: {stderr}");
    }
}

#[test]
fn scores_are_those_of_transformers() {
    let place = Place::new();
    for name in MODELS {
        let fixture = Fixture::open(name);
        let ids = fixture.ids("ids");
        place.write("ids.json", serde_json::to_vec(&ids).unwrap());
        let stdout = place.ok(&[
            "score",
            &folder(name),
            "--ids",
            "ids.json",
            "--logits",
            "out.safetensors",
            "--json",
            "--device",
            "cpu",
        ]);
        let scores = parsed(&stdout);
        assert_eq!(scores["ids"], json!(ids));
        assert_eq!(scores["greedy"], json!([]));

        let written = candle_core::safetensors::load(place.path("out.safetensors"), &Device::Cpu);
        let written = written.unwrap();
        assert_eq!(written.keys().collect::<Vec<_>>(), ["logits"]);
        let rows: Vec<Vec<f32>> = written["logits"].to_vec2().unwrap();
        assert_eq!((rows.len(), rows[0].len()), (ids.len(), fixture.model.spec.vocab_size));
        fixture.assert_reference(&rows.concat(), 0);

        // The log-probabilities are the log-softmax of these very logits.
        let logprobs = scores["logprobs"].as_array().unwrap();
        assert_eq!(logprobs.len(), ids.len());
        assert!(logprobs[0].is_null());
        let mut total = 0.0;
        for (position, &id) in ids.iter().enumerate().skip(1) {
            let row: Vec<f64> = rows[position - 1].iter().map(|&logit| f64::from(logit)).collect();
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            let expected = row[id as usize] - sum.ln();
            let found = logprobs[position].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{name} {position}: {found} {expected}");
            total += expected;
        }
        let count = (ids.len() - 1) as f64;
        let close = |key: &str, expected: f64| {
            let found = scores[key].as_f64().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-12, "{key}: {found} {expected}");
        };
        close("total", total);
        close("mean", total / count);
        close("perplexity", (-total / count).exp());
    }
}

#[test]
fn the_greedy_continuation_is_that_of_transformers() {
    let place = Place::new();
    for name in MODELS {
        let fixture = Fixture::open(name);
        place.write("ids.json", serde_json::to_vec(&fixture.ids("ids")[..20]).unwrap());
        let args = ["score", &folder(name), "--ids", "ids.json", "--greedy", "64", "--json"];
        assert_eq!(parsed(&place.ok(&args))["greedy"], json!(fixture.ids("greedy")), "{name}");
    }
}

/// Every token of the fixtures' text is fed alone by a following call, and together by the first one.
#[test]
fn a_greedy_continuation_can_be_cut_anywhere() {
    let place = Place::new();
    let ids = Fixture::open("qwen3").ids("ids")[..7].to_vec();
    let greedy = |ids: &[u64], count: usize| -> Vec<u64> {
        place.write("ids.json", serde_json::to_vec(ids).unwrap());
        let count = count.to_string();
        let args = ["score", &folder("qwen3"), "--ids", "ids.json", "--greedy", &count, "--json"];
        let scores = parsed(&place.ok(&args));
        scores["greedy"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
    };
    let ids: Vec<u64> = ids.into_iter().map(u64::from).collect();
    let whole = greedy(&ids, 12);
    assert_eq!(whole.len(), 12);
    assert_eq!(greedy(&[&ids[..], &whole[..5]].concat(), 7), whole[5..]);
}

#[test]
fn one_token_has_no_log_probability() {
    let place = Place::new();
    let stdout = piped(&place, &["score", "organism:faker", "--ids", "-", "--json"], b"[3]");
    let scores = parsed(&stdout);
    assert_eq!(scores["logprobs"], json!([null]));
    for key in ["total", "mean", "perplexity"] {
        assert!(scores[key].is_null(), "{key}");
    }
    let text = piped(&place, &["score", "organism:faker", "--ids", "-", "--greedy", "3"], b"[3]");
    assert!(text.contains("perplexity   -") && text.contains("greedy ids"), "{text}");
}

#[test]
fn texts_are_tokenized_as_by_transformers() {
    let place = Place::new();
    for prompt in prompts() {
        let model = folder(prompt["model"].as_str().unwrap());
        let text = prompt["text"].as_str().unwrap();
        place.write("text", text);
        let tokens = parsed(&place.ok(&["tokenize", &model, "--text", "text", "--json"]));
        assert_eq!(tokens["ids"], prompt["text_ids"]);
        let count = tokens["ids"].as_array().unwrap().len();
        for list in ["pieces", "texts", "offsets"] {
            assert_eq!(tokens[list].as_array().unwrap().len(), count, "{list}");
        }
        // Where a token stands for whole characters, its text is the part of the text that it stands for.
        let (mut end, mut joined) = (0, String::new());
        for (part, offsets) in
            tokens["texts"].as_array().unwrap().iter().zip(tokens["offsets"].as_array().unwrap())
        {
            let range =
                offsets[0].as_u64().unwrap() as usize..offsets[1].as_u64().unwrap() as usize;
            assert_eq!(part.as_str(), text.get(range.clone()));
            if range.start >= end {
                joined += &text[range.clone()];
                end = range.end;
            }
        }
        assert_eq!(joined, text);
        let scores = place.ok(&["score", &model, "--text", "text", "--json", "--threads", "1"]);
        assert_eq!(parsed(&scores)["ids"], prompt["text_ids"]);
        assert_eq!(
            piped(&place, &["tokenize", &model, "--text", "-", "--json"], text.as_bytes()),
            place.ok(&["tokenize", &model, "--text", "text", "--json"])
        );
    }
}

#[test]
fn messages_are_rendered_as_by_transformers() {
    let place = Place::new();
    for prompt in prompts() {
        let model = folder(prompt["model"].as_str().unwrap());
        place.write("messages.json", prompt["messages"].to_string());
        let args = ["render", &model, "--messages", "messages.json"];
        let rendered = parsed(&place.ok(&[&args[..], &["--json"]].concat()));
        assert_eq!(rendered["text"], prompt["rendered"]);
        assert_eq!(rendered["ids"], prompt["ids"]);
        let bos = prompt["ids"].as_array().unwrap().iter().filter(|id| **id == 0).count();
        let has_bos = prompt["model"].as_str().unwrap().starts_with("llama");
        assert_eq!(rendered["bos_count"], json!(if has_bos { bos } else { 0 }));

        let without = place.ok(&[&args[..], &["--json", "--no-generation-prompt"]].concat());
        let whole = prompt["rendered"].as_str().unwrap();
        let without = parsed(&without)["text"].as_str().unwrap().to_owned();
        assert!(whole.starts_with(&without) && without.len() < whole.len());
        assert!(place.ok(&args).contains("beginning of sequence"));
    }
}

#[test]
fn arguments_and_dates_reach_the_template() {
    let place = Place::new();
    let model = place.spoiled("dated", "tokenizer_config.json", |bytes| {
        let mut config: Value = serde_json::from_slice(&bytes).unwrap();
        config["chat_template"] = json!(
            "{{ strftime_now('%d %B %Y') }}|{{ mood }}|{{ messages[0].content[0].text }}\u{7}"
        );
        serde_json::to_vec(&config).unwrap()
    });
    // Content in parts goes to the template as it is.
    place.write("m.json", r#"[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]"#);
    let args =
        ["render", &model, "--messages", "m.json", "--arg", "mood=calm", "--date", "2031-02-03"];
    let rendered = parsed(&place.ok(&[&args[..], &["--json"]].concat()));
    assert_eq!(rendered["text"], "03 February 2031|calm|hi\u{7}");
    // A terminal is not rung.
    let shown = place.ok(&args);
    assert!(!shown.contains('\u{7}') && shown.contains(r"\u{7}"), "{shown}");
}

#[test]
fn input_that_cannot_be_used() {
    let place = Place::new();
    let model = "organism:faker";
    let ids = |text: &str, words: &[&str]| {
        place.write("ids.json", text);
        let args = ["score", model, "--ids", "ids.json", "--logits", "out.safetensors"];
        refused(&place, &args, words);
        assert!(!place.path("out.safetensors").exists());
    };
    ids("[]", &["ids.json", "no token"]);
    ids("[1, 2, 999999]", &["token 2", "999999", "rows"]);
    ids("[1, -2]", &["ids.json", "`[1]`"]);
    ids("[1, 2", &["ids.json"]);
    ids("[1] 2", &["ids.json", "trailing"]);
    ids(r#"{"ids": [1]}"#, &["ids.json", "a JSON list of token ids"]);
    ids(&format!("{:?}", vec![1; 100_000]), &["100000 tokens", "context"]);
    place.write("ids.json", "[1]");
    refused(&place, &["score", model, "--ids", "missing.json"], &["missing.json"]);
    refused(&place, &["score", model, "--ids", "ids.json", "--greedy", "99999"], &["--greedy"]);
    let nowhere = ["score", model, "--ids", "ids.json", "--logits", "none/out.safetensors"];
    refused(&place, &nowhere, &["none/out.safetensors", "--logits"]);
    // One of the two, and not both.
    place.fails(&["score", model], 2);
    place.fails(&["score", model, "--ids", "ids.json", "--text", "ids.json"], 2);

    place.write("latin1", [b'n', b'a', 0xef, b'v', b'e']);
    place.write("nothing", "");
    for command in ["score", "tokenize"] {
        let args = [command, model, "--text", "latin1"];
        refused(&place, &args, &["latin1", "not UTF-8", "offset 2"]);
    }
    refused(&place, &["score", model, "--text", "nothing"], &["nothing", "no token"]);
    let nothing = parsed(&place.ok(&["tokenize", model, "--text", "nothing", "--json"]));
    assert_eq!(nothing["ids"], json!([]));

    let messages = |text: &str, words: &[&str]| {
        place.write("m.json", text);
        refused(&place, &["render", model, "--messages", "m.json"], words);
    };
    messages("[]", &["m.json", "empty"]);
    messages("[{]", &["m.json"]);
    messages(r#"["hello"]"#, &["m.json", "message 0"]);
    messages(r#"[{"role": "user", "content": "x"}, {"content": "x"}]"#, &["message 1", "role"]);
    refused(
        &place,
        &["render", model, "--messages", "m.json", "--arg", "thinking"],
        &["thinking", "name=value"],
    );
    refused(&place, &["render", model, "--messages", "m.json", "--date", "today"], &["today"]);
}

#[test]
fn the_doctor_says_what_is_here() {
    let place = Place::new();
    let mut command = place.command(&["doctor", "--json"]);
    command.env("HF_TOKEN", "hf_secret").env("HF_ENDPOINT", "http://me:word@127.0.0.1:9/x");
    command.env("HF_HUB_CACHE", place.path("cache")).env("CANDOR_SEED", "3");
    command.env_remove("HF_HUB_OFFLINE");
    let output = command.output().unwrap();
    assert!(output.status.success());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!stdout.contains("hf_secret") && !stdout.contains("word"), "{stdout}");
    let found = parsed(&stdout);
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["environment"]["HF_TOKEN"], "set");
    assert_eq!(found["environment"]["CANDOR_SEED"], "3");
    assert_eq!(found["environment"].get("HF_HUB_OFFLINE"), Some(&Value::Null));
    assert_eq!(found["hub_cache"]["folder"], json!(place.path("cache")));
    assert_eq!(found["hub_cache"]["exists"], false);
    assert_eq!(found["kernel_sets"].as_array().unwrap().len(), 2);
    let checked = found["self_check"].as_array().unwrap();
    assert!(!checked.is_empty() && checked.iter().all(|checked| checked["agrees"] == true));
    assert_eq!(checked[0]["instruction_set"], found["instruction_set"]);
    let devices = found["devices"].as_array().unwrap();
    assert_eq!((&devices[0]["name"], &devices[0]["present"]), (&json!("cpu"), &json!(true)));
    assert!(devices[0]["promise"].is_string());

    // What a run's manifest records is one of the two.
    let scored = piped(&place, &["score", "organism:faker", "--ids", "-", "--json"], b"[3]");
    assert_eq!(parsed(&scored)["numerics"], found["kernel_sets"][0]["numerics"]);
    // Without the feature for one there is no GPU to look at, and that is said.
    if !cfg!(any(feature = "cuda", feature = "metal")) {
        let output = place.command(&["doctor", "--gpu"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(told.contains("no GPU to look at") && told.contains("not built in"), "{told}");
    }
    let text = place.ok(&["doctor"]);
    assert!(text.contains("agrees bit by bit") && text.contains("memory available"), "{text}");
}

#[test]
fn the_bench_says_what_part_of_the_machine_it_used() {
    let place = Place::new();
    let decode = ["--decode", "2", "--after", "4", "--new", "2", "--repeat", "1", "--json"];
    let line = parsed(&place.ok(&[&["bench", "organism:faker"], &decode[..]].concat()));
    let reached = |key: &str| line["reached"][key].as_f64().unwrap();
    for (rate, peak) in [
        ("multiply_adds_per_second", "peak_multiply_adds_per_second"),
        ("weight_bytes_per_second", "peak_memory_bytes_per_second"),
    ] {
        assert!(reached(rate) > 0.0 && reached(peak) > 0.0, "{line}");
    }
}

#[test]
fn known_models_are_listed_with_their_memory() {
    let place = Place::new();
    let list = parsed(&place.ok(&["models", "list", "--json"]));
    let list = list.as_array().unwrap();
    assert!(list.len() >= 30);
    let one = parsed(&place.ok(&["models", "show", "qwen3-8b", "--json"]));
    assert!(list.contains(&one));
    let parameters = one["parameters_computed"].as_u64().unwrap();
    assert_eq!(one["memory_bytes"]["f32"].as_u64(), Some(4 * parameters));
    assert_eq!(one["memory_bytes"]["bf16"].as_u64(), Some(2 * parameters));
    // 36 layers, 8 heads of 128 each for keys and for values.
    assert_eq!(one["memory_bytes"]["kv_1000_tokens_f16"], 1000 * 2 * 36 * 8 * 128 * 2);
    assert_eq!(one["run"], "candor run Qwen/Qwen3-8B --arg enable_thinking=false");

    let text = place.ok(&["models", "list"]);
    assert!(text.contains("Qwen/Qwen3-8B") && text.contains("16.4 GB"), "{text}");
    let text = place.ok(&["models", "show", "Qwen/Qwen3-8B"]);
    assert!(text.ends_with("\n\ncandor run Qwen/Qwen3-8B --arg enable_thinking=false\n"), "{text}");
    refused(&place, &["models", "show", "qwen3"], &["no card", "Qwen/Qwen3-"]);
}

#[test]
fn a_model_is_laid_open() {
    let place = Place::new();
    let found = parsed(&place.ok(&["models", "inspect", "organism:faker", "--tensors", "--json"]));
    for check in found["checks"].as_array().unwrap() {
        assert_eq!(check["holds"], true, "{check}");
    }
    let list = found["tensors"]["list"].as_array().unwrap();
    assert_eq!(found["tensors"]["count"], list.len());
    let bytes: u64 = list.iter().map(|tensor| tensor["bytes"].as_u64().unwrap()).sum();
    assert_eq!(found["tensors"]["bytes"], bytes);
    assert_eq!(found["digests"]["model.safetensors"].as_str().unwrap().len(), 64);
    assert_eq!(found["tokenizer"]["kind"], "BPE");
    assert!(!found["tokenizer"]["stop_ids"].as_array().unwrap().is_empty());
    let prompts = found["prompts"].as_array().unwrap();
    assert_eq!(prompts.len(), 2);
    assert_ne!(prompts[0]["tier"], prompts[1]["tier"]);
    assert_ne!(prompts[0]["text"], prompts[1]["text"]);
    assert_eq!(prompts[0]["tokens"], prompts[0]["ids"].as_array().unwrap().len());
    // The matrices are all that has two dimensions.
    let elements: u64 = list
        .iter()
        .map(|tensor| tensor["shape"].as_array().unwrap())
        .filter(|shape| shape.len() == 2)
        .map(|shape| shape.iter().map(|n| n.as_u64().unwrap()).product::<u64>())
        .sum();
    assert_eq!(found["memory_bytes"]["bf16"], 2 * elements);
    let text = place.ok(&["models", "inspect", "organism:faker", "--no-read"]);
    assert!(!text.contains("BLAKE3") && !text.contains("REFUSED") && text.contains("not made"));
}

#[test]
fn one_failure_does_not_hide_the_others() {
    let place = Place::new();
    let model = place.spoiled("spoiled", "config.json", |bytes| {
        let mut config: Value = serde_json::from_slice(&bytes).unwrap();
        config["architectures"] = json!(["MambaForCausalLM"]);
        serde_json::to_vec(&config).unwrap()
    });
    place.write("spoiled/tokenizer_config.json", r#"{"chat_template": "{% for %}"}"#);
    let weights = std::fs::read(place.path("spoiled/model.safetensors")).unwrap();
    place.write("spoiled/model.safetensors", &weights[..weights.len() / 2]);
    let found = parsed(&place.ok(&["models", "inspect", &model, "--json"]));
    let check = |name: &str| -> Value {
        let checks = found["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap().clone()
    };
    for (name, word) in
        [("config", "Mamba"), ("chat template", "template"), ("weight files", "cut short")]
    {
        assert_eq!(check(name)["holds"], false, "{name}");
        assert!(check(name)["error"].as_str().unwrap().contains(word), "{}", check(name));
    }
    assert_eq!(check("tokenizer")["holds"], true);
    assert!(check("prompts")["holds"].is_null());
    assert!(found["spec"].is_null() && found["tensors"].is_null());
    let text = place.ok(&["models", "inspect", &model]);
    assert_eq!(text.matches("REFUSED").count(), 3, "{text}");

    // Weights of another shape than the config's are found by reading them, whatever else is wrong.
    let model = place.spoiled("wider", "config.json", |bytes| {
        let mut config: Value = serde_json::from_slice(&bytes).unwrap();
        config["intermediate_size"] = json!(config["intermediate_size"].as_u64().unwrap() + 1);
        serde_json::to_vec(&config).unwrap()
    });
    place.write("wider/chat_template.jinja", "{% for %}");
    let text = place.ok(&["models", "inspect", &model]);
    assert_eq!(text.matches("REFUSED").count(), 2, "{text}");
    assert!(text.contains("has shape"), "{text}");
    refused(&place, &["models", "inspect", "./missing"], &["missing"]);
}
