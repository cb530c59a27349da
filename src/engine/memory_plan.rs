//! What a run takes in memory, reckoned before it starts. Knows numbers only: not what memory there is, nor
//! what the model does with it.

use super::prefix_tree::PrefixTree;
use crate::decoder::ModelInfo;
use crate::error::{Error, Result};

/// Keys and values come in panels of so many positions; the last one of a prefix or a tail is seldom full.
const PANEL: usize = 32;

/// The share of the available memory that a run may plan with, in percent: the rest is for what is not planned,
/// such as the heap's gaps and the transcripts.
const USABLE_PERCENT: usize = 90;

/// What the runs of a model on a set of prompts take, whatever the batch.
pub struct MemoryNeeds<'a> {
    info: &'a ModelInfo,
    prompts: usize,
    /// Bytes of prefixes: the `n` first sum up to the most that `n` prompts have together.
    chains: Vec<usize>,
    max_tokens: usize,
    draft: bool,
}

/// Bytes that a run takes at most, by what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Most rows of a step.
    pub batch: usize,
    /// The model's weights.
    pub weights: usize,
    /// Keys and values of prefixes: those of the rows, and of the prompt that waits to be the next one.
    pub prefixes: usize,
    /// Keys and values of the replies that are being drawn.
    pub tails: usize,
    /// Logits of a step.
    pub logits: usize,
    /// What a step or a piece of a prefix takes while it is computed.
    pub working: usize,
}

impl MemoryPlan {
    /// All of it.
    pub fn total(&self) -> usize {
        let parts = [self.weights, self.prefixes, self.tails, self.logits, self.working];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

impl<'a> MemoryNeeds<'a> {
    /// The needs of one reply to each of `prompts`, of up to `max_tokens` tokens, with or without drafts.
    ///
    /// # Errors
    /// When a prompt has no token.
    pub fn of(
        info: &'a ModelInfo,
        prompts: &[&[u32]],
        max_tokens: usize,
        draft: bool,
    ) -> Result<Self> {
        let bytes = |tokens: usize| {
            let positions = tokens.next_multiple_of(PANEL);
            positions.saturating_mul(info.kv_bytes_per_token).saturating_add(info.state_bytes)
        };
        let chains = PrefixTree::of(prompts)?.chains(bytes);
        Ok(Self { info, prompts: prompts.len(), chains, max_tokens, draft })
    }

    /// What a run with this batch takes.
    pub fn plan(&self, batch: usize) -> MemoryPlan {
        let info = self.info;
        let rows = batch.min(self.prompts);
        let step_tokens = if self.draft { rows.max(info.draft_width) } else { rows };
        let tail_positions = self.max_tokens.saturating_add(1).next_multiple_of(PANEL);
        // A state, and the one that was kept to come back to.
        let tail = tail_positions
            .saturating_mul(info.kv_bytes_per_token)
            .saturating_add(info.state_bytes.saturating_mul(2));
        let logits = info.vocab_size * size_of::<f32>();
        let working_tokens = step_tokens.max(info.prefill_chunk);
        MemoryPlan {
            batch,
            weights: info.weight_bytes,
            prefixes: self
                .chains
                .iter()
                .take(rows + 1)
                .fold(0, |sum, &chain| sum.saturating_add(chain)),
            tails: rows.saturating_mul(tail),
            logits: step_tokens.saturating_mul(logits),
            working: working_tokens.saturating_mul(info.step_bytes_per_token),
        }
    }

    /// The plan with the largest batch up to `batch_max` that fits into `available` bytes, weights included.
    ///
    /// # Errors
    /// When not even one row fits.
    pub fn fit(&self, batch_max: usize, available: usize) -> Result<MemoryPlan> {
        let usable = available / 100 * USABLE_PERCENT;
        let asked = self.plan(batch_max);
        if asked.total() <= usable {
            return Ok(asked);
        }
        // From the number of prompts on, a larger batch takes no more.
        let mut smaller = (1..batch_max.min(self.prompts)).rev().map(|batch| self.plan(batch));
        smaller.find(|plan| plan.total() <= usable).ok_or_else(|| {
            let least = self.plan(1);
            let mb = |bytes: usize| bytes as f64 / 1e6;
            Error::input(format!(
                "the run takes {:.1} MB of memory even with a batch of 1 ({:.1} MB of it for the weights), \
                 and of the {:.1} MB available {:.1} MB can be used",
                mb(least.total()),
                mb(least.weights),
                mb(available),
                mb(usable)
            ))
            .hint("use fewer `--max-tokens`, or a smaller or quantized model")
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::engine) fn info() -> ModelInfo {
        ModelInfo {
            quantize: None,
            adapters_beside: false,
            steering: None,
            vocab_size: 100,
            context: 4096,
            numerics: String::new(),
            promise: String::new(),
            instruction_set: String::new(),
            weight_bytes: 1_000_000,
            kv_bytes_per_token: 10,
            state_bytes: 0,
            step_bytes_per_token: 7,
            prefill_chunk: 64,
            draft_width: 16,
        }
    }

    /// `count` prompts: 1,000 tokens that all share, 63 of their own, and the one that is fed.
    fn prompts(count: u32) -> Vec<Vec<u32>> {
        (0..count).map(|i| [vec![1; 1000], vec![2 + i; 63], vec![0]].concat()).collect()
    }

    #[test]
    fn every_part_is_what_the_shapes_say() {
        let info = info();
        let prompts = prompts(40);
        let prompts: Vec<&[u32]> = prompts.iter().map(|p| &p[..]).collect();
        let plan = MemoryNeeds::of(&info, &prompts, 128, false).unwrap().plan(20);
        let expected = MemoryPlan {
            batch: 20,
            weights: 1_000_000,
            // 1,000 and 63 rounded up to whole panels; one prompt more than there are rows.
            prefixes: (1024 + 21 * 64) * 10,
            tails: 20 * 160 * 10,
            logits: 20 * 100 * 4,
            working: 64 * 7,
        };
        assert_eq!(plan, expected);
        assert_eq!(plan.total(), 1_000_000 + 23_680 + 32_000 + 8000 + 448);

        // Drafts fill a small step up, and change nothing in one that is full anyway.
        let needs = MemoryNeeds::of(&info, &prompts, 128, true).unwrap();
        assert_eq!(needs.plan(20), expected);
        assert_eq!(needs.plan(2).logits, 16 * 100 * 4);
        // More rows than prompts there will never be.
        assert_eq!(needs.plan(1000).total(), needs.plan(40).total());
        assert_eq!(needs.plan(40).prefixes, (1024 + 40 * 64) * 10);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_numbers() {
        let info = info();
        let prompts = prompts(4);
        let prompts: Vec<&[u32]> = prompts.iter().map(|p| &p[..]).collect();
        let needs = MemoryNeeds::of(&info, &prompts, 128, true).unwrap();
        let error = needs.fit(64, 1_100_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the run takes 1.0 MB of memory even with a batch of 1 (1.0 MB of it for the weights), and of \
             the 1.1 MB available 1.0 MB can be used"
        );
        assert!(error.hint_text().unwrap().contains("--max-tokens"));
    }

    proptest! {
        #[test]
        fn the_largest_batch_that_fits_is_taken(
            count in 1u32..50, max_tokens in 1usize..300, batch in 1usize..80, draft: bool, spare in 0usize..400_000,
        ) {
            let info = info();
            let prompts = prompts(count);
            let prompts: Vec<&[u32]> = prompts.iter().map(|p| &p[..]).collect();
            let needs = MemoryNeeds::of(&info, &prompts, max_tokens, draft).unwrap();
            let available = 1_100_000 + spare;
            let usable = available / 100 * 90;
            match needs.fit(batch, available) {
                Ok(plan) => {
                    prop_assert!(plan.total() <= usable && (1..=batch).contains(&plan.batch));
                    prop_assert!(plan.batch == batch || needs.plan(plan.batch + 1).total() > usable);
                }
                Err(_) => prop_assert!(needs.plan(1).total() > usable),
            }
        }
    }
}
