//! What the intervals and tests of METHODS.md are worth, on simulated populations whose truth is known.
//!
//! `cargo bench --bench coverage [-- EXPERIMENTS]` prints the tables of METHODS.md (10,000 experiments a cell; the seeds
//! are fixed), and the settings one by one behind them. Requests differ (samples of one request correlate by 0.3), and
//! the tiers are not coupled.

use candor::stats::{
    JudgeCounts, JudgeError, PaddedMean, Population, correct_gap, plan, rejects, simulate,
    t_interval,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

const GAPS: [f64; 4] = [0.0, 0.03, 0.1, 0.3];
const REQUESTS: [u32; 4] = [20, 50, 100, 400];
const SAMPLES: [u32; 3] = [1, 4, 8];
const RATES_PAID: [f64; 2] = [0.02, 0.2];
const JUDGE_ERRORS: [f64; 4] = [0.0, 0.05, 0.1, 0.2];
/// Labelled replies of each kind behind a judge's error rates.
const LABELLED: u64 = 200;
/// By how much more the judge errs, of each kind, on the replies of other models that were labelled elsewhere: as far as
/// `rules` is from its figures on XSTest when it reads the demo's faker, whose true gap is known.
const ELSEWHERE: f64 = 0.07;
/// Every so manieth experiment is tested too: sign flips cost more than all the rest.
const TESTED: u64 = 5;

/// What an interval does: how often it covers the truth, and how wide it is on average.
#[derive(Clone, Copy, Default)]
struct Interval {
    covered: f64,
    width: f64,
}

impl Interval {
    fn see(&mut self, interval: Option<[f64; 2]>, truth: f64) {
        let [low, high] = interval.unwrap_or([0.0, 0.0]);
        self.covered += f64::from(u8::from(low <= truth && truth <= high));
        self.width += high - low;
    }
}

/// One setting and what was seen in it; sums until the end, shares and means after.
#[derive(Clone, Copy, Default)]
struct Cell {
    gap: f64,
    rate_paid: f64,
    requests: u32,
    samples: u32,
    judge_error: f64,
    plain: Interval,
    padded: Interval,
    chosen: Interval,
    corrected: Interval,
    bias: f64,
    withheld: f64,
    /// The same with error rates from another population of replies.
    elsewhere: Interval,
    elsewhere_bias: f64,
    elsewhere_withheld: f64,
    rejected: f64,
}

impl Cell {
    fn run(mut self, experiments: u64, seed: u64) -> Self {
        let right = 1.0 - self.judge_error;
        let judge = JudgeError { sensitivity: right, specificity: right };
        let population = Population {
            rate_paid: self.rate_paid,
            gap: self.gap,
            spread: 0.3,
            coupled: false,
            judge,
        };
        let truth = population.verdict_gap();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut random_elsewhere = ChaCha8Rng::seed_from_u64(seed ^ 0xe15e);
        let (mut tested, mut corrected, mut corrected_elsewhere) = (0.0, 0.0, 0.0);
        for experiment in 0..experiments {
            let mut gaps: Vec<f64> = (0..self.requests)
                .map(|_| {
                    let [free, paid] = population.request(self.samples, &mut random);
                    (f64::from(free) - f64::from(paid)) / f64::from(self.samples)
                })
                .collect();
            self.plain.see(t_interval(&gaps), truth);
            self.chosen.see(PaddedMean::of_gaps(&gaps).map(|gap| gap.interval(0.95)), truth);
            if self.judge_error == 0.0 && experiment % TESTED == 0 {
                tested += 1.0;
                self.rejected += f64::from(u8::from(rejects(&gaps, self.samples, experiment)));
            }
            if self.judge_error > 0.0 {
                let mut labelled = || {
                    (0..LABELLED).filter(|_| candor::stats::uniform(&mut random) < right).count()
                };
                let counts = JudgeCounts {
                    complying: LABELLED,
                    found: labelled() as u64,
                    others: LABELLED,
                    rejected: labelled() as u64,
                };
                match correct_gap(&gaps, &counts, 0.95) {
                    Some(found) => {
                        corrected += 1.0;
                        self.corrected.see(Some(found.interval), self.gap);
                        self.bias += found.gap - self.gap;
                    }
                    None => self.withheld += 1.0,
                }
                let right = right - ELSEWHERE;
                let mut labelled = || {
                    let drawn = || candor::stats::uniform(&mut random_elsewhere) < right;
                    std::iter::repeat_with(drawn).take(LABELLED as usize).filter(|is| *is).count()
                };
                let counts = JudgeCounts {
                    complying: LABELLED,
                    found: labelled() as u64,
                    others: LABELLED,
                    rejected: labelled() as u64,
                };
                match correct_gap(&gaps, &counts, 0.95) {
                    Some(found) => {
                        corrected_elsewhere += 1.0;
                        self.elsewhere.see(Some(found.interval), self.gap);
                        self.elsewhere_bias += found.gap - self.gap;
                    }
                    None => self.elsewhere_withheld += 1.0,
                }
            }
            gaps.extend([-1.0, 1.0]);
            self.padded.see(t_interval(&gaps), truth);
        }
        for interval in [&mut self.plain, &mut self.padded, &mut self.chosen] {
            interval.covered /= experiments as f64;
            interval.width /= experiments as f64;
        }
        self.corrected.covered /= corrected;
        self.corrected.width /= corrected;
        self.bias /= corrected;
        self.elsewhere.covered /= corrected_elsewhere;
        self.elsewhere_bias /= corrected_elsewhere;
        self.rejected /= tested;
        self
    }
}

fn cells(judge_errors: &[f64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &judge_error in judge_errors {
        for rate_paid in RATES_PAID {
            for gap in GAPS {
                for requests in REQUESTS {
                    for samples in SAMPLES {
                        let cell = Cell {
                            gap,
                            rate_paid,
                            requests,
                            samples,
                            judge_error,
                            ..Cell::default()
                        };
                        cells.push(cell);
                    }
                }
            }
        }
    }
    cells
}

/// `least to most` of these, in per cent.
fn range(values: impl Iterator<Item = f64> + Clone) -> String {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(f64::NEG_INFINITY, f64::max);
    format!("{:.1} to {:.1}", 100.0 * least, 100.0 * most)
}

fn main() {
    let experiments =
        std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000_u32);
    let seen: Vec<Cell> = cells(&JUDGE_ERRORS)
        .into_par_iter()
        .enumerate()
        .map(|(seed, cell)| cell.run(u64::from(experiments), seed as u64))
        .collect();
    println!("{experiments} experiments a setting; every {TESTED}th tested\n");
    let (right, wrong): (Vec<Cell>, Vec<Cell>) =
        seen.into_iter().partition(|cell| cell.judge_error == 0.0);
    intervals(&right);
    corrections(&wrong, experiments);
    plans(experiments);
    one_by_one(&right);
}

/// What the three intervals of the gap cover, over all rates and gaps.
fn intervals(cells: &[Cell]) {
    println!(
        "| n | K | plain t: covers, % | width | ±1: covers, % | width | chosen: covers, % | width | rejects without a gap, % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for requests in REQUESTS {
        for samples in SAMPLES {
            let here: Vec<&Cell> = cells
                .iter()
                .filter(|cell| cell.requests == requests && cell.samples == samples)
                .collect();
            let show = |of: fn(&Cell) -> Interval| {
                let width = here.iter().map(|cell| of(cell).width).sum::<f64>() / here.len() as f64;
                format!("{} | {width:.3}", range(here.iter().map(|cell| of(cell).covered)))
            };
            let null = here.iter().filter(|cell| cell.gap == 0.0);
            println!(
                "| {requests} | {samples} | {} | {} | {} | {} |",
                show(|cell| cell.plain),
                show(|cell| cell.padded),
                show(|cell| cell.chosen),
                range(null.map(|cell| cell.rejected)),
            );
        }
    }
}

/// What is left of the truth when the judge errs, with and without the correction.
fn corrections(cells: &[Cell], experiments: u32) {
    println!(
        "\n| judge wrong | n | covers the verdicts' gap, % | corrected: covers the true gap, % | bias, points | withheld, % | error rates from elsewhere: covers, % | bias, points | withheld, % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for judge_error in JUDGE_ERRORS.into_iter().filter(|error| *error > 0.0) {
        for requests in REQUESTS {
            let here = cells
                .iter()
                .filter(|cell| cell.judge_error == judge_error && cell.requests == requests);
            println!(
                "| {:.0} % | {requests} | {} | {} | {} | {} | {} | {} | {} |",
                100.0 * judge_error,
                range(here.clone().map(|cell| cell.chosen.covered)),
                range(here.clone().map(|cell| cell.corrected.covered)),
                range(here.clone().map(|cell| cell.bias)),
                range(here.clone().map(|cell| cell.withheld / f64::from(experiments))),
                range(here.clone().map(|cell| cell.elsewhere.covered)),
                range(here.clone().map(|cell| cell.elsewhere_bias)),
                range(here.map(|cell| cell.elsewhere_withheld / f64::from(experiments))),
            );
        }
    }
}

/// The power that a plan states, and the share of new experiments of that size that find the gap.
fn plans(experiments: u32) {
    println!("\n| paid | gap | K | judge wrong | requests | power planned, % | found again, % |");
    println!("|---|---|---|---|---|---|---|");
    for (rate_paid, gap) in [(0.02, 0.1), (0.2, 0.1), (0.2, 0.3)] {
        for samples in [1, 4] {
            for judge_error in [0.0, 0.1] {
                let right = 1.0 - judge_error;
                let judge = JudgeError { sensitivity: right, specificity: right };
                let population = Population { rate_paid, gap, spread: 0.3, coupled: false, judge };
                let Some(planned) = plan(&population, samples, 0.8, 0) else { continue };
                let again = simulate(&population, planned.requests, samples, experiments, 1_000);
                println!(
                    "| {rate_paid} | {gap} | {samples} | {:.0} % | {} | {:.1} | {:.1} |",
                    100.0 * judge_error,
                    planned.requests,
                    100.0 * planned.power,
                    100.0 * again.power
                );
            }
        }
    }
}

/// Every setting for itself.
fn one_by_one(cells: &[Cell]) {
    println!(
        "\n| paid | gap | n | K | plain t: covers, width | ±1: covers, width | chosen: covers, width | p < 0.05 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for cell in cells {
        let show = |seen: Interval| format!("{:.1} % {:.3}", 100.0 * seen.covered, seen.width);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {:.1} % |",
            cell.rate_paid,
            cell.gap,
            cell.requests,
            cell.samples,
            show(cell.plain),
            show(cell.padded),
            show(cell.chosen),
            100.0 * cell.rejected
        );
    }
}
