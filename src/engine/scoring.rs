//! Logits along given texts behind given prompts: nothing is drawn, each token is fed as it stands (teacher forcing).
//! A text may stand behind several prompts at once, so that the distributions after them meet position by position;
//! and on its way others may ask what else could have followed.
//! Knows nothing about what the numbers are for.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::explore::{Asking, Explorer, follow};
use super::prefix_tree::{PrefixTree, PrefixWalk};
use super::step::{check_interrupted, positions_max};
use crate::decoder::{LanguageModel, Row};
use crate::error::{Error, Result};

/// A text, and the prompts that it is put behind.
#[derive(Debug, Clone)]
pub struct Passage<'a, const N: usize> {
    /// Token ids of each prompt, at least one.
    pub prompts: [&'a [u32]; N],
    /// Token ids of the text; may be none.
    pub path: &'a [u32],
}

/// What is asked on the way along a passage.
pub struct Question<'a> {
    /// Tokens of the path after which it is asked.
    pub position: usize,
    /// Asks what may follow there, behind the first prompt.
    pub explorer: &'a mut (dyn Explorer + Send),
}

/// Shows `read` the logits `[V]` after each prompt of a passage and the first `i` tokens of its path, for `i` from 0 to
/// the length of the path, together for all prompts; and gives `done` what it made of them, passage by passage, in the
/// order of the work.
///
/// What several prompts begin with is computed once. Some `batch` sequences are open at a time, and a step brings no
/// more logits than `STEP_BYTES` or one position of each needs. `read` is called from several threads. `ask` is
/// called with each passage that enters; the question is answered when the passage gets there.
///
/// # Errors
/// Those of the model and of `done`, logits that are not finite, an empty prompt, and [`crate::error::Kind::Interrupted`] once `stop` is set.
pub fn score<'a, M: LanguageModel, T: Send, const N: usize>(
    model: &M,
    passages: &[Passage<'_, N>],
    batch: usize,
    stop: &AtomicBool,
    mut ask: impl FnMut(usize) -> Option<Question<'a>>,
    read: impl Fn(usize, usize, [&[f32]; N]) -> T + Sync,
    mut done: impl FnMut(usize, Vec<T>) -> Result<()>,
) -> Result<()> {
    let mut entrance = Entrance::of(model, passages)?;
    let width = positions_max(model.info());
    let mut open: Vec<Open<'_, T, N>> = Vec::new();
    // By prompt: the sequences of the open passages, in their order. Neighbors share most of what they begin with.
    let mut columns: [Vec<M::Sequence>; N] = std::array::from_fn(|_| Vec::new());
    loop {
        check_interrupted(stop)?;

        // enter
        while open.len() < (batch / N).max(1)
            && let Some((passage, sequences)) = entrance.next()?
        {
            open.push(Open::new(passage, &passages[passage], ask(passage)));
            columns.iter_mut().zip(sequences).for_each(|(column, sequence)| column.push(sequence));
        }
        if open.is_empty() {
            return Ok(());
        }

        // step
        let share = (width / (open.len() * N)).max(1);
        let taken: Vec<usize> = open.iter().map(|open| open.on_the_way().min(share)).collect();
        let mut rows = Vec::with_capacity(open.len() * N);
        for (prompt, column) in columns.iter_mut().enumerate() {
            for ((sequence, open), &taken) in column.iter_mut().zip(&open).zip(&taken) {
                let tokens = &open.tokens[prompt][open.read.len()..][..taken];
                rows.push(Row { sequence, tokens, logits: taken });
            }
        }
        let logits = model.step(&mut rows)?;

        // read
        let all: usize = taken.iter().sum();
        let mut places = Vec::with_capacity(all);
        for (open, &taken) in open.iter().zip(&taken) {
            places.extend((0..taken).map(|i| (open.passage, open.read.len() + i)));
        }
        let found: Vec<T> = places
            .into_par_iter()
            .enumerate()
            .map(|(row, (passage, position))| {
                let mut rows = [&[][..]; N];
                for (prompt, into) in rows.iter_mut().enumerate() {
                    *into = logits.row(prompt * all + row).map_err(|broken| {
                        broken.at(format_args!("at token {position} of text {}", passage + 1))
                    })?;
                }
                Ok(read(passage, position, rows))
            })
            .collect::<Result<_>>()?;
        let mut found = found.into_iter();
        for (open, &taken) in open.iter_mut().zip(&taken) {
            open.read.extend(found.by_ref().take(taken));
        }

        // ask
        let mut asking = Vec::new();
        let mut row = 0;
        for ((open, sequence), &taken) in open.iter_mut().zip(&mut columns[0]).zip(&taken) {
            row += taken;
            let len = passages[open.passage].prompts[0].len() + open.read.len() - 1;
            if let Some(Question { explorer, .. }) = open.reached() {
                if explorer.wants().is_some_and(|path| path.is_empty()) {
                    explorer.learn(logits.row(row - 1)?);
                }
                asking.push(Asking { sequence, len, before: &[], explorer });
            }
        }
        follow(model, asking, stop)?;

        // leave
        let finished: Vec<bool> = open.iter().map(|open| open.left() == 0).collect();
        for column in &mut columns {
            let mut finished = finished.iter();
            column.retain(|_| finished.next() == Some(&false));
        }
        for passage in std::mem::take(&mut open) {
            match passage.left() {
                0 => done(passage.passage, passage.read)?,
                _ => open.push(passage),
            }
        }
    }
}

/// A passage that is being read.
struct Open<'a, T, const N: usize> {
    passage: usize,
    question: Option<Question<'a>>,
    /// What is fed behind each prompt: its last token, which no prefix holds, and the path.
    tokens: [Vec<u32>; N],
    /// What was made of the logits so far.
    read: Vec<T>,
}

impl<'a, T, const N: usize> Open<'a, T, N> {
    fn new(index: usize, passage: &Passage<'_, N>, question: Option<Question<'a>>) -> Self {
        let tokens = passage.prompts.map(|prompt| {
            let last = prompt.iter().skip(prompt.len() - 1);
            last.chain(passage.path).copied().collect()
        });
        let read = Vec::with_capacity(passage.path.len() + 1);
        Self { passage: index, question, tokens, read }
    }

    /// Positions that are still to be read.
    fn left(&self) -> usize {
        self.tokens.first().map_or(0, Vec::len) - self.read.len()
    }

    /// Those up to the question, if there is one.
    fn on_the_way(&self) -> usize {
        let until = |question: &Question<'_>| question.position + 1 - self.read.len();
        self.question.as_ref().map_or(usize::MAX, until).min(self.left())
    }

    /// The question, if it is here that it is asked.
    fn reached(&mut self) -> Option<Question<'a>> {
        self.question.take_if(|question| question.position < self.read.len())
    }
}

/// Gives the passages as the way through the prefixes of their first prompts has it, each with a sequence for every
/// prompt.
struct Entrance<'a, M: LanguageModel, const N: usize> {
    walks: [PrefixWalk<'a, M>; N],
    /// By further prompt: sequences that came before those of the first one.
    waiting: [VecDeque<(usize, M::Sequence)>; N],
}

impl<'a, M: LanguageModel, const N: usize> Entrance<'a, M, N> {
    fn of(model: &'a M, passages: &[Passage<'a, N>]) -> Result<Self> {
        let mut walks = Vec::with_capacity(N);
        for prompt in 0..N {
            let prompts: Vec<&[u32]> =
                passages.iter().map(|passage| passage.prompts[prompt]).collect();
            walks.push(PrefixTree::of(&prompts)?.walk(model));
        }
        let walks = <[_; N]>::try_from(walks)
            .map_err(|_| Error::failed("the prompts of a passage were miscounted"))?;
        Ok(Self { walks, waiting: std::array::from_fn(|_| VecDeque::new()) })
    }

    fn next(&mut self) -> Result<Option<(usize, [M::Sequence; N])>> {
        let mut sequences = Vec::with_capacity(N);
        let mut passage = None;
        for (walk, waiting) in self.walks.iter_mut().zip(&mut self.waiting) {
            let Some(wanted) = passage else {
                let Some((first, sequence)) = walk.next()? else { return Ok(None) };
                passage = Some(first);
                sequences.push(sequence);
                continue;
            };
            // Trees of one shape give the same order; another shape only makes some sequences wait.
            let known = waiting.iter().position(|(passage, _)| *passage == wanted);
            let mut found = known.and_then(|at| waiting.remove(at));
            while found.is_none() {
                match walk.next()? {
                    Some((passage, sequence)) if passage == wanted => {
                        found = Some((passage, sequence))
                    }
                    Some(other) => waiting.push_back(other),
                    None => break,
                }
            }
            sequences.extend(found.map(|(_, sequence)| sequence));
        }
        Ok(passage.zip(sequences.try_into().ok()))
    }
}
