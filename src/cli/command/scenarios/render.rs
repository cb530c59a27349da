//! `candor scenarios render`: one request in every tier, the arms side by side.

use serde::Serialize;

use crate::cli::args::RenderArmsArgs;
use crate::cli::command::scenarios::prompts::Subject;
use crate::cli::command::tokenize::piece;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::visible;
use crate::run::Plan;
use crate::scenario::{BegunPart, Prefill, PrefillWords, Request, RequestSet, Turn};

/// What `--json` prints.
#[derive(Serialize)]
struct Rendered {
    scenario: String,
    variant: String,
    request: Request,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// In the order of the scenario.
    arms: Vec<Arm>,
}

#[derive(Serialize)]
struct Arm {
    tier: String,
    label: String,
    trained_on: bool,
    system: String,
    /// What was said before the user message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    turns: Vec<Turn>,
    user: String,
    /// How the reply begins, where the scenario begins it.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefill: Option<Prefill>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Tokens>,
}

/// The prompt as the model reads it.
#[derive(Serialize)]
struct Tokens {
    text: String,
    ids: Vec<u32>,
    /// As the vocabulary spells them, one for each id.
    pieces: Vec<String>,
}

pub(in crate::cli) fn render(args: &RenderArmsArgs, talk: &Talk) -> Result<()> {
    let subject = Subject::load(&args.prompts, talk)?;
    let Subject { scenario, requests, model, settings } = &subject;
    let variant = match &args.variant {
        Some(name) => scenario.variant(name)?,
        None => &scenario.variants[0],
    };
    let request = match &args.request {
        None => &requests.requests[0],
        Some(id) => named(requests, id)?,
    };
    let only =
        RequestSet::recorded(&requests.name, requests.digest(), std::slice::from_ref(request));
    let plan = match model {
        Some(model) => Some(Plan::new(model, scenario, variant, &only, settings)?),
        None => None,
    };
    let arms = scenario.tiers.iter().map(|tier| -> Result<Arm> {
        let messages = variant.messages(tier, request);
        let prompt = plan.as_ref().and_then(|plan| {
            let prompt = plan.prompt(&request.id, &tier.name)?;
            let pieces = prompt.ids.iter().map(|&id| piece(&plan.model.tokenizer, id)).collect();
            Some(Tokens { text: prompt.text.clone(), ids: prompt.ids.clone(), pieces })
        });
        Ok(Arm {
            tier: tier.name.clone(),
            label: variant.label(tier).to_owned(),
            trained_on: tier.trained_on,
            system: messages.system,
            turns: messages.turns,
            user: messages.user,
            prefill: variant.prefill(tier, request)?,
            prompt,
        })
    });
    let rendered = Rendered {
        scenario: scenario.name.clone(),
        variant: variant.name.clone(),
        request: request.clone(),
        model: model.as_ref().map(|model| model.label.clone()),
        arms: arms.collect::<Result<_>>()?,
    };
    if args.prompts.json { show::json(&rendered) } else { print(&text(&rendered)) }
}

fn named<'a>(requests: &'a RequestSet, id: &str) -> Result<&'a Request> {
    requests.requests.iter().find(|request| request.id == id).ok_or_else(|| {
        let some = requests.requests.iter().take(6).map(|request| format!("`{}`", request.id));
        Error::input(format!("request set `{}` has no request `{id}`", requests.name))
            .hint(format!("its ids are {}, …", some.collect::<Vec<_>>().join(", ")))
    })
}

/// Columns of one arm's text.
const WIDTH: usize = 58;

fn text(rendered: &Rendered) -> String {
    let Rendered { scenario, variant, request, model, arms } = rendered;
    let reader = model.as_ref().map(|model| format!(" · {model}")).unwrap_or_default();
    let mut text = format!("{scenario} · {variant} · {}{reader}\n", request.id);
    let head = |arm: &Arm| {
        let tokens =
            arm.prompt.as_ref().map(|p| format!(", {} tokens", p.ids.len())).unwrap_or_default();
        let trained = if arm.trained_on { "trained on" } else { "not trained on" };
        format!("{} ({:?}, {trained}{tokens})", arm.tier, arm.label)
    };
    text += &beside(&[arms.iter().map(head).collect()]);
    text += &format!("{}\n", "─".repeat(arms.len() * (WIDTH + 3) - 3));
    match arms.iter().map(|arm| arm.prompt.as_ref().map(|p| &p.text)).collect::<Option<Vec<_>>>() {
        Some(prompts) => text += &lines(&prompts),
        None => {
            let mut part = |name: &str, of: &dyn Fn(&Arm) -> Option<&String>| {
                let parts: Vec<&String> = arms.iter().filter_map(of).collect();
                if !parts.is_empty() {
                    text += &format!("[{name}]\n{}", lines(&parts));
                }
            };
            part("system", &|arm| Some(&arm.system));
            for (place, turn) in arms[0].turns.iter().enumerate() {
                part(turn.role.name(), &|arm| arm.turns.get(place).map(|turn| &turn.content));
            }
            part("user", &|arm| Some(&arm.user));
        }
    }
    if arms.iter().any(|arm| arm.prefill.is_some()) {
        let given: Vec<String> = arms.iter().map(|arm| given(arm.prefill.as_ref())).collect();
        text += &format!("[given to the reply]\n{}", lines(&given.iter().collect::<Vec<_>>()));
    }
    text
}

/// How a reply begins, in words.
fn given(prefill: Option<&Prefill>) -> String {
    let Some(Prefill { part, words }) = prefill else { return "nothing".into() };
    let part = match part {
        BegunPart::Reasoning => "reasoning",
        BegunPart::Scratchpad => "scratchpad",
        BegunPart::Answer => "answer",
    };
    match words {
        PrefillWords::Text(text) => format!("{part}: {text}"),
        PrefillWords::Tokens(ids) => format!("{part}: tokens {ids:?}"),
    }
}

/// Texts line by line beside each other; the lines of one text that the others lack stand alone.
fn lines(texts: &[&String]) -> String {
    let shown: Vec<String> = texts.iter().map(|text| visible(text)).collect();
    let columns: Vec<Vec<&str>> = shown.iter().map(|text| text.split('\n').collect()).collect();
    let most = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |i: usize| -> Vec<String> {
        columns.iter().map(|column| column.get(i).copied().unwrap_or_default().to_owned()).collect()
    };
    beside(&(0..most).map(row).collect::<Vec<_>>())
}

/// Rows of cells, each broken to the width of its column; what differs has `≠` between.
fn beside(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().map(|cell| broken(cell)).collect();
        let differ = row.iter().any(|cell| *cell != row[0]);
        let most = cells.iter().map(Vec::len).max().unwrap_or(0);
        for i in 0..most {
            let line: Vec<String> = cells
                .iter()
                .map(|cell| {
                    let words = cell.get(i).map(String::as_str).unwrap_or_default();
                    let pad = WIDTH.saturating_sub(words.chars().count());
                    format!("{words}{}", " ".repeat(pad))
                })
                .collect();
            let between = if differ && i == 0 { " ≠ " } else { " │ " };
            text += line.join(between).trim_end();
            text.push('\n');
        }
    }
    text
}

/// A line in pieces of at most [`WIDTH`] characters, broken at blanks where there are some.
fn broken(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let fits = word.iter().rev().skip_while(|c| **c == ' ').count();
            if used > 0 && used + fits > WIDTH {
                pieces.push(String::new());
                used = 0;
            }
            let now: Vec<char> = word.drain(..word.len().min(WIDTH - used)).collect();
            used += now.len();
            if let Some(last) = pieces.last_mut() {
                last.extend(now);
            }
            // A blank that no longer fits ends the line as well as any.
            if word.iter().all(|c| *c == ' ') {
                word.clear();
            }
            if used >= WIDTH && !word.is_empty() {
                pieces.push(String::new());
                used = 0;
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_differences_marked() {
        let long = "word ".repeat(30);
        let rows = [vec![long.clone(), long], vec!["free".into(), "paid".into()]];
        let text = beside(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[..3].iter().all(|line| line.contains('│') && !line.contains('≠')), "{text}");
        assert!(lines[3].contains(" ≠ paid"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 2 * WIDTH + 3), "{text}");
        assert_eq!(
            broken(&"x".repeat(130)).iter().map(String::len).collect::<Vec<_>>(),
            [58, 58, 14]
        );
    }
}
