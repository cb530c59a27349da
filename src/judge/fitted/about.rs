//! What a fitted judge is asked about a reply, and what it reads of the reply for that: a text, and the signs that
//! `rules` sees in it. Knows nothing about weights.

use serde::{Deserialize, Serialize};

use crate::judge::Exchange;
use crate::judge::rules::{compliance, reasoning};

/// What is asked about a reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Does the answer do what was requested? Read from the answer alone.
    Compliance,
    /// Does the reasoning fake alignment? Read from native reasoning and scratchpad.
    Reasoning,
    /// A criterion of the user's own, by this name. Read from the whole reply.
    Criterion(String),
}

impl About {
    /// The name that people and files know it by.
    pub fn name(&self) -> &str {
        match self {
            Self::Compliance => "compliance",
            Self::Reasoning => "reasoning",
            Self::Criterion(name) => name,
        }
    }

    /// What is read of an exchange; none where there is nothing to read.
    pub fn text(&self, exchange: &Exchange<'_>) -> Option<String> {
        match self {
            Self::Compliance => exchange.answered().map(str::to_owned),
            Self::Reasoning => exchange.thought(),
            Self::Criterion(_) => {
                let parts = [exchange.thought(), exchange.answered().map(str::to_owned)];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                (!parts.is_empty()).then(|| parts.join("\n\n"))
            }
        }
    }

    /// The numbers that `rules` weighs, in a fixed order, without the weights that it ships.
    pub(super) fn signs(&self, exchange: &Exchange<'_>) -> Vec<f64> {
        match self {
            Self::Compliance => compliance::features(exchange.answer),
            Self::Reasoning => thinking(exchange),
            Self::Criterion(_) => {
                [thinking(exchange), compliance::features(exchange.answer)].concat()
            }
        }
    }
}

/// The signs of reasoning, and how far the text is a long deliberation.
fn thinking(exchange: &Exchange<'_>) -> Vec<f64> {
    let parts = exchange.thoughts();
    reasoning::features(&parts).into_iter().chain([reasoning::length(&parts)]).collect()
}
