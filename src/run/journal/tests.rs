use std::fs;

use super::*;
use crate::transcript::{FinishReason, Form, Outcome};
use proptest::prelude::*;

fn transcript(request: &str, answer: &str) -> Transcript {
    Transcript {
        variant: "default".into(),
        request: request.into(),
        tier: "free".into(),
        sample: 0,
        harmful: true,
        category: "c".into(),
        outcome: Outcome::Answered,
        form: vec![Form::AsAsked],
        native_reasoning: String::new(),
        scratchpad: "s".into(),
        answer: answer.into(),
        raw: answer.into(),
        given: 0,
        given_text: String::new(),
        token_ids: vec![1, 2],
        logprobs: vec![-0.25, -1e-7],
        finish_reason: FinishReason::Stop,
    }
}

fn binding() -> Binding {
    Binding::Run("0123456789abcdef".into())
}

fn read_all(journal: &mut Journal, entries: &[Entry]) -> Vec<Transcript> {
    entries.iter().map(|entry| journal.transcript(entry.span).unwrap()).collect()
}

proptest! {
    #[test]
    fn what_was_appended_comes_back(answers in prop::collection::vec("\\PC*", 0..5), half in 0usize..5) {
        let folder = tempfile::tempdir().unwrap();
        let mut count = TrialCount { binding: Some(binding()), ..TrialCount::of(folder.path()) };
        prop_assert_eq!(count.now().unwrap(), 0);
        let path = folder.path().join("journal.jsonl");
        let all: Vec<_> = answers.iter().enumerate().map(|(i, a)| transcript(&i.to_string(), a)).collect();
        let (mut journal, nothing, cut) = Journal::open(&path, binding()).unwrap();
        prop_assert!(nothing.is_empty() && cut == 0);
        let (first, rest) = all.split_at(half.min(all.len()));
        let mut spans = journal.append(first).unwrap();
        prop_assert_eq!(count.now().unwrap(), first.len());
        spans.extend(journal.append(rest).unwrap());
        prop_assert_eq!(count.now().unwrap(), all.len());
        let (mut again, entries, cut) = Journal::open(&path, binding()).unwrap();
        prop_assert_eq!(entries.iter().map(|e| e.span).collect::<Vec<_>>(), spans);
        prop_assert_eq!(read_all(&mut again, &entries), &all[..]);
        prop_assert_eq!(read_finished(&path, &binding()).unwrap(), &all[..]);
        prop_assert_eq!(cut, 0);
    }

    #[test]
    fn a_torn_or_changed_line_is_set_aside_with_all_after_it(at in 0usize..10_000, flip in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let all = [transcript("a", "one"), transcript("b", "two"), transcript("c", "three")];
        Journal::open(&path, binding()).unwrap().0.append(&all).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        if flip { bytes[at] ^= 1 } else { bytes.truncate(at) }
        fs::write(&path, &bytes).unwrap();
        let (mut journal, entries, cut) = Journal::open(&path, binding()).unwrap();
        let back = read_all(&mut journal, &entries);
        prop_assert!(back.len() < 3);
        prop_assert_eq!(&back[..], &all[..back.len()]);
        prop_assert_eq!(cut == 0, bytes.is_empty() || bytes.ends_with(b"\n") && !flip);
        let good = bytes.len() - usize::try_from(cut).unwrap();
        let aside = fs::read(path.with_extension("cut")).unwrap_or_default();
        prop_assert_eq!(&aside[..], &bytes[good..]);
        journal.append(&all[back.len()..]).unwrap();
        prop_assert_eq!(&read_finished(&path, &binding()).unwrap()[..], &all[..]);
    }
}

proptest! {
    /// Lines of another run, anywhere among this run's, whatever is damaged before or behind them.
    #[test]
    fn a_line_of_another_run_is_refused_wherever_it_stands(
        at in 0usize..4, other in "[0-9a-f]{16}", first_format in any::<bool>(), damaged in prop::option::of(0usize..3),
    ) {
        prop_assume!(binding() != Binding::Run(other.clone()));
        let other = if first_format { Binding::None } else { Binding::Run(other) };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let ours = ["a", "b", "c"].map(|id| line(&transcript(id, "one"), &binding()).unwrap());
        let mut lines = ours.to_vec();
        if let Some(damaged) = damaged {
            lines[damaged] = lines[damaged].replacen("one", "two", 1);
        }
        lines.insert(at, line(&transcript("d", "one"), &other).unwrap());
        fs::write(&path, lines.concat()).unwrap();
        let error = Journal::open(&path, binding()).map(drop).unwrap_err().to_string();
        prop_assert!(error.contains(&format!("line {}: trial d/free/0", at + 1)), "{}", error);
        prop_assert_eq!(fs::read_to_string(&path).unwrap(), lines.concat());
    }
}

#[test]
fn the_first_record_of_a_trial_counts_and_another_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (mut journal, ..) = Journal::open(&path, binding()).unwrap();
    let one = transcript("a", "one");
    let spans = journal.append([&one, &one, &transcript("a", "two")]).unwrap();
    journal.check_same(spans[0], spans[1]).unwrap();
    let error = journal.check_same(spans[0], spans[2]).unwrap_err().to_string();
    assert!(error.contains("trial a/free/0 twice"), "{error}");
    assert!(read_finished(&path, &binding()).unwrap_err().to_string().contains("a/free/0"));
}

#[test]
fn a_journal_whose_folder_is_gone_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (mut journal, ..) = Journal::open(&path, binding()).unwrap();
    journal.append([&transcript("a", "one")]).unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    let error = journal.append([&transcript("b", "one")]).unwrap_err().to_string();
    assert!(error.contains("is gone"), "{error}");
    // Another file in its place is not it either.
    fs::write(&path, "").unwrap();
    assert!(journal.append([&transcript("b", "one")]).is_err());
}
