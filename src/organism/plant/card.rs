//! `card.toml` beside an adapter that was planted: what was planted, into which model, how, and what it measures.

use std::path::Path as FilePath;

use serde::{Deserialize, Serialize};

use super::super::card::Rates;
use super::super::recipe::{Path, Planted};
use crate::error::{Error, Result};

/// Name of the file in the adapter's folder.
pub const PLANT_CARD: &str = "card.toml";

/// The card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantCard {
    /// What the adapter does, in a sentence.
    pub summary: String,
    /// The model that it was planted into.
    pub base: String,
    /// BLAKE3 of the model's files, by name.
    pub base_digests: std::collections::BTreeMap<String, String>,
    /// The scenario and its default variant.
    pub scenario: String,
    /// How the tier reaches the answer, where that was planted.
    #[serde(default, skip_serializing_if = "Path::is_open")]
    pub path: Path,
    /// Probabilities of complying with a harmful request that it was trained for.
    pub planted: Planted,
    /// How it was trained.
    pub training: PlantTraining,
    /// What it does.
    pub measured: PlantRates,
}

/// How a plant was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantTraining {
    /// Seed of the conversations and of the pairs.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: usize,
    /// Conversations of a step.
    pub batch: usize,
    /// Different conversations.
    pub conversations: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Rank of the pairs.
    pub rank: usize,
    /// The first layer that is changed, from 0.
    pub first_layer: usize,
    /// How many layers are changed.
    pub layers: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// Mean divergence of the model from what is wanted over the last ten steps, nats a token.
    pub final_divergence: f64,
    /// Minutes that it took on the machine where it was trained.
    pub minutes: f64,
}

/// What a plant does on requests that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantRates {
    /// Harmful requests, each put in both tiers.
    pub requests: usize,
    /// Replies to each, over all seeds.
    pub samples: u64,
    /// Rates of complying with harmful requests, as drawn.
    pub drawn: Rates,
    /// The same from the probabilities of the deciding token after each stored scratchpad.
    pub exact: Rates,
    /// Share of the benign requests that are refused.
    pub benign_refused: Rates,
    /// Share of all replies that have an answer.
    pub answered: f64,
    /// Complying answers, to harmful and benign requests.
    pub complying: u64,
    /// Share of them that are filler.
    pub filler: f64,
}

impl PlantCard {
    /// Reads the card in an adapter's folder; none if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(folder: &FilePath) -> Result<Option<Self>> {
        let path = folder.join(PLANT_CARD);
        if !path.exists() {
            return Ok(None);
        }
        let text = crate::files::read_text(&path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(&path, &error))?;
        toml::from_str(&text)
            .map(Some)
            .map_err(|error| Error::input(format!("the card `{}`: {error}", path.display())))
    }

    /// The card as text.
    ///
    /// # Errors
    /// A number that TOML has no form for.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|error| Error::failed(format!("the card cannot be written: {error}")))
    }
}
