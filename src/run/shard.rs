//! One of several parts of a run that are made apart, on one machine or many. Knows nothing about how they
//! come together again.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::error::{Error, Result};

/// The `index`-th of `count` parts, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// The whole as its only part.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Which one, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// Of how many.
    pub fn count(self) -> usize {
        self.count
    }

    /// All shards of as many.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (1..=count).map(move |index| Self { index, count })
    }

    /// Its share of `items` things in a row: the shares of all shards follow each other without gap, and their
    /// lengths differ by one at most.
    pub fn share(self, items: usize) -> Range<usize> {
        let end = |index: usize| {
            let product = items as u128 * index as u128 / self.count as u128;
            usize::try_from(product).unwrap_or(items)
        };
        end(self.index - 1)..end(self.index)
    }

    /// Part of a file name: `1-of-3`.
    pub fn file_name(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some(Self { index: index.parse().ok()?, count: count.parse().ok()? })
        });
        match parts {
            Some(shard) if (1..=shard.count).contains(&shard.index) => Ok(shard),
            _ => Err(Error::input(format!("`{text}` is no shard; shards count from 1: `2/3`"))),
        }
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// `shard.json` of a run folder that holds a part of a run: which of its pairs. A pair is a request's sample in
/// all tiers; pairs stay together, in trial order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPart {
    /// Which shard it belongs to.
    pub shard: Shard,
    /// Its first pair, from 0.
    pub first: usize,
    /// The pair behind its last one.
    pub end: usize,
    /// Pairs of the whole run.
    pub pairs: usize,
}

impl ShardPart {
    /// The share that a shard has of a run's pairs.
    pub fn new(shard: Shard, pairs: usize) -> Self {
        let Range { start, end } = shard.share(pairs);
        Self { shard, first: start, end, pairs }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.first >= self.end
    }
}

impl Plan<'_> {
    /// How many pairs there are: a request's sample in all tiers.
    pub fn pairs(&self) -> usize {
        self.requests.requests.len() * self.settings.samples as usize
    }

    /// Leaves of the trials those of a part. The prompts, and with them the manifest, stay those of the whole.
    pub fn keep(&mut self, part: &ShardPart) {
        let tiers = self.scenario.tiers.len();
        self.trials.truncate(part.end * tiers);
        self.trials.drain(..(part.first * tiers).min(self.trials.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shards_count_from_one() {
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "1/3/4", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let shard: Shard = "2/3".parse().unwrap();
        assert_eq!((shard.index(), shard.count(), shard.to_string().as_str()), (2, 3, "2/3"));
    }

    proptest! {
        #[test]
        fn shares_follow_each_other_and_are_even(items in 0usize..1000, count in 1usize..50) {
            let mut at = 0;
            for shard in Shard::all(count) {
                let share = shard.share(items);
                prop_assert_eq!(share.start, at);
                prop_assert!(share.len() == items / count || share.len() == items.div_ceil(count));
                at = share.end;
            }
            prop_assert_eq!(at, items);
        }
    }
}
