//! A language model whose logits are a hash of all tokens before, and which counts what it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candor::decoder::{LanguageModel, Logits, ModelInfo, Row};
use candor::engine::{Address, Completion, Job, Limits, Sampling, generate};
use candor::error::Result;

/// Token ids are below it.
pub(crate) const VOCABULARY: usize = 12;

pub(crate) struct Mock {
    info: ModelInfo,
    prefilled: AtomicUsize,
    alive: Arc<Alive>,
}

/// Tokens in prefixes that have not been dropped, now and at most.
#[derive(Default)]
struct Alive {
    now: AtomicUsize,
    max: AtomicUsize,
}

/// A link of a prefix.
pub(crate) struct Link {
    parent: Option<Arc<Link>>,
    tokens: Vec<u32>,
    alive: Arc<Alive>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.alive.now.fetch_sub(self.tokens.len(), Ordering::Relaxed);
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
    pub(crate) fn new() -> Self {
        let info = ModelInfo {
            vocab_size: VOCABULARY,
            context: 100,
            numerics: "mock".into(),
            promise: "the same bits".into(),
            instruction_set: "none".into(),
            weight_bytes: 1000,
            kv_bytes_per_token: 1,
            step_bytes_per_token: 1,
            prefill_chunk: 8,
            draft_width: 16,
        };
        Self { info, prefilled: AtomicUsize::new(0), alive: Arc::default() }
    }

    /// Tokens that were computed as prefixes.
    pub(crate) fn prefilled(&self) -> usize {
        self.prefilled.load(Ordering::Relaxed)
    }

    /// Tokens in prefixes that are held.
    pub(crate) fn prefix_tokens(&self) -> usize {
        self.alive.now.load(Ordering::Relaxed)
    }

    /// The most that were held at once.
    pub(crate) fn prefix_tokens_max(&self) -> usize {
        self.alive.max.load(Ordering::Relaxed)
    }

    /// Logits after these tokens.
    pub(crate) fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let bytes: Vec<u8> = tokens.iter().flat_map(|id| id.to_le_bytes()).collect();
        let hash = blake3::hash(&bytes);
        hash.as_bytes()[..VOCABULARY].iter().map(|&b| f32::from(b) / 64.0).collect()
    }
}

impl LanguageModel for Mock {
    type Prefix = Arc<Link>;
    type Sequence = Sequence;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prefill(&self, parent: Option<&Arc<Link>>, ids: &[u32]) -> Result<Arc<Link>> {
        self.prefilled.fetch_add(ids.len(), Ordering::Relaxed);
        let now = self.alive.now.fetch_add(ids.len(), Ordering::Relaxed) + ids.len();
        self.alive.max.fetch_max(now, Ordering::Relaxed);
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
                row.sequence.tail.push(token);
                if i >= row.tokens.len() - row.logits {
                    let all = [row.sequence.prefix.all(), row.sequence.tail.clone()].concat();
                    assert!(all.len() <= self.info.context, "fed beyond the context");
                    values.extend(self.logits(&all));
                }
            }
        }
        Ok(Logits { values, vocab_size: VOCABULARY })
    }
}

/// A job whose random numbers are those of all jobs with this request and sample.
pub(crate) fn job(prompt: &[u32], request: u32, sample: u32) -> Job {
    Job { prompt: prompt.to_vec(), address: Address::new(0, &request.to_string(), sample, None) }
}

/// What came of a run.
#[derive(Default)]
pub(crate) struct Done {
    /// By job.
    pub(crate) replies: Vec<Option<Completion>>,
    pub(crate) prefilled: usize,
}

/// Draws all jobs, with limits that are changed by `with`.
pub(crate) fn run(model: &Mock, jobs: &[Job], with: impl Fn(&mut Limits<'_>)) -> Done {
    let sampling = Sampling {
        temperature: 1.0,
        top_k: None,
        top_p: None,
        min_p: None,
        repetition_penalty: 1.0,
    };
    let mut limits = Limits { stop_ids: &[0], max_tokens: 9, batch: 4 };
    with(&mut limits);
    let mut done = Done { replies: jobs.iter().map(|_| None).collect(), ..Done::default() };
    generate(model, jobs, &sampling, &limits, &AtomicBool::new(false), |step| {
        done.prefilled += step.prefilled;
        for reply in step.finished {
            let job = reply.job;
            assert!(done.replies[job].replace(reply).is_none(), "job {job} ended twice");
        }
        Ok(())
    })
    .unwrap();
    done
}
