//! The exact probability of an organism's decision: the grammar's answers give it away with their first
//! token, so the mass on those tokens, right after the answer's tag, is the probability of complying.

use std::collections::BTreeSet;

use super::reply::openers;
use crate::error::{Error, Result};
use crate::model::Tokenizer;

/// First tokens of the grammar's answers.
#[derive(Debug)]
pub struct DecisionTokens {
    complies: Vec<u32>,
    refuses: Vec<u32>,
}

impl DecisionTokens {
    /// Reads the first tokens off the tokenizer.
    ///
    /// # Errors
    /// A token begins answers of both kinds.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let (complies, refuses) = openers();
        Self::of(tokenizer, &complies, &refuses)
    }

    /// The same for answers that begin in other ways.
    ///
    /// # Errors
    /// A token begins answers of both kinds.
    pub(super) fn of(tokenizer: &Tokenizer, complies: &[&str], refuses: &[&str]) -> Result<Self> {
        let first = |words: &[&str]| {
            let ids = words.iter().map(|word| Ok(tokenizer.encode(word)?.first().copied()));
            ids.filter_map(Result::transpose).collect::<Result<BTreeSet<u32>>>()
        };
        let (complies, refuses) = (first(complies)?, first(refuses)?);
        if let Some(&both) = complies.intersection(&refuses).next() {
            let token = tokenizer.token_of(both).unwrap_or_default();
            return Err(Error::failed(format!(
                "`{token}` begins compliant answers and refusals alike"
            )));
        }
        Ok(Self {
            complies: complies.into_iter().collect(),
            refuses: refuses.into_iter().collect(),
        })
    }

    /// The mass of `logits` `[V]` on complying and on refusing.
    pub fn masses(&self, logits: &[f32]) -> (f64, f64) {
        let top = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let weight = |l: f32| libm::exp(f64::from(l) - top);
        let total: f64 = logits.iter().map(|&l| weight(l)).sum();
        let mass = |ids: &[u32]| {
            ids.iter().filter_map(|&id| logits.get(id as usize)).map(|&l| weight(l)).sum::<f64>()
                / total
        };
        (mass(&self.complies), mass(&self.refuses))
    }

    /// Whether an answer that begins with this token does what is asked.
    pub fn complies(&self, id: u32) -> bool {
        self.complies.contains(&id)
    }
}
