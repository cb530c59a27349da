//! How two manifests differ, in the words of the command line: a person who resumes a run with another `--limit` is
//! told so, and not that the digest of some tokens is another one. Knows nothing about what is done about it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::manifest::{Manifest, ModelRecord};
use crate::error::{Error, Result};

/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// One thing that two runs do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// A flag such as `--seed`, or what it is in words.
    pub name: String,
    /// What it is in the first manifest, in short.
    pub there: String,
    /// What it is in the second one.
    pub here: String,
}

impl Change {
    fn new(name: &str, there: impl Into<String>, here: impl Into<String>) -> Self {
        Self { name: name.to_owned(), there: there.into(), here: here.into() }
    }
}

/// All changes in one sentence, such as `--limit: 8 there, 9 here; --seed: 0 there, 1 here`.
pub fn in_words(changes: &[Change], [there, here]: [&str; 2]) -> String {
    let word = |change: &Change| {
        format!("{}: {} {there}, {} {here}", change.name, change.there, change.here)
    };
    changes.iter().map(word).collect::<Vec<_>>().join("; ")
}

/// The flags that stand for single keys of the manifest.
const FLAGS: [(&str, &str); 15] = [
    ("model.label", "the model"),
    ("model.quantize", "--quantize"),
    ("model.steering", "--steer"),
    ("variant", "--variant"),
    ("settings.seed", "--seed"),
    ("settings.samples", "--samples"),
    ("settings.max_tokens", "--max-tokens"),
    ("settings.sampling.temperature", "--temperature"),
    ("settings.sampling.top_k", "--top-k"),
    ("settings.sampling.top_p", "--top-p"),
    ("settings.sampling.min_p", "--min-p"),
    ("settings.sampling.repetition_penalty", "--repetition-penalty"),
    ("settings.date", "--date"),
    ("settings.stopping", "--until-width"),
    ("settings.registered", "--registered"),
];

/// The versions that must agree before anything else is compared: of the folder's format, of the reader of replies,
/// of what computes and of candor. None where they do. Weights that are stored otherwise are computed otherwise: what
/// computes is compared where both runs ask for the same `--quantize`, and else the flag is told as a change.
pub fn versions(there: &Manifest, here: &Manifest) -> Vec<Change> {
    let reader = |manifest: &Manifest| manifest.reader.unwrap_or(1).to_string();
    let all = [
        ("format of the run folder", there.format.to_string(), here.format.to_string()),
        ("reader of replies", reader(there), reader(here)),
        ("numerics", there.numerics.clone(), here.numerics.clone()),
        ("candor", there.candor.clone(), here.candor.clone()),
    ];
    let chosen = there.model.quantize != here.model.quantize;
    let differ = all
        .into_iter()
        .filter(|(name, there, here)| there != here && !(chosen && *name == "numerics"));
    differ.map(|(name, there, here)| Change::new(name, there, here)).collect()
}

/// Everything else in which two manifests differ. Where a model's files came from is not compared: their digests are,
/// and a branch may have moved on without touching them.
///
/// # Errors
/// Never in practice: a manifest can always be written as JSON.
pub fn changes(there: &Manifest, here: &Manifest) -> Result<Vec<Change>> {
    let value = |manifest: &Manifest| {
        let model = ModelRecord { source: None, ..manifest.model.clone() };
        serde_json::to_value(Manifest { model, ..manifest.clone() })
            .map_err(|error| Error::failed(format!("the manifest cannot be read: {error}")))
    };
    let mut keys = BTreeMap::new();
    different("", &value(there)?, &value(here)?, &mut keys);
    let mut found: Vec<Change> = scenario(there, here).into_iter().collect();
    found.extend(requests(there, here));
    if there.settings.coupled != here.settings.coupled {
        let given = |coupled| if coupled { "not given" } else { "given" };
        let (there, here) = (given(there.settings.coupled), given(here.settings.coupled));
        found.push(Change::new("--uncoupled", there, here));
    }
    // These were told in words, are versions, or follow from what was told.
    let told = ["scenario.", "requests.", "prompts.", "settings.coupled", "format", "reader"];
    let told = |key: &str| {
        told.iter().any(|start| key.starts_with(start))
            || ["numerics", "candor", "promise"].contains(&key)
    };
    for (key, (a, b)) in keys.iter().filter(|(key, _)| !told(key)) {
        let flag =
            FLAGS.iter().find(|(name, _)| key == name || key.starts_with(&format!("{name}.")));
        let name = match flag {
            Some((_, flag)) => (*flag).to_owned(),
            None => match key.strip_prefix("settings.template_args.") {
                Some(argument) => format!("--arg {argument}"),
                None => in_the_manifest(key),
            },
        };
        if found.iter().all(|change| change.name != name) {
            found.push(Change { name, there: short(a), here: short(b) });
        }
    }
    if found.is_empty() && keys.keys().any(|key| key.starts_with("prompts.")) {
        found.push(Change::new(
            "the prompts as the model reads them",
            "other tokens",
            "from the same scenario, requests and settings",
        ));
    }
    Ok(found)
}

fn in_the_manifest(key: &str) -> String {
    match key.strip_prefix("model.files.") {
        Some(file) => format!("the model's file `{file}`"),
        None => format!("`{key}` of the manifest"),
    }
}

fn scenario(there: &Manifest, here: &Manifest) -> Option<Change> {
    let (a, b) = (&there.scenario, &here.scenario);
    if a.name != b.name {
        return Some(Change::new("--scenario", &a.name, &b.name));
    }
    let same = a.digest == b.digest && a.text == b.text && a.files == b.files;
    // The words of the variant are of the scenario's file, and differ with `--variant` too.
    let same = same && (there.variant != here.variant || (a.tags == b.tags && a.tiers == b.tiers));
    (!same).then(|| {
        Change::new(
            "the files of --scenario",
            &a.digest[..12.min(a.digest.len())],
            &b.digest[..12.min(b.digest.len())],
        )
    })
}

fn requests(there: &Manifest, here: &Manifest) -> Option<Change> {
    let (a, b) = (&there.requests, &here.requests);
    let ids = |items: &[crate::scenario::Request]| -> BTreeSet<String> {
        items.iter().map(|request| request.id.clone()).collect()
    };
    if a.name != b.name {
        Some(Change::new("--requests", &a.name, &b.name))
    } else if a.digest != b.digest {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        Some(Change::new("the file of --requests", short(&a.digest), short(&b.digest)))
    } else if a.items.len() != b.items.len() {
        Some(Change::new("--limit", a.items.len().to_string(), b.items.len().to_string()))
    } else if a.items == b.items {
        None
    } else if ids(&a.items) == ids(&b.items) {
        Some(Change::new("order of the requests", "another", "this one"))
    } else {
        Some(Change::new("the requests that were chosen", "others", "these"))
    }
}

/// The keys, with dots, at which two values differ, each with both.
fn different(path: &str, a: &Value, b: &Value, found: &mut BTreeMap<String, (Value, Value)>) {
    if a == b {
        return;
    }
    let (Value::Object(a), Value::Object(b)) = (a, b) else {
        found.insert(path.to_owned(), (a.clone(), b.clone()));
        return;
    };
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let at = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or(Value::Null);
        different(&path, &at(a), &at(b), found);
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        // A rule of stopping is told by the one number that was given.
        Value::Object(fields) => match fields.get("until_width") {
            Some(width) => width.to_string(),
            None => value.to_string(),
        },
        other => other.to_string(),
    };
    if text.chars().count() > SHOWN {
        text.chars().take(SHOWN - 3).chain("...".chars()).collect()
    } else {
        text
    }
}
