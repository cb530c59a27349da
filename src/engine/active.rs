//! A row of the batch: a reply while it is being drawn.

use super::job::{Completion, FinishReason, Job};
use super::sampler;
use crate::decoder::{LanguageModel, Logits, NotFinite, Row};

/// A reply that is not finished yet.
pub(super) struct Active<S> {
    /// Index of its job.
    pub(super) job: usize,
    /// Holds the prompt and the reply but for the token that was drawn last.
    sequence: S,
    /// Fed next: the token that was drawn last, at first the last one of the prompt, and then guesses.
    pub(super) tokens: Vec<u32>,
    /// The reply so far.
    pub(super) token_ids: Vec<u32>,
    logprobs: Vec<f32>,
    finish_reason: Option<FinishReason>,
}

impl<S> Active<S> {
    /// A reply of which nothing is drawn; `sequence` holds its prompt but for the last token.
    pub(super) fn new(job: usize, prompt: &[u32], sequence: S) -> Self {
        Self {
            job,
            sequence,
            tokens: prompt.iter().copied().skip(prompt.len() - 1).collect(),
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            finish_reason: None,
        }
    }

    /// Its part in the next step.
    pub(super) fn row(&mut self) -> Row<'_, S> {
        Row { sequence: &mut self.sequence, tokens: &self.tokens, logits: self.tokens.len() }
    }

    /// Draws from the logits after each token that was fed, of which `first` is the number of the first, as long
    /// as the guesses come true, and tells how many tokens were drawn.
    ///
    /// # Errors
    /// The logits from which the next token would have to be drawn are not finite. Those after a guess that did
    /// not come true are not looked at.
    pub(super) fn draw(
        &mut self,
        logits: &Logits,
        first: usize,
        job: &Job<'_>,
        stop_ids: &[u32],
    ) -> Result<usize, NotFinite> {
        let before = self.token_ids.len();
        let guesses = self.tokens[1..].iter().copied().map(Some).chain([None]);
        for (row, guess) in (first..).zip(guesses) {
            let logits = logits.row(row)?;
            let seen = job.prompt.iter().chain(&self.token_ids).copied();
            let position = self.position(job);
            let drawn = sampler::draw(logits, seen, job.sampling, &job.address, position);
            self.token_ids.push(drawn.id);
            self.logprobs.push(drawn.logprob);
            if stop_ids.contains(&drawn.id) {
                self.finish_reason = Some(FinishReason::Stop);
            } else if self.token_ids.len() + job.begun as usize >= job.max_tokens {
                self.finish_reason = Some(FinishReason::Length);
            }
            if self.finish_reason.is_some() || guess != Some(drawn.id) {
                break;
            }
        }
        Ok(self.token_ids.len() - before)
    }

    /// Where the next token of the reply stands in it.
    pub(super) fn position(&self, job: &Job<'_>) -> u32 {
        job.begun + self.token_ids.len() as u32
    }

    /// Takes the guesses back that did not come true in the last `new` draws; the last token drawn is next.
    pub(super) fn drop_rejected_guesses<M>(&mut self, model: &M, prompt: &[u32], new: usize)
    where
        M: LanguageModel<Sequence = S>,
    {
        if new < self.tokens.len() {
            model.truncate(&mut self.sequence, prompt.len() + self.token_ids.len() - 1);
        }
        self.tokens.clear();
        self.tokens.extend(self.token_ids.last());
    }

    /// The finished reply, or itself.
    pub(super) fn finished(self) -> Result<Completion, Self> {
        let Some(finish_reason) = self.finish_reason else { return Err(self) };
        let Self { job, token_ids, logprobs, .. } = self;
        Ok(Completion { job, token_ids, logprobs, finish_reason })
    }
}
