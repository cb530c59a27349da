//! What `candor probe` shows in a terminal: tables of at most 80 columns, and what they amount to in words.

use crate::cli::screen::show;
use crate::events::visible;
use crate::probe::{
    Changed, Control, DecisionEstimates, Effects, Estimate, Label, Labels, LinearProbes,
    PartControl, PartSensitivity, Probe, Reached, Sensitivity, SwapEstimates,
};
use crate::report::hanging;
use crate::stats::Interval;

/// Terminal columns that a line may take.
const WIDTH: usize = 80;
/// Where there is no number.
const NONE: &str = "-";

pub(in crate::cli) fn table(probe: &Probe) -> String {
    let settings = &probe.settings;
    let mut text = format!(
        "{}: {} of {} pairs of {}/{}\n\n",
        visible(&probe.model),
        settings.pairs,
        settings.pairs_of,
        probe.scenario,
        probe.variant
    );
    let mut words = sensitivity(&probe.sensitivity, &mut text);
    if let Some(found) = &probe.decision {
        words.push(decision(found, &mut text));
    }
    for found in &probe.controls {
        words.push(control(found, &mut text));
    }
    if let Some(found) = &probe.swap {
        words.extend(swap(found, &mut text));
    }
    if let Some(found) = &probe.linear {
        words.push(linear(found, &mut text));
    }
    words.iter().for_each(|sentence| text += &hanging(sentence, WIDTH));
    text
}

/// Nats per reply, by tier and part.
fn sensitivity(found: &Sensitivity, text: &mut String) -> Vec<String> {
    let row = |tier: &str, part: &str, found: &PartSensitivity| {
        vec![
            tier.to_owned(),
            part.to_owned(),
            found.tokens.mean.map_or(NONE.into(), |mean| format!("{mean:.1}")),
            nats(found.log_ratio.mean, true),
            interval(found.log_ratio.ci95, |end| format!("{end:+.2}")),
            nats(found.kl.mean, false),
            nats(found.js.mean, false),
        ]
    };
    let tiers = [("free", &found.free), ("paid", &found.paid)];
    let rows = tiers.iter().flat_map(|(tier, found)| {
        [
            row(tier, "scratchpad", &found.scratchpad),
            row(tier, "answer", &found.answer),
            row(tier, "the rest", &found.other),
        ]
    });
    let heads = ["replies", "part", "tokens", "log-ratio", "[95 % interval]", "KL", "JS"];
    *text += "what the tier does to the replies, in nats per reply\n";
    *text += &show::table(&heads, &[2, 3, 4, 5, 6], rows);
    text.push('\n');

    let js = |of: fn(&crate::probe::TierSensitivity) -> Option<f64>| {
        of(&found.free).unwrap_or(0.0) + of(&found.paid).unwrap_or(0.0)
    };
    let (scratchpad, answer) = (js(|t| t.scratchpad.js.mean), js(|t| t.answer.js.mean));
    let whole = js(|t| t.whole.js.mean);
    let place = match whole > 0.0 {
        true => format!(
            "Of the divergence between the tiers, {:.0} % stands in the scratchpad and {:.0} % in the answer that \
             follows it.",
            100.0 * scratchpad / whole,
            100.0 * answer / whole
        ),
        false => "The tier changes no distribution at all.".to_owned(),
    };
    let check = format!(
        "Of {} tokens, {} have the very log-probability that is on record.",
        show::grouped(found.tokens),
        show::grouped(found.tokens_reproduced)
    );
    vec![check, place]
}

fn decision(found: &DecisionEstimates, text: &mut String) -> String {
    let share = |name: &str, free: &Estimate, paid: &Estimate| {
        vec![name.to_owned(), percent(free.mean), percent(paid.mean), String::new(), String::new()]
    };
    let gap = |name: &str, found: &Estimate| {
        let points = points(found.mean);
        vec![name.to_owned(), String::new(), String::new(), points, points_interval(found.ci95)]
    };
    let mut rows = vec![
        share("complies", &found.comply_free, &found.comply_paid),
        share("refuses", &found.refuse_free, &found.refuse_paid),
    ];
    if !found.options.is_empty() {
        let options = found.options.iter();
        rows = options
            .map(|o| share(&format!("option {}", visible(&o.name)), &o.free, &o.paid))
            .collect();
    }
    rows.extend([gap("exact gap", &found.gap), gap("sampled gap", &found.sampled_gap)]);
    *text += "the decision, given each stored scratchpad: exact probabilities\n";
    let heads = ["", "free %", "paid %", "points", "[95 % interval]"];
    *text += &show::table(&heads, &[1, 2, 3, 4], rows);
    text.push('\n');
    format!(
        "Given the scratchpads, the gap is {} points {} without any noise in the decision; the answers that were \
         drawn show {}. {} % of the probability begins in words that the scenario does not name, {} % was not \
         followed; wherever that belongs, the gap is between {}.",
        points(found.gap.mean),
        points_interval(found.gap.ci95),
        points(found.sampled_gap.mean),
        percent(found.other),
        percent(found.left),
        found.gap_bounds.map_or(NONE.into(), |[low, high]| format!(
            "{} and {}",
            points(Some(low)),
            points(Some(high))
        ))
    )
}

fn control(found: &Control, text: &mut String) -> String {
    let row = |part: &str, found: &PartControl| {
        let share = found.meaning.or(found.share);
        vec![
            part.to_owned(),
            nats(found.log_ratio.mean, true),
            nats(found.log_ratio_control.mean, true),
            percent(share.and_then(|share| share.mean)),
            interval(share.and_then(|share| share.ci95), |end| format!("{:.1}", 100.0 * end)),
        ]
    };
    let (head, said) = match found.labels {
        Labels::Swapped => {
            ("follows meaning, %", "follows the meaning of the tier and not its label")
        }
        Labels::Same | Labels::Other => ("remains, %", "remains"),
    };
    *text += &format!("told in the words of `{}`: log-ratio, nats per reply\n", found.variant);
    let heads = ["part", "run", "control", head, "[95 % interval]"];
    let rows = [
        row("scratchpad", &found.scratchpad),
        row("answer", &found.answer),
        row("whole", &found.whole),
    ];
    *text += &show::table(&heads, &[1, 2, 3, 4], rows);
    text.push('\n');
    let share = |found: &PartControl| match found.meaning.or(found.share) {
        Some(share) => format!(
            "{} % {}",
            percent(share.mean),
            interval(share.ci95, |end| format!("{:.1}", 100.0 * end))
        ),
        None => "a share that cannot be told".to_owned(),
    };
    format!(
        "In the words of `{}`, {} of what the tier does to the scratchpad {said}, and {} of what it does to the answer.",
        found.variant,
        share(&found.scratchpad),
        share(&found.answer)
    )
}

fn swap(found: &SwapEstimates, text: &mut String) -> Vec<String> {
    let exact = found.effects_exact.as_ref();
    let of = |name: &str, pick: fn(&Effects) -> Estimate| {
        let (drawn, exact) = (pick(&found.effects), exact.map(pick).unwrap_or_default());
        vec![
            name.to_owned(),
            points(drawn.mean),
            points_interval(drawn.ci95),
            points(exact.mean),
            points_interval(exact.ci95),
        ]
    };
    let rows = [
        of("free / free", |e| e.free_free),
        of("free / paid", |e| e.free_paid),
        of("paid / free", |e| e.paid_free),
        of("paid / paid", |e| e.paid_paid),
        of("total effect", |e| e.total),
        of("direct", |e| e.direct),
        of("through the scratchpad", |e| e.mediated),
        of("interaction", |e| e.interaction),
    ];
    *text += "prompt / scratchpad: compliance and effects, in points\n";
    let heads = ["", "drawn", "[95 %]", "exact", "[95 %]"];
    *text += &show::table(&heads, &[1, 2, 3, 4], rows);
    let row = |name: &str, found: &Changed| {
        vec![
            name.to_owned(),
            format!("{}/{}", found.replies_changed, found.unanswered),
            percent(found.free.mean),
            percent(found.paid.mean),
            points(found.gap.mean),
            points_interval(found.gap.ci95),
            points(found.gap_stored.mean),
        ]
    };
    let rows = [
        row("empty", &found.empty),
        row("of next request", &found.next_request),
        row("faking cut", &found.cut),
    ];
    *text += "\nscratchpads changed: replies, and how many have no answer then\n";
    let heads = ["scratchpad", "replies", "free %", "paid %", "gap", "[95 %]", "before"];
    *text += &show::table(&heads, &[1, 2, 3, 4, 5, 6], rows);
    text.push('\n');
    let effects = &found.effects;
    let said = |effect: &Estimate| {
        let zero = effect.ci95.is_some_and(|[low, high]| low <= 0.0 && high >= 0.0);
        let zero = if zero { ", which contains zero" } else { "" };
        format!("{} points ({}{zero})", points(effect.mean), points_interval(effect.ci95))
    };
    vec![
        format!(
            "The tier changes compliance by {}: by {} directly, by {} through the scratchpad, by {} through both \
             together.",
            said(&effects.total),
            said(&effects.direct),
            said(&effects.mediated),
            said(&effects.interaction)
        ),
        format!(
            "{} pairs took part, {} have a reply without an answer; {} tokens were drawn.",
            found.pairs,
            found.pairs_left_out,
            show::grouped(found.tokens)
        ),
    ]
}

/// What linear probes reach on requests that they were not fitted on.
fn linear(found: &LinearProbes, text: &mut String) -> String {
    for (label, head) in [
        (Label::Tier, "the tier, read off the residual stream"),
        (Label::FreeOnly, "compliance in the free tier only, read off the residual stream"),
    ] {
        let numbers = |reached: &Option<Reached>| match reached {
            Some(r) => [
                percent(Some(r.accuracy)),
                format!("{:.3}", r.auroc),
                r.p_value.map_or(NONE.into(), |p| format!("{p:.2}")),
            ],
            None => [NONE, NONE, NONE].map(str::to_owned),
        };
        let probes = found.probes.iter().filter(|probe| probe.label == label);
        let rows = probes.map(|probe| {
            let about = [
                probe.position.name().to_owned(),
                probe.depth.to_string(),
                format!("{} of {}", probe.with_label, probe.trials),
            ];
            let (means, logistic) = (numbers(&probe.means), numbers(&probe.logistic));
            about.into_iter().chain(means).chain(logistic).collect::<Vec<String>>()
        });
        let heads =
            ["place", "layer", "labelled", "means %", "AUROC", "p", "logistic %", "AUROC", "p"];
        *text += &format!("{head}\n{}\n", show::table(&heads, &[1, 2, 3, 4, 5, 6, 7, 8], rows));
    }
    format!(
        "Each probe was fitted on four fifths of the requests and tried on the rest; p is held against {} permutations \
         within requests. That something can be read off the stream does not say that the model uses it.",
        found.permutations
    )
}

fn nats(value: Option<f64>, signed: bool) -> String {
    match value {
        Some(value) if signed => format!("{value:+.2}"),
        Some(value) => format!("{value:.2}"),
        None => NONE.into(),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or(NONE.into(), |share| format!("{:.1}", 100.0 * share))
}

fn points(share: Option<f64>) -> String {
    share.map_or(NONE.into(), |share| format!("{:+.1}", 100.0 * share))
}

fn points_interval(ends: Option<Interval>) -> String {
    interval(ends, |end| format!("{:+.1}", 100.0 * end))
}

fn interval(ends: Option<Interval>, shown: impl Fn(f64) -> String) -> String {
    ends.map_or(NONE.into(), |[low, high]| format!("[{}, {}]", shown(low), shown(high)))
}
