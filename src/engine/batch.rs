//! The continuous batch: finished sequences leave, waiting ones enter at once, one pass a step for all rows.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::prefix_tree::PrefixTree;
use super::sampler::{self, Sampling};
use crate::decoder::{LanguageModel, Row};
use crate::error::{Error, Result};

/// Why the engine stopped drawing tokens for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model drew one of its stop tokens.
    Stop,
    /// The limit on new tokens was reached.
    Length,
}

/// A reply to be drawn.
pub struct Job {
    /// Token ids of the whole prompt, at least one.
    pub prompt: Vec<u32>,
    /// Where its random numbers come from.
    pub address: Address,
}

/// When a reply ends, and how many are drawn at once.
pub struct Limits<'a> {
    /// Ids that end a reply; the one drawn is its last token.
    pub stop_ids: &'a [u32],
    /// Most tokens of a reply.
    pub max_tokens: usize,
    /// Most rows of a step; changes time and memory, and no token.
    pub batch: usize,
}

/// A finished reply.
pub struct Completion {
    /// Index of its job.
    pub job: usize,
    /// Tokens as drawn, the stop token included.
    pub token_ids: Vec<u32>,
    /// Natural-log probability of each.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// What one step brought.
pub struct Step {
    /// Replies that ended with this step, in the order of their rows.
    pub finished: Vec<Completion>,
    /// Tokens drawn in this step.
    pub drawn: usize,
    /// Prompt tokens computed since the last step.
    pub prefilled: usize,
}

struct Active<S> {
    sequence: S,
    /// The token to be fed next: the last one of the prompt, then the last one drawn.
    pending: [u32; 1],
    reply: Completion,
}

/// Draws a reply for every job and hands each step's finished ones to `on_step`.
///
/// # Errors
/// Those of the model and of `on_step`, and [`crate::error::Kind::Interrupted`] once `interrupted` is set.
pub fn generate<M: LanguageModel>(
    model: &M,
    jobs: &[Job],
    sampling: &Sampling,
    limits: &Limits<'_>,
    interrupted: &AtomicBool,
    mut on_step: impl FnMut(Step) -> Result<()>,
) -> Result<()> {
    let prompts: Vec<&[u32]> = jobs.iter().map(|job| &job.prompt[..]).collect();
    let mut walk = PrefixTree::of(&prompts)?.walk(model);
    let mut active: Vec<Active<M::Sequence>> = Vec::new();
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Err(
                Error::interrupted("interrupted").hint("run the same command again to go on")
            );
        }

        // enter
        while active.len() < limits.batch.max(1)
            && let Some((job, sequence)) = walk.next()?
        {
            active.push(Active {
                sequence,
                pending: [prompts[job][prompts[job].len() - 1]],
                reply: Completion {
                    job,
                    token_ids: Vec::new(),
                    logprobs: Vec::new(),
                    finish_reason: FinishReason::Length,
                },
            });
        }
        if active.is_empty() {
            return Ok(());
        }

        // step
        let mut rows: Vec<_> = active
            .iter_mut()
            .map(|a| Row { sequence: &mut a.sequence, tokens: &a.pending, logits: 1 })
            .collect();
        let logits = model.step(&mut rows)?;

        // draw
        active.par_iter_mut().enumerate().for_each(|(i, a)| {
            let seen = prompts[a.reply.job].iter().chain(&a.reply.token_ids).copied();
            let position = a.reply.token_ids.len() as u32;
            let address = &jobs[a.reply.job].address;
            let drawn = sampler::draw(logits.row(i), seen, sampling, address, position);
            a.pending = [drawn.id];
            a.reply.token_ids.push(drawn.id);
            a.reply.logprobs.push(drawn.logprob);
        });

        // leave
        let drawn = active.len();
        let mut finished = Vec::new();
        active = active
            .into_iter()
            .filter_map(|mut a| {
                if limits.stop_ids.contains(&a.pending[0]) {
                    a.reply.finish_reason = FinishReason::Stop;
                } else if a.reply.token_ids.len() < limits.max_tokens {
                    return Some(a);
                }
                finished.push(a.reply);
                None
            })
            .collect();
        on_step(Step { finished, drawn, prefilled: walk.take_computed() })?;
    }
}
