//! What the interval of a run covers that ends when it is narrow enough (`candor run --until-width`), on simulated
//! populations whose truth is known.
//!
//! `cargo bench --bench stopping [-- EXPERIMENTS]` prints the table of METHODS.md (which has 3,000 experiments a setting;
//! 10,000 unless given; the seeds are fixed). Requests differ (samples of one request correlate by 0.3), the tiers are
//! not coupled. Beside the rule that is used, the table has the one that looks with 95 % each time, and what spends the
//! 5 % evenly.

use candor::stats::{JudgeError, Look, PaddedMean, Population};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

const GAPS: [f64; 4] = [0.0, 0.03, 0.1, 0.3];
const RATES_PAID: [f64; 2] = [0.02, 0.2];
/// Requests that a run could have.
const REQUESTS: [u64; 3] = [100, 200, 400];
const SAMPLES: [u32; 2] = [1, 4];
/// Widths at which a run ends.
const WIDTHS: [f64; 3] = [0.1, 0.2, 0.3];
const RULES: [&str; 3] = ["95 % at each look", "evenly spent", "used"];

/// What one rule does in one setting: sums until the end, means after.
#[derive(Clone, Copy, Default)]
struct Seen {
    covered: f64,
    requests: f64,
    width: f64,
}

#[derive(Clone, Copy)]
struct Setting {
    gap: f64,
    rate_paid: f64,
    requests: u64,
    samples: u32,
    until: f64,
}

impl Setting {
    fn run(self, experiments: u32, seed: u64) -> [Seen; 3] {
        let population = Population {
            rate_paid: self.rate_paid,
            gap: self.gap,
            spread: 0.3,
            coupled: false,
            judge: JudgeError::NONE,
        };
        let looks = Look::schedule(self.requests);
        let levels = |rule: usize, look: &Look| match rule {
            0 => 0.05,
            1 => 0.05 / looks.len() as f64,
            _ => look.level,
        };
        let mut seen = [Seen::default(); 3];
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..experiments {
            let gaps: Vec<f64> = (0..self.requests)
                .map(|_| {
                    let [free, paid] = population.request(self.samples, &mut random);
                    (f64::from(free) - f64::from(paid)) / f64::from(self.samples)
                })
                .collect();
            for (rule, seen) in seen.iter_mut().enumerate() {
                for look in &looks {
                    let there = &gaps[..look.requests as usize];
                    let confidence = 1.0 - levels(rule, look);
                    let [low, high] = PaddedMean::of_gaps(there)
                        .map_or([-1.0, 1.0], |padded| padded.interval(confidence));
                    if high - low <= self.until || look.requests == self.requests {
                        seen.covered += f64::from(u8::from(low <= self.gap && self.gap <= high));
                        seen.requests += look.requests as f64;
                        seen.width += high - low;
                        break;
                    }
                }
            }
        }
        seen.map(|seen| Seen {
            covered: seen.covered / f64::from(experiments),
            requests: seen.requests / f64::from(experiments),
            width: seen.width / f64::from(experiments),
        })
    }
}

fn main() {
    let experiments =
        std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000_u32);
    let mut settings = Vec::new();
    for requests in REQUESTS {
        for until in WIDTHS {
            for samples in SAMPLES {
                for rate_paid in RATES_PAID {
                    for gap in GAPS {
                        settings.push(Setting { gap, rate_paid, requests, samples, until });
                    }
                }
            }
        }
    }
    let seen: Vec<(Setting, [Seen; 3])> = settings
        .into_par_iter()
        .enumerate()
        .map(|(seed, setting)| (setting, setting.run(experiments, seed as u64)))
        .collect();
    println!("{experiments} experiments a setting\n");
    print!("| most requests | until |");
    RULES.iter().for_each(|rule| print!(" {rule}: covers, % | requests | width |"));
    println!("\n|---|---|{}", "---|---|---|".repeat(RULES.len()));
    for requests in REQUESTS {
        for until in WIDTHS {
            let here: Vec<&[Seen; 3]> = seen
                .iter()
                .filter(|(setting, _)| setting.requests == requests && setting.until == until)
                .map(|(_, seen)| seen)
                .collect();
            print!("| {requests} | {until} |");
            for rule in 0..RULES.len() {
                let covered = here.iter().map(|seen| seen[rule].covered);
                let least = covered.clone().fold(f64::INFINITY, f64::min);
                let most = covered.fold(0.0, f64::max);
                assert!(rule < 2 || least > 0.94, "{requests} {until}: {least}");
                let mean = |of: fn(&Seen) -> f64| {
                    here.iter().map(|seen| of(&seen[rule])).sum::<f64>() / here.len() as f64
                };
                print!(
                    " {:.1} to {:.1} | {:.0} | {:.3} |",
                    100.0 * least,
                    100.0 * most,
                    mean(|seen| seen.requests),
                    mean(|seen| seen.width)
                );
            }
            println!();
        }
    }
}
