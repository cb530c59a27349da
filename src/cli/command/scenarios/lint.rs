//! `candor scenarios lint`: what would refuse a scenario before a run, and the tokens in which its arms differ.

use serde::Serialize;

use crate::cli::args::LintArgs;
use crate::cli::command::run;
use crate::cli::command::scenarios::prompts::Subject;
use crate::cli::command::tokenize::piece;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show};
use crate::error::{Error, Result};
use crate::events::visible;
use crate::model::{Model, Tokenizer};
use crate::run::{Plan, Stretch};
use crate::scenario::Variant;

/// Tokens that are shown before and behind a difference.
const AROUND: usize = 4;

/// What `--json` prints.
#[derive(Serialize)]
struct Found {
    scenario: String,
    /// BLAKE3 of its file.
    digest: String,
    requests: String,
    harmful: usize,
    benign: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    max_tokens: usize,
    /// Whether all variants can be run.
    holds: bool,
    variants: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    name: String,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
}

/// What the model reads.
#[derive(Serialize)]
struct Tokens {
    /// Tokens of the shortest prompt.
    shortest: usize,
    /// Tokens of the longest prompt.
    longest: usize,
    /// Most tokens of prompt and reply.
    context: usize,
    /// Where the first request's prompts differ, each other tier held against the one that is trained on.
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    /// The tiers' names.
    tiers: [String; 2],
    /// Places of the first differing token, from 0.
    at: [usize; 2],
    ids: [Vec<u32>; 2],
    pieces: [Vec<String>; 2],
    before: Vec<String>,
    after: Vec<String>,
}

pub(in crate::cli) fn lint(args: &LintArgs, talk: &Talk) -> Result<()> {
    let subject = Subject::load(&args.prompts, talk)?;
    let scenario = &subject.scenario;
    let variants: Vec<&Variant> = match args.variant.is_empty() {
        true => scenario.variants.iter().collect(),
        false => run::variants(scenario, &args.variant)?,
    };
    let checked: Vec<Checked> = variants.iter().map(|variant| check(&subject, variant)).collect();
    let failed = checked.iter().filter(|checked| !checked.holds).count();
    let harmful = subject.requests.requests.iter().filter(|request| request.harmful).count();
    let found = Found {
        scenario: scenario.name.clone(),
        digest: scenario.digest().to_owned(),
        requests: subject.requests.name.clone(),
        harmful,
        benign: subject.requests.requests.len() - harmful,
        model: subject.model.as_ref().map(|model| model.label.clone()),
        max_tokens: subject.settings.max_tokens,
        holds: failed == 0,
        variants: checked,
    };
    if args.prompts.json { show::json(&found) } else { show(&text(&found)) }?;
    match failed {
        0 => Ok(()),
        _ => Err(Error::input(format!(
            "{failed} of {} variants of scenario `{}` cannot be run like this",
            found.variants.len(),
            found.scenario
        ))),
    }
}

fn check(subject: &Subject, variant: &Variant) -> Checked {
    let tokens = subject.model.as_ref().map(|model| tokens(subject, model, variant));
    let (tokens, error, notes) = match tokens {
        None => (None, None, variant.notes.clone()),
        Some(Ok((tokens, notes))) => (Some(tokens), None, notes),
        Some(Err(error)) => (None, Some(error), variant.notes.clone()),
    };
    Checked {
        name: variant.name.clone(),
        holds: error.is_none(),
        hint: error.as_ref().and_then(|error| error.hint_text().map(str::to_owned)),
        error: error.map(|error| error.to_string()),
        notes,
        tokens,
    }
}

/// Makes all prompts of a variant, as a run would.
fn tokens(subject: &Subject, model: &Model, variant: &Variant) -> Result<(Tokens, Vec<String>)> {
    let Subject { scenario, requests, settings, .. } = subject;
    let plan = Plan::new(model, scenario, variant, requests, settings)?;
    let lengths = || plan.prompts().map(|prompt| prompt.ids.len());
    // A run goes on without the token, as transformers does, and says so; here it is looked for.
    let missing = plan.prompts().find_map(|p| model.tokenizer.missing_beginning(&p.ids));
    if let Some(missing) = missing {
        return Err(Error::input(missing).hint(
            "give the model a chat template that writes it; `run` goes on without it, and notes it in the manifest",
        ));
    }
    let first = &requests.requests[0].id;
    let free = &scenario.free().name;
    let others = scenario.tiers.iter().filter(|tier| tier.name != *free);
    let differences = others
        .flat_map(|tier| {
            let tiers = [free.as_str(), tier.name.as_str()];
            let stretches = plan.differences(first, tiers);
            stretches.into_iter().map(move |stretch| (tiers, stretch))
        })
        .filter_map(|(tiers, stretch)| {
            let [a, b] = tiers.map(|tier| plan.prompt(first, tier).map(|prompt| &prompt.ids[..]));
            Some(difference(&model.tokenizer, tiers, [a?, b?], &stretch))
        })
        .collect();
    let tokens = Tokens {
        shortest: lengths().min().unwrap_or(0),
        longest: lengths().max().unwrap_or(0),
        context: model.spec.context,
        differences,
    };
    Ok((tokens, plan.notes.clone()))
}

fn difference(
    tokenizer: &Tokenizer,
    tiers: [&str; 2],
    prompts: [&[u32]; 2],
    stretch: &Stretch,
) -> Difference {
    let [a, b] = prompts;
    let pieces = |ids: &[u32]| ids.iter().map(|&id| piece(tokenizer, id)).collect::<Vec<_>>();
    let (first, second) = (&stretch.first, &stretch.second);
    let ids = [&a[first.clone()], &b[second.clone()]];
    Difference {
        tiers: tiers.map(str::to_owned),
        at: [first.start, second.start],
        pieces: ids.map(pieces),
        ids: ids.map(<[u32]>::to_vec),
        before: pieces(&a[first.start.saturating_sub(AROUND)..first.start]),
        after: pieces(&a[first.end..a.len().min(first.end + AROUND)]),
    }
}

fn text(found: &Found) -> String {
    let mut text = format!(
        "{} · {}: {} harmful, {} benign requests\n",
        found.scenario, found.requests, found.harmful, found.benign
    );
    match &found.model {
        Some(model) => {
            text += &format!("prompts of {model}, up to {} new tokens\n", found.max_tokens)
        }
        None => text += "texts only; `--model` checks what a model reads\n",
    }
    for checked in &found.variants {
        text += &format!("\n{}: {}\n", checked.name, if checked.holds { "ok" } else { "FAILED" });
        if let Some(error) = &checked.error {
            text += &format!("  {}\n", visible(error));
        }
        if let Some(hint) = &checked.hint {
            text += &format!("  hint: {}\n", visible(hint));
        }
        for note in &checked.notes {
            text += &format!("  note: {}\n", visible(note));
        }
        let Some(tokens) = &checked.tokens else { continue };
        text += &format!(
            "  {} to {} tokens, context {}\n",
            tokens.shortest, tokens.longest, tokens.context
        );
        if tokens.differences.is_empty() {
            text += "  the arms are equal\n";
        }
        for difference in &tokens.differences {
            let words = |pieces: &[String]| show::quoted(&pieces.concat());
            text += &format!(
                "  token {}: {} {} | {} {} between {} and {}\n",
                difference.at[0],
                difference.tiers[0],
                words(&difference.pieces[0]),
                difference.tiers[1],
                words(&difference.pieces[1]),
                words(&difference.before),
                words(&difference.after),
            );
        }
    }
    text
}
