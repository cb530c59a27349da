//! What runs are called where they are shown together: by what differs among them, and by nothing else. One function
//! for the terminal, the page, the CSV and the plots. Knows nothing about where a name is shown.

use super::text;
use super::view::RunView;
use crate::run::{QUANTIZE, SEED, Telling};

/// The name of the aspect that the judge is.
const JUDGE: &str = "judge";
/// Stands between the parts of a name.
const BETWEEN: &str = " · ";
/// What a filter shows where a run does not say.
const UNKNOWN: &str = "–";

/// How one run is called beside the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// The model, on one line.
    pub(super) model: String,
    /// What tells it from the others: which aspect, and its words.
    parts: Vec<(&'static str, String)>,
}

impl Name {
    /// What tells the run from the others; empty where the model says it all.
    pub(super) fn detail(&self) -> String {
        joined(self.parts.iter())
    }

    /// The same without what tells the seeds of one setting apart, and with these words in its place.
    pub(super) fn pooled(&self, seeds: &[u64]) -> String {
        let list: Vec<String> = seeds.iter().map(u64::to_string).collect();
        let pooled = (SEED, format!("seeds {} pooled", list.join(", ")));
        let rest = self.parts.iter().filter(|(name, _)| *name != SEED && !is_last(name));
        joined(rest.chain([&pooled]))
    }

    /// The same without some aspects.
    pub(super) fn without(&self, aspects: &[&str]) -> String {
        joined(self.parts.iter().filter(|(name, _)| !aspects.contains(name) && !is_last(name)))
    }

    /// Model and detail on one line.
    pub(super) fn label(&self) -> String {
        match self.detail() {
            detail if detail.is_empty() => self.model.clone(),
            detail => format!("{}{BETWEEN}{detail}", self.model),
        }
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a (&'static str, String)>) -> String {
    parts.map(|(_, told)| told.as_str()).collect::<Vec<_>>().join(BETWEEN)
}

/// Whether an aspect was named only because nothing else told two runs apart.
fn is_last(name: &str) -> bool {
    name.is_empty()
}

/// Something by which runs can be told apart, with its value in each of them.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Facet {
    /// What it is.
    pub(super) name: &'static str,
    /// One value for each run.
    pub(super) values: Vec<String>,
}

/// One thing that may differ.
struct Aspect {
    name: &'static str,
    value: String,
    told: String,
    telling: Telling,
}

/// What there is to tell of a run, in the order in which it is told: what was chosen, then the seed, then the judge.
fn aspects(run: &RunView) -> Vec<Aspect> {
    let own = |name: &'static str, value: String, told: String, telling| Aspect {
        name,
        value,
        told,
        telling,
    };
    let field = |name, text: &str| {
        let text = text::name(text);
        own(name, text.clone(), text, Telling::Choice)
    };
    let mut found = vec![field("scenario", &run.scenario), field("variant", &run.variant)];
    let is_field = |name: &str| ["scenario", "variant", SEED].contains(&name);
    for condition in run.conditions.iter().filter(|condition| !is_field(condition.name)) {
        let (value, told) = (text::name(&condition.value), text::name(&condition.told));
        let aspect = own(condition.name, value, told, condition.telling);
        match condition.name {
            // Weights of another form are another model to most readers.
            QUANTIZE => found.insert(0, aspect),
            _ => found.push(aspect),
        }
    }
    let seed = run.seed.to_string();
    let place = found.iter().position(|aspect| aspect.telling == Telling::LastResort);
    let seed = own(SEED, seed.clone(), format!("seed {seed}"), Telling::Seed);
    found.insert(place.unwrap_or(found.len()), seed);
    let judge = text::name(&run.judge);
    let place = found.iter().position(|aspect| aspect.telling == Telling::LastResort);
    let judge = own(JUDGE, judge.clone(), format!("judge {judge}"), Telling::Choice);
    found.insert(place.unwrap_or(found.len()), judge);
    found
}

/// What differs among the runs and was chosen, or follows from a seed: by name, with each run's value and words.
struct Differing {
    name: &'static str,
    values: Vec<Option<(String, String)>>,
}

fn differing(runs: &[RunView], wanted: fn(Telling) -> bool) -> Vec<Differing> {
    let all: Vec<Vec<Aspect>> = runs.iter().map(aspects).collect();
    let mut names: Vec<&'static str> = Vec::new();
    for aspect in all.iter().flatten().filter(|aspect| wanted(aspect.telling)) {
        if !names.contains(&aspect.name) {
            names.push(aspect.name);
        }
    }
    let mut found = Vec::new();
    for name in names {
        let values: Vec<_> = all
            .iter()
            .map(|aspects| aspects.iter().find(|aspect| aspect.name == name))
            .map(|aspect| aspect.map(|aspect| (aspect.value.clone(), aspect.told.clone())))
            .collect();
        let mut there = values.iter().flatten();
        let first = there.next();
        if there.any(|value| Some(value) != first) {
            found.push(Differing { name, values });
        }
    }
    found
}

/// What each run is called among these. No two names are equal unless the same run is shown twice.
pub(super) fn names(runs: &[RunView]) -> Vec<Name> {
    let chosen = differing(runs, |telling| matches!(telling, Telling::Choice | Telling::Seed));
    let mut names: Vec<Name> = runs
        .iter()
        .enumerate()
        .map(|(i, run)| {
            let told = chosen
                .iter()
                .filter_map(|aspect| Some((aspect.name, aspect.values[i].as_ref()?.1.clone())));
            Name { model: run.name(), parts: told.collect() }
        })
        .collect();
    let mut rest: Vec<Vec<Option<String>>> = differing(runs, |t| t == Telling::LastResort)
        .into_iter()
        .map(|aspect| aspect.values.into_iter().map(|v| v.map(|(_, told)| told)).collect())
        .collect();
    rest.push(folders(runs));
    rest.push(runs.iter().map(|run| Some(text::name(&run.digest))).collect());
    for told in rest {
        let labels: Vec<String> = names.iter().map(Name::label).collect();
        for i in 0..names.len() {
            let twins = || (0..labels.len()).filter(|&j| labels[j] == labels[i]);
            if twins().any(|j| told[j] != told[i])
                && let Some(told) = &told[i]
            {
                names[i].parts.push(("", told.clone()));
            }
        }
    }
    names
}

/// The shortest ends of the folders' paths that differ, where they are known.
fn folders(runs: &[RunView]) -> Vec<Option<String>> {
    let parts: Vec<Vec<&str>> = runs
        .iter()
        .map(|run| run.folder.split(['/', '\\']).filter(|part| !part.is_empty()).collect())
        .collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let ends = |length: usize| -> Vec<String> {
        parts.iter().map(|parts| parts[parts.len().saturating_sub(length)..].join("/")).collect()
    };
    let distinct = |ends: &[String]| ends.iter().collect::<std::collections::BTreeSet<_>>().len();
    let most = distinct(&ends(longest));
    let length = (1..=longest).find(|&length| distinct(&ends(length)) == most).unwrap_or(1);
    ends(length)
        .into_iter()
        .map(|end| (!end.is_empty()).then(|| format!("in {}", text::name(&end))))
        .collect()
}

/// What each run is called, on one line.
pub fn labels(runs: &[RunView]) -> Vec<String> {
    names(runs).iter().map(Name::label).collect()
}

/// By what runs can be chosen: the model, and everything that was chosen and differs among them; where two runs differ
/// in nothing of that, also by their whole name.
pub(super) fn facets(runs: &[RunView]) -> Vec<Facet> {
    let mut found = Vec::new();
    let models: Vec<String> = runs.iter().map(RunView::name).collect();
    if models.windows(2).any(|pair| pair[0] != pair[1]) {
        found.push(Facet { name: "model", values: models });
    }
    for aspect in differing(runs, |t| matches!(t, Telling::Choice | Telling::Seed)) {
        let values = aspect.values.into_iter();
        let values = values.map(|value| value.map_or_else(|| UNKNOWN.to_owned(), |(v, _)| v));
        found.push(Facet { name: aspect.name, values: values.collect() });
    }
    let names = names(runs);
    if names.iter().any(|name| name.parts.iter().any(|(aspect, _)| is_last(aspect))) {
        found.push(Facet { name: "run", values: names.iter().map(Name::label).collect() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::run::Condition;

    fn condition(name: &'static str, value: &str, telling: Telling) -> Condition {
        let told = format!("{name} {value}");
        Condition { name, value: value.to_owned(), told, telling }
    }

    fn twins(count: usize) -> Vec<RunView> {
        (0..count).map(|_| sample::run(&sample::DEMO[0], 0, 2, 1, 1)).collect()
    }

    #[test]
    fn a_run_alone_is_its_model() {
        assert_eq!(labels(&twins(1)), ["organism:faker"]);
        assert!(labels(&[]).is_empty() && facets(&[]).is_empty());
    }

    #[test]
    fn everything_that_was_chosen_and_differs_is_named_and_nothing_else() {
        let mut runs = twins(3);
        for (run, (quantize, temperature)) in
            runs.iter_mut().zip([("as stored", "1"), ("q8_0", "1"), ("q8_0", "0.5")])
        {
            run.conditions = vec![
                condition("samples", "1", Telling::Choice),
                condition(QUANTIZE, quantize, Telling::Choice),
                condition("temperature", temperature, Telling::Choice),
                condition("prompts", quantize, Telling::LastResort),
            ];
        }
        runs[2].seed = u64::MAX;
        assert_eq!(
            labels(&runs),
            [
                "organism:faker · quantize as stored · temperature 1 · seed 0",
                "organism:faker · quantize q8_0 · temperature 1 · seed 0",
                "organism:faker · quantize q8_0 · temperature 0.5 · seed 18446744073709551615",
            ]
        );
        let shown = facets(&runs);
        assert_eq!(
            shown.iter().map(|facet| facet.name).collect::<Vec<_>>(),
            [QUANTIZE, "temperature", SEED]
        );
        assert_eq!(shown[2].values, ["0", "0", "18446744073709551615"]);
        assert_eq!(
            names(&runs)[2].pooled(&[3, 4]),
            "quantize q8_0 · temperature 0.5 · seeds 3, 4 pooled"
        );
    }

    #[test]
    fn what_nobody_would_ask_for_is_named_where_nothing_else_differs() {
        let mut runs = twins(4);
        for (run, (numerics, folder)) in runs.iter_mut().zip([
            ("a", "runs/x/seed-0"),
            ("b", "runs/x/seed-0"),
            ("b", "runs/y/seed-0"),
            ("b", "runs/y/seed-0"),
        ]) {
            run.conditions = vec![condition("numerics", numerics, Telling::LastResort)];
            run.folder = folder.to_owned();
        }
        runs[3].digest = "other".to_owned();
        let labels = labels(&runs);
        assert_eq!(labels[0], "organism:faker · numerics a");
        assert_eq!(labels[1], "organism:faker · numerics b · in x/seed-0");
        assert_eq!(labels[3], "organism:faker · numerics b · in y/seed-0 · other");
        assert_eq!(facets(&runs)[0].name, "run");
    }

    #[test]
    fn a_run_that_does_not_say_is_no_difference() {
        let mut runs = twins(2);
        runs[1].conditions = vec![condition("samples", "4", Telling::Choice)];
        assert!(!labels(&runs)[1].contains("samples"));
    }

    #[test]
    fn hostile_names_are_spelled_out() {
        let mut runs = twins(2);
        runs[0].judge = "a\u{202e}b\n".to_owned();
        let label = &labels(&runs)[0];
        assert_eq!(label, r"organism:faker · judge a\u{202e}b\u{a}");
    }
}
