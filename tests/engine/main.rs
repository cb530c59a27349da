//! The engine in front of a model that is a hash of its tokens: what is computed, and that no arrangement of
//! the work changes a token.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod mock;

use std::collections::BTreeSet;

use candor::engine::logits_after;
use mock::{Mock, job, run};

/// A system text, two tiers, `requests` requests of different lengths, `samples` of each.
fn jobs(requests: u32, samples: u32) -> Vec<candor::engine::Job> {
    let mut jobs = Vec::new();
    for request in 0..requests {
        for sample in 0..samples {
            for tier in [0, 1] {
                let mut prompt = vec![1, 2, 3, 4, 5, 10 + tier, 6];
                prompt.extend((0..3 + request % 4).map(|i| 7 + (request >> i & 1)));
                jobs.push(job(&prompt, request, sample));
            }
        }
    }
    jobs
}

/// Tokens of the trie over all prompts but their last tokens.
fn trie_tokens(prompts: impl Iterator<Item = Vec<u32>>) -> usize {
    let prefixes: BTreeSet<Vec<u32>> =
        prompts.flat_map(|p| (1..p.len()).map(move |end| p[..end].to_vec())).collect();
    prefixes.len()
}

#[test]
fn every_distinct_prefix_is_computed_once() {
    for samples in [1, 4] {
        for batch in [1, 3, 64] {
            let jobs = jobs(9, samples);
            let expected = trie_tokens(jobs.iter().map(|job| job.prompt.clone()));
            let model = Mock::new();
            let done = run(&model, &jobs, |limits| limits.batch = batch);
            assert_eq!(model.prefilled(), expected, "batch {batch}, {samples} samples");
            assert_eq!(done.prefilled, expected);
        }
    }
}

#[test]
fn a_prefix_is_dropped_when_no_waiting_job_and_no_row_needs_it() {
    let jobs = jobs(9, 2);
    let model = Mock::new();
    run(&model, &jobs, |limits| limits.batch = 1);
    let longest = jobs.iter().map(|job| job.prompt.len() - 1).max().unwrap();
    // The row's own prefix, and beside it no more than the next one's.
    assert!(model.prefix_tokens_max() <= 2 * longest, "{}", model.prefix_tokens_max());
    assert_eq!(model.prefix_tokens(), 0);
}

#[test]
fn logits_come_after_each_whole_sequence() {
    let sequences: Vec<Vec<u32>> =
        [&[1, 2, 3, 4][..], &[1, 2], &[1, 2, 3, 5, 6], &[9], &[1, 2, 3, 4]]
            .map(<[u32]>::to_vec)
            .into();
    for batch in [1, 2, 64] {
        let model = Mock::new();
        let mut seen = vec![0; sequences.len()];
        logits_after(&model, &sequences, batch, |i, logits| {
            assert_eq!(logits, model.logits(&sequences[i]));
            seen[i] += 1;
        })
        .unwrap();
        assert_eq!(seen, [1; 5]);
        assert_eq!(model.prefilled(), trie_tokens(sequences.iter().cloned()));
    }
    let refused = logits_after(&Mock::new(), &[vec![1], vec![]], 1, |_, _| {}).unwrap_err();
    assert!(refused.to_string().contains("no token"), "{refused}");
}
