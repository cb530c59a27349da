//! How the pairs of all cells are divided among shards. Knows nothing about who makes them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cell::Sweep;
use crate::error::Result;
use crate::run::{Shard, ShardPart};

/// `division.json` of a shard's folder: what belongs to the sweep, so that a merge misses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// Which shard lies here.
    pub shard: Shard,
    /// Every cell of the sweep, by its place, and its pairs.
    pub cells: Vec<(PathBuf, usize)>,
}

impl Division {
    /// Its file's name.
    pub const FILE: &'static str = "division.json";

    /// A shard's division of a sweep.
    ///
    /// # Errors
    /// As [`Sweep::pairs`].
    pub fn new(sweep: &Sweep, shard: Shard) -> Result<Self> {
        let cells = sweep.cells.iter().map(|cell| Ok((cell.place.clone(), sweep.pairs(cell)?)));
        Ok(Self { shard, cells: cells.collect::<Result<_>>()? })
    }

    /// The part of each cell that is the shard's. The pairs of all cells stand in one row, and each shard has a
    /// stretch of it: so it needs few models, most often one.
    pub fn parts(&self) -> Vec<ShardPart> {
        let all: usize = self.cells.iter().map(|(_, pairs)| pairs).sum();
        let share = self.shard.share(all);
        let mut before = 0;
        let part = |&(_, pairs): &(PathBuf, usize)| {
            let inside = |at: usize| at.saturating_sub(before).min(pairs);
            let (first, end) = (inside(share.start), inside(share.end));
            before += pairs;
            ShardPart { shard: self.shard, first, end, pairs }
        };
        self.cells.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pair_is_in_one_shard(sizes in prop::collection::vec(0usize..30, 1..8), count in 1usize..9) {
            let cells: Vec<_> =
                sizes.iter().enumerate().map(|(i, &n)| (PathBuf::from(i.to_string()), n)).collect();
            let mut at = vec![0; sizes.len()];
            for shard in Shard::all(count) {
                let division = Division { shard, cells: cells.clone() };
                for (i, part) in division.parts().into_iter().enumerate() {
                    if !part.is_empty() {
                        prop_assert_eq!(part.first, at[i]);
                        at[i] = part.end;
                    }
                }
            }
            prop_assert_eq!(at, sizes);
        }
    }
}
