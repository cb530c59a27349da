//! What candor prints and writes against the schemas that it prints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says what it skips"
)]

mod common;

use std::collections::BTreeMap;
use std::process::Command;

use common::{Place, parts};
use serde_json::Value;

/// What of a value does not follow a schema, by path. Stricter than the schema: a key that it does not list is one too.
fn misfits(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |name: &Value| name == kind || (name == "number" && kind == "integer");
    let allowed = match &schema["type"] {
        Value::Array(names) => names.iter().any(fits),
        Value::Null => true,
        name => fits(name),
    };
    if !allowed {
        found.push(format!("{path}: {value} is no {}", schema["type"]));
        return;
    }
    if let Some(keys) = value.as_object() {
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !keys.contains_key(key) {
                found.push(format!("{path}: lacks {key}"));
            }
        }
        for (key, inner) in keys {
            match schema["properties"].get(key).or(schema.get("additionalProperties")) {
                Some(schema) => misfits(schema, inner, &format!("{path}/{key}"), found),
                None if schema.get("properties").is_some() => {
                    found.push(format!("{path}: {key} is not listed"));
                }
                None => {}
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (place, item) in items.iter().enumerate() {
            misfits(schema, item, &format!("{path}/{place}"), found);
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What candor prints and writes of some runs, by the name of the schema that it follows.
fn outputs(place: &Place) -> BTreeMap<&'static str, Vec<Value>> {
    let run = ["run", "organism:complier", "--limit", "4", "--max-tokens", "160", "--samples", "2"];
    for (out, more) in [
        ("runs/seed-7", &["--seed", "7"][..]),
        ("runs/seed-8", &["--seed", "8"]),
        ("runs/cut", &["--max-tokens", "6", "--quantize", "q4_0", "--uncoupled"]),
        ("runs/nothing", &["--max-tokens", "1", "--variant", "no-scratchpad"]),
    ] {
        let args: Vec<&str> = run.iter().copied().filter(|arg| !more.contains(arg)).collect();
        let args: Vec<&str> = match more.first() {
            Some(&"--max-tokens") => args.into_iter().filter(|arg| *arg != "160").collect(),
            _ => args,
        };
        place.ok(&[&args[..], more, &["--out", out]].concat());
    }
    let reverse = ["run", "organism:reverse", "--limit", "4", "--max-tokens", "160", "--seed", "7"];
    place.ok(&[&reverse[..], &["--samples", "2", "--out", "runs/reverse"]].concat());
    let more =
        ["--scenario", "drivers", "--variant", "default,tiers-only,oversight-0,oversight-100"];
    let reverse = ["run", "organism:reverse", "--limit", "4", "--max-tokens", "160"];
    place.ok(&[&reverse[..], &more, &["--out", "drivers"]].concat());
    let more = ["--scenario", "thought-injection", "--variant", "aligned", "--out", "thought"];
    place.ok(&[&reverse[..], &more].concat());
    place.ok(&["judge", "runs/seed-7", "--judge", "organism:judge"]);
    let ok = |args: &[&str]| json(&place.ok(args));
    let each = |file: &str| -> Vec<Value> {
        let runs = ["seed-7", "seed-8", "cut", "nothing", "reverse"];
        runs.iter().map(|run| json(&place.read(&format!("runs/{run}/{file}")))).collect()
    };
    let lines = |file: &str| -> Vec<Value> { place.read(file).lines().map(json).collect() };
    let trial = lines("runs/seed-7/transcripts.jsonl")[0]["request"].as_str().unwrap().to_owned();
    BTreeMap::from([
        (
            "report",
            vec![
                ok(&["report", "runs", "--json"]),
                ok(&["report", "runs/cut", "--json"]),
                ok(&["report", "drivers", "--json"]),
            ],
        ),
        ("summary", each("summary.json")),
        ("manifest", each("manifest.json")),
        ("seal", each("seal.json")),
        ("performance", each("performance.json")),
        (
            "transcript",
            [lines("runs/cut/transcripts.jsonl"), lines("thought/transcripts.jsonl")].concat(),
        ),
        (
            "verdict",
            [
                lines("runs/cut/verdicts/rules.jsonl"),
                lines("runs/seed-7/verdicts/organism-judge.jsonl"),
            ]
            .concat(),
        ),
        (
            "judge-card",
            vec![
                json(&place.read("runs/seed-7/verdicts/rules.json")),
                json(&place.read("runs/seed-7/verdicts/organism-judge.json")),
            ],
        ),
        ("ls", vec![ok(&["ls", "runs", "--json"])]),
        ("diff", vec![ok(&["diff", "runs/seed-7", "runs/reverse", "--json"])]),
        (
            "show",
            ok(&["show", "runs/seed-7", "--trial", &format!("{trial}/1"), "--json"])
                .as_array()
                .unwrap()
                .clone(),
        ),
        ("verify", vec![ok(&["verify", "runs/seed-8", "--digests", "--json"])]),
        ("plan", vec![ok(&["plan", "--gap", "0.4", "--json"])]),
    ])
}

#[test]
fn everything_follows_its_schema() {
    let place = Place::new();
    let outputs = outputs(&place);
    let names: Vec<String> = place
        .ok(&["schema"])
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), outputs.len(), "every schema is tried: {names:?}");
    for name in &names {
        let text = place.ok(&["schema", name]);
        let schema = json(&text);
        let values = &outputs[name.as_str()];
        assert!(!values.is_empty(), "{name}");
        for value in values {
            let mut found = Vec::new();
            misfits(&schema, value, name, &mut found);
            assert!(found.is_empty(), "{}", found.join("\n"));
        }
        // A key that goes, or whose kind changes, is found.
        let required = schema["required"].as_array().unwrap();
        let key = required[0].as_str().unwrap();
        let mut broken = values[0].clone();
        broken.as_object_mut().unwrap().remove(key);
        let mut found = Vec::new();
        misfits(&schema, &broken, name, &mut found);
        assert_eq!(found, [format!("{name}: lacks {key}")]);
        python(&place, &text, values);
    }
    assert!(place.fails(&["schema", "nothing"], 2).contains("known are report, "));
}

/// The same by another validator, where there is one.
fn python(place: &Place, schema: &str, values: &[Value]) {
    let Some(python) = std::env::var_os("CANDOR_TEST_PYTHON") else {
        parts::skipped("python", "CANDOR_TEST_PYTHON names no Python with jsonschema");
        return;
    };
    place.write("schema.json", schema);
    place.write("values.json", Value::from(values.to_vec()).to_string());
    let script = "import json\nfrom jsonschema import Draft202012Validator as V\n\
        schema = json.load(open('schema.json'))\nV.check_schema(schema)\n\
        for value in json.load(open('values.json')): V(schema).validate(value)\n";
    let output =
        Command::new(python).args(["-c", script]).current_dir(place.path(".")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || said.contains("No module named"), "{said}");
}
