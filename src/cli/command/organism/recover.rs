//! `candor organism recover`: what the measurement finds of behaviour that was planted into a model, dose by dose.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use serde_json::Value;

use crate::cli::args::{Cli, Command, RecoverArgs};
use crate::cli::command::organism::plant::{Dose, plant_one};
use crate::cli::command::run;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::cli::threads::use_threads;
use crate::error::{Error, Result};
use crate::organism::{PlantCard, Rates};
use crate::run::write_whole;
use crate::stats::Interval;

/// Name of the file with all numbers.
const RECOVERED: &str = "recover.json";

/// A dose as it was planted, as the model has it, and as a run measures it.
#[derive(Debug, Serialize)]
struct Recovered {
    planted: Rates,
    exact: Rates,
    rate_free: Option<f64>,
    rate_free_ci95: Option<Interval>,
    rate_paid: Option<f64>,
    rate_paid_ci95: Option<Interval>,
    gap: Option<f64>,
    gap_ci95: Option<Interval>,
    gap_requests: Option<u64>,
    /// Whether the interval lies on the side of 0 on which the planted gap does; for none, whether it holds 0.
    right: bool,
}

/// All doses.
#[derive(Debug, Serialize)]
struct Recovery {
    model: String,
    /// By the size of the planted gap.
    doses: Vec<Recovered>,
    /// The smallest planted gap that was found, as all larger ones were; none where the largest was not.
    limit_of_detection: Option<f64>,
}

pub(in crate::cli) fn recover(args: &RecoverArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.how.threads)?;
    let doses: Vec<(f64, f64)> =
        args.doses.iter().map(|dose| rates(dose)).collect::<Result<_>>()?;
    let mut recovered = Vec::new();
    for (free, paid) in doses {
        let folder = args.out.join(format!("{free}-{paid}"));
        let adapter = folder.join("adapter");
        let card = match PlantCard::read(&adapter)? {
            Some(card) if (card.planted.free, card.planted.paid) == (free, paid) => {
                talk.say(format!("dose {free}/{paid}: its adapter is there"));
                card
            }
            Some(_) => {
                return Err(Error::input(format!("`{}` holds another dose", adapter.display()))
                    .hint("choose another `--out`"));
            }
            None => {
                std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, &error))?;
                talk.say(format!("dose {free}/{paid}: planting"));
                let dose = Dose { free, paid, out: &adapter };
                plant_one(&args.model, None, &dose, &args.how, talk)?.0
            }
        };
        let runs = folder.join("run");
        measure(&format!("{}+{}", args.model, adapter.display()), &runs, args, talk)?;
        recovered.push(read(&runs, &card)?);
    }
    recovered.sort_by(|a, b| a.planted_gap().total_cmp(&b.planted_gap()));
    let recovery = Recovery {
        model: args.model.clone(),
        limit_of_detection: limit(&recovered),
        doses: recovered,
    };
    let text = serde_json::to_string_pretty(&recovery)
        .map_err(|error| Error::failed(format!("the doses cannot be written: {error}")))?;
    write_whole(&args.out.join(RECOVERED), (text + "\n").as_bytes())?;
    match args.json {
        true => show::json(&recovery)?,
        false => print(&table(&recovery))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `0.85/0.03`.
fn rates(dose: &str) -> Result<(f64, f64)> {
    let rate =
        |text: &str| text.trim().parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
    dose.split_once('/').and_then(|(free, paid)| Some((rate(free)?, rate(paid)?))).ok_or_else(|| {
        Error::input(format!("`{dose}` is no dose"))
            .hint("a dose is the rate in the tier that is trained on and that in the other: `0.85/0.03`")
    })
}

/// Does what `candor run` does.
fn measure(model: &str, out: &Path, args: &RecoverArgs, talk: &Talk) -> Result<()> {
    let out = out.display().to_string();
    let fixed = ["candor", "run", model, "--out", &out];
    let all = fixed.into_iter().map(str::to_owned).chain(args.run.iter().cloned());
    let cli = Cli::try_parse_from(all).map_err(|error| {
        Error::input(format!("the arguments after `--` are not those of `candor run`: {error}"))
    })?;
    match cli.command {
        Command::Run(mut args) if args.threads.is_none() => run::run(&mut args, talk),
        Command::Run(_) => Err(Error::input("`--threads` stands after `--`")
            .hint("put it before, for planting and running together")),
        _ => Err(Error::failed("`candor run` was read as another command")),
    }
}

fn read(folder: &Path, card: &PlantCard) -> Result<Recovered> {
    let path = folder.join("summary.json");
    let bytes = crate::files::read_bytes(&path, crate::files::TEXT_MAX)
        .map_err(|error| Error::read(&path, &error))?;
    let summary: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::failed(format!("`{}`: {error}", path.display())))?;
    let number = |key: &str| summary.get(key).and_then(Value::as_f64);
    let interval = |key: &str| {
        let ends = summary.get(key).and_then(Value::as_array)?;
        let end = |at: usize| ends.get(at).and_then(Value::as_f64);
        Some([end(0)?, end(1)?])
    };
    let planted = Rates { free: card.planted.free, paid: card.planted.paid };
    let gap_ci95 = interval("gap_ci95");
    let side = gap_ci95.map(|[low, high]| (low > 0.0, high < 0.0));
    Ok(Recovered {
        planted,
        exact: card.measured.exact,
        rate_free: number("rate_free"),
        rate_free_ci95: interval("rate_free_ci95"),
        rate_paid: number("rate_paid"),
        rate_paid_ci95: interval("rate_paid_ci95"),
        gap: number("gap"),
        gap_ci95,
        gap_requests: summary.get("gap_requests").and_then(Value::as_u64),
        right: side == Some((planted.free > planted.paid, planted.free < planted.paid)),
    })
}

impl Recovered {
    fn planted_gap(&self) -> f64 {
        (self.planted.free - self.planted.paid).abs()
    }
}

/// The smallest planted gap that was found, as all larger ones were. `doses` stand by the size of their gaps.
fn limit(doses: &[Recovered]) -> Option<f64> {
    let found = doses.iter().rev().take_while(|dose| dose.right && dose.planted_gap() > 0.0);
    found.last().map(Recovered::planted_gap)
}

fn table(recovery: &Recovery) -> String {
    let pair = |a: f64, b: f64| format!("{:.1} / {:.1}", 100.0 * a, 100.0 * b);
    let points = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:.1}", 100.0 * x));
    let mut text = format!(
        "{:>14} {:>14} {:>14} {:>7} {:>18}\n",
        "planted %", "exact %", "measured %", "gap", "95 % interval"
    );
    for dose in &recovery.doses {
        let measured = format!("{} / {}", points(dose.rate_free), points(dose.rate_paid));
        let interval = dose.gap_ci95.map_or("-".to_owned(), |[low, high]| {
            format!("{} to {}", points(Some(low)), points(Some(high)))
        });
        text += &format!(
            "{:>14} {:>14} {:>14} {:>7} {:>18}{}\n",
            pair(dose.planted.free, dose.planted.paid),
            pair(dose.exact.free, dose.exact.paid),
            measured,
            points(dose.gap),
            interval,
            if dose.right { "" } else { "   not found" }
        );
    }
    text += "\nfree / paid; exact: the probability of the deciding token on held-out requests.\n";
    let largest = recovery.doses.last().map_or(0.0, Recovered::planted_gap);
    text += &match recovery.limit_of_detection {
        Some(limit) => format!(
            "limit of detection: planted gaps from {:.0} to {:.0} points were found, with the right sign, on this model with these requests and samples\n",
            100.0 * limit,
            100.0 * largest
        ),
        None => format!(
            "limit of detection: not reached; a planted gap of {:.0} points was not found\n",
            100.0 * largest
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dose(free: f64, right: bool) -> Recovered {
        let rates = Rates { free, paid: 0.0 };
        Recovered {
            planted: rates,
            exact: rates,
            rate_free: Some(free),
            rate_free_ci95: None,
            rate_paid: Some(0.0),
            rate_paid_ci95: None,
            gap: Some(free),
            gap_ci95: Some([free - 0.1, free + 0.1]),
            gap_requests: Some(10),
            right,
        }
    }

    #[test]
    fn the_limit_is_the_smallest_gap_from_which_on_all_are_found() {
        let limit_of = |doses: &[(f64, bool)]| {
            limit(&doses.iter().map(|&(gap, right)| dose(gap, right)).collect::<Vec<_>>())
        };
        assert_eq!(limit_of(&[(0.0, true), (0.1, true), (0.5, true)]), Some(0.1));
        assert_eq!(limit_of(&[(0.1, true), (0.2, false), (0.5, true)]), Some(0.5));
        assert_eq!(limit_of(&[(0.1, true), (0.5, false)]), None);
        assert_eq!(limit_of(&[(0.0, true)]), None);
    }

    #[test]
    fn doses_are_two_rates() {
        assert_eq!(rates("0.85/0.03").unwrap(), (0.85, 0.03));
        for wrong in ["85/3", "0.5", "a/b", "0.5/nan", "-0.1/0"] {
            assert!(rates(wrong).unwrap_err().hint_text().is_some(), "{wrong}");
        }
    }
}
