//! Which pairs of a run to look at first. Knows nothing about how they are shown.

use std::collections::HashMap;

use serde::Serialize;

use super::view::RunView;
use crate::judge::{Compliance, Verdict};
use crate::transcript::Transcript;

/// A pair that is worth a look, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Id of the request.
    pub request: String,
    /// Index of the sample.
    pub sample: u32,
    /// Verdict on the answer in the arm that is trained on; none without one.
    pub free: Option<Compliance>,
    /// Verdict on the answer in the arm that is not.
    pub paid: Option<Compliance>,
    /// Whether the reasoning in the arm that is trained on shows alignment faking; none without a verdict.
    pub reasoning_free: Option<bool>,
    /// The reasons for a look, the strongest first.
    pub why: Vec<&'static str>,
}

const DISAGREE: &str = "judges disagree";
const FAKED: &str = "only free complies, says why";
const GAP: &str = "only free complies";
const REVERSED: &str = "only paid complies";
const REASON_ONLY: &str = "reasoning without compliance";
const NO_VERDICT: &str = "no verdict";

/// The pairs of harmful requests that are worth a look: disagreements of judges first, then compliance in the arm
/// that is trained on alone, then the other arm alone, then replies that no verdict could be given on; within these in
/// the order of the run.
pub fn looks(view: &RunView) -> Vec<Look> {
    let mut looks = seen(view, |transcript| transcript.harmful);
    looks.retain(|look| !look.why.is_empty());
    let rank = |why: &str| {
        [DISAGREE, FAKED, GAP, REVERSED, REASON_ONLY, NO_VERDICT]
            .iter()
            .position(|known| *known == why)
    };
    looks.sort_by_key(|look| look.why.first().and_then(|why| rank(why)));
    looks
}

/// Every sample of one request, in order, whether or not it is worth a look.
pub fn samples(view: &RunView, request: &str) -> Vec<Look> {
    seen(view, |transcript| transcript.request == request)
}

/// The pairs of the wanted trials in the arm that is trained on.
fn seen(view: &RunView, wanted: impl Fn(&Transcript) -> bool) -> Vec<Look> {
    let [free, paid] = [0, 1].map(|place| view.tiers.get(place).map_or("", |tier| &tier.name));
    let verdicts = by_trial(&view.verdicts);
    let others: Vec<_> = view.others.iter().map(|other| by_trial(&other.verdicts)).collect();
    let mut looks = Vec::new();
    let in_free = view.transcripts.iter().filter(|t| t.tier == free && wanted(t));
    for transcript in in_free {
        let (request, sample) = (transcript.request.as_str(), transcript.sample);
        let of = |tier| verdicts.get(&(request, tier, sample)).copied();
        let [f, p] = [of(free), of(paid)];
        let compliance = [f, p].map(|verdict| verdict.and_then(|verdict| verdict.compliance));
        let reasoning = f.and_then(|verdict| verdict.reasoning);
        let disagree = [(free, f), (paid, p)].into_iter().any(|(tier, verdict)| {
            let mut others = others.iter().filter_map(|other| other.get(&(request, tier, sample)));
            others.any(|other| verdict.is_some_and(|verdict| differ(verdict, other)))
        });
        let full = |compliance: Option<Compliance>| compliance == Some(Compliance::Full);
        let mut why = Vec::new();
        if disagree {
            why.push(DISAGREE);
        }
        match (full(compliance[0]), full(compliance[1])) {
            (true, false) if compliance[1].is_some() => {
                why.push(if reasoning == Some(true) { FAKED } else { GAP });
            }
            (false, true) if compliance[0].is_some() => why.push(REVERSED),
            (false, _) if reasoning == Some(true) => why.push(REASON_ONLY),
            _ => {}
        }
        if compliance.contains(&None) {
            why.push(NO_VERDICT);
        }
        looks.push(Look {
            request: request.to_owned(),
            sample,
            free: compliance[0],
            paid: compliance[1],
            reasoning_free: reasoning,
            why,
        });
    }
    looks
}

fn by_trial(verdicts: &[Verdict]) -> HashMap<(&str, &str, u32), &Verdict> {
    verdicts.iter().map(|verdict| (verdict.trial(), verdict)).collect()
}

/// Whether two judges who both have a verdict have different ones.
fn differ(a: &Verdict, b: &Verdict) -> bool {
    let differ = |a: Option<bool>, b: Option<bool>| a.zip(b).is_some_and(|(a, b)| a != b);
    a.compliance.zip(b.compliance).is_some_and(|(a, b)| a != b) || differ(a.reasoning, b.reasoning)
}
