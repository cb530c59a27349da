//! The continuous batch: finished sequences leave, waiting ones enter at once, one pass a step for all rows.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::active::Active;
use super::draft::Drafts;
use super::job::{Completion, Job, Limits};
use super::prefix_tree::PrefixTree;
use crate::decoder::{LanguageModel, NotFinite};
use crate::error::{Error, Result};

/// A reply that could not be drawn to its end.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Index of its job.
    pub job: usize,
    /// The token that could not be drawn, counted from 0 in the reply.
    pub position: u32,
    /// Why.
    pub why: NotFinite,
}

impl Broken {
    /// The error, in which the reply is called `name`.
    pub fn error(&self, name: impl fmt::Display) -> Error {
        let place = format_args!("at token {} of its reply", self.position);
        self.why.clone().at(place).within(name)
    }
}

/// What one step brought.
pub struct Step {
    /// Replies that ended with this step, in the order of their rows.
    pub finished: Vec<Completion>,
    /// Replies that break off here; nearly always none. After this step nothing more is drawn.
    pub broken: Vec<Broken>,
    /// Tokens drawn in this step.
    pub drawn: usize,
    /// Prompt tokens computed since the last step.
    pub prefilled: usize,
    /// Tokens guessed in this step.
    pub guessed: usize,
    /// Guessed tokens that were drawn.
    pub accepted: usize,
}

/// Draws a reply for every job and hands each step's finished ones to `on_step`.
///
/// # Errors
/// Those of the model and of `on_step`; logits that are not finite, which `on_step` is told of before and can name
/// better; and [`crate::error::Kind::Interrupted`] once `interrupted` is set.
pub fn generate<M: LanguageModel>(
    model: &M,
    jobs: &[Job<'_>],
    limits: &Limits<'_>,
    interrupted: &AtomicBool,
    mut on_step: impl FnMut(Step) -> Result<()>,
) -> Result<()> {
    let prompts: Vec<&[u32]> = jobs.iter().map(|job| &job.prompt[..]).collect();
    let mut walk = PrefixTree::of(&prompts)?.walk(model);
    let mut drafts = Drafts::new(jobs, limits, model.info());
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
            active.push(Active::new(job, prompts[job], sequence));
        }
        if active.is_empty() {
            return Ok(());
        }

        // step
        let guessed = drafts.guess(&mut active, jobs);
        let mut rows: Vec<_> = active.iter_mut().map(Active::row).collect();
        let logits = model.step(&mut rows)?;

        // draw
        let firsts: Vec<usize> = active
            .iter()
            .scan(0, |end, row| {
                let first = *end;
                *end += row.tokens.len();
                Some(first)
            })
            .collect();
        let drawn: Vec<Result<usize, NotFinite>> = active
            .par_iter_mut()
            .zip(firsts)
            .map(|(row, first)| row.draw(&logits, first, &jobs[row.job], limits.stop_ids))
            .collect();

        // leave
        let (mut finished, mut broken) = (Vec::new(), Vec::new());
        let (mut in_all, mut accepted) = (0, 0);
        for (mut row, new) in std::mem::take(&mut active).into_iter().zip(drawn) {
            let new = match new {
                Ok(new) => new,
                Err(why) => {
                    let position = row.position(&jobs[row.job]);
                    broken.push(Broken { job: row.job, position, why });
                    continue;
                }
            };
            in_all += new;
            accepted += new - 1;
            drafts.learn(row.job, &row.token_ids, new);
            row.drop_rejected_guesses(model, prompts[row.job], new);
            match row.finished() {
                Ok(completion) => {
                    drafts.end(completion.job);
                    finished.push(completion);
                }
                Err(row) => active.push(row),
            }
        }
        let first = broken.first().cloned();
        on_step(Step {
            finished,
            broken,
            drawn: in_all,
            prefilled: walk.take_computed(),
            guessed,
            accepted,
        })?;
        if let Some(broken) = first {
            return Err(broken.error(format_args!("reply {} of {}", broken.job + 1, jobs.len())));
        }
    }
}
