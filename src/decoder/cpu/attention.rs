//! Causal attention of the step's new tokens over their sequences, exact and independent of the batch.
//!
//! All neighbours that share a prefix meet its keys in one matrix product per key-value head; the scores of
//! a token then stand in one row, in the order of positions, whichever segment they came from. One softmax
//! joins them, and the weighted sum of values runs through the positions in order. So a token's result does
//! not depend on where the prefix ends or on who else is in the step.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::decoder::kernels::{self, Stripe};
use crate::decoder::memory::{PANEL, Sequence, Store};

/// Scores that a task holds at once, in elements, so that the keys and values of a long prefix stay beside
/// them in a core's second-level cache.
const SCORES_MAX: usize = 32 * 1024;

/// Sizes and switches of one layer's attention.
#[derive(Clone, Copy)]
pub(super) struct Heads<'a> {
    /// H.
    pub(super) heads: usize,
    /// G.
    pub(super) kv_heads: usize,
    /// E.
    pub(super) head_dim: usize,
    /// U.
    pub(super) value_dim: usize,
    /// How many tokens one sees, itself included; all before it where there is none.
    pub(super) window: Option<usize>,
    /// Whether it sees its own piece of so many tokens instead.
    pub(super) chunked: bool,
    /// Scores x become cap · tanh(x / cap).
    pub(super) softcap: Option<f32>,
    /// Scores that take weight from all positions [H].
    pub(super) sinks: Option<&'a [f32]>,
}

impl Heads<'_> {
    /// The first position that the token at `position` sees.
    fn first_seen(&self, position: usize) -> usize {
        match self.window {
            None => 0,
            Some(window) if self.chunked => position / window * window,
            Some(window) => (position + 1).saturating_sub(window),
        }
    }
}

/// A new token: which row of the step it belongs to and its position in the sequence.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) position: usize,
}

/// Attention of one layer. `queries` [T, ≥ H·E] are rotated and scaled, `query_stride` apart; the keys and
/// values of the new tokens are already in the tails. Returns [T, H·U].
pub(super) fn attend(
    layer: usize,
    heads: &Heads<'_>,
    queries: &[f32],
    query_stride: usize,
    places: &[Place],
    sequences: &[&Sequence],
) -> Vec<f32> {
    let group = heads.heads / heads.kv_heads;
    let longest = places.iter().map(|p| p.position + 1).max().unwrap_or(0);
    let scores_stride = longest + PANEL;
    let per_task = (SCORES_MAX / (scores_stride * group)).clamp(1, 64);
    let tasks: Vec<(usize, Range<usize>)> = (0..heads.kv_heads)
        .flat_map(|g| {
            let starts = (0..places.len()).step_by(per_task);
            starts.map(move |t| (g, t..(t + per_task).min(places.len())))
        })
        .collect();
    let parts: Vec<Vec<f32>> = tasks
        .par_iter()
        .map(|(g, tokens)| {
            let task = Task {
                slot: layer * heads.kv_heads + g,
                group,
                heads: *heads,
                sinks: heads.sinks.map(|sinks| &sinks[g * group..(g + 1) * group]),
                places: &places[tokens.clone()],
                sequences,
                scores_stride,
            };
            let first = g * group * heads.head_dim;
            task.run(|t| {
                let at = (tokens.start + t) * query_stride + first;
                &queries[at..at + group * heads.head_dim]
            })
        })
        .collect();
    let width = heads.heads * heads.value_dim;
    let mut out = vec![0f32; places.len() * width];
    for ((g, tokens), part) in tasks.iter().zip(&parts) {
        let share = group * heads.value_dim;
        for (t, row) in tokens.clone().zip(part.chunks_exact(share)) {
            out[t * width + g * share..][..share].copy_from_slice(row);
        }
    }
    out
}

/// One key-value head over some neighbouring tokens.
struct Task<'a> {
    slot: usize,
    group: usize,
    heads: Heads<'a>,
    /// Those of the group.
    sinks: Option<&'a [f32]>,
    places: &'a [Place],
    sequences: &'a [&'a Sequence],
    scores_stride: usize,
}

impl Task<'_> {
    /// Returns [tokens, group · U]. `query` gives a token's queries, [group · E].
    fn run<'q>(&self, query: impl Fn(usize) -> &'q [f32]) -> Vec<f32> {
        let (group, e, u) = (self.group, self.heads.head_dim, self.heads.value_dim);
        let rows = self.places.len() * group;
        let mut queries = Vec::with_capacity(rows * e);
        for t in 0..self.places.len() {
            queries.extend_from_slice(query(t));
        }

        // scores: [tokens · group, positions]
        let mut scores = vec![0f32; rows * self.scores_stride];
        self.for_each_store(|tokens, start, store, seen| {
            let first = tokens.start * group;
            let from = self.first_seen(&tokens);
            for (position, keys) in store.key_panels(self.slot, seen) {
                if start + position + PANEL <= from {
                    continue;
                }
                let into = &mut scores[first * self.scores_stride + start + position..];
                let mut into = Stripe::new(into, tokens.len() * group, self.scores_stride, PANEL);
                keys.multiply(&queries[first * e..], e, PANEL, e, &mut into);
            }
        });

        // softmax over the positions that the token sees; the others get no weight
        let mut sums = Vec::with_capacity(rows);
        for (row, scores) in scores.chunks_exact_mut(self.scores_stride).enumerate() {
            let position = self.places[row / group].position;
            let (past, future) = scores.split_at_mut(position + 1);
            let (hidden, seen) = past.split_at_mut(self.heads.first_seen(position));
            if let Some(cap) = self.heads.softcap {
                kernels::softcap(seen, cap);
            }
            let sink = self.sinks.map_or(f32::NEG_INFINITY, |sinks| sinks[row % group]);
            sums.push(kernels::softmax_terms(seen, sink));
            hidden.fill(0.0);
            future.fill(0.0);
        }

        // weighted values: [tokens · group, U rounded up]
        let stride = self.sequences[self.places[0].row].tail.shape().value_stride();
        let mut weighted = vec![0f32; rows * stride];
        self.for_each_store(|tokens, start, store, seen| {
            let first = tokens.start * group;
            let from = self.first_seen(&tokens);
            for (positions, values) in store.values(self.slot, seen) {
                if start + positions.end <= from {
                    continue;
                }
                let weights = &scores[first * self.scores_stride + start + positions.start..];
                let into = &mut weighted[first * stride..];
                let mut into = Stripe::new(into, tokens.len() * group, stride, stride);
                values.multiply(weights, self.scores_stride, stride, positions.len(), &mut into);
            }
        });

        let mut out = vec![0f32; rows * u];
        for ((out, row), sum) in
            out.chunks_exact_mut(u).zip(weighted.chunks_exact(stride)).zip(&sums)
        {
            kernels::scale(&row[..u], 1.0 / sum, out);
        }
        out
    }

    /// The first position that any of these tokens sees. What lies before it is passed over: it would add
    /// products with a weight of 0, which change no bit.
    fn first_seen(&self, tokens: &Range<usize>) -> usize {
        let firsts = self.places[tokens.clone()].iter().map(|p| self.heads.first_seen(p.position));
        firsts.min().unwrap_or(0)
    }

    /// Calls `visit(tokens, start, store, positions)` for every store that the tokens attend to, in the order
    /// of positions for each token; neighbours that share a segment come in one call. `positions` counts
    /// those of the store that any of the tokens may see.
    fn for_each_store(&self, mut visit: impl FnMut(Range<usize>, usize, &Store, usize)) {
        let depth =
            self.places.iter().map(|p| self.sequences[p.row].chain.len()).max().unwrap_or(0);
        for level in 0..depth {
            let segment = |t: usize| self.sequences[self.places[t].row].chain.get(level);
            let mut t = 0;
            while t < self.places.len() {
                let Some(shared) = segment(t) else {
                    t += 1;
                    continue;
                };
                let same = |u: &usize| segment(*u).is_some_and(|s| Arc::ptr_eq(s, shared));
                let end = t + (t..self.places.len()).take_while(same).count();
                visit(t..end, shared.start, &shared.store, shared.store.len());
                t = end;
            }
        }
        let mut t = 0;
        while t < self.places.len() {
            let row = self.places[t].row;
            let end = t + self.places[t..].iter().take_while(|p| p.row == row).count();
            let sequence = self.sequences[row];
            let start = sequence.tail_start();
            visit(t..end, start, &sequence.tail, self.places[end - 1].position + 1 - start);
            t = end;
        }
    }
}
