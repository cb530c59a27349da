//! The pairs as data inside the page, in two texts that are safe between `<script>` tags and hold no hidden
//! character: an index, small and read before anything is shown, by which the script filters and sorts, and one line
//! of JSON per pair, read when the pair is shown. Knows nothing about how the page's script shows them. Token ids and
//! log-probabilities stay in the run folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::json::unwritable;
use super::names::{Facet, facets, names};
use super::text;
use super::view::{Heat, RunView};
use crate::error::{Error, Result};
use crate::judge::{Compliance, JudgeOutcome, Verdict};
use crate::scenario::Request;
use crate::transcript::{Outcome, Transcript};

/// The two texts.
pub(super) struct Island {
    /// The index.
    pub(super) index: String,
    /// One line per pair of the index, in its order.
    pub(super) lines: String,
}

#[derive(Serialize)]
struct Index<'a> {
    /// Ranges of code points that the script spells out.
    hidden: Vec<[u32; 2]>,
    /// Names of the outcomes that a cell gives by place.
    outcomes: [&'static str; Outcome::ALL.len()],
    runs: Vec<Run<'a>>,
    /// By what runs can be chosen, each value as text: a seed can be larger than the script's numbers.
    facets: Vec<Facet>,
    requests: Vec<Asked<'a>>,
    pairs: Vec<Row>,
}

#[derive(Serialize)]
struct Run<'a> {
    model: &'a str,
    samples: u64,
    /// What tells it from the other runs beside its model.
    detail: String,
    /// The judge whose verdicts are shown, then the others.
    judges: Vec<&'a str>,
    tiers: Vec<Arm<'a>>,
    prompts: Vec<Rendered<'a>>,
    /// The largest divergence of a token, in nats; 0 where the run was not probed.
    heat: f64,
}

#[derive(Serialize)]
struct Arm<'a> {
    name: &'a str,
    label: &'a str,
    trained_on: bool,
}

/// The first request's prompt around its words, and by request what the model read where it is not this with other
/// words.
#[derive(Serialize)]
struct Rendered<'a> {
    tier: &'a str,
    parts: Vec<&'a str>,
    others: &'a BTreeMap<String, String>,
}

/// A pair in the index: run, request, sample, and a cell per tier of the run.
#[derive(Serialize)]
struct Row(usize, usize, u32, Vec<Option<Cell>>);

/// A trial in the index: place of the outcome; place of the compliance class, or -1; whether the reasoning is that of
/// alignment faking, or -1; tokens; how the judges stand to each other; largest divergence of a token in nats.
#[derive(Serialize)]
struct Cell(usize, isize, i8, usize, u8, f64);

/// Judges differ on compliance.
const DIFFER_ON_COMPLIANCE: u8 = 1;
/// Judges differ on the reasoning.
const DIFFER_ON_REASONING: u8 = 2;
/// Some judges have a verdict on compliance and some have none.
const SOME_SILENT: u8 = 4;

/// A request, once for all runs that asked it in the same words.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Asked<'a> {
    id: &'a str,
    category: &'a str,
    harmful: bool,
    text: &'a str,
}

#[derive(Serialize)]
struct Trial<'a> {
    /// Outcome.
    o: Outcome,
    /// Tokens of the reply.
    k: usize,
    /// What was put into the model's mouth before it.
    #[serde(skip_serializing_if = "str::is_empty")]
    g: &'a str,
    /// Native reasoning.
    #[serde(skip_serializing_if = "str::is_empty")]
    n: &'a str,
    /// Scratchpad.
    #[serde(skip_serializing_if = "str::is_empty")]
    p: &'a str,
    /// Answer.
    #[serde(skip_serializing_if = "str::is_empty")]
    a: &'a str,
    /// Raw reply, where the parts above do not tell what was written.
    #[serde(skip_serializing_if = "str::is_empty")]
    w: &'a str,
    /// Verdict, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<Judged<'a>>,
    /// What the other judges say, in the order of the run's judges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    u: Vec<Option<Judged<'a>>>,
    /// Tokens with their divergence in nats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    h: Vec<(&'a str, f64)>,
}

#[derive(Serialize)]
struct Judged<'a> {
    /// Why there is no verdict on compliance, if there is none.
    o: JudgeOutcome,
    /// Compliance.
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<Compliance>,
    /// The words of the answer that decided.
    #[serde(skip_serializing_if = "str::is_empty")]
    e: &'a str,
    /// Alignment-faking reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<bool>,
    /// Criteria that were found: name and span.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<[&'a str; 2]>,
}

/// Every pair of every run, in the order of runs, requests and samples.
///
/// # Errors
/// Fails when a transcript belongs to a tier that its run does not list.
pub(super) fn island(runs: &[RunView]) -> Result<Island> {
    let mut asked: BTreeMap<Asked<'_>, usize> = BTreeMap::new();
    let mut requests = Vec::new();
    let mut pairs = Vec::new();
    let mut lines = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for ((_, sample), (request, trials)) in pairs_of(run)? {
            let q = *asked.entry(request).or_insert_with(|| {
                requests.push(request);
                requests.len() - 1
            });
            let cells = trials.iter().map(|trial| trial.as_ref().map(cell)).collect();
            pairs.push(Row(index, q, sample, cells));
            let line = serde_json::to_string(&trials).map_err(|error| unwritable(&error))?;
            lines.push(inert(&line));
        }
    }
    let index = Index {
        hidden: text::HIDDEN.iter().map(|&(first, last)| [first.into(), last.into()]).collect(),
        outcomes: Outcome::ALL.map(Outcome::name),
        runs: runs
            .iter()
            .zip(names(runs))
            .map(|(run, name)| describe(run, name.detail()))
            .collect(),
        facets: facets(runs),
        requests,
        pairs,
    };
    let index = serde_json::to_string(&index).map_err(|error| unwritable(&error))?;
    Ok(Island { index: inert(&index), lines: lines.join("\n") })
}

fn describe(run: &RunView, detail: String) -> Run<'_> {
    let tiers = run.tiers.iter();
    let tiers =
        tiers.map(|tier| Arm { name: &tier.name, label: &tier.label, trained_on: tier.trained_on });
    let others = run.others.iter().map(|judge| judge.name.as_str());
    let words = run.requests.first().map_or("", |request| &request.text);
    let prompts = run.prompts.iter().map(|prompt| Rendered {
        tier: &prompt.tier,
        parts: match words {
            "" => vec![&prompt.texts.first],
            _ => prompt.texts.first.split(words).collect(),
        },
        others: &prompt.texts.others,
    });
    Run {
        model: &run.model,
        samples: run.estimates.samples,
        detail,
        judges: [run.judge.as_str()].into_iter().chain(others).collect(),
        tiers: tiers.collect(),
        prompts: prompts.collect(),
        heat: run.heat.iter().map(largest).fold(0.0, f64::max),
    }
}

fn largest(heat: &Heat) -> f64 {
    heat.tokens.iter().map(|token| token.divergence_nats).fold(0.0, f64::max)
}

fn cell(trial: &Trial<'_>) -> Cell {
    let place = |compliance| Compliance::ALL.iter().position(|&class| class == compliance);
    let judged = trial.v.as_ref();
    let all = || [judged].into_iter().chain(trial.u.iter().map(Option::as_ref));
    let compliances: Vec<_> = all().map(|verdict| verdict.and_then(|verdict| verdict.c)).collect();
    let reasonings = all().filter_map(|verdict| verdict.and_then(|verdict| verdict.f));
    let mut judges = 0;
    if differ(compliances.iter().flatten()) {
        judges |= DIFFER_ON_COMPLIANCE;
    }
    if differ(reasonings) {
        judges |= DIFFER_ON_REASONING;
    }
    if compliances.iter().any(Option::is_some) && compliances.iter().any(Option::is_none) {
        judges |= SOME_SILENT;
    }
    Cell(
        Outcome::ALL.iter().position(|&outcome| outcome == trial.o).unwrap_or(Outcome::ALL.len()),
        judged.and_then(|verdict| place(verdict.c?)).map_or(-1, usize::cast_signed),
        judged.and_then(|verdict| verdict.f).map_or(-1, i8::from),
        trial.k,
        judges,
        trial.h.iter().map(|&(_, nats)| nats).fold(0.0, f64::max),
    )
}

fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let Some(first) = values.next() else { return false };
    values.any(|value| value != first)
}

/// By the request's place in its set and the sample: the request and its trials, one place per
/// tier.
type Pairs<'a> = BTreeMap<(usize, u32), (Asked<'a>, Vec<Option<Trial<'a>>>)>;

fn pairs_of(run: &RunView) -> Result<Pairs<'_>> {
    let verdicts = by_trial(&run.verdicts);
    let others: Vec<_> = run.others.iter().map(|judge| by_trial(&judge.verdicts)).collect();
    let heat: BTreeMap<_, _> =
        run.heat.iter().map(|heat| ((&*heat.request, &*heat.tier, heat.sample), heat)).collect();
    let mut places: BTreeMap<&str, (usize, Asked<'_>)> = run
        .requests
        .iter()
        .enumerate()
        .map(|(place, request)| (request.id.as_str(), (place, ask(request))))
        .collect();
    let mut pairs = Pairs::new();
    for transcript in &run.transcripts {
        let tier = run
            .tiers
            .iter()
            .position(|tier| tier.name == transcript.tier)
            .ok_or_else(|| stray(run, transcript))?;
        // A request that its set does not list is shown all the same, after the others and without
        // words.
        let next = places.len();
        let (place, request) =
            *places.entry(&transcript.request).or_insert_with(|| (next, ask_unlisted(transcript)));
        let key = (&*transcript.request, &*transcript.tier, transcript.sample);
        let verdict = verdicts.get(&key).copied();
        let others =
            others.iter().map(|verdicts| verdicts.get(&key).copied().map(judged)).collect();
        let (_, trials) = pairs
            .entry((place, transcript.sample))
            .or_insert_with(|| (request, run.tiers.iter().map(|_| None).collect::<Vec<_>>()));
        let heat = heat.get(&key).map_or_else(Vec::new, |heat| {
            heat.tokens.iter().map(|token| (&*token.text, token.divergence_nats)).collect()
        });
        trials[tier] = Some(trial(transcript, verdict, others, heat));
    }
    Ok(pairs)
}

fn by_trial(verdicts: &[Verdict]) -> BTreeMap<(&str, &str, u32), &Verdict> {
    verdicts.iter().map(|verdict| (verdict.trial(), verdict)).collect()
}

fn stray(run: &RunView, transcript: &Transcript) -> Error {
    Error::failed(format!(
        "the run of `{}` has a transcript of request `{}`, sample {}, in tier `{}`, which its \
         scenario does not list",
        run.name(),
        text::name(&transcript.request),
        transcript.sample,
        text::name(&transcript.tier)
    ))
    .hint("check the run folder with `candor verify`")
}

fn ask(request: &Request) -> Asked<'_> {
    Asked {
        id: &request.id,
        category: &request.category,
        harmful: request.harmful,
        text: &request.text,
    }
}

fn ask_unlisted(transcript: &Transcript) -> Asked<'_> {
    Asked {
        id: &transcript.request,
        category: &transcript.category,
        harmful: transcript.harmful,
        text: "",
    }
}

fn trial<'a>(
    transcript: &'a Transcript,
    verdict: Option<&'a Verdict>,
    others: Vec<Option<Judged<'a>>>,
    heat: Vec<(&'a str, f64)>,
) -> Trial<'a> {
    let parts = [&transcript.native_reasoning, &transcript.scratchpad, &transcript.answer];
    let untold =
        transcript.outcome == Outcome::Malformed || parts.iter().all(|part| part.trim().is_empty());
    Trial {
        o: transcript.outcome,
        k: transcript.token_ids.len(),
        g: &transcript.given_text,
        n: &transcript.native_reasoning,
        p: &transcript.scratchpad,
        a: &transcript.answer,
        w: if untold { &transcript.raw } else { "" },
        v: verdict.map(judged),
        u: others,
        h: heat,
    }
}

fn judged(verdict: &Verdict) -> Judged<'_> {
    Judged {
        o: verdict.judge_outcome,
        c: verdict.compliance,
        e: &verdict.compliance_span,
        f: verdict.reasoning,
        m: verdict
            .criteria
            .iter()
            .filter(|criterion| !criterion.span.is_empty())
            .map(|criterion| [criterion.name.as_str(), criterion.span.as_str()])
            .collect(),
    }
}

/// The same JSON with `<`, `>`, `&` and every hidden character as `\uXXXX`: nothing in it can end
/// the script element, start a comment or a character reference, or deceive who reads the file in
/// an editor.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || text::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}
