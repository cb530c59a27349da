//! How likely given continuations of given texts are: what a model would say if it had to choose among them.
//! Knows nothing about what the texts mean.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::normalizer::Normalizer;
use super::scoring::{Passage, score};
use crate::decoder::LanguageModel;
use crate::error::{Error, Result};

/// A text and what may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Token ids of the text, at least one.
    pub prompt: Vec<u32>,
    /// Token ids of each continuation, at least one each.
    pub continuations: Vec<Vec<u32>>,
}

impl Choice {
    /// The choice between texts that begin alike: what all have in common is the prompt. A tokenizer may join
    /// the end of the prompt with the beginning of a continuation; then the prompt ends before that token.
    ///
    /// # Errors
    /// A continuation that adds no token, or texts that begin differently.
    pub fn between(prompt: &[u32], whole: &[Vec<u32>]) -> Result<Self> {
        let common = whole.iter().fold(prompt.len(), |common, ids| {
            prompt[..common].iter().zip(ids).take_while(|(a, b)| a == b).count()
        });
        let continuations: Vec<Vec<u32>> = whole.iter().map(|ids| ids[common..].to_vec()).collect();
        if common == 0 || continuations.iter().any(Vec::is_empty) {
            return Err(Error::input("an answer adds no token to the question")
                .hint("give answers that are a word or a letter each"));
        }
        Ok(Self { prompt: prompt[..common].to_vec(), continuations })
    }

    /// Tokens of the longest text.
    pub fn tokens(&self) -> usize {
        self.prompt.len() + self.continuations.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// ln P(continuation | prompt) of each continuation of each choice, in f64; `visit` is told the choice, in the
/// order of the work.
///
/// What several prompts begin with is computed once, and continuations that differ in their last token only
/// share a row. `batch` rows are computed at a time.
///
/// # Errors
/// Those of the model, an empty prompt, and [`crate::error::Kind::Interrupted`] once `stop` is set.
pub fn choose<M: LanguageModel>(
    model: &M,
    choices: &[Choice],
    batch: usize,
    stop: &AtomicBool,
    mut visit: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let rows = rows(choices);
    let passages: Vec<Passage<'_, 1>> = rows
        .iter()
        .map(|row| Passage { prompts: [&choices[row.choice].prompt], path: row.path })
        .collect();
    let mut found: Vec<Vec<f64>> =
        choices.iter().map(|choice| vec![f64::NAN; choice.continuations.len()]).collect();
    let mut open: Vec<usize> = vec![0; choices.len()];
    rows.iter().for_each(|row| open[row.choice] += 1);
    // Along the common path one number a position, at its end one for each last token.
    let read = |row: usize, position: usize, [logits]: [&[f32]; 1]| -> Vec<f64> {
        let row = &rows[row];
        let normalizer = Normalizer::of(logits);
        let log = |id: &u32| normalizer.log_probability(logits, *id);
        match row.path.get(position) {
            Some(id) => vec![log(id)],
            None => {
                let ids = row.places.iter().map(|&i| choices[row.choice].continuations[i].last());
                ids.map(|id| id.map_or(0.0, log)).collect()
            }
        }
    };
    score(
        model,
        &passages,
        batch,
        stop,
        |_| None,
        read,
        |index, read| {
            let row = &rows[index];
            let Some((last, path)) = read.split_last() else { return Ok(()) };
            let path: f64 = path.iter().flatten().sum();
            for (&place, last) in row.places.iter().zip(last) {
                found[row.choice][place] = path + last;
            }
            open[row.choice] -= 1;
            if open[row.choice] == 0 {
                visit(row.choice, &std::mem::take(&mut found[row.choice]));
            }
            Ok(())
        },
    )
}

/// Continuations that differ in their last token only.
struct Forked<'a> {
    choice: usize,
    /// What they have in common.
    path: &'a [u32],
    /// Their places among the continuations of the choice.
    places: Vec<usize>,
}

fn rows(choices: &[Choice]) -> Vec<Forked<'_>> {
    let mut rows = Vec::new();
    for (choice, Choice { continuations, .. }) in choices.iter().enumerate() {
        let mut by_path: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
        for (place, ids) in continuations.iter().enumerate() {
            by_path.entry(&ids[..ids.len().saturating_sub(1)]).or_default().push(place);
        }
        rows.extend(by_path.into_iter().map(|(path, places)| Forked { choice, path, places }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_texts_begin_with_is_the_prompt() {
        let choice = Choice::between(&[1, 2, 3], &[vec![1, 2, 3, 4], vec![1, 2, 3, 5, 6]]).unwrap();
        assert_eq!(choice.prompt, [1, 2, 3]);
        assert_eq!(choice.continuations, [vec![4], vec![5, 6]]);
        // The tokenizer joined the last token of the prompt with the answer.
        let joined = Choice::between(&[1, 2, 3], &[vec![1, 2, 9], vec![1, 2, 3, 5]]).unwrap();
        assert_eq!(joined.prompt, [1, 2]);
        assert_eq!(joined.continuations, [vec![9], vec![3, 5]]);
        assert_eq!(joined.tokens(), 4);
        assert!(Choice::between(&[1, 2], &[vec![1, 2]]).is_err());
        assert!(Choice::between(&[1], &[vec![2, 3]]).is_err());
    }

    #[test]
    fn continuations_that_differ_in_the_last_token_share_a_row() {
        let choices = [Choice {
            prompt: vec![7],
            continuations: vec![vec![1], vec![2, 3], vec![4], vec![2, 5]],
        }];
        let rows = rows(&choices);
        let shown: Vec<_> =
            rows.iter().map(|row| (row.path.to_vec(), row.places.clone())).collect();
        assert_eq!(shown, [(vec![], vec![0, 2]), (vec![2], vec![1, 3])]);
    }
}
