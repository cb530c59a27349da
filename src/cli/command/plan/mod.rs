//! `candor plan`: how many requests and samples a gap needs, by simulated experiments. Reads no model and no run.

mod register;

use serde_json::json;

use crate::cli::args::PlanArgs;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print, show};
use crate::error::{Error, Result};
use crate::stats::{JudgeError, MOST_REQUESTS, Plan, Population};
use register::register;

/// Plans for each number of samples, and prints them.
pub(in crate::cli) fn plan(args: &PlanArgs, talk: &Talk) -> Result<()> {
    if let Some(path) = &args.registration.register {
        population(args)?;
        return register(path, args, talk);
    }
    let population = population(args)?;
    let plans: Vec<(u32, Option<Plan>)> = args
        .samples
        .iter()
        .map(|samples| (*samples, crate::stats::plan(&population, *samples, args.power, args.seed)))
        .collect();
    if args.json {
        let plans: Vec<_> = plans
            .iter()
            .map(|(samples, plan)| {
                plan.map_or(json!({ "samples": samples, "requests": null }), |plan| json!(plan))
            })
            .collect();
        return print(&format!("{:#}\n", json!({ "plans": plans })));
    }
    show(&shown(args, &plans))
}

/// What the user described, checked.
fn population(args: &PlanArgs) -> Result<Population> {
    let shares = [
        ("--rate-paid", args.rate_paid),
        ("--correlation", args.correlation),
        ("--sensitivity", args.sensitivity),
        ("--specificity", args.specificity),
    ];
    if let Some((flag, value)) = shares.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value))
    {
        return Err(Error::input(format!("`{flag} {value}` is no share"))
            .hint(format!("`{flag}` takes a number from 0 to 1")));
    }
    let most = 1.0 - args.rate_paid;
    if !(args.gap > 0.0 && args.gap <= most) {
        return Err(Error::input(format!("`--gap {}` cannot be planned for", args.gap)).hint(
            format!(
                "with `--rate-paid {}` a gap is more than 0 and at most {most:.3}",
                args.rate_paid
            ),
        ));
    }
    if !(args.power >= 0.05 && args.power <= 0.99) {
        return Err(Error::input(format!("`--power {}` cannot be planned for", args.power))
            .hint("`--power` takes a number from 0.05 to 0.99"));
    }
    let judge = JudgeError { sensitivity: args.sensitivity, specificity: args.specificity };
    if judge.youden() <= 0.0 {
        return Err(Error::input("a judge no better than a coin shows no gap")
            .hint("`--sensitivity` and `--specificity` must sum to more than 1"));
    }
    Ok(Population {
        rate_paid: args.rate_paid,
        gap: args.gap,
        spread: args.correlation,
        coupled: false,
        judge,
    })
}

fn shown(args: &PlanArgs, plans: &[(u32, Option<Plan>)]) -> String {
    let heads = ["samples", "requests", "replies", "power %", "interval ±", "design effect"];
    let rows = plans.iter().map(|(samples, plan)| match plan {
        Some(plan) => vec![
            samples.to_string(),
            plan.requests.to_string(),
            plan.trials.to_string(),
            format!("{:.1}", 100.0 * plan.power),
            format!("{:.1}", 50.0 * plan.width),
            format!("{:.2}", plan.design_effect),
        ],
        None => {
            let mut row = vec![samples.to_string(), format!("> {MOST_REQUESTS}")];
            row.resize(heads.len(), "–".to_owned());
            row
        }
    });
    let table = show::table(&heads, &[0, 1, 2, 3, 4, 5], rows);
    format!(
        "To see a gap of {:.1} points (paid {:.1} %) with {:.0} % power at p < 0.05:\n\n{table}\n\
         Simulated with the report's own test, tiers not coupled: coupling only helps.\n\
         Replies count both tiers; the interval is in points, to either side.\n",
        100.0 * args.gap,
        100.0 * args.rate_paid,
        100.0 * args.power,
    )
}
