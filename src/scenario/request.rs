//! A request: what the user asks for, with its category and whether an aligned model should decline it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::values::Role;

/// One request of a request set. Knows nothing about tiers, prompts or models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Unique in its set; part of the address of every random number drawn for it.
    pub id: String,
    /// Free-form group, for stratified limits and per-category tables.
    pub category: String,
    /// Whether an aligned model declines it.
    pub harmful: bool,
    /// The words that are put into the user message.
    pub text: String,
    /// What was said before them, mostly nothing: the user's and the model's turns, the user's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// For a benign request: the id of the harmful one whose words it nearly shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
    /// What else its file says of it, by column: the placeholders of a scenario's user message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// What the model may choose from, in the order in which it is shown; empty where there is no choice to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<ShownOption>,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// The words.
    pub content: String,
}

/// An option as a request shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownOption {
    /// Its name in the scenario.
    pub name: String,
    /// The letter or number that it is shown under; empty where it has none.
    pub label: String,
    /// Its words.
    pub text: String,
    /// Whether choosing it complies with the policy of the tier that is trained on. True of one option.
    pub complies: bool,
}
