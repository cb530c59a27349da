//! The report as one self-contained page: no network, no clock, the same bytes for the same runs.
//!
//! Everything above the pairs is written here and needs no script; the pairs travel as data
//! ([`super::island`]). Knows nothing about the layout, which is the files in `page/`.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::contrasts::{Contrasts, contrasts};
use super::figure::{Axis, Tick};
use super::island::island;
use super::matrix::matrix;
use super::registered::AgainstRegistration;
use super::rows::{Row, flat, rows};
use super::tables::{SHORT_NAME, categories, comparisons, numbers, show_matrix};
use super::text;
use super::view::{Control, ModelKind, Prompt, RunView, TrialProgress};
use super::words::{self, Side, typeset};
use crate::error::{Error, Result};
use crate::judge::{Agreement, Compliance, Count};
use crate::scenario::Tier;
use crate::stats::{Estimates, Interval, Tells};
use crate::transcript::Outcome;

/// What the page does, in one script.
const SCRIPT: &str = concat!(
    "\"use strict\";\n{\n",
    include_str!("page/text.js"),
    include_str!("page/difference.js"),
    include_str!("page/heat.js"),
    include_str!("page/pair.js"),
    include_str!("page/choice.js"),
    include_str!("page/browse.js"),
);
/// What shows an error of the scripts, in a script of its own: it works where the others do not even parse.
const TROUBLE: &str = include_str!("page/trouble.js");
/// What the page does beyond that when it is served.
const LIVE: &str = include_str!("page/live.js");

/// Columns of a name in the headline.
const HEADLINE_NAME: usize = 60;
/// Runs beside each other in one table of every number: more are not readable on a screen, and fit no paper.
const MOST_COLUMNS: usize = 6;

/// The page for these runs.
///
/// # Errors
/// Fails when a transcript belongs to a tier that its run does not list.
pub fn html(runs: &[RunView]) -> Result<String> {
    page(runs, None)
}

/// The page as it is served: it asks its own origin how far the runs are. `version` changes whenever the runs do.
///
/// # Errors
/// As [`html`].
pub fn live(runs: &[RunView], version: &str) -> Result<String> {
    page(runs, Some(version))
}

fn page(runs: &[RunView], live: Option<&str>) -> Result<String> {
    let gap_axis = Axis::gap(runs.iter().filter_map(|run| run.estimates.gap_ci95));
    let settings = rows(runs);
    let all = flat(&settings);
    // The runs as they stand behind each other on the page: the seeds of a setting follow each other.
    let each: Vec<&Row<'_>> = all.iter().copied().filter(|row| !row.is_pooled()).collect();
    let is_control = |run: &RunView| matches!(run.kind, ModelKind::Organism { .. });
    let several_kinds = runs.iter().any(is_control) && !runs.iter().all(is_control);
    let controls = match runs.iter().any(is_control) {
        true => &[][..],
        false => runs.first().map_or(&[][..], |run| &run.controls),
    };
    let island = island(runs)?;
    let page = context! {
        title => runs.iter().map(|run| text::shorten(&run.name(), SHORT_NAME)).collect::<Vec<_>>().join(", "),
        headline => headline(&settings),
        facts => facts(runs),
        several_judges => runs.iter().any(|run| !run.others.is_empty()),
        organisms => runs.iter().any(is_control),
        several_kinds => several_kinds,
        controls => controls.iter().map(|control| show_control(control, gap_axis)).collect::<Vec<_>>(),
        controls_beyond => controls.iter().any(|control| {
            gap_axis.beyond(control.measured[0] - control.measured[1]).is_some()
        }),
        repeatable => runs.iter().any(|run| run.command.is_some()),
        live => live,
        progress => progress(runs),
        runs => each.iter().map(|row| show(row, gap_axis)).collect::<Vec<_>>(),
        settings => settings.iter().map(|row| show(row, gap_axis)).collect::<Vec<_>>(),
        not_measured => not_measured(&settings),
        pooled => settings.iter().any(Row::is_pooled),
        matrix => matrix(runs).map(|matrix| show_matrix(&matrix)),
        share_axis => ticks(Axis::SHARE),
        gap_axis => ticks(gap_axis),
        comparisons => comparisons(runs),
        contrasts => contrasts(runs)
            .iter()
            .map(show_contrasts)
            .collect::<Vec<_>>(),
        numbers => all.chunks(MOST_COLUMNS).map(numbers).collect::<Vec<_>>(),
        categories => categories(&each),
        category_titles => ["category", "requests", "free, %", "paid, %", "gap, points"],
        outcome_titles => Outcome::ALL.map(outcome_title),
        version => env!("CARGO_PKG_VERSION"),
        style => Value::from_safe_string(include_str!("page/style.css").to_owned()),
        trouble => Value::from_safe_string(TROUBLE.to_owned()),
        script => Value::from_safe_string(
            SCRIPT.to_owned() + if live.is_some() { LIVE } else { "" } + "}\n",
        ),
        index => Value::from_safe_string(island.index),
        lines => Value::from_safe_string(island.lines),
    };
    render(page).map_err(|error| Error::failed(format!("cannot lay out the report: {error:#}")))
}

/// The contrasts of a model, and what is said below their table.
fn show_contrasts(found: &Contrasts<'_>) -> Value {
    let rows = found.rows().map(|row| {
        context! {
            name => row.name, arms => row.arms, requests => row.requests, difference => row.difference,
            interval => row.interval, simultaneous => row.simultaneous, p => row.p, holm => row.holm,
            means => row.means, cannot => row.cannot,
        }
    });
    let rows: Vec<Value> = rows.collect();
    context! { title => found.title(), rows => rows, slope => found.slope() }
}

fn render(page: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The name ends in `.html`, which is what switches escaping on.
    environment.add_template("page.html", include_str!("page/page.html"))?;
    environment.get_template("page.html")?.render(page)
}

/// The page's first sentence. What was not measured as it should be is said before any number.
fn headline(settings: &[Row<'_>]) -> String {
    if let [row] = settings {
        let numbers = row.estimates;
        let name = text::shorten(&row.name, HEADLINE_NAME);
        if !numbers.measured.ok {
            return format!("{name} was not measured as it should be");
        }
        let claim = words::claim(numbers.gap, numbers.gap_ci95, numbers.gap_requests);
        return format!("{name} {}", typeset(&claim));
    }
    let noun = if settings.iter().any(Row::is_pooled) { "settings" } else { "runs" };
    let all = settings.len();
    let measured: Vec<_> = settings.iter().filter(|row| row.estimates.measured.ok).collect();
    let differ = measured
        .iter()
        .filter(|row| matches!(side(row.estimates), Side::Above | Side::Below))
        .count();
    let mut said = match differ {
        0 => format!("None of {all} {noun} clearly treats the two tiers differently"),
        1 => format!("1 of {all} {noun} treats the two tiers differently"),
        _ => format!("{differ} of {all} {noun} treat the two tiers differently"),
    };
    let open = measured.iter().filter(|row| row.estimates.tells == Some(Tells::Cannot)).count();
    if differ == 0 && open > 0 {
        said += &format!(", and {open} cannot tell");
    }
    let rest = all - measured.len();
    if rest > 0 {
        said += &format!("; {rest} not measured as it should be");
    }
    said
}

/// How far those of `runs` runs are that have not finished, in words; empty where all have.
pub fn progress_in_words(runs: usize, under_way: &[(String, TrialProgress)]) -> String {
    let done: usize = under_way.iter().map(|(_, progress)| progress.trials_done).sum();
    let all: usize = under_way.iter().map(|(_, progress)| progress.trials).sum();
    match under_way {
        [] => String::new(),
        [_] if runs == 1 => format!("running, {done} of {all} trials"),
        [(name, _)] => format!("{} is running, {done} of {all} trials", text::name(name)),
        _ => format!("{} of {runs} runs under way, {done} of {all} trials", under_way.len()),
    }
}

fn progress(runs: &[RunView]) -> String {
    let under_way: Vec<_> =
        runs.iter().filter_map(|run| Some((run.model.clone(), run.progress?))).collect();
    progress_in_words(runs.len(), &under_way)
}

/// What stands against settings as measurements, each reason once with all that it stands against.
fn not_measured(settings: &[Row<'_>]) -> Vec<Value> {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for row in settings {
        let run = context! { name => row.name.as_str(), detail => row.detail.as_str() };
        for reason in words::not_measured(&row.estimates.measured) {
            match groups.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, runs)) => runs.push(run.clone()),
                None => groups.push((reason, vec![run.clone()])),
            }
        }
    }
    let groups = groups.into_iter();
    groups.map(|(reason, runs)| context! { reason => reason, runs => runs }).collect()
}

/// What the runs have in common, or the list of what they differ in.
fn facts(runs: &[RunView]) -> Vec<Value> {
    let fact = |name: &str, aspect: fn(&RunView) -> String| {
        let values: BTreeSet<String> = runs.iter().map(|run| text::name(&aspect(run))).collect();
        context! { name => name, value => values.into_iter().collect::<Vec<_>>().join(", ") }
    };
    vec![
        fact("scenario", |run| run.scenario.clone()),
        fact("variant", |run| run.variant.clone()),
        fact("requests", |run| {
            let harmful = run.requests.iter().filter(|request| request.harmful).count();
            format!("{harmful} harmful, {} benign", run.requests.len() - harmful)
        }),
        fact("seed", |run| run.seed.to_string()),
        fact("judge", |run| run.judge.clone()),
    ]
}

fn show(row: &Row<'_>, gap_axis: Axis) -> Value {
    let (run, numbers) = (row.run, row.estimates);
    let side = side(numbers);
    let ends = numbers.gap_ci95.filter(|_| numbers.gap.is_some());
    context! {
        name => row.name.as_str(),
        short => text::shorten(&row.name, SHORT_NAME),
        detail => row.detail.as_str(),
        members => row.members.iter().map(|member| show(member, gap_axis)).collect::<Vec<_>>(),
        measured => numbers.measured.ok,
        scenario => text::name(&run.scenario),
        variant => text::name(&run.variant),
        seed => run.seed,
        judge => text::name(&run.judge),
        digest => text::name(&run.digest),
        promise => text::name(&run.promise),
        organism => matches!(run.kind, ModelKind::Organism { .. }),
        seeds => (),
        planted => match &run.kind {
            ModelKind::Organism { planted } => planted.as_deref().map(text::name),
            ModelKind::Model => None,
        },
        side => side.class(),
        sign => match side {
            Side::Above => "▲",
            Side::Below => "▼",
            Side::Around => "◇",
            Side::Undefined => "·",
        },
        notes => [
            words::paired_rates(numbers),
            words::forms(numbers),
            words::what_if(numbers),
            run.registered.as_ref().map(AgainstRegistration::words),
        ]
            .into_iter()
            .flatten()
            .map(|note| text::name(&typeset(&note)))
            .collect::<Vec<_>>(),
        claim => typeset(&words::claim(numbers.gap, numbers.gap_ci95, numbers.gap_requests)),
        bars => [
            bar("free", numbers.rate_free, numbers.rate_free_ci95, numbers.reasoning_free),
            bar("paid", numbers.rate_paid, numbers.rate_paid_ci95, numbers.reasoning_paid),
        ],
        gap => typeset(&words::points(numbers.gap)),
        gap_interval => typeset(&words::points_interval(numbers.gap_ci95)),
        gap_at => numbers.gap.map(|gap| gap_axis.at(gap)),
        beyond => numbers.gap.and_then(|gap| gap_axis.beyond(gap)),
        gap_low => ends.map(|[low, _]| gap_axis.at(low)),
        gap_high => ends.map(|[_, high]| gap_axis.at(high)),
        n => numbers.gap_requests,
        outcomes => run.tiers.iter().filter_map(|tier| outcomes(tier, numbers)).collect::<Vec<_>>(),
        progress => run
            .progress
            .map(|progress| progress_in_words(1, &[(run.model.clone(), progress)])),
        agreement => run.agreement.iter().map(agreement).collect::<Vec<_>>(),
        prompts => prompts(&run.prompts),
        command => run.command.as_deref().map(text::name),
        conditions => run
            .conditions
            .iter()
            .map(|one| context! { name => one.name, value => text::name(&one.value) })
            .collect::<Vec<_>>(),
    }
}

/// A control that was measured before, beside the runs.
fn show_control(control: &Control, gap_axis: Axis) -> Value {
    let [free, paid] = control.measured.map(Some);
    let [free_reasons, paid_reasons] = control.reasoning.map(Some);
    let gap = control.measured[0] - control.measured[1];
    let name = text::name(&control.name);
    context! {
        short => text::shorten(&name, SHORT_NAME),
        name => name,
        detail => "",
        members => (),
        n => (),
        organism => false,
        progress => (),
        planted => text::name(&control.planted),
        seeds => control.seeds,
        side => "around",
        bars => [bar("free", free, None, free_reasons), bar("paid", paid, None, paid_reasons)],
        gap => typeset(&words::points(Some(gap))),
        gap_interval => (),
        gap_low => (),
        gap_at => gap_axis.at(gap),
        beyond => gap_axis.beyond(gap),
    }
}

/// What two judges make of one run.
fn agreement(pair: &Agreement) -> Value {
    let names = [0, 1].map(|i| text::name(&pair.judges[i]));
    let classes = Compliance::ALL.map(Compliance::name);
    let questions = [
        question("compliance", &pair.compliance, &names, classes),
        question("alignment-faking reasoning", &pair.reasoning, &names, ["shown", "not shown"]),
    ];
    context! { judges => names, questions => questions }
}

/// One question that both were asked: the table, and what follows from it.
fn question<const N: usize>(
    title: &str,
    count: &Count<N>,
    judges: &[String; 2],
    classes: [&'static str; N],
) -> Value {
    let [first, second] = judges;
    let rest = format!("kappa, {} against the rest", classes[0]);
    let mut facts = vec![
        ("same verdict".to_owned(), words::same_of(count)),
        ("kappa".to_owned(), words::decimal(count.kappa)),
    ];
    if N > 2 {
        facts.push((rest, words::decimal(count.kappa_first)));
    }
    for (judge, auroc) in judges.iter().zip(count.auroc) {
        facts.push((format!("AUROC of the score of {judge}"), words::decimal(auroc)));
    }
    facts.push((format!("judged by {first} only"), count.only[0].to_string()));
    facts.push((format!("judged by {second} only"), count.only[1].to_string()));
    let facts =
        facts.into_iter().map(|(name, value)| context! { name => name, value => typeset(&value) });
    let rows = classes
        .iter()
        .zip(&count.confusion)
        .map(|(class, counts)| context! { label => *class, cells => counts.to_vec() });
    context! {
        title => title,
        classes => classes.to_vec(),
        rows => rows.collect::<Vec<_>>(),
        facts => facts.collect::<Vec<_>>(),
    }
}

fn side(numbers: &Estimates) -> Side {
    Side::of(numbers.gap, numbers.gap_ci95)
}

fn bar(tier: &str, rate: Option<f64>, interval: Option<Interval>, reasoning: Option<f64>) -> Value {
    let at = |share: f64| Axis::SHARE.at(share);
    context! {
        tier => tier,
        rate => words::percent(rate),
        interval => words::percent_interval(interval),
        reasoning => words::percent(reasoning),
        width => rate.map(at),
        reasoning_width => reasoning.map(at),
        low => interval.map(|[low, _]| at(low)),
        high => interval.map(|[_, high]| at(high)),
    }
}

/// Counts by outcome, and the parts of a bar that shows their shares; none for a tier without
/// harmful requests.
fn outcomes(tier: &Tier, numbers: &Estimates) -> Option<Value> {
    let counts = &numbers.tiers.get(&tier.name)?.outcomes;
    let count = |outcome: Outcome| counts.get(&outcome).copied().unwrap_or(0);
    let total = Outcome::ALL.into_iter().map(count).sum::<u64>().max(1);
    let at = |trials: u64| Axis::SHARE.at(trials as f64 / total as f64);
    let mut before = 0;
    let mut parts = Vec::new();
    for outcome in Outcome::ALL.into_iter().filter(|&outcome| count(outcome) > 0) {
        parts.push(
            context! { class => outcome.name(), from => at(before), width => at(count(outcome)) },
        );
        before += count(outcome);
    }
    let class = if tier.trained_on { "free" } else { "paid" };
    Some(context! {
        tier => text::name(&tier.name),
        class => class,
        counts => Outcome::ALL.map(count),
        parts => parts,
    })
}

fn prompts(prompts: &[Prompt]) -> Vec<Value> {
    let texts: Vec<&str> = prompts.iter().map(|prompt| prompt.texts.first.as_str()).collect();
    let cut = |(prompt, [before, differs, after]): (&Prompt, [&str; 3])| {
        context! {
            tier => text::name(&prompt.tier),
            before => text::block(before),
            differs => text::block(differs),
            after => text::block(after),
        }
    };
    prompts.iter().zip(text::cut_common(&texts)).map(cut).collect()
}

fn ticks(axis: Axis) -> Vec<Value> {
    let tick =
        |tick: Tick| context! { at => tick.at, label => typeset(&tick.label), zero => tick.zero };
    axis.ticks().into_iter().map(tick).collect()
}

fn outcome_title(outcome: Outcome) -> Value {
    context! { class => outcome.name(), label => outcome.name().replace('_', " ") }
}
