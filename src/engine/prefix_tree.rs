//! Prompts as a radix tree over their tokens: what several prompts begin with is computed once (system text →
//! tier → request → samples), kept while a waiting job needs it, and shared by all sequences that continue it.
//! Knows nothing about drawing.

use std::collections::HashMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::decoder::LanguageModel;
use crate::error::{Error, Result};

/// The prefixes of a set of prompts. The last token of a prompt is in no prefix: it is fed in the first step
/// of its sequence, so that its logits come.
pub(super) struct PrefixTree<'a> {
    /// In the order of work: depth first, siblings by their first job.
    nodes: Vec<Node<'a>>,
}

/// A run of tokens that the same jobs share.
struct Node<'a> {
    /// Nodes above it.
    level: usize,
    /// The tokens after those of the nodes above. None only at the root, where prompts begin differently.
    tokens: &'a [u32],
    /// The jobs whose prefix ends here, in their order.
    jobs: Vec<usize>,
}

impl<'a> PrefixTree<'a> {
    /// The tree of these prompts.
    ///
    /// # Errors
    /// When a prompt has no token.
    pub(super) fn of(prompts: &[&'a [u32]]) -> Result<Self> {
        if let Some(job) = prompts.iter().position(|prompt| prompt.is_empty()) {
            return Err(Error::input(format!("prompt {job} has no token"))
                .hint("the chat template must give the model something to read"));
        }
        let prefix = |job: usize| &prompts[job][..prompts[job].len() - 1];
        let mut nodes = Vec::new();
        // Jobs that agree in their first `start` tokens, on the level that their node will have.
        let mut open = Vec::from_iter((!prompts.is_empty()).then(|| {
            let all: Vec<usize> = (0..prompts.len()).collect();
            (all, 0, 0)
        }));
        while let Some((jobs, start, level)) = open.pop() {
            let first = prefix(jobs[0]);
            let end = jobs[1..].iter().fold(first.len(), |end, &job| {
                let common = first[start..end].iter().zip(&prefix(job)[start..]);
                start + common.take_while(|(a, b)| a == b).count()
            });
            let (here, below): (Vec<_>, Vec<_>) =
                jobs.into_iter().partition(|&job| prefix(job).len() == end);
            nodes.push(Node { level, tokens: &first[start..end], jobs: here });

            let mut children: Vec<(Vec<usize>, usize, usize)> = Vec::new();
            let mut child_of = HashMap::new();
            for job in below {
                let child = *child_of.entry(prefix(job)[end]).or_insert(children.len());
                if child == children.len() {
                    children.push((Vec::new(), end, level + 1));
                }
                children[child].0.push(job);
            }
            open.extend(children.into_iter().rev());
        }
        Ok(Self { nodes })
    }

    /// The tree cut into chains, each of which goes from where it branches off to the end of the longest prompt
    /// below: their lengths, largest first, when a node of so many tokens counts as `size` says. The `n` first
    /// ones sum up to the most that the prefixes of any `n` prompts have together.
    pub(super) fn chains(&self, size: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut chains = Vec::new();
        // By level: the longest chain of the siblings seen so far, whose parent is still to come.
        let mut longest = vec![0; self.nodes.len() + 1];
        for node in self.nodes.iter().rev() {
            let below = std::mem::take(&mut longest[node.level + 1]);
            let chain = size(node.tokens.len()) + below;
            let sibling = &mut longest[node.level];
            chains.push(chain.min(*sibling));
            *sibling = chain.max(*sibling);
        }
        chains.push(longest[0]);
        chains.retain(|&chain| chain > 0);
        chains.sort_unstable_by(|a, b| b.cmp(a));
        chains
    }

    /// The way through the tree, on which `model` computes each node once.
    pub(super) fn walk<M: LanguageModel>(self, model: &'a M) -> PrefixWalk<'a, M> {
        PrefixWalk {
            model,
            nodes: self.nodes.into_iter().peekable(),
            path: Vec::new(),
            jobs: Vec::new().into_iter(),
            computed: 0,
        }
    }
}

/// Gives the jobs in the order of work, each with a sequence that holds all of its prompt but the last token.
pub(super) struct PrefixWalk<'a, M: LanguageModel> {
    model: &'a M,
    nodes: Peekable<IntoIter<Node<'a>>>,
    /// The prefixes that waiting jobs begin with, from the root on. Sequences hold on to their own.
    path: Vec<M::Prefix>,
    /// Jobs of the last node of the path.
    jobs: IntoIter<usize>,
    /// Tokens computed since the last [`Self::take_computed`].
    computed: usize,
}

impl<M: LanguageModel> PrefixWalk<'_, M> {
    /// The next job, until none is left.
    ///
    /// # Errors
    /// Those of the model.
    pub(super) fn next(&mut self) -> Result<Option<(usize, M::Sequence)>> {
        loop {
            if let (Some(prefix), Some(job)) = (self.path.last(), self.jobs.next()) {
                let sequence = self.model.fork(prefix);
                if self.jobs.len() == 0 {
                    self.path.truncate(self.nodes.peek().map_or(0, |node| node.level));
                }
                return Ok(Some((job, sequence)));
            }
            let Some(node) = self.nodes.next() else { return Ok(None) };
            self.path.push(self.model.prefill(self.path.last(), node.tokens)?);
            self.computed += node.tokens.len();
            self.jobs = node.jobs.into_iter();
        }
    }

    /// Tokens computed since this was last asked.
    pub(super) fn take_computed(&mut self) -> usize {
        std::mem::take(&mut self.computed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(prompts: &[&[u32]]) -> Vec<(usize, Vec<u32>, Vec<usize>)> {
        let tree = PrefixTree::of(prompts).unwrap();
        tree.nodes.into_iter().map(|n| (n.level, n.tokens.to_vec(), n.jobs)).collect()
    }

    #[test]
    fn nodes_come_depth_first_and_siblings_by_their_first_job() {
        let (a, b, c, d): (&[u32], &[u32], &[u32], &[u32]) =
            (&[1, 2, 7, 3, 4], &[1, 2, 8, 3, 4], &[1, 2, 7, 5, 4], &[1, 2, 7]);
        assert_eq!(
            described(&[a, b, c, a, d]),
            [
                (0, vec![1, 2], vec![4]),
                (1, vec![7], vec![]),
                (2, vec![3], vec![0, 3]),
                (2, vec![5], vec![2]),
                (1, vec![8, 3], vec![1]),
            ]
        );
    }

    #[test]
    fn chains_hold_the_most_that_so_many_prompts_have_together() {
        let tree = |prompts: &[&[u32]]| PrefixTree::of(prompts).unwrap().chains(|tokens| tokens);
        let (a, b, c, d): (&[u32], &[u32], &[u32], &[u32]) =
            (&[1, 2, 7, 3, 4], &[1, 2, 8, 3, 9, 4], &[1, 2, 7, 5, 4], &[1, 2, 7]);
        assert_eq!(tree(&[a, b, c, a, d]), [5, 2, 1]);
        assert_eq!(tree(&[a, c]), [4, 1]);
        assert_eq!(tree(&[&[1], &[2]]), [0; 0]);
        assert_eq!(tree(&[]), [0; 0]);
    }

    #[test]
    fn the_last_token_stays_out_and_one_prompt_may_begin_another() {
        assert_eq!(described(&[&[1, 2, 3]]), [(0, vec![1, 2], vec![0])]);
        assert_eq!(described(&[&[5], &[6]]), [(0, vec![], vec![0, 1])]);
        assert_eq!(
            described(&[&[1, 2, 3], &[1, 2], &[9]]),
            [(0, vec![], vec![2]), (1, vec![1], vec![1]), (2, vec![2], vec![0])]
        );
        assert_eq!(described(&[]), []);
        assert!(PrefixTree::of(&[&[1], &[]]).is_err());
    }
}
