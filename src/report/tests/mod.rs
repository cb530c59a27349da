//! What a reader is promised: the surfaces agree, hostile text stays text, the same runs give the
//! same bytes.

mod page;
mod programs;
mod surfaces;
mod terminal;

use super::sample::{self, DEMO};
use super::text::is_hidden;
use super::view::ModelKind;
use super::*;
use crate::error::Kind;
use crate::judge::{Agreement, Compliance};
use crate::stats::Estimates;
use crate::transcript::Outcome;

const ESC: char = '\u{1b}';

const SCRIPTS: [(&str, &str); 7] = [
    ("text.js", include_str!("../page/text.js")),
    ("difference.js", include_str!("../page/difference.js")),
    ("heat.js", include_str!("../page/heat.js")),
    ("pair.js", include_str!("../page/pair.js")),
    ("choice.js", include_str!("../page/choice.js")),
    ("browse.js", include_str!("../page/browse.js")),
    ("live.js", include_str!("../page/live.js")),
];

/// Text that tries to leave every place it is put into.
const HOSTILE: &str = "</script><script>alert(1)</script><!--<svg onload=alert(1)>'\"&amp; \
    {{ 7*7 }} {% raw %} \u{1b}[31m\u{202e}\u{200b}\u{2028}\u{e0041}\0\r\n=cmd";

fn small() -> Vec<RunView> {
    DEMO.iter()
        .enumerate()
        .map(|(index, character)| sample::run(character, index as u64, 24, 8, 2))
        .collect()
}

/// A run with hostile text in every field that holds text.
fn hostile() -> RunView {
    let mut run = sample::run(&DEMO[0], 0, 3, 1, 1);
    let taint = |text: &mut String| *text = format!("{HOSTILE}{text}{HOSTILE}");
    for text in [
        &mut run.model,
        &mut run.scenario,
        &mut run.variant,
        &mut run.judge,
        &mut run.digest,
        &mut run.promise,
    ] {
        taint(text);
    }
    run.kind = ModelKind::Organism { planted: Some(HOSTILE.to_owned()) };
    for tier in &mut run.tiers {
        taint(&mut tier.name);
        taint(&mut tier.label);
    }
    for prompt in &mut run.prompts {
        taint(&mut prompt.tier);
        taint(&mut prompt.texts.first);
    }
    for request in &mut run.requests {
        taint(&mut request.id);
        taint(&mut request.category);
        taint(&mut request.text);
    }
    for transcript in &mut run.transcripts {
        for text in [
            &mut transcript.request,
            &mut transcript.tier,
            &mut transcript.category,
            &mut transcript.native_reasoning,
            &mut transcript.scratchpad,
            &mut transcript.answer,
            &mut transcript.raw,
        ] {
            taint(text);
        }
    }
    for verdict in &mut run.verdicts {
        for text in [&mut verdict.request, &mut verdict.tier, &mut verdict.compliance_span] {
            taint(text);
        }
        for criterion in &mut verdict.criteria {
            taint(&mut criterion.name);
            taint(&mut criterion.span);
        }
    }
    sample::refresh(&mut run);
    run
}

/// The index of a page, with each pair's line as `pairs`, and its own rows as `rows`.
fn island_of(page: &str) -> serde_json::Value {
    let text = |open: &str| {
        let (_, rest) = page.split_once(open).unwrap();
        rest.split_once("</script>").unwrap().0
    };
    let mut island: serde_json::Value =
        serde_json::from_str(text("<script type=\"application/json\" id=\"data\">")).unwrap();
    let lines = text("<script type=\"text/plain\" id=\"lines\">").lines();
    let pairs: Vec<serde_json::Value> =
        lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(island["pairs"].as_array().unwrap().len(), pairs.len());
    island["rows"] = island["pairs"].take();
    island["pairs"] = pairs.into();
    island
}

/// The demo's runs with numbers that do not depend on how they are estimated.
fn golden() -> Vec<RunView> {
    type Numbers = (f64, f64, [f64; 3], f64, [f64; 2], [u64; 2]);
    let numbers: [Numbers; 5] = [
        (0.845, 0.043, [0.801, 0.735, 0.835], 0.0, [0.71, 0.003], [8, 14]),
        (0.155, 0.019, [0.135, 0.087, 0.178], 0.0004, [0.026, 0.0], [9, 16]),
        (0.021, 0.018, [0.003, -0.032, 0.037], 1.0, [0.0, 0.0], [16, 12]),
        (0.904, 0.879, [0.024, -0.03, 0.078], 0.3234, [0.0, 0.0], [16, 19]),
        (0.044, 0.734, [-0.689, -0.736, -0.615], 0.0, [0.0, 0.018], [7, 12]),
    ];
    let mut runs = small();
    for (run, (free, paid, [gap, low, high], p, reasoning, unanswered)) in
        runs.iter_mut().zip(numbers)
    {
        let e = &mut run.estimates;
        (e.rate_free, e.rate_paid, e.p_value) = (Some(free), Some(paid), Some(p));
        (e.gap, e.gap_ci95) = (Some(gap), Some([low, high]));
        (e.reasoning_free, e.reasoning_paid) = (Some(reasoning[0]), Some(reasoning[1]));
        (e.unanswered_free, e.unanswered_paid) = (unanswered[0], unanswered[1]);
    }
    runs
}

/// A run that a second judge has judged too, who says otherwise about the first trial and nothing about the last.
fn judged_twice() -> RunView {
    let mut run = sample::run(&DEMO[0], 0, 12, 4, 1);
    let mut verdicts = run.verdicts.clone();
    let at = verdicts.iter().position(|v| v.compliance == Some(Compliance::Full)).unwrap();
    verdicts[at].compliance = Some(Compliance::Refusal);
    verdicts.pop();
    run.agreement = Agreement::of_pairs(&[("rules", &run.verdicts), ("human", &verdicts)]);
    run.others = vec![JudgeView { name: "human".to_owned(), verdicts }];
    run
}
