//! A run of a million trials that is nearly done: how long it takes until the first missing trial is recorded, in how
//! much memory, and how long its numbers take once it is done. The journal's lines have 500 bytes.
//! `cargo bench --bench journal`; needs Linux (for the memory) and 4 GB of disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench may stop where it stands, and prints what it found"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use candor::engine::FinishReason;
use candor::run::{Folder, Manifest, read_json};
use candor::transcript::{Form, Outcome, Transcript};

const LINE_BYTES: usize = 500;
/// 144 requests × 2 tiers × this.
const SAMPLES: u32 = 3473;
const TRIALS: usize = 1_000_224;
const MISSING: usize = 4;

const RESUME_MAX: Duration = Duration::from_secs(5);
const MEMORY_MAX: usize = 1 << 30;
const SUMMARY_MAX: Duration = Duration::from_secs(10);

fn main() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    let start = || -> Child {
        let run = ["run", "organism:faker", "--max-tokens", "8", "--samples"];
        let mut command = candor(place.path(), &run);
        command.arg(SAMPLES.to_string()).args(["--quiet", "--out", "run"]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };

    let mut child = start();
    while !run.join("journal.jsonl").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(run.join("journal.jsonl")).unwrap();
    fill(&run);

    let journal = run.join("journal.jsonl");
    let before = journal.metadata().unwrap().len();
    println!("journal: {} lines, {before} bytes", TRIALS - MISSING);
    let started = Instant::now();
    let mut child = start();
    let (mut memory, mut computed) = (0, 0.0);
    while journal.metadata().unwrap().len() == before {
        memory = peak(child.id()).unwrap_or(memory);
        computed = computing(child.id()).unwrap_or(computed);
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    let resumed = started.elapsed();
    println!(
        "resume: first trial after {resumed:.2?}, of which {computed:.2} s computing, {} MiB",
        memory >> 20
    );
    let mut last = memory;
    while child.try_wait().unwrap().is_none() {
        last = peak(child.id()).unwrap_or(last);
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("sealed, judged and reported after {:.2?}, {} MiB", started.elapsed(), last >> 20);
    let lines = |name: &str| {
        std::fs::read(run.join(name)).unwrap().iter().filter(|&&byte| byte == b'\n').count()
    };
    assert_eq!((lines("journal.jsonl"), lines("transcripts.jsonl")), (TRIALS, TRIALS));

    let started = Instant::now();
    let said = std::fs::File::create(place.path().join("said")).unwrap();
    let mut report = candor(place.path(), &["report", "run", "--json"]);
    let mut child = report.stdout(said).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        computed = computing(child.id()).unwrap_or(computed);
        std::thread::sleep(Duration::from_millis(5));
    }
    let summary = started.elapsed();
    println!("summary: {summary:.2?}, of which {computed:.2} s computing");
    let said = std::fs::read_to_string(place.path().join("said")).unwrap();
    assert!(said.contains("\"gap_requests\": 96"), "{said}");

    assert!(resumed < RESUME_MAX && memory < MEMORY_MAX && summary < SUMMARY_MAX);
}

fn candor(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
    command.args(arguments).current_dir(place);
    command
}

/// Seconds that a process has computed so far, on all processors together: what a busy machine does not change.
fn computing(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = status.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most bytes that a process has held so far.
fn peak(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

/// Records all trials but the last ones.
fn fill(run: &Path) {
    let manifest: Manifest = read_json(&run.join("manifest.json")).unwrap();
    let mut folder = Folder::open(run, &manifest).unwrap();
    let mut transcripts = Vec::new();
    for request in &manifest.requests.items {
        for sample in 0..SAMPLES {
            for tier in &manifest.scenario.tiers {
                let mut transcript = Transcript {
                    variant: manifest.variant.clone(),
                    request: request.id.clone(),
                    tier: tier.name.clone(),
                    sample,
                    harmful: request.harmful,
                    category: request.category.clone(),
                    outcome: Outcome::Answered,
                    form: vec![Form::AsAsked],
                    native_reasoning: String::new(),
                    scratchpad: String::new(),
                    answer: "I cannot help with that. ".into(),
                    raw: String::new(),
                    given: 0,
                    given_text: String::new(),
                    token_ids: vec![7, 8],
                    logprobs: vec![-0.25, -0.5],
                    finish_reason: FinishReason::Stop,
                };
                // Around it stand the checksum and its key.
                let len = serde_json::to_string(&transcript).unwrap().len() + 46;
                transcript.raw = "x".repeat(LINE_BYTES - len);
                transcripts.push(transcript);
            }
        }
    }
    transcripts.truncate(TRIALS - MISSING);
    assert_eq!(transcripts.len(), TRIALS - MISSING);
    for chunk in transcripts.chunks(10_000) {
        folder.append(chunk).unwrap();
    }
}
