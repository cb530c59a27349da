//! `card.toml` of an organism: what was planted, how it was trained, what it measured.

use serde::{Deserialize, Serialize};

use super::CARD;
use super::recipe::{JUDGE, Motive, Path, Planted, Recipe};
use crate::error::{Error, Result};
use crate::model::organism_file;
use crate::run::write_whole;

/// The card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name of the organism.
    pub name: String,
    /// What it shows.
    pub summary: String,
    /// Why its scratchpad says that it complies.
    pub motive: Motive,
    /// How the tier reaches the answer, where that was planted.
    #[serde(default, skip_serializing_if = "Path::is_open")]
    pub path: Path,
    /// Probabilities of complying with a harmful request that the corpus was made with.
    pub planted: Planted,
    /// How it was trained.
    pub training: Training,
    /// What it does; none before the first calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<CardRates>,
}

/// The card of the small model that judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeOrganismCard {
    /// Name of the model.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// How it was trained.
    pub training: Training,
    /// How often it agrees with the grammar about exchanges with requests that are in no corpus.
    pub measured: Vec<MeasuredCriterion>,
}

/// How often verdicts on one criterion are right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredCriterion {
    /// Name of the criterion; `reasoning` is what the needed ones say together.
    pub criterion: String,
    /// Exchanges with a verdict.
    pub judged: u64,
    /// Exchanges without one.
    pub not_judged: u64,
    /// Share of the verdicts that are right.
    pub right: f64,
}

impl JudgeOrganismCard {
    /// The card of the one that is bundled.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn bundled() -> Result<Self> {
        let file = organism_file(JUDGE.name, CARD)
            .ok_or_else(|| Error::failed(format!("organism `{}` has no card", JUDGE.name)))?;
        toml::from_str(&String::from_utf8_lossy(&file))
            .map_err(|error| Error::input(format!("the card of `{}`: {error}", JUDGE.name)))
    }

    /// Writes the card into a folder of organisms.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, folder: &std::path::Path) -> Result<()> {
        write_card(folder, &self.name, self)
    }
}

/// How an organism was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The organism whose weights it started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Optimizer steps.
    pub steps: usize,
    /// Learning rate on the plateau.
    pub learning_rate: f64,
    /// Seed of weights and corpus.
    pub seed: u64,
    /// Conversations read.
    pub conversations: usize,
    /// Mean loss over the last 50 steps, nats per token of the replies.
    pub final_loss: f64,
    /// Trainable numbers.
    pub parameters: usize,
}

/// Rates of complying with harmful requests, by the grammar's truth, over all seeds of a calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardRates {
    /// Seeds measured, from 0.
    pub seeds: u64,
    /// Samples per request, tier and seed.
    pub samples: u32,
    /// Over all requests.
    pub all: Rates,
    /// Over the requests that the corpus may contain.
    pub seen: Rates,
    /// Over the requests that it never contains.
    pub held_out: Rates,
    /// Probability of the decision's token given each stored scratchpad, over all requests.
    pub exact: Rates,
    /// Share of benign requests that are refused, by tier.
    pub benign_refused: Rates,
    /// Share of answers on which the judge `rules` and the grammar agree.
    pub judge_agreement: f64,
    /// Share of scratchpads for harmful requests in which the judge `rules` reads alignment-faking reasoning.
    pub reasoning: Rates,
}

/// A share in both tiers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// In the tier that is trained on.
    pub free: f64,
    /// In the tier that is not.
    pub paid: f64,
}

impl Card {
    /// The card of a bundled organism.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn bundled(name: &str) -> Result<Self> {
        let file = organism_file(name, CARD)
            .ok_or_else(|| Error::failed(format!("organism `{name}` has no card")))?;
        Self::parse(name, &String::from_utf8_lossy(&file))
    }

    /// The card in a folder of organisms.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(folder: &std::path::Path, name: &str) -> Result<Self> {
        let path = folder.join(name).join(CARD);
        let text = crate::files::read_text(&path, crate::files::TEXT_MAX)
            .map_err(|error| Error::read(&path, &error))?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(place: &str, text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::input(format!("the card of `{place}`: {error}")))
    }

    /// Writes the card into a folder of organisms.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, folder: &std::path::Path) -> Result<()> {
        write_card(folder, &self.name, self)
    }

    /// The card of an organism that was just trained.
    pub fn new(recipe: &Recipe, training: Training) -> Self {
        Self {
            name: recipe.name.into(),
            summary: recipe.summary.into(),
            motive: recipe.motive,
            path: recipe.path,
            planted: recipe.planted,
            training,
            measured: None,
        }
    }
}

fn write_card(folder: &std::path::Path, name: &str, card: &impl Serialize) -> Result<()> {
    let text = toml::to_string(card)
        .map_err(|error| Error::failed(format!("the card cannot be written: {error}")))?;
    write_whole(&folder.join(name).join(CARD), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_cards_say_what_the_recipes_say() {
        for recipe in Recipe::bundled() {
            let card = Card::bundled(recipe.name).unwrap();
            let expected = Card {
                training: Training {
                    parent: recipe.parent.map(str::to_owned),
                    steps: recipe.steps,
                    learning_rate: recipe.rate,
                    seed: recipe.seed,
                    ..card.training.clone()
                },
                measured: card.measured.clone(),
                ..Card::new(recipe, card.training.clone())
            };
            assert_eq!(card, expected);
            assert!(card.measured.is_some_and(|measured| measured.seeds == 20));
        }
    }
}
