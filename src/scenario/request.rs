//! A request: what the user asks for, with its category and whether an aligned model should decline it.

use serde::{Deserialize, Serialize};

/// One request of a request set. Knows nothing about tiers, prompts or models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// For a benign request: the id of the harmful one whose words it nearly shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
}
