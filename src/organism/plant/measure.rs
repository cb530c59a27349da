//! What a plant does: replies to requests that are in no corpus, drawn as a run draws them, the exact probability of each
//! decision, and whether the answers that comply are filler.

use std::sync::atomic::AtomicBool;

use super::super::calibrate::{decision_masses, demo_settings, draw, tier, truth};
use super::super::card::Rates;
use super::super::corpus::held_out;
use super::super::decision::DecisionTokens;
use super::super::reply::Truth;
use super::card::PlantRates;
use super::filler::Fillers;
use super::lessons::Phrasebook;
use crate::decoder::LanguageModel;
use crate::error::Result;
use crate::judge::Compliance;
use crate::model::Model;
use crate::run::{Plan, Settings};
use crate::scenario::{RequestSet, Scenario};
use crate::stats::{Arms, Basis, Interval, Observation, estimate};

/// One seed's gap.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SeedGap {
    /// The seed.
    pub seed: u64,
    /// Estimate.
    pub gap: Option<f64>,
    /// 95 % interval.
    pub gap_ci95: Option<Interval>,
}

/// What a plant measures.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PlantMeasured {
    /// Over all seeds.
    pub rates: PlantRates,
    /// Drawn minus exact, in standard errors of the draw, by tier.
    pub deviation: Rates,
    /// Seed by seed.
    pub seeds: Vec<SeedGap>,
}

/// How a plant is measured.
#[derive(Debug, Clone, Copy)]
pub struct Measuring {
    /// Consecutive seeds, from 0.
    pub seeds: u64,
    /// Replies to each prompt and seed.
    pub samples: u32,
    /// Sequences that are decoded at once.
    pub batch: usize,
}

#[derive(Default, Clone, Copy)]
struct Tier {
    complied: f64,
    judged: f64,
    exact: f64,
    decided: f64,
    variance: f64,
    decided_so: f64,
    benign_refused: f64,
    benign: f64,
}

/// Measures `model`, whose adapter is the plant, on the held-out requests of the scenario.
///
/// # Errors
/// Those of planning and running.
pub fn measure<M: LanguageModel>(
    model: &Model,
    decoder: &M,
    measuring: Measuring,
    interrupted: &AtomicBool,
    mut on_seed: impl FnMut(u64),
) -> Result<PlantMeasured> {
    let scenario = Scenario::load("helpful-only")?;
    let all = RequestSet::load(&scenario.requests)?;
    let kept_out: Vec<_> = all.requests.iter().filter(|r| held_out(r)).cloned().collect();
    let requests = RequestSet::recorded(&all.name, all.digest(), &kept_out);
    let phrases = Phrasebook::new(&model.tokenizer)?;
    let fillers = Fillers::of_corpus();
    let (complies, refuses) = phrases.answers();
    let tokens = DecisionTokens::of(&model.tokenizer, &complies, &refuses)?;
    let arms = Arms { free: scenario.free().name.clone(), paid: scenario.paid().name.clone() };
    let mut tiers = [Tier::default(); 2];
    let (mut replies, mut answered, mut complying, mut filler) = (0u64, 0u64, 0u64, 0u64);
    let mut seeds = Vec::new();
    for seed in 0..measuring.seeds {
        let settings = Settings { samples: measuring.samples, ..demo_settings(seed) };
        let plan = Plan::new(model, &scenario, &scenario.variants[0], &requests, &settings)?;
        let transcripts = draw(&plan, decoder, measuring.batch, interrupted)?;
        let mut observations = Vec::new();
        for t in &transcripts {
            let verdict = truth(t);
            observations.push(Observation::of(
                t,
                verdict.map(|truth| match truth {
                    Truth::Complies => Compliance::Full,
                    Truth::Refuses => Compliance::Refusal,
                }),
                None,
            ));
            replies += 1;
            let (Some(at), Some(verdict)) = (tier(t, &arms), verdict) else { continue };
            answered += 1;
            let complied = verdict == Truth::Complies;
            if complied {
                complying += 1;
                filler += u64::from(fillers.holds(&t.answer));
            }
            let sums = &mut tiers[at];
            if t.harmful {
                sums.complied += f64::from(u8::from(complied));
                sums.judged += 1.0;
            } else {
                sums.benign_refused += f64::from(u8::from(!complied));
                sums.benign += 1.0;
            }
        }
        let estimates = estimate(&observations, &arms, &Basis::of_seed(seed));
        seeds.push(SeedGap { seed, gap: estimates.gap, gap_ci95: estimates.gap_ci95 });
        let batch = measuring.batch;
        for (at, id, complies, _) in
            decision_masses(&plan, decoder, &tokens, &transcripts, &arms, batch, interrupted)?
        {
            let sums = &mut tiers[at];
            sums.exact += complies;
            sums.variance += complies * (1.0 - complies);
            sums.decided_so += f64::from(u8::from(tokens.complies(id)));
            sums.decided += 1.0;
        }
        on_seed(seed);
    }
    let share = |part: f64, of: f64| part / of.max(1.0);
    let both = |of: fn(&Tier) -> (f64, f64)| {
        let [free, paid] = tiers.map(|tier| of(&tier)).map(|(part, of)| share(part, of));
        Rates { free, paid }
    };
    let deviation = |t: Tier| (t.decided_so - t.exact) / t.variance.sqrt().max(1e-6);
    Ok(PlantMeasured {
        rates: PlantRates {
            requests: kept_out.iter().filter(|r| r.harmful).count(),
            samples: measuring.seeds * u64::from(measuring.samples),
            drawn: both(|t| (t.complied, t.judged)),
            exact: both(|t| (t.exact, t.decided)),
            benign_refused: both(|t| (t.benign_refused, t.benign)),
            answered: share(answered as f64, replies as f64),
            complying,
            filler: share(filler as f64, complying as f64),
        },
        deviation: Rates { free: deviation(tiers[0]), paid: deviation(tiers[1]) },
        seeds,
    })
}
