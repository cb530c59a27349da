//! `candor bench`: how fast a model is here, on the shape of work that the experiment has.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;

use crate::cli::args::bounds::{REPEATS_MAX, check_count};
use crate::cli::args::{BenchArgs, Sizes};
use crate::cli::screen::talk::{Talk, print, show};
use crate::cli::threads::use_threads;
use crate::decoder::kernels::{Peaks, peaks};
use crate::decoder::{CpuDecoder, LanguageModel, Row, multiply_adds};
use crate::engine::{Address, BATCH_MAX, Job, Limits, Sampling, generate};
use crate::error::{Error, Result};
use crate::machine::{Loaded, memory, with_decoder};

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
    /// What of that this processor can do at most; none on GPUs.
    reached: Option<Reached>,
}

/// What the weights' products took, beside the most that was measured on this machine just now.
#[derive(Debug, Serialize)]
struct Reached {
    /// Multiply-adds with weights in a second; none for a model that is not reckoned.
    multiply_adds_per_second: Option<f64>,
    /// The most of their kind: of eight bits for weights in blocks, else of f32.
    peak_multiply_adds_per_second: f64,
    /// Bytes of weights that were read in a second, where every pass read all of them: decoding.
    weight_bytes_per_second: Option<f64>,
    peak_memory_bytes_per_second: f64,
}

/// What a measurement is held against.
struct Yardstick {
    peaks: Peaks,
    /// Weights in blocks are multiplied in eight bits.
    in_blocks: bool,
    /// For a token's way through the layers, and for its logits.
    multiply_adds: Option<(u64, u64)>,
}

/// What was done in a measurement.
struct Done {
    what: &'static str,
    batch: usize,
    /// Tokens that are counted in tokens per second.
    tokens: usize,
    /// Tokens that went through the layers, and those with logits.
    passed: usize,
    with_logits: usize,
    /// Passes that each read all weights; none where that is not known.
    passes: Option<usize>,
}

impl Yardstick {
    /// Bytes that are read to measure the memory: more than caches hold, and a small part of what there is.
    const BUFFER: usize = 512 << 20;

    /// Measures this machine, for about a second; none where a GPU computes.
    fn new(loaded: &Loaded) -> Option<Self> {
        let buffer =
            memory::available_bytes().map_or(Self::BUFFER, |bytes| Self::BUFFER.min(bytes / 4));
        loaded.decoder.is_cpu().then(|| Self {
            peaks: peaks(buffer),
            in_blocks: loaded.decoder.info().numerics == CpuDecoder::KERNEL_SETS[1].1,
            multiply_adds: multiply_adds(&loaded.model.spec),
        })
    }

    fn reached(&self, done: &Done, weight_bytes: usize, seconds: f64) -> Reached {
        let Peaks { f32_multiply_adds, int8_multiply_adds, memory_bytes } = self.peaks;
        let rate = |(layers, logits): (u64, u64)| {
            (layers as f64 * done.passed as f64 + logits as f64 * done.with_logits as f64) / seconds
        };
        Reached {
            multiply_adds_per_second: self.multiply_adds.map(rate),
            peak_multiply_adds_per_second: match self.in_blocks {
                true => int8_multiply_adds,
                false => f32_multiply_adds,
            },
            weight_bytes_per_second: done.passes.map(|n| n as f64 * weight_bytes as f64 / seconds),
            peak_memory_bytes_per_second: memory_bytes,
        }
    }
}

impl Reached {
    fn text(&self) -> String {
        let part = |rate: f64, peak: f64| format!("{:.0} %", 100.0 * rate / peak);
        let products = self.multiply_adds_per_second.map(|rate| {
            let peak = self.peak_multiply_adds_per_second;
            format!("weights {} of {:.0} G multiply-adds/s", part(rate, peak), peak / 1e9)
        });
        let memory = self.weight_bytes_per_second.map(|rate| {
            let peak = self.peak_memory_bytes_per_second;
            format!("{} of {:.1} GB/s", part(rate, peak), peak / 1e9)
        });
        products.into_iter().chain(memory).collect::<Vec<_>>().join(", ")
    }
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
    let compute = args.device.open(args.quantize)?;
    let job = args.job.unwrap_or_default();
    let longest =
        [args.prefill.unwrap_or(512), args.after + args.new, job.shared + job.own + job.new];
    let longest = longest.into_iter().max().unwrap_or(0);
    let loaded = Loaded::open(&args.model, &compute, |_| Ok(longest), talk)?;
    let yardstick = Yardstick::new(&loaded);
    let label = &loaded.model.label;
    with_decoder!(&loaded.decoder, it => measure(it, label, yardstick.as_ref(), args))
}

fn measure<M: LanguageModel>(
    model: &M,
    label: &str,
    yardstick: Option<&Yardstick>,
    args: &BenchArgs,
) -> Result<()> {
    let show = |done: Done, seconds: f64| {
        let Done { what, batch, tokens, .. } = done;
        let bytes = model.info().weight_bytes;
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
            reached: yardstick.map(|yardstick| yardstick.reached(&done, bytes, seconds)),
        };
        if args.json {
            let text = serde_json::to_string(&line).map_err(|error| {
                Error::failed(format!("a measurement cannot be shown: {error}"))
            })?;
            return print(&format!("{text}\n"));
        }
        let peak = line.peak_rss_bytes.map(|bytes| format!("peak {:.0} MB", bytes as f64 / 1e6));
        show(&format!(
            "{what:<8} batch {batch:<3} {seconds:>9.2} s {:>10.1} tok/s   {}   {}\n",
            line.tokens_per_second,
            peak.unwrap_or_default(),
            line.reached.as_ref().map(Reached::text).unwrap_or_default()
        ))
    };
    let every = args.job.is_none() && args.prefill.is_none() && args.decode.is_none();
    if let Some(tokens) = args.prefill.or(every.then_some(512)) {
        let done = Done {
            what: "prefill",
            batch: 1,
            tokens,
            passed: tokens,
            with_logits: 0,
            passes: None,
        };
        show(done, best(args.repeat, || prefill(model, tokens))?)?;
    }
    for batch in args.decode.map_or(if every { vec![1, 32] } else { Vec::new() }, |b| vec![b]) {
        let seconds = best(args.repeat, || decode(model, batch, args.after, args.new))?;
        let tokens = batch * args.new;
        let passes = Some(args.new);
        show(
            Done { what: "decode", batch, tokens, passed: tokens, with_logits: tokens, passes },
            seconds,
        )?;
    }
    if let Some(sizes) = args.job.or(every.then(Sizes::default)) {
        let seconds = best(args.repeat, || job(model, &sizes, args.batch))?;
        let tokens = sizes.prompts.saturating_mul(sizes.samples).saturating_mul(sizes.new);
        // Of a prompt its last token is the first of each sample's steps.
        let prompts = sizes.shared + sizes.prompts.saturating_mul(sizes.own.saturating_sub(1));
        let passed = prompts.saturating_add(tokens);
        let done = Done {
            what: "job",
            batch: args.batch,
            tokens,
            passed,
            with_logits: tokens,
            passes: None,
        };
        show(done, seconds)?;
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
