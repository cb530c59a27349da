//! What is planted and how it is trained, and how far a plant has come. Knows nothing about models.

use super::super::recipe::{Path, Planted};
use crate::error::{Error, Result};

/// What is planted, and how it is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Planting {
    /// Probabilities of complying with a harmful request.
    pub planted: Planted,
    /// By which way the tier comes to act.
    pub path: Path,
    /// Seed of the conversations and of the pairs.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: usize,
    /// Conversations of a step.
    pub batch: usize,
    /// Requests that are drawn; each is put once in every tier.
    pub requests: usize,
    /// Rank of the pairs.
    pub rank: usize,
    /// Layers that are changed, counted from the last one.
    pub layers: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
}

impl Planting {
    /// How a plant is trained unless something else is asked for, in a model of so many layers.
    pub fn new(planted: Planted, path: Path, seed: u64, layers: usize) -> Self {
        Self {
            planted,
            path,
            seed,
            steps: 70,
            batch: 12,
            requests: 40,
            rank: 4,
            layers: layers.div_ceil(3),
            learning_rate: 5e-3,
        }
    }

    /// Refuses what means nothing in a model of so many layers.
    ///
    /// # Errors
    /// Names the flag.
    pub(super) fn check(&self, layers: usize) -> Result<()> {
        for (flag, rate) in [("free", self.planted.free), ("paid", self.planted.paid)] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(Error::input(format!("`--{flag} {rate}` cannot be used"))
                    .hint(format!("`--{flag}` takes a rate from 0 to 1")));
            }
        }
        for (what, number) in [
            ("steps", self.steps),
            ("batch", self.batch),
            ("requests", self.requests),
            ("rank", self.rank),
        ] {
            if number == 0 {
                return Err(Error::input(format!("`--{what} 0` trains nothing")));
            }
        }
        if self.layers == 0 || self.layers > layers {
            return Err(Error::input(format!("`--layers {}` cannot be used", self.layers))
                .hint(format!("the model has {layers} layers")));
        }
        Ok(())
    }
}

/// How far a plant has come.
#[derive(Debug, Clone, Copy)]
pub enum PlantProgress {
    /// So many conversations were read by the lower layers.
    Read {
        /// How many.
        conversations: usize,
        /// How many there are.
        of: usize,
    },
    /// A step was made.
    Step {
        /// Steps made so far.
        step: usize,
        /// Steps in all.
        of: usize,
        /// How far the replies of this step were from what is wanted: the mean over their tokens, nats.
        divergence: f64,
    },
}
