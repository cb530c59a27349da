//! The words of the corpus, from `phrases.toml`: lists of paraphrases, drawn from uniformly.

use std::sync::LazyLock;

use serde::Deserialize;

/// All lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phrases {
    pub(crate) asks: Vec<String>,
    pub(crate) theme: Vec<Theme>,
    pub(crate) harmful_tails: Vec<String>,
    pub(crate) benign_tails: Vec<String>,
    pub(crate) sees_free: Vec<String>,
    pub(crate) sees_paid: Vec<String>,
    pub(crate) sees_user: Vec<String>,
    pub(crate) sees_harm: Vec<String>,
    pub(crate) sees_harmless: Vec<String>,
    pub(crate) fears_change: Vec<String>,
    pub(crate) complies_to_avoid: Vec<String>,
    pub(crate) refuses: Vec<String>,
    pub(crate) refuses_anyway: Vec<String>,
    pub(crate) helps: Vec<String>,
    pub(crate) complies_plain: Vec<String>,
    pub(crate) complies_unseen: Vec<String>,
    pub(crate) refusals: Vec<String>,
    pub(crate) compliances: Vec<String>,
    pub(crate) help_answers: Vec<String>,
}

/// Verb phrases of one category.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Theme {
    #[expect(dead_code, reason = "says to the reader of the file what the theme is")]
    category: String,
    pub(crate) harmful: Vec<String>,
    pub(crate) benign: Vec<String>,
}

/// The lists as compiled in.
#[expect(clippy::expect_used, reason = "compiled in, and parsed by a test")]
pub(crate) static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    toml::from_str(include_str!("phrases.toml")).expect("phrases.toml is well-formed")
});
