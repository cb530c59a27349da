//! `candor scenarios`: what is bundled.

use super::args::{ScenariosArgs, ScenariosCommand};
use super::talk::print;
use crate::error::{Error, Result};
use crate::scenario::{RequestSet, Scenario};

pub(super) fn scenarios(args: &ScenariosArgs) -> Result<()> {
    match &args.command {
        ScenariosCommand::List { json } => list(*json),
        ScenariosCommand::Show { scenario } => print(Scenario::load(scenario)?.text()),
    }
}

fn list(json: bool) -> Result<()> {
    let scenarios =
        Scenario::bundled().iter().map(|name| Scenario::load(name)).collect::<Result<Vec<_>>>()?;
    let sets = RequestSet::bundled()
        .iter()
        .map(|name| RequestSet::load(name))
        .collect::<Result<Vec<_>>>()?;
    if json {
        let value = serde_json::json!({
            "scenarios": scenarios.iter().map(|s| serde_json::json!({
                "name": s.name,
                "title": s.title,
                "description": s.description,
                "variants": s.variants.iter().map(|v| serde_json::json!({
                    "name": v.name, "tests": v.tests,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "requests": sets.iter().map(|s| serde_json::json!({
                "name": s.name,
                "harmful": s.requests.iter().filter(|r| r.harmful).count(),
                "benign": s.requests.iter().filter(|r| !r.harmful).count(),
            })).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&value)
            .map_err(|error| Error::failed(format!("the list cannot be written: {error}")))?;
        return print(&(text + "\n"));
    }
    let mut text = String::new();
    for scenario in &scenarios {
        text += &format!("{}: {}\n", scenario.name, scenario.title);
        for variant in &scenario.variants {
            text += &format!("  {:16} {}\n", variant.name, variant.tests);
        }
    }
    for set in &sets {
        let harmful = set.requests.iter().filter(|r| r.harmful).count();
        text += &format!(
            "requests {}: {harmful} harmful, {} benign\n",
            set.name,
            set.requests.len() - harmful
        );
    }
    print(&text)
}
