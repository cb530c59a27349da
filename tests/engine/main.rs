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
use std::sync::atomic::AtomicBool;

use candor::engine::{
    Choice, Explorer, Job, Limits, MemoryNeeds, Passage, Question, Sampling, along, choose,
    explore, log_probability, score,
};
use mock::{Mock, Reply, job, naive, run, tier_id};
use proptest::prelude::*;

const LIMITS: Limits<'_> = Limits { stop_ids: &[0], batch: 4, draft: true };

/// A system text, two tiers, `requests` requests of different lengths, `samples` of each.
fn jobs(requests: u32, samples: u32) -> Vec<Job<'static>> {
    let mut jobs = Vec::new();
    for request in 0..requests {
        for sample in 0..samples {
            for tier in [0, 1] {
                let mut prompt = vec![1, 2, 3, 4, 5, tier_id(tier), 6];
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
            let expected = trie_tokens(jobs.iter().map(|job| job.prompt.to_vec()));
            let model = Mock::seeing(1.0);
            let done = run(&model, &jobs, &Limits { batch, ..LIMITS });
            assert_eq!(model.prefilled(), expected, "batch {batch}, {samples} samples");
            assert_eq!(done.prefilled, expected);
        }
    }
}

#[test]
fn a_prefix_is_dropped_when_no_waiting_job_and_no_row_needs_it() {
    let jobs = jobs(9, 2);
    let model = Mock::seeing(1.0);
    run(&model, &jobs, &Limits { batch: 1, ..LIMITS });
    // One row's own prefix, or the beginning of the last one's and the whole of the next one's.
    let longest = jobs.iter().map(|job| job.prompt.len() - 1).max().unwrap();
    assert_eq!(model.prefix_tokens_max(), longest);
    assert_eq!(model.prefix_tokens(), 0);
}

#[test]
fn prefixes_take_what_was_planned_and_no_more() {
    let jobs = jobs(9, 2);
    let prompts: Vec<&[u32]> = jobs.iter().map(|job| &job.prompt[..]).collect();
    for batch in [1, 2, 3, 5, 8, 13, 36, 64] {
        let model = Mock::seeing(1.0);
        let plan =
            MemoryNeeds::of(&model.info, &prompts, jobs[0].max_tokens, true).unwrap().plan(batch);
        run(&model, &jobs, &Limits { batch, ..LIMITS });
        // The mock takes one byte a token, in whole panels.
        let taken = model.prefix_panels_max() * 32;
        assert!(taken <= plan.prefixes, "batch {batch}: {taken} of {}", plan.prefixes);
        if batch >= jobs.len() {
            assert_eq!(taken, plan.prefixes);
        }
    }
}

#[test]
fn logits_come_behind_every_prompt_and_along_every_path() {
    let texts: Vec<[Vec<u32>; 3]> = [
        [&[1, 2, 3, 4][..], &[1, 2, 9], &[5, 6, 7]],
        [&[1, 2], &[1, 2], &[]],
        [&[1, 2, 3, 5, 6], &[8], &[1]],
        [&[9], &[1, 2, 3], &[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]],
        [&[1, 2, 3, 4], &[1, 2, 9], &[5, 6]],
    ]
    .map(|text| text.map(<[u32]>::to_vec))
    .into();
    let passages: Vec<Passage<'_, 2>> =
        texts.iter().map(|[one, other, path]| Passage { prompts: [one, other], path }).collect();
    // Where along each text is asked, and how often: on the way, at the beginning and at the end; once nothing.
    let questions = [(1, 2), (0, 3), (0, 0), (12, 4), (2, 1)];
    let before: Vec<Vec<u32>> = texts
        .iter()
        .zip(questions)
        .map(|([prompt, _, path], (position, _))| [prompt, &path[..position]].concat())
        .collect();
    for batch in [1, 2, 5, 64] {
        let model = Mock::seeing(1.0);
        let mut explorers: Vec<Greedy<'_>> = before
            .iter()
            .zip(questions)
            .map(|(before, (_, length))| Greedy::new(&model, before, length))
            .collect();
        let mut waiting: Vec<Option<&mut Greedy<'_>>> = explorers.iter_mut().map(Some).collect();
        let ask = |passage: usize| {
            let explorer = waiting[passage].take()?;
            Some(Question { position: questions[passage].0, explorer })
        };
        let mut seen = vec![0; passages.len()];
        let read = |passage: usize, position: usize, logits: [&[f32]; 2]| {
            let Passage { prompts, path } = &passages[passage];
            for (prompt, logits) in prompts.iter().zip(logits) {
                assert_eq!(logits, model.logits(&[prompt, &path[..position]].concat()));
            }
            position
        };
        score(&model, &passages, batch, &AtomicBool::new(false), ask, read, |passage, read| {
            assert_eq!(read, Vec::from_iter(0..=passages[passage].path.len()));
            seen[passage] += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [1; 5]);
        assert!(explorers.iter().all(|explorer| explorer.asked == explorer.length));
        let computed = |prompt: usize| {
            trie_tokens(passages.iter().map(|passage| passage.prompts[prompt].to_vec()))
        };
        assert_eq!(model.prefilled(), computed(0) + computed(1));
    }
    let empty = [Passage { prompts: [&[1][..]], path: &[] }, Passage { prompts: [&[]], path: &[] }];
    let stop = AtomicBool::new(false);
    let refused =
        score(&Mock::seeing(1.0), &empty, 1, &stop, |_| None, |_, _, _| {}, |_, _| Ok(()));
    assert!(refused.unwrap_err().to_string().contains("no token"));
    let told = score(
        &Mock::seeing(1.0),
        &empty[..1],
        1,
        &AtomicBool::new(true),
        |_| None,
        |_, _, _| {},
        |_, _| Ok(()),
    );
    assert_eq!(told.unwrap_err().kind(), candor::error::Kind::Interrupted);
}

/// Wants the logits after ever longer paths of the likeliest token, and after what it was told first.
struct Greedy<'a> {
    model: &'a Mock,
    prompt: &'a [u32],
    path: Vec<u32>,
    length: usize,
    asked: usize,
}

impl<'a> Greedy<'a> {
    fn new(model: &'a Mock, prompt: &'a [u32], length: usize) -> Self {
        Self { model, prompt, path: vec![], length, asked: 0 }
    }
}

impl Explorer for Greedy<'_> {
    fn wants(&self) -> Option<Vec<u32>> {
        (self.asked < self.length).then(|| self.path.clone())
    }

    fn learn(&mut self, logits: &[f32]) {
        assert_eq!(logits, self.model.logits(&[self.prompt, &self.path].concat()));
        let top = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
        self.path.push(top as u32);
        self.asked += 1;
    }
}

#[test]
fn what_is_asked_next_may_depend_on_the_answer() {
    let prompts: [&[u32]; 5] = [&[1, 2, 3, 4], &[1, 2], &[1, 2, 3, 5, 6], &[9], &[1, 2, 3, 4]];
    for batch in [1, 2, 64] {
        let model = Mock::seeing(1.0);
        let mut explorers: Vec<Greedy<'_>> = prompts
            .iter()
            .zip([3, 0, 5, 1, 4])
            .map(|(prompt, length)| Greedy::new(&model, prompt, length))
            .collect();
        explore(&model, &prompts, &mut explorers, batch, &AtomicBool::new(false)).unwrap();
        assert!(explorers.iter().all(|explorer| explorer.asked == explorer.length));
        assert_eq!(model.prefilled(), trie_tokens(prompts.iter().map(|prompt| prompt.to_vec())));
    }
}

#[test]
fn a_reply_goes_on_as_it_would_have_from_where_it_was_begun() {
    let model = Mock::seeing(1.0);
    let sampling = Sampling { repetition_penalty: 1.3, ..Sampling::PLAIN };
    for job in jobs(4, 2) {
        let job = Job { sampling: &sampling, max_tokens: 12, ..job };
        let whole = naive(&model, &job, LIMITS.stop_ids);
        for begun in 0..whole.token_ids.len() {
            let prompt = [&job.prompt[..], &whole.token_ids[..begun]].concat();
            let rest = Job { prompt: prompt.into(), begun: begun as u32, ..job.clone() };
            let done = run(&model, &[rest], &LIMITS);
            assert_eq!(done.replies[0].token_ids, whole.token_ids[begun..]);
            assert_eq!(done.replies[0].finish_reason, whole.finish_reason);
        }
    }
}

/// A pair of which neither reply stops, by a model that does not see the tier.
fn equal_pair() -> (Mock, Vec<Job<'static>>, Limits<'static>) {
    let jobs = jobs(1, 1).into_iter().map(|job| Job { max_tokens: 40, ..job });
    (Mock::seeing(0.0), jobs.collect(), Limits { stop_ids: &[], batch: 1, draft: true })
}

#[test]
fn a_partner_with_the_same_distributions_is_accepted_as_a_whole() {
    let (model, jobs, limits) = equal_pair();
    let done = run(&model, &jobs, &limits);
    assert_eq!(done.replies[0], done.replies[1]);
    assert_eq!(done.drawn, 80);
    // 40 tokens one by one; then 1 + 2, 1 + 3, 1 + 5, 1 + 8, 1 + 13, 1 + 3.
    assert_eq!(done.steps, 40 + 6);
    assert_eq!((done.guessed, done.accepted), (34, 34));
}

#[test]
fn an_earlier_reply_is_a_guess_too() {
    let (model, jobs, limits) = equal_pair();
    let known = naive(&model, &jobs[0], limits.stop_ids);
    let again = [Job { guess: known.token_ids.clone(), ..jobs[1].clone() }];
    let done = run(&model, &again, &limits);
    assert_eq!(done.replies, [known]);
    assert_eq!((done.steps, done.accepted), (6, 34));
}

#[test]
fn the_latest_reply_is_the_guess() {
    let (mut model, jobs, limits) = equal_pair();
    model.tier_weight = 50.0;
    // One tier, and then the other twice, as where runs of several variants are made together.
    let jobs = [jobs[1].clone(), jobs[0].clone(), jobs[0].clone()];
    let done = run(&model, &jobs, &limits);
    assert_eq!(done.replies[1], done.replies[2]);
    assert!(done.accepted >= 34, "{} accepted", done.accepted);
}

#[test]
fn nothing_is_guessed_where_it_is_turned_off_or_has_nothing_to_win() {
    let (model, jobs, limits) = equal_pair();
    let off = run(&model, &jobs, &Limits { draft: false, ..limits });
    assert_eq!((off.guessed, off.steps), (0, 80));

    let (mut model, jobs, limits) = equal_pair();
    model.info.draft_width = 1;
    assert_eq!(run(&model, &jobs, &limits).guessed, 0);

    // Uncoupled: other random numbers.
    let (model, _, limits) = equal_pair();
    let uncoupled = [job(&[1, 2, tier_id(0)], 0, 0), job(&[1, 2, tier_id(1)], 1, 0)];
    assert_eq!(run(&model, &uncoupled, &limits).guessed, 0);
}

#[test]
fn a_full_batch_is_not_slowed_down() {
    let mut model = Mock::seeing(0.0);
    model.info.draft_width = 4;
    let done = run(&model, &jobs(9, 2), &Limits { stop_ids: &[], ..LIMITS });
    // 36 replies of 9 tokens in waves of 4 rows.
    assert_eq!((done.steps, done.guessed), (81, 0));
}

#[test]
fn no_guess_is_fed_beyond_the_context() {
    // A reply that stops just in time, and an earlier one that went on.
    let (mut model, jobs, limits) = equal_pair();
    let free = naive(&model, &jobs[0], limits.stop_ids);
    let stop_ids = [free.token_ids[20]];
    let limits = Limits { stop_ids: &stop_ids, ..limits };
    let job = Job { max_tokens: 1000, ..jobs[0].clone() };
    let expected = naive(&model, &job, limits.stop_ids);
    model.info.context = jobs[0].prompt.len() + expected.token_ids.len() - 1;
    let guess = [&expected.token_ids[..expected.token_ids.len() - 1], &[7; 50]].concat();
    assert_eq!(run(&model, &[Job { guess, ..job }], &limits).replies, [expected]);
}

#[test]
fn guesses_that_seldom_come_true_become_rare() {
    let (mut model, jobs, limits) = equal_pair();
    model.tier_weight = 50.0;
    model.info.context = 500;
    let jobs: Vec<Job<'_>> = jobs.into_iter().map(|job| Job { max_tokens: 400, ..job }).collect();
    let done = run(&model, &jobs, &limits);
    assert!(done.accepted < 80, "{} accepted", done.accepted);
    assert!(done.guessed < 120, "{} guessed", done.guessed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_arrangement_of_the_work_changes_a_token(
        tier_weight in prop::sample::select(vec![0.0f32, 0.1, 1.0, 9.0]),
        temperatures in prop::array::uniform2(prop::sample::select(vec![0.0, 0.5, 1.0])),
        repetition_penalties in prop::array::uniform2(prop::sample::select(vec![1.0, 1.5])),
        stop_ids in prop::collection::vec(0u32..12, 0..3),
        max_tokens in prop::array::uniform2(1usize..20),
        draft_width in prop::sample::select(vec![1usize, 2, 5, 16, 40]),
        order in Just((0..32usize).collect::<Vec<_>>()).prop_shuffle(),
        guess in prop::collection::vec(0u32..14, 0..20),
    ) {
        let mut model = Mock::seeing(tier_weight);
        // Two runs with settings of their own, on the same requests.
        let samplings = [0, 1].map(|run: usize| Sampling {
            temperature: temperatures[run],
            repetition_penalty: repetition_penalties[run],
            ..Sampling::PLAIN
        });
        let jobs: Vec<Job<'_>> = (0..2)
            .flat_map(|run| {
                let (sampling, max_tokens) = (&samplings[run], max_tokens[run]);
                jobs(4, 2).into_iter().map(move |job| Job { sampling, max_tokens, ..job })
            })
            .collect();
        let ends = jobs.iter().map(|job| job.prompt.len() + job.max_tokens);
        model.info.draft_width = draft_width;
        model.info.context = ends.max().unwrap() - 1;
        let expected: Vec<Reply> =
            jobs.iter().map(|job| naive(&model, job, &stop_ids)).collect();

        for (batch, draft) in [(1, false), (1, true), (2, true), (7, true), (32, true), (64, true)] {
            let limits = Limits { stop_ids: &stop_ids, batch, draft };
            prop_assert_eq!(&run(&model, &jobs, &limits).replies, &expected);
            let shuffled: Vec<Job<'_>> =
                order.iter().map(|&i| Job { guess: guess.clone(), ..jobs[i].clone() }).collect();
            let done = run(&model, &shuffled, &limits);
            for (&i, reply) in order.iter().zip(&done.replies) {
                prop_assert_eq!(reply, &expected[i], "batch {}, draft {}", batch, draft);
            }
            prop_assert!(done.accepted <= done.guessed);
        }
    }
}

/// The definition: each text on its own, token by token.
fn alone(model: &Mock, choice: &Choice) -> Vec<f64> {
    let log = |rest: &Vec<u32>| {
        let ids = [&choice.prompt[..], rest].concat();
        let mut sum = 0.0;
        along(model, &ids, 0, &AtomicBool::new(false), |at, logits| {
            if at + 1 >= choice.prompt.len()
                && let Some(&next) = ids.get(at + 1)
            {
                sum += log_probability(logits, next);
            }
            Ok(())
        })
        .unwrap();
        sum
    };
    choice.continuations.iter().map(log).collect()
}

proptest! {
    #[test]
    fn a_choice_is_the_same_alone_and_among_others(
        choices in prop::collection::vec(
            (
                prop::collection::vec(1..6_u32, 1..6),
                prop::collection::vec(prop::collection::vec(1..6_u32, 1..4), 1..5),
            ),
            1..8,
        ),
        batch in 1..6_usize,
    ) {
        let model = Mock::seeing(1.0);
        let choices: Vec<Choice> = choices
            .into_iter()
            .map(|(prompt, continuations)| Choice { prompt, continuations })
            .collect();
        let mut found = vec![Vec::new(); choices.len()];
        choose(&model, &choices, batch, &AtomicBool::new(false), |choice, logs| {
            assert!(found[choice].is_empty(), "a choice is visited once");
            found[choice] = logs.to_vec();
        })
        .unwrap();
        for (choice, logs) in choices.iter().zip(&found) {
            prop_assert_eq!(logs, &alone(&model, choice));
        }
    }
}

#[test]
fn choosing_stops_when_it_is_told() {
    let choice = Choice { prompt: vec![1], continuations: vec![vec![2]] };
    let error = choose(&Mock::seeing(1.0), &[choice], 1, &AtomicBool::new(true), |_, _| {});
    assert_eq!(error.unwrap_err().kind(), candor::error::Kind::Interrupted);
}
