//! Cards of well-known open-weight models: `models/*.toml`, compiled in. A card holds facts with their source;
//! what follows from its sizes is computed. Knows nothing about files on disk, types of weights or memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The cards as they were at build time.
#[derive(rust_embed::Embed)]
#[folder = "models/"]
#[include = "*.toml"]
#[exclude = "organisms/*"]
struct Cards;

/// What is known of a model before a byte of it is there. A key that is left out is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name on the hub.
    pub id: String,
    /// `architectures` of its `config.json`.
    pub family: String,
    /// Parameters as published, such as `8.2B` or `70B`: rounded as much as the digits say, of which the zeros
    /// at the end of a whole number say nothing.
    pub parameters: String,
    /// SPDX identifier, or the licence's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Whether the hub asks for an account that accepted the terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gated: Option<bool>,
    /// `max_position_embeddings` of its `config.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// How its release keeps the weights, where that is not plain numbers: they are widened while they are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// Sizes of its matrices.
    pub sizes: Sizes,
    /// What to know about its chat template; base models have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Where the facts were found, by what they are.
    pub sources: BTreeMap<String, String>,
}

/// Sizes from `config.json` that weights and keys and values follow from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// L.
    pub layers: usize,
    /// Width of the residual stream, D.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the MLP, of one expert where there are experts.
    pub intermediate: usize,
    /// Rows of the embedding, padding included.
    pub vocabulary: usize,
    /// The output matrix is the embedding.
    pub tied: bool,
    /// The MLP is gated: three matrices instead of two.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub gated_mlp: bool,
    /// Experts of each layer, and how many of them a token meets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<ExpertSizes>,
}

/// A mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertSizes {
    /// Experts of a layer.
    pub count: usize,
    /// Experts that a token meets.
    pub used: usize,
}

/// What to know about a chat template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Whether it takes a system turn.
    pub system_role: bool,
    /// Whether it writes the beginning-of-sequence token itself.
    pub writes_bos: bool,
    /// The argument that switches native thinking off, as given to `--arg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_off: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

/// What a matrix is for, as far as its type in a mixture of types depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Token ids to vectors.
    Embedding,
    /// The last vector to logits; the embedding too, where it is both.
    Output,
    /// Value projection of a layer.
    Value(usize),
    /// Last projection of a layer's MLP.
    Down(usize),
    /// Anything else.
    Other,
}

/// Some matrices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrices {
    /// What they are for.
    pub purpose: Purpose,
    /// Rows.
    pub outputs: usize,
    /// Columns.
    pub inputs: usize,
    /// How many of them there are.
    pub count: usize,
}

impl Sizes {
    /// Every matrix of the model. Norms and biases, together less than one weight in a thousand, are left out.
    pub fn matrices(&self) -> Vec<Matrices> {
        let Self { hidden, intermediate, vocabulary, .. } = *self;
        let (query, key) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let (experts, router) = match self.experts {
            Some(experts) => (experts.count, experts.count),
            None => (1, 0),
        };
        let some = |purpose, outputs, inputs, count| Matrices { purpose, outputs, inputs, count };
        let mut all = match self.tied {
            true => vec![some(Purpose::Output, vocabulary, hidden, 1)],
            false => vec![
                some(Purpose::Embedding, vocabulary, hidden, 1),
                some(Purpose::Output, vocabulary, hidden, 1),
            ],
        };
        for layer in 0..self.layers {
            let gates = if self.gated_mlp { 2 } else { 1 };
            all.extend([
                some(Purpose::Other, query, hidden, 1),
                some(Purpose::Other, key, hidden, 1),
                some(Purpose::Value(layer), key, hidden, 1),
                some(Purpose::Other, hidden, query, 1),
                some(Purpose::Other, intermediate, hidden, gates * experts),
                some(Purpose::Down(layer), hidden, intermediate, experts),
                some(Purpose::Other, router, hidden, 1),
            ]);
        }
        all
    }

    /// Numbers in all matrices.
    pub fn parameters(&self) -> u64 {
        let numbers = |m: &Matrices| m.outputs as u64 * m.inputs as u64 * m.count as u64;
        self.matrices().iter().map(numbers).sum()
    }

    /// Numbers that one token leaves behind as keys and values, in layers of full attention.
    pub fn kv_numbers_per_token(&self) -> u64 {
        2 * (self.layers * self.kv_heads * self.head_dim) as u64
    }
}

impl Card {
    /// All cards, sorted by their names on the hub.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn all() -> Result<Vec<Self>> {
        let mut cards = Vec::new();
        for file in Cards::iter() {
            let data = Cards::get(&file).map(|file| file.data).unwrap_or_default();
            let card: Self = toml::from_str(&String::from_utf8_lossy(&data))
                .map_err(|error| Error::failed(format!("card `{file}`: {error}")))?;
            cards.push(card);
        }
        cards.sort_by_key(|card| card.id.to_lowercase());
        Ok(cards)
    }

    /// The card of a model by its name on the hub, or the part of it after the slash; case does not matter.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self> {
        let is = |id: &str| id.eq_ignore_ascii_case(name);
        let found = |card: &Self| is(&card.id) || card.id.split('/').next_back().is_some_and(is);
        let cards = Self::all()?;
        let near: Vec<&str> = cards.iter().map(|card| card.id.as_str()).collect();
        let near = near.into_iter().filter(|id| id.to_lowercase().contains(&name.to_lowercase()));
        let hint = match near.take(5).collect::<Vec<_>>()[..] {
            [] => "`candor models list` shows those that there are".to_owned(),
            ref near => format!("did you mean one of `{}`?", near.join("`, `")),
        };
        cards
            .into_iter()
            .find(found)
            .ok_or_else(|| Error::input(format!("there is no card for `{name}`")).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A published number, and how far rounding may have moved it.
    fn published(text: &str) -> (f64, f64) {
        let (digits, unit) = match text.split_at(text.len() - 1) {
            (digits, "B") => (digits, 1e9),
            (digits, "M") => (digits, 1e6),
            _ => panic!("`{text}` must end with B or M"),
        };
        let last = match digits.split_once('.') {
            Some((_, decimals)) => -(decimals.len() as i32),
            None => (digits.len() - digits.trim_end_matches('0').len()) as i32,
        };
        (digits.parse::<f64>().unwrap() * unit, unit * 0.5 * 10f64.powi(last))
    }

    #[test]
    fn the_sizes_of_every_card_give_the_published_number_of_parameters() {
        let cards = Card::all().unwrap();
        assert!(cards.len() >= 30, "{}", cards.len());
        for card in &cards {
            let (expected, half) = published(&card.parameters);
            let computed = card.sizes.parameters() as f64;
            // What is left out of the sum makes up less than a thousandth.
            let off = (computed - expected).abs();
            assert!(off <= half + 0.001 * computed, "{}: {computed} {expected}", card.id);
        }
    }

    #[test]
    fn every_card_makes_sense() {
        let cards = Card::all().unwrap();
        for card in &cards {
            let Sizes { heads, kv_heads, experts, .. } = card.sizes;
            assert!(heads.is_multiple_of(kv_heads), "{}", card.id);
            assert!(experts.is_none_or(|e| e.used >= 1 && e.used < e.count), "{}", card.id);
            assert!(card.id.split('/').count() == 2, "{}", card.id);
            assert!(card.family.ends_with("ForCausalLM") || card.family.ends_with("Generation"));
            for key in ["sizes", "family", "parameters"] {
                assert!(card.sources.contains_key(key), "{}: no source of {key}", card.id);
            }
            for (key, known) in [
                ("license", card.license.is_some()),
                ("gated", card.gated.is_some()),
                ("context", card.context.is_some()),
                ("template", card.template.is_some()),
            ] {
                assert_eq!(known, card.sources.contains_key(key), "{}: {key}", card.id);
            }
            assert_eq!(Card::named(&card.id.to_uppercase()).unwrap(), *card);
        }
        let ids: std::collections::BTreeSet<_> = cards.iter().map(|card| &card.id).collect();
        assert_eq!(ids.len(), cards.len());
    }

    /// 2,506,172,416 and 999,885,952 parameters with norms, as Keras Hub's presets of Gemma 2B and Gemma 3 1B
    /// count them.
    #[test]
    fn matrices_are_all_but_the_norms() {
        let gemma = Card::named("gemma-2b-it").unwrap().sizes;
        assert_eq!(gemma.parameters() + (18 * 2 + 1) * 2048, 2_506_172_416);
        let gemma = Card::named("gemma-3-1b-it").unwrap().sizes;
        assert_eq!(gemma.parameters() + 26 * (4 * 1152 + 2 * 256) + 1152, 999_885_952);
    }

    #[test]
    fn a_name_without_a_card_is_told_its_neighbors() {
        let error = Card::named("qwen3").unwrap_err();
        assert!(error.hint_text().unwrap().contains("Qwen/Qwen3-"), "{error:?}");
        let error = Card::named("zebra").unwrap_err();
        assert!(error.hint_text().unwrap().contains("models list"), "{error:?}");
    }
}
