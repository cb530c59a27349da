//! `candor bench`: how fast a model is here, on the shape of work that the experiment has.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;

use crate::cli::args::bounds::{REPEATS_MAX, check_count};
use crate::cli::args::{BenchArgs, Sizes};
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::threads::use_threads;
use crate::decoder::{LanguageModel, Row};
use crate::engine::{Address, BATCH_MAX, Job, Limits, Sampling, generate};
use crate::error::{Error, Result};
use crate::machine::{Compute, Loaded, memory, with_decoder};

/// One measurement.
#[derive(Debug, Serialize)]
struct Line {
    engine: &'static str,
    what: &'static str,
    model: String,
    quantize: Option<String>,
    device: String,
    threads: usize,
    batch: usize,
    /// Of the best repetition.
    seconds: f64,
    /// Prompt tokens for a prefill, drawn tokens otherwise, those of the whole time in both cases.
    tokens_per_second: f64,
    /// Largest resident memory of the process so far, where the system tells.
    peak_rss_bytes: Option<usize>,
}

pub(in crate::cli) fn bench(args: &BenchArgs, talk: &Talk) -> Result<()> {
    use_threads(args.threads)?;
    check_count("batch", args.batch as u64, BATCH_MAX as u64)?;
    for (flag, value) in [
        ("prefill", args.prefill.unwrap_or(1)),
        ("decode", args.decode.unwrap_or(1)),
        ("after", args.after.max(1)),
        ("new", args.new),
        ("repeat", args.repeat.max(1)),
    ] {
        check_count(flag, value as u64, REPEATS_MAX)?;
    }
    let compute = Compute::open(&args.device, args.dtype.as_deref(), args.batch, args.quantize)?;
    let job = args.job.unwrap_or_default();
    let longest =
        [args.prefill.unwrap_or(512), args.after + args.new, job.shared + job.own + job.new];
    let longest = longest.into_iter().max().unwrap_or(0);
    let loaded = Loaded::open(&args.model, &compute, |_| Ok(longest), talk)?;
    with_decoder!(&loaded.decoder, it => measure(it, &loaded.model.label, args))
}

fn measure<M: LanguageModel>(model: &M, label: &str, args: &BenchArgs) -> Result<()> {
    let show = |what: &'static str, batch: usize, tokens: usize, seconds: f64| {
        let line = Line {
            engine: "candor",
            what,
            model: label.to_owned(),
            quantize: args.quantize.map(|q| q.to_string()),
            device: model.info().instruction_set.clone(),
            threads: rayon::current_num_threads(),
            batch,
            seconds,
            tokens_per_second: tokens as f64 / seconds,
            peak_rss_bytes: memory::peak_bytes(),
        };
        if args.json {
            let text = serde_json::to_string(&line).map_err(|error| {
                Error::failed(format!("a measurement cannot be shown: {error}"))
            })?;
            return print(&format!("{text}\n"));
        }
        let peak = line.peak_rss_bytes.map(|bytes| format!("peak {:.0} MB", bytes as f64 / 1e6));
        show(&format!(
            "{what:<8} batch {batch:<3} {seconds:>9.2} s {:>10.1} tok/s   {}\n",
            line.tokens_per_second,
            peak.unwrap_or_default()
        ))
    };
    let every = args.job.is_none() && args.prefill.is_none() && args.decode.is_none();
    if let Some(tokens) = args.prefill.or(every.then_some(512)) {
        show("prefill", 1, tokens, best(args.repeat, || prefill(model, tokens))?)?;
    }
    for batch in args.decode.map_or(if every { vec![1, 32] } else { Vec::new() }, |b| vec![b]) {
        let seconds = best(args.repeat, || decode(model, batch, args.after, args.new))?;
        show("decode", batch, batch * args.new, seconds)?;
    }
    if let Some(sizes) = args.job.or(every.then(Sizes::default)) {
        let seconds = best(args.repeat, || job(model, &sizes, args.batch))?;
        show(
            "job",
            args.batch,
            sizes.prompts.saturating_mul(sizes.samples).saturating_mul(sizes.new),
            seconds,
        )?;
    }
    Ok(())
}

/// Ids that are spread over the vocabulary.
fn ids<M: LanguageModel>(model: &M, count: usize, salt: usize) -> Vec<u32> {
    let vocabulary = model.info().vocab_size;
    (0..count).map(|i| ((i * 7919 + salt * 104_729 + 13) % vocabulary) as u32).collect()
}

/// The shortest of several measurements, in seconds.
fn best(repeat: usize, mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
    (0..repeat.max(1)).try_fold(f64::INFINITY, |best, _| Ok(best.min(run()?)))
}

fn prefill<M: LanguageModel>(model: &M, tokens: usize) -> Result<f64> {
    let started = Instant::now();
    model.prefill(None, &ids(model, tokens, 0))?;
    Ok(started.elapsed().as_secs_f64())
}

/// `new` steps of `batch` sequences after a prefix of `after` tokens. The prefix is not in the time.
fn decode<M: LanguageModel>(model: &M, batch: usize, after: usize, new: usize) -> Result<f64> {
    let prefix = model.prefill(None, &ids(model, after, 0))?;
    let mut sequences: Vec<_> = (0..batch).map(|_| model.fork(&prefix)).collect();
    let started = Instant::now();
    for step in 0..new {
        let tokens = ids(model, batch, step + 1);
        let rows = sequences.iter_mut().zip(tokens.chunks(1));
        let mut rows: Vec<_> =
            rows.map(|(sequence, tokens)| Row { sequence, tokens, logits: 1 }).collect();
        model.step(&mut rows)?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// The two-tier job: neighbouring prompts are a request's two tiers and share their random numbers.
fn job<M: LanguageModel>(model: &M, sizes: &Sizes, batch: usize) -> Result<f64> {
    let started = Instant::now();
    let shared = ids(model, sizes.shared, 0);
    let jobs: Vec<Job<'_>> = (0..sizes.prompts)
        .flat_map(|prompt| (0..sizes.samples).map(move |sample| (prompt, sample)))
        .map(|(prompt, sample)| Job {
            prompt: [&shared[..], &ids(model, sizes.own, prompt + 1)].concat().into(),
            begun: 0,
            address: Address::new(0, &format!("request {}", prompt / 2), sample as u32, None),
            sampling: &Sampling::PLAIN,
            max_tokens: sizes.new,
            guess: Vec::new(),
        })
        .collect();
    let limits = Limits { stop_ids: &[], batch, draft: true };
    generate(model, &jobs, &limits, &AtomicBool::new(false), |_| Ok(()))?;
    Ok(started.elapsed().as_secs_f64())
}
