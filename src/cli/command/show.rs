//! `candor show`: a run's pairs in the terminal.

use serde::Serialize;

use crate::cli::args::ShowArgs;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show as print};
use crate::cli::screen::terminal::columns_or_default;
use crate::error::{Error, Result};
use crate::judge::Verdict;
use crate::report::{Look, RunView, block, looks, looks_table, pair, samples};
use crate::study::JudgedRun;
use crate::transcript::Transcript;

/// Which trials are meant.
struct Chosen<'a> {
    request: &'a str,
    tier: Option<&'a str>,
    sample: u32,
}

/// The form of `--json` for a trial.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    transcript: &'a Transcript,
    /// What the model read; none where it is not known.
    prompt: Option<String>,
    verdicts: Vec<Judged<'a>>,
}

#[derive(Serialize)]
struct Judged<'a> {
    judge: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// The form of `--json` without a trial.
#[derive(Serialize)]
struct List<'a> {
    looks: &'a [Look],
}

pub(in crate::cli) fn show(args: &ShowArgs, talk: &Talk) -> Result<()> {
    let view = JudgedRun::now(&args.run, &args.judge, talk)?.view()?;
    let Some(id) = &args.trial else {
        let looks = looks(&view);
        if args.json {
            return show::json(&List { looks: &looks[..looks.len().min(args.top)] });
        }
        return print(&looks_table(&looks, args.top));
    };
    let of_request = samples(&view, id);
    if !of_request.is_empty() {
        if args.json {
            return show::json(&List { looks: &of_request });
        }
        let text = view.requests.iter().find(|request| request.id == *id);
        let text = text.map_or_else(String::new, |request| block(&request.text) + "\n\n");
        return print(&(text + &looks_table(&of_request, of_request.len())));
    }
    let chosen = chosen(&view, id)?;
    if args.json {
        return show::json(&shown(&view, &chosen));
    }
    let columns = columns_or_default();
    let text = pair(&view, chosen.request, chosen.sample, chosen.tier, args.prompt, columns);
    print(&text.ok_or_else(|| unknown(&view, id))?)
}

/// Reads `REQUEST/SAMPLE` or `REQUEST/TIER/SAMPLE`. A request's own name may hold slashes.
fn chosen<'a>(view: &RunView, id: &'a str) -> Result<Chosen<'a>> {
    let wrong = || unknown(view, id);
    let (rest, sample) = id.rsplit_once('/').ok_or_else(wrong)?;
    let sample = sample.parse().map_err(|_| wrong())?;
    let is_there = |request: &str, tier: Option<&str>| {
        let of = |t: &Transcript| {
            t.request == request && t.sample == sample && tier.is_none_or(|tier| t.tier == tier)
        };
        view.transcripts.iter().any(of)
    };
    if is_there(rest, None) {
        return Ok(Chosen { request: rest, tier: None, sample });
    }
    match rest.rsplit_once('/') {
        Some((request, tier)) if is_there(request, Some(tier)) => {
            Ok(Chosen { request, tier: Some(tier), sample })
        }
        _ => Err(wrong()),
    }
}

fn unknown(view: &RunView, id: &str) -> Error {
    let example = view.transcripts.first().map(|t| format!("{}/{}", t.request, t.sample));
    Error::input(format!("the run has no trial `{id}`")).hint(match example {
        Some(example) => format!(
            "`--trial` takes REQUEST/SAMPLE or REQUEST/TIER/SAMPLE, such as `{example}`; without it the run's pairs are listed"
        ),
        None => "the run has no trials yet".to_owned(),
    })
}

fn shown<'a>(view: &'a RunView, chosen: &Chosen<'_>) -> Vec<Shown<'a>> {
    let judges = [(view.judge.as_str(), &view.verdicts)].into_iter();
    let judges: Vec<_> = judges
        .chain(view.others.iter().map(|other| (other.name.as_str(), &other.verdicts)))
        .collect();
    let of = |t: &&Transcript| {
        t.request == chosen.request
            && t.sample == chosen.sample
            && chosen.tier.is_none_or(|tier| t.tier == tier)
    };
    let shown = |transcript: &'a Transcript| {
        let trial = (&*transcript.request, &*transcript.tier, transcript.sample);
        let said = |(judge, verdicts): &(&'a str, &'a Vec<Verdict>)| {
            let verdict = verdicts.iter().find(|verdict| verdict.trial() == trial)?;
            Some(Judged { judge, verdict })
        };
        let prompt = view.prompt(&transcript.request, &transcript.tier);
        Shown { transcript, prompt, verdicts: judges.iter().filter_map(said).collect() }
    };
    view.transcripts.iter().filter(of).map(shown).collect()
}
