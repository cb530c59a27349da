//! The part of JSON Schema that `fixtures/inspect/schema.json` uses, against a log: what Inspect's viewer relies on,
//! checked without Inspect.

use std::collections::BTreeMap;

use serde_json::Value;

/// What of a value does not follow a definition, by path; empty where all does.
pub(crate) fn violations(part: &str, value: &Value) -> Vec<String> {
    let text = include_str!("../fixtures/inspect/schema.json");
    let parts: BTreeMap<String, Value> = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    check(&parts, &parts[part], value, part, &mut found);
    found
}

fn check(
    parts: &BTreeMap<String, Value>,
    schema: &Value,
    value: &Value,
    path: &str,
    found: &mut Vec<String>,
) {
    if schema == &Value::Bool(false) {
        found.push(format!("{path}: is of a kind that is never written"));
    }
    if let Some(part) = schema["$ref"].as_str() {
        check(parts, &parts[part], value, path, found);
    }
    if let Some(kind) = schema["type"].as_str() {
        let fits = match kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("type {other}"),
        };
        if !fits {
            found.push(format!("{path}: {value} is no {kind}"));
            return;
        }
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        found.push(format!("{path}: {value} is not {constant}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{path}: {value} is none of {allowed:?}"));
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let tries: Vec<Vec<String>> = options
            .iter()
            .map(|option| {
                let mut inside = Vec::new();
                check(parts, option, value, path, &mut inside);
                inside
            })
            .collect();
        if tries.iter().all(|inside| !inside.is_empty()) {
            found.extend(tries.into_iter().min_by_key(|inside| inside.len()).unwrap_or_default());
        }
    }
    if let Some(keys) = value.as_object() {
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !keys.contains_key(key) {
                found.push(format!("{path}: lacks {key}"));
            }
        }
        for (key, inner) in keys {
            match schema["properties"].get(key).or(schema.get("additionalProperties")) {
                Some(schema) => check(parts, schema, inner, &format!("{path}/{key}"), found),
                // A key that is not known is dropped by Inspect, and so would be what it says.
                None if schema.get("properties").is_some() => {
                    found.push(format!("{path}: {key} is no key of it"));
                }
                None => {}
            }
        }
    }
    if let (Some(values), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (place, inner) in values.iter().enumerate() {
            check(parts, schema, inner, &format!("{path}/{place}"), found);
        }
    }
}

#[test]
fn a_log_that_lacks_or_adds_something_is_found() {
    let mut score = serde_json::json!({"value": 1, "history": []});
    assert!(violations("Score", &score).is_empty());
    score["value"] = Value::Null;
    assert!(violations("Score", &score).join(" ").contains("Score/value"));
    score["value"] = 1.into();
    score["surplus"] = 1.into();
    assert_eq!(violations("Score", &score), ["Score: surplus is no key of it"]);
    score.as_object_mut().unwrap().remove("history");
    assert!(violations("Score", &score).contains(&"Score: lacks history".to_owned()));
}
