//! A pair in a terminal: the same request and sample in every tier, side by side, with what each judge says of it.
//! Every control character is spelled out. Knows nothing about terminals but how wide they are.

use super::columns::{beside, column_width, width, wrap};
use super::looks::Look;
use super::text;
use super::view::RunView;
use super::words;
use crate::judge::{Compliance, JudgeOutcome, Verdict};
use crate::scenario::Tier;
use crate::transcript::Transcript;

/// One trial with what the judges say.
struct Side<'a> {
    tier: Option<&'a Tier>,
    /// What the model read; empty where it is not known or not asked for.
    prompt: String,
    transcript: &'a Transcript,
    verdicts: Vec<(&'a str, &'a Verdict)>,
}

/// The trials of a request's sample, in the order of the tiers; with `tier` this one only. Empty where there is none.
fn sides<'a>(view: &'a RunView, request: &str, sample: u32, tier: Option<&str>) -> Vec<Side<'a>> {
    let of = |t: &&Transcript| {
        t.request == request && t.sample == sample && tier.is_none_or(|tier| t.tier == tier)
    };
    let mut sides: Vec<_> = view.transcripts.iter().filter(of).collect();
    let place = |t: &Transcript| view.tiers.iter().position(|tier| tier.name == t.tier);
    sides.sort_by_key(|&t| place(t).unwrap_or(usize::MAX));
    let judges = [(view.judge.as_str(), &view.verdicts)].into_iter();
    let judges: Vec<_> = judges
        .chain(view.others.iter().map(|other| (other.name.as_str(), &other.verdicts)))
        .collect();
    let side = |transcript: &'a Transcript| {
        let trial = (&*transcript.request, &*transcript.tier, transcript.sample);
        let said = |(name, verdicts): &(&'a str, &'a Vec<Verdict>)| {
            Some((*name, verdicts.iter().find(|verdict| verdict.trial() == trial)?))
        };
        Side {
            tier: place(transcript).and_then(|place| view.tiers.get(place)),
            prompt: String::new(),
            transcript,
            verdicts: judges.iter().filter_map(said).collect(),
        }
    };
    sides.into_iter().map(side).collect()
}

/// A pair, or one trial of it, in at most `columns` terminal columns, `with_prompts` as the model read them; none where
/// the run has no such trial.
pub fn pair(
    view: &RunView,
    request: &str,
    sample: u32,
    tier: Option<&str>,
    with_prompts: bool,
    columns: usize,
) -> Option<String> {
    let mut sides = sides(view, request, sample, tier);
    for side in sides.iter_mut().filter(|_| with_prompts) {
        side.prompt = view.prompt(request, &side.transcript.tier).unwrap_or_default();
    }
    let asked = view.requests.iter().find(|known| known.id == request);
    let first = sides.first()?.transcript;
    let mut out = String::new();
    let kind = if first.harmful { "harmful" } else { "benign" };
    let head = format!(
        "{} · {} · {} · request {} · sample {sample} · {kind} · {}",
        view.name(),
        text::name(&view.scenario),
        text::name(&view.variant),
        text::name(request),
        text::name(&first.category)
    );
    paragraph(&mut out, &head, columns);
    if let Some(asked) = asked {
        paragraph(&mut out, &rule("REQUEST", columns), columns);
        paragraph(&mut out, text::block(&asked.text).trim_end(), columns);
    }
    type SideText = fn(&Side<'_>) -> String;
    let parts: [(&str, SideText); 7] = [
        ("TIER", tier_line),
        ("PROMPT", |side| text::block(&side.prompt)),
        ("VERDICTS", verdicts),
        ("GIVEN TO THE REPLY", |side| text::block(&side.transcript.given_text)),
        ("NATIVE REASONING", |side| text::block(&side.transcript.native_reasoning)),
        ("SCRATCHPAD", |side| text::block(&side.transcript.scratchpad)),
        ("ANSWER", |side| text::block(&side.transcript.answer)),
    ];
    let raw: (&str, SideText) = ("RAW REPLY", |side| {
        let t = side.transcript;
        let told = [&t.native_reasoning, &t.scratchpad, &t.answer]
            .iter()
            .any(|part| !part.trim().is_empty());
        if told { String::new() } else { text::block(&t.raw) }
    });
    for (title, part) in parts.into_iter().chain([raw]) {
        let texts: Vec<String> = sides.iter().map(part).collect();
        if texts.iter().all(|text| text.trim().is_empty()) {
            continue;
        }
        paragraph(&mut out, &rule(title, columns), columns);
        match column_width(columns, texts.len()) {
            Some(column) => out += &beside(&texts, column),
            None => {
                for (side, text) in
                    sides.iter().zip(&texts).filter(|(_, text)| !text.trim().is_empty())
                {
                    paragraph(
                        &mut out,
                        &format!("[{}]", text::name(&side.transcript.tier)),
                        columns,
                    );
                    paragraph(&mut out, text.trim_end(), columns);
                }
            }
        }
    }
    Some(out)
}

/// The pairs to look at first, one a line, in at most 80 columns.
pub fn looks_table(looks: &[Look], top: usize) -> String {
    const NAME: usize = 28;
    let word = |compliance: Option<Compliance>| compliance.map_or(words::NONE, Compliance::name);
    let mut out = format!("{:NAME$}  {:8}{:8}  look because\n", "trial", "free", "paid");
    for look in looks.iter().take(top) {
        let sample = format!("/{}", look.sample);
        let name = text::shorten(&text::name(&look.request), NAME - sample.len()) + &sample;
        let pad = " ".repeat(NAME.saturating_sub(width(&name)));
        let (free, paid) = (word(look.free), word(look.paid));
        let why = look.why.first().copied().unwrap_or_default();
        out += format!("{name}{pad}  {free:8}{paid:8}  {why}").trim_end();
        out.push('\n');
    }
    if looks.len() > top {
        out += &format!("and {} more\n", looks.len() - top);
    }
    out
}

fn paragraph(out: &mut String, text: &str, columns: usize) {
    for line in wrap(text, columns) {
        out.push_str(&line);
        out.push('\n');
    }
}

fn rule(title: &str, columns: usize) -> String {
    let line = columns.min(100).saturating_sub(title.len() + 4);
    format!("── {title} {}", "─".repeat(line))
}

fn tier_line(side: &Side<'_>) -> String {
    let t = side.transcript;
    let trained = match side.tier.map(|tier| tier.trained_on) {
        Some(true) => ", answers train the model",
        Some(false) => ", answers do not train it",
        None => "",
    };
    let tokens = if t.token_ids.is_empty() {
        String::new()
    } else {
        let given =
            if t.given > 0 { format!(", {} of them given", t.given) } else { String::new() };
        format!(", {} tokens{given}", t.token_ids.len())
    };
    format!("{}{trained}\n{}{tokens}", text::name(&t.tier), t.outcome.name().replace('_', " "))
}

/// What each judge says, with the words that decided in quotation marks.
fn verdicts(side: &Side<'_>) -> String {
    let mut lines = Vec::new();
    let score = |score: Option<f64>| {
        score.map_or_else(String::new, |s| format!(" ({})", words::decimal(Some(s))))
    };
    for (judge, verdict) in &side.verdicts {
        let answer = match verdict.compliance {
            Some(compliance) => compliance.name().to_owned() + &score(verdict.compliance_score),
            None => without(verdict.judge_outcome),
        };
        let answer = match &verdict.option {
            Some(option) => format!("chose {}: {answer}", text::name(option)),
            None => answer,
        };
        lines.push(format!("{}: {answer}", text::name(judge)));
        if !verdict.compliance_span.is_empty() {
            lines.push(format!("  “{}”", text::name(&verdict.compliance_span)));
        }
        let reasoning = match verdict.reasoning {
            Some(true) => "alignment faking".to_owned() + &score(verdict.reasoning_score),
            Some(false) => "no alignment faking".to_owned() + &score(verdict.reasoning_score),
            None => without(verdict.reasoning_outcome),
        };
        lines.push(format!("  reasoning: {reasoning}"));
        for criterion in verdict.criteria.iter().filter(|criterion| !criterion.span.is_empty()) {
            lines.push(format!(
                "  {}: “{}”",
                text::name(&criterion.name),
                text::name(&criterion.span)
            ));
        }
    }
    lines.join("\n")
}

fn without(outcome: JudgeOutcome) -> String {
    format!("no verdict ({})", outcome.name().replace('_', " "))
}
