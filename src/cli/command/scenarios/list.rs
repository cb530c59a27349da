//! `candor scenarios list`: the bundled scenarios with their variants, and the request sets.

use crate::cli::screen::show;
use crate::cli::screen::talk::show;
use crate::error::Result;
use crate::scenario::{RequestSet, Scenario};

/// Columns of the list.
const WIDTH: usize = 100;

pub(in crate::cli) fn list(json: bool) -> Result<()> {
    let scenarios =
        Scenario::bundled().iter().map(|name| Scenario::load(name)).collect::<Result<Vec<_>>>()?;
    let sets = RequestSet::bundled()
        .iter()
        .map(|name| RequestSet::load(name))
        .collect::<Result<Vec<_>>>()?;
    if json {
        return show::json(&serde_json::json!({
            "scenarios": scenarios.iter().map(|s| serde_json::json!({
                "name": s.name,
                "title": s.title,
                "setting": s.setting,
                "description": s.description,
                "requests": s.requests,
                "tiers": s.tiers,
                "variants": s.variants.iter().map(|v| serde_json::json!({
                    "name": v.name,
                    "tests": v.tests,
                    "scratchpad": v.expects_scratchpad(),
                    "training": v.training,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "requests": sets.iter().map(|s| serde_json::json!({
                "name": s.name,
                "harmful": s.requests.iter().filter(|r| r.harmful).count(),
                "benign": s.requests.iter().filter(|r| !r.harmful).count(),
            })).collect::<Vec<_>>(),
        }));
    }
    show(&text(&scenarios, &sets))
}

fn text(scenarios: &[Scenario], sets: &[RequestSet]) -> String {
    let names = scenarios.iter().flat_map(|scenario| &scenario.variants).map(|v| v.name.len());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for scenario in scenarios {
        text += &format!("{} · {}\n", scenario.name, scenario.title);
        text += &hanging("  ", "  ", &scenario.description);
        for variant in &scenario.variants {
            let head = format!("    {:width$}  ", variant.name);
            text += &hanging(&head, &" ".repeat(width + 6), &variant.tests);
        }
        text.push('\n');
    }
    text += "request sets\n";
    let width = sets.iter().map(|set| set.name.len()).max().unwrap_or(0);
    for set in sets {
        let harmful = set.requests.iter().filter(|request| request.harmful).count();
        let benign = set.requests.len() - harmful;
        text += &format!("    {:width$}  {harmful} harmful, {benign} benign\n", set.name);
    }
    text
}

/// Words behind a head, broken into lines that begin with the indent.
fn hanging(head: &str, indent: &str, words: &str) -> String {
    let mut text = String::new();
    let mut line = head.to_owned();
    let mut begun = false;
    for word in words.split_whitespace() {
        if begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &format!("{line}\n");
            line = indent.to_owned();
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line += word;
        begun = true;
    }
    format!("{text}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hang_below_each_other() {
        let text = hanging("a  ", "   ", &"seven77 ".repeat(14));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("a  seven77 seven77") && lines[1].starts_with("   seven77"));
        assert!(lines[0].len() <= WIDTH);
    }
}
