//! A language model whose logits are a hash of all tokens before, and which counts what it is asked for.
//! Two token ids stand for the tiers; how much the logits depend on which of them was seen can be chosen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candor::decoder::{LanguageModel, Logits, ModelInfo, Row};
use candor::engine::{Address, Completion, FinishReason, Job, Limits, Sampling, draw, generate};
use candor::error::Result;

/// Token ids are below it.
pub(crate) const VOCABULARY: usize = 12;

/// The token that stands for a tier, 0 or 1.
pub(crate) fn tier_id(tier: u32) -> u32 {
    10 + tier
}

pub(crate) struct Mock {
    pub(crate) info: ModelInfo,
    pub(crate) tier_weight: f32,
    prefilled: AtomicUsize,
    alive: Arc<Alive>,
}

/// Prefixes that have not been dropped: their tokens and their panels of 32 positions, now and at most.
#[derive(Default)]
struct Alive {
    tokens: AtomicUsize,
    tokens_max: AtomicUsize,
    panels: AtomicUsize,
    panels_max: AtomicUsize,
}

impl Alive {
    fn add(&self, tokens: usize) {
        let now = self.tokens.fetch_add(tokens, Ordering::Relaxed) + tokens;
        self.tokens_max.fetch_max(now, Ordering::Relaxed);
        let panels = tokens.div_ceil(32);
        let now = self.panels.fetch_add(panels, Ordering::Relaxed) + panels;
        self.panels_max.fetch_max(now, Ordering::Relaxed);
    }

    fn take(&self, tokens: usize) {
        self.tokens.fetch_sub(tokens, Ordering::Relaxed);
        self.panels.fetch_sub(tokens.div_ceil(32), Ordering::Relaxed);
    }
}

/// A link of a prefix.
pub(crate) struct Link {
    parent: Option<Arc<Link>>,
    tokens: Vec<u32>,
    alive: Arc<Alive>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.alive.take(self.tokens.len());
    }
}

impl Link {
    fn all(&self) -> Vec<u32> {
        let before = self.parent.as_ref().map(|p| p.all()).unwrap_or_default();
        [&before[..], &self.tokens].concat()
    }
}

pub(crate) struct Sequence {
    prefix: Arc<Link>,
    tail: Vec<u32>,
}

impl Mock {
    /// How much a tier's token changes; 0 is a model that does not see it.
    pub(crate) fn seeing(tier_weight: f32) -> Self {
        let info = ModelInfo {
            quantize: None,
            adapters_beside: false,
            steering: None,
            vocab_size: VOCABULARY,
            context: 100,
            numerics: "mock".into(),
            promise: "the same bits".into(),
            instruction_set: "none".into(),
            weight_bytes: 1000,
            kv_bytes_per_token: 1,
            state_bytes: 0,
            step_bytes_per_token: 1,
            prefill_chunk: 8,
            draft_width: 16,
        };
        Self { info, tier_weight, prefilled: AtomicUsize::new(0), alive: Arc::default() }
    }

    /// Tokens that were computed as prefixes.
    pub(crate) fn prefilled(&self) -> usize {
        self.prefilled.load(Ordering::Relaxed)
    }

    /// Tokens in prefixes that are held.
    pub(crate) fn prefix_tokens(&self) -> usize {
        self.alive.tokens.load(Ordering::Relaxed)
    }

    /// The most that were held at once.
    pub(crate) fn prefix_tokens_max(&self) -> usize {
        self.alive.tokens_max.load(Ordering::Relaxed)
    }

    /// The most panels that they took at once.
    pub(crate) fn prefix_panels_max(&self) -> usize {
        self.alive.panels_max.load(Ordering::Relaxed)
    }

    /// Logits after these tokens.
    pub(crate) fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let blind: Vec<u32> = tokens.iter().map(|&id| id.min(tier_id(0))).collect();
        let (blind, seeing) = (hash(&blind), hash(tokens));
        (0..VOCABULARY).map(|id| blind[id] + self.tier_weight * seeing[id]).collect()
    }
}

fn hash(tokens: &[u32]) -> Vec<f32> {
    let bytes: Vec<u8> = tokens.iter().flat_map(|id| id.to_le_bytes()).collect();
    let hash = blake3::hash(&bytes);
    hash.as_bytes()[..VOCABULARY].iter().map(|&b| f32::from(b) / 64.0).collect()
}

impl LanguageModel for Mock {
    type Prefix = Arc<Link>;
    type Sequence = Sequence;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prefill(&self, parent: Option<&Arc<Link>>, ids: &[u32]) -> Result<Arc<Link>> {
        self.prefilled.fetch_add(ids.len(), Ordering::Relaxed);
        self.alive.add(ids.len());
        let alive = Arc::clone(&self.alive);
        Ok(Arc::new(Link { parent: parent.cloned(), tokens: ids.to_vec(), alive }))
    }

    fn fork(&self, prefix: &Arc<Link>) -> Sequence {
        Sequence { prefix: Arc::clone(prefix), tail: Vec::new() }
    }

    fn truncate(&self, sequence: &mut Sequence, len: usize) {
        let start = sequence.prefix.all().len();
        sequence.tail.truncate(len.saturating_sub(start));
    }

    fn step(&self, rows: &mut [Row<'_, Sequence>]) -> Result<Logits> {
        let mut values = Vec::new();
        for row in rows {
            for (i, &token) in row.tokens.iter().enumerate() {
                assert!((token as usize) < VOCABULARY, "fed {token}, which is no token");
                row.sequence.tail.push(token);
                if i >= row.tokens.len() - row.logits {
                    let all = [row.sequence.prefix.all(), row.sequence.tail.clone()].concat();
                    assert!(all.len() <= self.info.context, "fed beyond the context");
                    values.extend(self.logits(&all));
                }
            }
        }
        Ok(Logits::new(values, &self.info))
    }
}

/// A job whose random numbers are those of all jobs with this request and sample.
pub(crate) fn job(prompt: &[u32], request: u32, sample: u32) -> Job<'static> {
    Job {
        prompt: prompt.to_vec().into(),
        begun: 0,
        address: Address::new(0, &request.to_string(), sample, None),
        sampling: &Sampling::PLAIN,
        max_tokens: 9,
        guess: Vec::new(),
    }
}

/// What came of a run.
#[derive(Default)]
pub(crate) struct Done {
    /// Tokens and the bits of their log-probabilities, by job.
    pub(crate) replies: Vec<Reply>,
    pub(crate) steps: usize,
    pub(crate) drawn: usize,
    pub(crate) prefilled: usize,
    pub(crate) guessed: usize,
    pub(crate) accepted: usize,
}

/// Tokens, the bits of their log-probabilities, and why there are no more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) token_ids: Vec<u32>,
    pub(crate) logprobs: Vec<u32>,
    pub(crate) finish_reason: FinishReason,
}

/// Draws all jobs with the engine.
pub(crate) fn run(model: &Mock, jobs: &[Job<'_>], limits: &Limits<'_>) -> Done {
    let mut done = Done::default();
    let mut replies = vec![None; jobs.len()];
    generate(model, jobs, limits, &AtomicBool::new(false), |step| {
        done.steps += 1;
        done.drawn += step.drawn;
        done.prefilled += step.prefilled;
        done.guessed += step.guessed;
        done.accepted += step.accepted;
        for Completion { job, token_ids, logprobs, finish_reason } in step.finished {
            let logprobs = logprobs.into_iter().map(f32::to_bits).collect();
            let reply = Reply { token_ids, logprobs, finish_reason };
            assert!(replies[job].replace(reply).is_none(), "job {job} ended twice");
        }
        Ok(())
    })
    .unwrap();
    done.replies = replies.into_iter().map(Option::unwrap).collect();
    done
}

/// The same reply without an engine: all tokens so far, their logits, a draw, and again.
pub(crate) fn naive(model: &Mock, job: &Job<'_>, stop_ids: &[u32]) -> Reply {
    let mut tokens = job.prompt.to_vec();
    let mut reply =
        Reply { token_ids: vec![], logprobs: vec![], finish_reason: FinishReason::Length };
    while reply.token_ids.len() < job.max_tokens {
        let seen = tokens.iter().copied();
        let position = reply.token_ids.len() as u32;
        let drawn = draw(&model.logits(&tokens), seen, job.sampling, &job.address, position);
        tokens.push(drawn.id);
        reply.token_ids.push(drawn.id);
        reply.logprobs.push(drawn.logprob.to_bits());
        if stop_ids.contains(&drawn.id) {
            reply.finish_reason = FinishReason::Stop;
            break;
        }
    }
    reply
}
