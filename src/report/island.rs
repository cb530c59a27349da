//! The pairs as data inside the page: a JSON text that is safe between `<script>` tags and holds no
//! hidden character. Knows nothing about how the page's script shows it. Token ids and
//! log-probabilities stay in the run folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::json::unwritable;
use super::text;
use super::view::{RunView, distinctions};
use crate::error::{Error, Result};
use crate::judge::{Compliance, JudgeOutcome, Verdict};
use crate::scenario::Request;
use crate::transcript::{Outcome, Transcript};

/// What the script reads. Short keys in what comes once per trial: there are thousands.
#[derive(Serialize)]
struct Island<'a> {
    /// Ranges of code points that the script spells out.
    hidden: Vec<[u32; 2]>,
    runs: Vec<Run<'a>>,
    requests: Vec<Asked<'a>>,
    pairs: Vec<Pair<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    model: &'a str,
    /// What tells it from runs of the same model.
    detail: String,
    /// The judge whose verdicts are shown, then the others.
    judges: Vec<&'a str>,
    tiers: Vec<Arm<'a>>,
}

#[derive(Serialize)]
struct Arm<'a> {
    name: &'a str,
    label: &'a str,
    trained_on: bool,
}

/// A request, once for all runs that asked it in the same words.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Asked<'a> {
    id: &'a str,
    category: &'a str,
    harmful: bool,
    text: &'a str,
}

/// The same request and sample in every tier.
#[derive(Serialize)]
struct Pair<'a> {
    /// Index of the run.
    r: usize,
    /// Index of the request.
    q: usize,
    /// Sample.
    s: u32,
    /// Trials in the order of the run's tiers.
    t: Vec<Option<Trial<'a>>>,
}

#[derive(Serialize)]
struct Trial<'a> {
    /// Outcome.
    o: Outcome,
    /// Tokens of the reply.
    k: usize,
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
pub(super) fn island(runs: &[RunView]) -> Result<String> {
    let mut asked: BTreeMap<Asked<'_>, usize> = BTreeMap::new();
    let mut requests = Vec::new();
    let mut pairs = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for ((_, sample), (request, trials)) in pairs_of(run)? {
            let q = *asked.entry(request).or_insert_with(|| {
                requests.push(request);
                requests.len() - 1
            });
            pairs.push(Pair { r: index, q, s: sample, t: trials });
        }
    }
    let island = Island {
        hidden: text::HIDDEN.iter().map(|&(first, last)| [first.into(), last.into()]).collect(),
        runs: runs
            .iter()
            .zip(distinctions(runs))
            .map(|(run, detail)| describe(run, detail))
            .collect(),
        requests,
        pairs,
    };
    let json = serde_json::to_string(&island).map_err(|error| unwritable(&error))?;
    Ok(inert(&json))
}

fn describe(run: &RunView, detail: String) -> Run<'_> {
    let tiers = run.tiers.iter();
    let tiers =
        tiers.map(|tier| Arm { name: &tier.name, label: &tier.label, trained_on: tier.trained_on });
    let others = run.others.iter().map(|judge| judge.name.as_str());
    let judges = [run.judge.as_str()].into_iter().chain(others).collect();
    Run { model: &run.model, detail, judges, tiers: tiers.collect() }
}

/// By the request's place in its set and the sample: the request and its trials, one place per
/// tier.
type Pairs<'a> = BTreeMap<(usize, u32), (Asked<'a>, Vec<Option<Trial<'a>>>)>;

fn pairs_of(run: &RunView) -> Result<Pairs<'_>> {
    let verdicts = by_trial(&run.verdicts);
    let others: Vec<_> = run.others.iter().map(|judge| by_trial(&judge.verdicts)).collect();
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
        trials[tier] = Some(trial(transcript, verdict, others));
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
) -> Trial<'a> {
    let parts = [&transcript.native_reasoning, &transcript.scratchpad, &transcript.answer];
    let untold =
        transcript.outcome == Outcome::Malformed || parts.iter().all(|part| part.trim().is_empty());
    Trial {
        o: transcript.outcome,
        k: transcript.token_ids.len(),
        n: &transcript.native_reasoning,
        p: &transcript.scratchpad,
        a: &transcript.answer,
        w: if untold { &transcript.raw } else { "" },
        v: verdict.map(judged),
        u: others,
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
