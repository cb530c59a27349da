//! `candor diff`: what two runs differ in, in their settings and in what was said of their replies.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::DiffArgs;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show as print};
use crate::error::Result;
use crate::events::visible;
use crate::judge::{Compliance, Verdict};
use crate::report::{RunView, labels, points, points_interval};
use crate::run::Condition;
use crate::stats::Interval;
use crate::study::JudgedRun;

/// What is printed as JSON.
#[derive(Serialize)]
struct Difference {
    runs: Vec<Run>,
    /// Settings that differ; a value is null where a run does not say.
    settings: Vec<Setting>,
    /// Trials that both runs have.
    trials: usize,
    /// Those whose replies are not the same text.
    replies_differ: usize,
    /// Those whose verdicts differ, in the order of the first run.
    verdicts_differ: Vec<Trial>,
    /// Trials that only one of the two has.
    only_first: usize,
    only_second: usize,
}

#[derive(Serialize)]
struct Run {
    label: String,
    digest: String,
    judge: String,
    gap: Option<f64>,
    gap_ci95: Option<Interval>,
}

#[derive(Serialize)]
struct Setting {
    name: String,
    first: Option<String>,
    second: Option<String>,
}

#[derive(Serialize)]
struct Trial {
    request: String,
    tier: String,
    sample: u32,
    first: Said,
    second: Said,
}

/// A verdict as a comparison sees it.
#[derive(Serialize, PartialEq, Eq, Clone, Copy)]
struct Said {
    compliance: Option<Compliance>,
    reasoning: Option<bool>,
}

pub(in crate::cli) fn diff(args: &DiffArgs, talk: &Talk) -> Result<()> {
    let view = |run: &Path| JudgedRun::now(run, &args.judge, talk)?.view();
    let views = [view(&args.first)?, view(&args.second)?];
    let found = difference(&views);
    if args.json {
        return show::json(&found);
    }
    print(&text(&found, args.top))
}

fn difference(views: &[RunView; 2]) -> Difference {
    let [first, second] = views;
    let named = labels(views);
    let runs = views.iter().zip(named).map(|(view, label)| Run {
        label,
        digest: view.digest.clone(),
        judge: view.judge.clone(),
        gap: view.estimates.gap,
        gap_ci95: view.estimates.gap_ci95,
    });
    let others: BTreeMap<_, _> =
        second.transcripts.iter().map(|t| ((&*t.request, &*t.tier, t.sample), t)).collect();
    let (here, there) = (said(&first.verdicts), said(&second.verdicts));
    let silent = Said { compliance: None, reasoning: None };
    let (mut trials, mut replies_differ, mut only_first) = (0, 0, 0);
    let mut verdicts_differ = Vec::new();
    for transcript in &first.transcripts {
        let key = (&*transcript.request, &*transcript.tier, transcript.sample);
        let Some(other) = others.get(&key) else {
            only_first += 1;
            continue;
        };
        trials += 1;
        replies_differ += usize::from(other.raw != transcript.raw);
        let [a, b] = [&here, &there].map(|said| said.get(&key).copied().unwrap_or(silent));
        if a != b {
            verdicts_differ.push(Trial {
                request: transcript.request.clone(),
                tier: transcript.tier.clone(),
                sample: transcript.sample,
                first: a,
                second: b,
            });
        }
    }
    Difference {
        runs: runs.collect(),
        settings: settings(&first.conditions, &second.conditions),
        trials,
        replies_differ,
        verdicts_differ,
        only_first,
        only_second: second.transcripts.len() - trials,
    }
}

fn said(verdicts: &[Verdict]) -> BTreeMap<(&str, &str, u32), Said> {
    let said =
        |verdict: &Verdict| Said { compliance: verdict.compliance, reasoning: verdict.reasoning };
    verdicts.iter().map(|verdict| (verdict.trial(), said(verdict))).collect()
}

/// The settings that differ, in the order of the first run and then of the second. A name may stand for several
/// things, such as adapters.
fn settings(first: &[Condition], second: &[Condition]) -> Vec<Setting> {
    let mut names: Vec<&str> = Vec::new();
    for condition in first.iter().chain(second) {
        if !names.contains(&condition.name) {
            names.push(condition.name);
        }
    }
    let value = |of: &[Condition], name: &str| {
        let values = of.iter().filter(|condition| condition.name == name);
        let values: Vec<&str> = values.map(|condition| condition.value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let setting = |name: &&str| {
        let (first, second) = (value(first, name), value(second, name));
        (first != second).then(|| Setting { name: (*name).to_owned(), first, second })
    };
    names.iter().filter_map(setting).collect()
}

fn text(found: &Difference, top: usize) -> String {
    let mut out = String::new();
    for (name, run) in ["first", "second"].iter().zip(&found.runs) {
        let gap = format!("{} {}", points(run.gap), points_interval(run.gap_ci95));
        out += &format!("{name:7} {}: gap {gap}\n", visible(&run.label));
    }
    let none = |value: &Option<String>| value.clone().unwrap_or_else(|| "not said".to_owned());
    out += "\n";
    if found.settings.is_empty() {
        out += "no setting differs\n";
    } else {
        let rows = found.settings.iter();
        let rows = rows.map(|s| vec![s.name.clone(), none(&s.first), none(&s.second)]);
        out += &show::table(&["setting", "first", "second"], &[], rows.collect::<Vec<_>>());
    }
    out += &format!(
        "\n{} trials in both, {} of them with other replies, {} with other verdicts",
        found.trials,
        found.replies_differ,
        found.verdicts_differ.len()
    );
    for (name, count) in [("first", found.only_first), ("second", found.only_second)] {
        if count > 0 {
            out += &format!("; {count} in the {name} only");
        }
    }
    out += "\n";
    if !found.verdicts_differ.is_empty() {
        let rows = found.verdicts_differ.iter().take(top).map(|trial| {
            let id = format!("{}/{}/{}", trial.request, trial.tier, trial.sample);
            vec![visible(&id), word(trial.first), word(trial.second)]
        });
        out += &show::table(&["trial", "first", "second"], &[], rows.collect::<Vec<_>>());
        let left = found.verdicts_differ.len().saturating_sub(top);
        if left > 0 {
            out += &format!("and {left} more; `--top N` shows more, `--json` all\n");
        }
    }
    out
}

fn word(said: Said) -> String {
    let compliance = said.compliance.map_or("no verdict", Compliance::name);
    match said.reasoning {
        Some(true) => format!("{compliance}, fakes alignment"),
        _ => compliance.to_owned(),
    }
}
