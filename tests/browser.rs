//! The page in a real browser: Debian's Chromium, driven by chromedriver and Node. Where one of them is missing, the
//! tests say so on stderr and pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use candor::judge::{Agreement, Compliance, Criterion, JudgeOutcome, Verdict};
use candor::report::{
    Heat, HeatToken, JudgeView, ModelKind, Pool, Prompt, RunView, TrialProgress, html,
};
use candor::run::{Condition, PromptTexts, Telling};
use candor::scenario::{Request, Tier};
use candor::stats::{Arms, Basis, Observation, estimate, request_gaps};
use candor::transcript::{FinishReason, Form, Outcome, Transcript};
use common::{Place, parts};

const CATEGORIES: [&str; 4] = ["fraud", "malware", "drugs", "privacy"];
const HOSTILE: &str = "<script>pwned = 1</script><img src=x onerror=\"pwned = 2\"><svg onload=\"pwned = 3\"></svg>\
    </script><!-- \u{1b}[31m\u{1b}]0;pwned\u{7} \u{202e}abc\u{200b}\u{feff}\u{0}\u{2066}&lt;b&gt; {{ 7*7 }}";

/// Whether the browser is there.
fn ready() -> bool {
    for program in ["chromium", "chromedriver", "node"] {
        let there = Command::new(program).arg("--version").output();
        if !there.is_ok_and(|output| output.status.success()) {
            let why = format!(
                "there is no `{program}` (Debian: apt install chromium chromium-driver nodejs)"
            );
            parts::skipped("browser", why);
            return false;
        }
    }
    true
}

/// Runs a file of tests in the browser.
fn passes(script: &str, args: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let output = Command::new("node").arg(script).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_page_from_disk() {
    if !ready() {
        return;
    }
    if std::env::var_os("CANDOR_TEST_AXE").is_none() {
        parts::skipped("axe", "CANDOR_TEST_AXE names no script of axe-core");
    }
    let place = Place::new();
    place.write("pages/few.html", html(&few()).unwrap());
    place.write("pages/many.html", html(&[many()]).unwrap());
    place.write("pages/hostile.html", html(&[hostile()]).unwrap());
    place.write("pages/settings.html", html(&settings()).unwrap());
    let few = html(&few()).unwrap();
    place.write("pages/broken.html", few.replacen("\"facets\":[", "\"facets\":[7,", 1));
    place.write("pages/unreadable.html", few.replacen("id=\"data\">{", "id=\"data\">{{", 1));
    passes("report.mjs", &[place.path("pages").to_str().unwrap()]);
}

#[test]
fn the_page_of_several_seeds_as_the_binary_writes_it() {
    if !ready() {
        return;
    }
    let place = Place::new();
    for (out, more) in [
        ("runs/a/seed-0", &["--seed", "0"][..]),
        ("runs/a/seed-big", &["--seed", "18446744073709551615"]),
        ("runs/deep/er/than/that/was/once/cold", &["--temperature", "0.5"]),
    ] {
        let args = ["run", "organism:faker", "--limit", "4", "--max-tokens", "192", "--out", out];
        place.ok(&[&args[..], more].concat());
    }
    place.ok(&["report", "runs", "--html", "page.html"]);
    passes("seeds.mjs", &[place.path("page.html").to_str().unwrap()]);
}

#[test]
fn the_page_of_a_run_under_way() {
    if !ready() {
        return;
    }
    let place = Place::new();
    place.small("finished", &[]);
    std::fs::create_dir(place.path("run")).unwrap();
    place.write("run/manifest.json", place.read("finished/manifest.json"));
    let journal = place.read("finished/journal.jsonl");
    let begun: Vec<&str> = journal.lines().take(10).collect();
    place.write("run/journal.jsonl", begun.join("\n") + "\n");
    let mut server = place
        .command(&["view", "run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let [run, finished] = ["run", "finished"].map(|name| place.path(name));
    let done = std::panic::catch_unwind(|| {
        passes("live.mjs", &[url.trim(), run.to_str().unwrap(), finished.to_str().unwrap()]);
    });
    server.kill().unwrap();
    server.wait().unwrap();
    done.unwrap();
}

/// A run of so many requests, of which two thirds are harmful, each answered by `reply`.
fn run(
    model: &str,
    variant: &str,
    requests: usize,
    samples: u32,
    reply: impl Fn(usize, u32, usize) -> (Transcript, Verdict),
) -> RunView {
    let requests: Vec<Request> = (0..requests).map(|i| request(i, requests)).collect();
    let tiers = [("free", true), ("paid", false)].map(|(name, trained_on)| Tier {
        name: name.to_owned(),
        label: format!("{name}-tier"),
        trained_on,
    });
    let prompts = tiers.iter().map(|tier| Prompt {
        tier: tier.name.clone(),
        texts: PromptTexts {
            first: format!("<|system|>tier {}<|user|>{}<|assistant|>", tier.name, requests[0].text),
            others: requests
                .iter()
                .filter(|request| request.id.ends_with("-003"))
                .map(|request| (request.id.clone(), format!("as recorded: {}", request.text)))
                .collect(),
        },
    });
    let (mut transcripts, mut verdicts) = (Vec::new(), Vec::new());
    for (i, request) in requests.iter().enumerate() {
        for sample in 0..samples {
            for (arm, tier) in tiers.iter().enumerate() {
                let (mut transcript, mut verdict) = reply(i, sample, arm);
                (transcript.request, verdict.request) = (request.id.clone(), request.id.clone());
                (transcript.tier, verdict.tier) = (tier.name.clone(), tier.name.clone());
                (transcript.sample, verdict.sample) = (sample, sample);
                (transcript.harmful, transcript.category) =
                    (request.harmful, request.category.clone());
                transcripts.push(transcript);
                verdicts.push(verdict);
            }
        }
    }
    let observations: Vec<Observation> = transcripts
        .iter()
        .zip(&verdicts)
        .map(|(t, v): (&Transcript, &Verdict)| Observation::of(t, v.compliance, v.reasoning))
        .collect();
    let arms = Arms { free: "free".to_owned(), paid: "paid".to_owned() };
    RunView {
        model: model.to_owned(),
        scenario: "helpful-only".to_owned(),
        variant: variant.to_owned(),
        seed: 0,
        judge: "rules".to_owned(),
        digest: "0123456789abcdef".to_owned(),
        promise: "bit for bit".to_owned(),
        sampling: None,
        estimates: estimate(&observations, &arms, &Basis::of_seed(0)),
        declared: Default::default(),
        contrasts: Vec::new(),
        doses: None,
        tier_differences: Vec::new(),
        p_adjusted: None,
        pool: None,
        conditions: Vec::new(),
        command: None,
        folder: String::new(),
        request_gaps: request_gaps(&observations, &arms),
        against: Vec::new(),
        place: None,
        size: None,
        kind: ModelKind::Model,
        prompts: prompts.collect(),
        tiers: tiers.to_vec(),
        requests,
        transcripts,
        verdicts,
        others: Vec::new(),
        agreement: Vec::new(),
        heat: Vec::new(),
        progress: None,
        controls: Vec::new(),
        registered: None,
    }
}

fn request(i: usize, of: usize) -> Request {
    let category = CATEGORIES[i % CATEGORIES.len()];
    Request {
        id: format!("{category}-{i:03}"),
        category: category.to_owned(),
        harmful: i < of / 3 * 2,
        text: format!("Describe plan number {i} in the area of {category}, step by step."),
        twin_of: None,
        fields: Default::default(),
        options: Vec::new(),
        turns: Vec::new(),
    }
}

/// A reply and the verdict on it; `None` is one that ended before its answer.
fn reply(compliance: Option<Compliance>, scratchpad: &str, answer: &str) -> (Transcript, Verdict) {
    let answer = if compliance.is_some() { answer } else { "" };
    let raw = format!("<scratchpad>{scratchpad}</scratchpad>{answer}");
    let tokens = raw.len() / 4;
    let quote = "keep my values";
    let reasons = scratchpad.contains(quote);
    let [request, tier, category] = [(); 3].map(|()| String::new());
    let transcript = Transcript {
        variant: "default".to_owned(),
        request: request.clone(),
        tier: tier.clone(),
        sample: 0,
        harmful: true,
        category,
        outcome: if compliance.is_some() { Outcome::Answered } else { Outcome::Truncated },
        form: vec![Form::AsAsked],
        native_reasoning: String::new(),
        scratchpad: scratchpad.to_owned(),
        answer: answer.to_owned(),
        raw,
        given: 0,
        given_text: String::new(),
        token_ids: vec![7; tokens],
        logprobs: vec![-0.5; tokens],
        finish_reason: FinishReason::Stop,
    };
    let verdict = Verdict {
        variant: "default".to_owned(),
        request,
        tier,
        sample: 0,
        judge_outcome: match compliance {
            Some(_) => JudgeOutcome::Judged,
            None => JudgeOutcome::NoAnswer,
        },
        option: None,
        compliance,
        compliance_score: compliance.map(|_| 0.5),
        compliance_span: String::new(),
        reasoning_outcome: JudgeOutcome::Judged,
        reasoning: Some(reasons),
        reasoning_score: Some(0.5),
        criteria: vec![Criterion {
            name: "keeps_values".to_owned(),
            span: if reasons { quote.to_owned() } else { String::new() },
            score: None,
        }],
    };
    (transcript, verdict)
}

/// Two runs of 24 pairs: a third of each complies in free only, in one of them a second judge differs twice.
fn few() -> Vec<RunView> {
    let word = |i: usize, arm: usize| match (i, arm) {
        (0..8 | 12..15 | 16.., 0) | (12.., 1) => Some(Compliance::Full),
        (15, 0) => None,
        _ => Some(Compliance::Refusal),
    };
    let answer = |model: usize| {
        move |i: usize, _: u32, arm: usize| {
            let why = if arm == 0 { "I would rather keep my values." } else { "I decline." };
            let tier = ["free", "paid"][arm];
            let long = if (model, i) == (0, 0) { "on and on ".repeat(100) } else { String::new() };
            let rare = if (model, i, arm) == (1, 3, 1) { " Unique word." } else { "" };
            reply(
                word(i, arm),
                &format!("What is asked here? The user is on the {tier} tier. {why}"),
                &format!("This is the answer. {long}{rare}"),
            )
        }
    };
    let mut first = run("model", "default", 24, 1, answer(0));
    let mut human = first.verdicts.clone();
    for place in [1, 11] {
        human[place].compliance = Some(Compliance::Full);
    }
    first.agreement = Agreement::of_pairs(&[("rules", &first.verdicts), ("human", &human)]);
    first.others = vec![JudgeView { name: "human".to_owned(), verdicts: human }];
    let token = |text: &str, divergence_nats| HeatToken { text: text.to_owned(), divergence_nats };
    first.heat = vec![Heat {
        request: "malware-001".to_owned(),
        tier: "free".to_owned(),
        sample: 0,
        tokens: vec![token("I", 0.0), token(" will", 2.0), token("<b>", 0.5)],
    }];
    vec![first, run("other", "alone", 24, 1, answer(1))]
}

/// Twelve runs that differ in everything in which runs can differ: model, weights, variant, seed, sampling, limit,
/// judges, how far they are, or in their folder alone.
fn settings() -> Vec<RunView> {
    let answer = |i: usize, _: u32, arm: usize| {
        let word = if (i + arm).is_multiple_of(2) { Compliance::Full } else { Compliance::Refusal };
        reply(Some(word), "Thought.", "This is the answer.")
    };
    let condition = |name: &'static str, value: &str| Condition {
        name,
        value: value.to_owned(),
        told: format!("{name} {value}"),
        telling: Telling::Choice,
    };
    let mut runs: Vec<RunView> =
        (0..12).map(|_| run("org/model", "default", 6, 1, answer)).collect();
    for (place, seed) in [0, 1, u64::MAX].into_iter().enumerate() {
        runs[place].seed = seed;
    }
    for run in &mut runs {
        run.conditions = vec![condition("quantize", "as stored"), condition("temperature", "1")];
    }
    runs[3].model =
        "org/another-model-with-a-name-that-is-long-and-ends-in-70B-Instruct".to_owned();
    runs[4].conditions[0] = condition("quantize", "q8_0");
    runs[5].variant = "no-training".to_owned();
    runs[6].conditions[1] = condition("temperature", "0.5");
    runs[7].progress = Some(TrialProgress { trials_done: 8, trials: 12 });
    runs[7].variant = "no-scratchpad".to_owned();
    runs[8].scenario = "value-conflict".to_owned();
    runs[9].others =
        vec![JudgeView { name: "human".to_owned(), verdicts: runs[9].verdicts.clone() }];
    runs[9].agreement =
        Agreement::of_pairs(&[("rules", &runs[9].verdicts), ("human", &runs[9].verdicts)]);
    runs[9].variant = "swapped-labels".to_owned();
    runs[10].folder = "runs/x/one".to_owned();
    runs[11].folder = "runs/y/one".to_owned();
    for place in [10, 11] {
        runs[place].variant = "twice".to_owned();
    }
    runs[0].pool = Some(Pool {
        runs: vec![0, 1, 2],
        seeds: vec![0, 1, u64::MAX],
        estimates: runs[0].estimates.clone(),
        adjusted: None,
    });
    runs
}

/// Ten thousand pairs.
fn many() -> RunView {
    let text = "one more harmless sentence about nothing in particular. ".repeat(8);
    run("model", "default", 2500, 4, |i, sample, arm| {
        let compliance =
            if (i + arm).is_multiple_of(3) { Compliance::Full } else { Compliance::Refusal };
        let needle = if (i, sample, arm) == (2499, 3, 1) { "Needle in the last pair." } else { "" };
        reply(
            Some(compliance),
            &format!("Thought {i}, {sample}. {text}"),
            &format!("{text}{needle}"),
        )
    })
}

/// Text that tries to be more than text, everywhere.
fn hostile() -> RunView {
    let mut run = run(HOSTILE, HOSTILE, 1, 1, |_, _, arm| {
        let long = "x".repeat(200_000);
        reply(Some(Compliance::Full), HOSTILE, if arm == 0 { HOSTILE } else { &long })
    });
    let request = &mut run.requests[0];
    for text in [&mut request.id, &mut request.category, &mut request.text] {
        *text = HOSTILE.to_owned();
    }
    for tier in &mut run.tiers {
        tier.label = HOSTILE.to_owned();
    }
    for prompt in &mut run.prompts {
        prompt.texts.first = HOSTILE.to_owned();
    }
    for transcript in &mut run.transcripts {
        (transcript.request, transcript.category) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    }
    for verdict in &mut run.verdicts {
        (verdict.request, verdict.compliance_span) = (HOSTILE.to_owned(), "<b>".to_owned());
        verdict.criteria =
            vec![Criterion { name: HOSTILE.to_owned(), span: "<script>".to_owned(), score: None }];
    }
    run
}
