//! What it costs to score a run's replies behind both prompts and to compute its decisions, beside drawing the run with
//! few sequences at a time and with many.
//!
//! `cargo bench --bench probe [-- ORGANISM…]` prints the table of METHODS.md. Each round is asserted to find the bits
//! that are on record, and the numbers of the round before.

#![allow(clippy::unwrap_used, reason = "a bench may stop where it stands")]

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use candor::decoder::CpuDecoder;
use candor::model::Model;
use candor::organism::{demo_settings, draw};
use candor::probe::{Decisions, Pairs, Sensitivity, score_pairs};
use candor::run::Plan;
use candor::scenario::{RequestSet, Scenario};

const ROUNDS: usize = 3;
/// Sequences that are drawn at a time.
const WIDTHS: [usize; 3] = [1, 8, 64];
/// Sequences that are scored at a time.
const BATCH: usize = 64;
const MASS: f64 = 0.9;

/// Seconds that `work` takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let made = work();
    (started.elapsed().as_secs_f64(), made)
}

fn main() {
    let names: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let names = if names.is_empty() { vec!["faker".into(), "refuser".into()] } else { names };
    let scenario = Scenario::load("helpful-only").unwrap();
    let requests = RequestSet::load(&scenario.requests).unwrap();
    let (settings, stop) = (demo_settings(0), AtomicBool::new(false));
    println!(
        "| organism | replies | tokens | sensitivity and decisions, s | drawing 1 at a time, s | ratio | 8, s | ratio | 64, s | ratio |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for name in names {
        let model = Model::open(&format!("organism:{name}")).unwrap();
        let decoder = CpuDecoder::load(&model.spec, &model.weights().unwrap(), None).unwrap();
        let plan =
            Plan::new(&model, &scenario, &scenario.variants[0], &requests, &settings).unwrap();
        let (mut looking, mut drawing) = (f64::INFINITY, [f64::INFINITY; WIDTHS.len()]);
        let mut known = None;
        let mut tokens = 0;
        for _ in 0..ROUNDS {
            let mut transcripts = Vec::new();
            for (best, width) in drawing.iter_mut().zip(WIDTHS) {
                let (seconds, drawn) = timed(|| draw(&plan, &decoder, width, &stop).unwrap());
                assert!(transcripts.is_empty() || transcripts == drawn);
                (*best, transcripts) = (best.min(seconds), drawn);
            }
            let pairs = Pairs::of(&plan, &transcripts, None).unwrap();
            let (seconds, (scored, decision)) = timed(|| {
                let mut decisions = Decisions::new(&plan, &pairs, MASS);
                let some = decisions.as_mut();
                let scored = score_pairs(&plan, &decoder, &pairs, BATCH, &stop, some).unwrap();
                (scored, decisions.unwrap().estimates().unwrap())
            });
            looking = looking.min(seconds);
            let sensitivity = Sensitivity::of(&pairs, &scored);
            assert_eq!(sensitivity.tokens, sensitivity.tokens_reproduced);
            tokens = sensitivity.tokens;
            let found = (sensitivity, decision);
            assert!(known.is_none_or(|known| known == found));
            known = Some(found);
        }
        let replies = plan.trials.len();
        print!("| `{name}` | {replies} | {tokens} | {looking:.2} |");
        drawing.iter().for_each(|drawing| print!(" {drawing:.2} | {:.2} |", looking / drawing));
        println!();
    }
}
