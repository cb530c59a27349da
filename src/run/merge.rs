//! Shards of a run become the run folder that one machine would have made. Knows nothing about who made them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::folder::{Finished, Folder};
use super::manifest::Manifest;
use super::shard::Part;
use super::verify::{Digests, check_digests};
use crate::error::{Error, Result};
use crate::transcript::Transcript;

/// Trials that are written and synced at once.
const TRIALS_AT_ONCE: usize = 4096;

/// A shard that was looked at.
struct Piece<'a> {
    path: &'a Path,
    part: Part,
    manifest: Manifest,
    transcripts: Vec<Transcript>,
}

/// Joins finished shards in `out`, which must be new, empty, or a merge of the same shards that was cut short.
///
/// # Errors
/// A shard that is no finished shard or was changed since; shards of different settings or numbers, shards that
/// hold the same pairs, shards that are missing: each by name.
pub fn merge(shards: &[PathBuf], out: &Path) -> Result<()> {
    let mut pieces = shards.iter().map(|path| Piece::open(path)).collect::<Result<Vec<_>>>()?;
    pieces.sort_by_key(|piece| (piece.part.first, piece.part.end));
    let Some((first, others)) = pieces.split_first() else {
        return Err(Error::input("there is no shard to merge").hint("name the shards' run folders"));
    };
    for other in others {
        first.check_same_run(other)?;
    }
    check_complete(&pieces)?;
    let manifest = first.manifest.clone();
    let mut by_trial: HashMap<(String, String, u32), Transcript> = pieces
        .into_iter()
        .flat_map(|piece| piece.transcripts)
        .map(|t| ((t.request.clone(), t.tier.clone(), t.sample), t))
        .collect();
    let mut ordered = Vec::with_capacity(by_trial.len());
    for trial in trials(&manifest) {
        match by_trial.remove(&trial) {
            Some(transcript) => ordered.push(transcript),
            None => {
                let (request, tier, sample) = trial;
                return Err(Error::input(format!(
                    "trial {request}/{tier}/{sample} is in none of the shards"
                ))
                .hint("make the shards again in new folders"));
            }
        }
    }
    if let Some((request, tier, sample)) = by_trial.keys().next() {
        return Err(Error::input(format!(
            "the shards hold trial {request}/{tier}/{sample}, which is not of their run"
        ))
        .hint("make the shards again in new folders"));
    }

    let mut folder = Folder::open(out, &manifest)?;
    // What an earlier merge wrote before it was cut short, or a whole run of the same settings: the same trials.
    let place_of: HashMap<_, usize> =
        ordered.iter().enumerate().map(|(i, t)| (key(t), i)).collect();
    let mut written = vec![false; ordered.len()];
    for there in std::mem::take(&mut folder.done) {
        match place_of.get(&key(&there)) {
            Some(&i) if ordered[i] == there => written[i] = true,
            _ => {
                let (request, tier, sample) = key(&there);
                return Err(Error::input(format!(
                    "trial {request}/{tier}/{sample} in `{}` is not that of the shards",
                    out.display()
                ))
                .hint("choose another folder with `--out`"));
            }
        }
    }
    let missing = ordered.iter().zip(written).filter(|(_, written)| !written);
    let missing: Vec<&Transcript> = missing.map(|(transcript, _)| transcript).collect();
    for transcripts in missing.chunks(TRIALS_AT_ONCE) {
        folder.append(transcripts.iter().copied())?;
    }
    folder.seal(&ordered)
}

impl<'a> Piece<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let name = path.display();
        Finished::check_sealed(path)?;
        let Some(part) = Finished::part(path)? else {
            return Err(Error::input(format!("`{name}` is no shard: it has no `shard.json`"))
                .hint(
                    "name folders that `candor run --shard` or `candor sweep --shard` has made",
                ));
        };
        if let Digests::Changed(what) = check_digests(path)? {
            return Err(Error::input(format!("`{name}` is not as it was sealed: {what}"))
                .hint("make this shard again in a new folder"));
        }
        let Finished { record, transcripts, .. } = Finished::open_any(path)?;
        let manifest = record.made().map_err(|error| error.within(&name))?.clone();
        Ok(Self { path, part, manifest, transcripts })
    }

    fn check_same_run(&self, other: &Self) -> Result<()> {
        let (here, there) = (self.path.display(), other.path.display());
        if let Some(change) = self.manifest.first_difference(&other.manifest)? {
            return Err(Error::input(format!(
                "`{here}` and `{there}` are shards of different runs: `{}` is {} in the first and {} in the second",
                change.key, change.there, change.here
            ))
            .hint("merge the shards of one run, made with the same settings"));
        }
        if self.part.shard.count() != other.part.shard.count() {
            return Err(Error::input(format!(
                "`{here}` is shard {} and `{there}` is shard {}: the run was divided in two ways",
                self.part.shard, other.part.shard
            ))
            .hint("merge the shards of one division"));
        }
        Ok(())
    }
}

/// Every pair is in exactly one of the pieces, which stand in the order of their pairs.
fn check_complete(pieces: &[Piece<'_>]) -> Result<()> {
    let mut at = 0;
    let mut before: Option<&Piece<'_>> = None;
    for piece in pieces {
        let Part { shard, first, .. } = piece.part;
        if let Some(before) = before.filter(|_| first < at) {
            return Err(Error::input(format!(
                "`{}` (shard {}) and `{}` (shard {shard}) overlap: both hold pair {first}",
                before.path.display(),
                before.part.shard,
                piece.path.display(),
            ))
            .hint("name each shard once"));
        }
        if first > at {
            return Err(missing(pieces, at, first));
        }
        (at, before) = (piece.part.end, Some(piece));
    }
    match pieces.first().map_or(0, |piece| piece.part.pairs) {
        pairs if at < pairs => Err(missing(pieces, at, pairs)),
        _ => Ok(()),
    }
}

fn missing(pieces: &[Piece<'_>], first: usize, end: usize) -> Error {
    let count = pieces.first().map_or(0, |piece| piece.part.shard.count());
    let absent: Vec<String> = super::shard::Shard::all(count)
        .filter(|shard| pieces.iter().all(|piece| piece.part.shard != *shard))
        .map(|shard| shard.to_string())
        .collect();
    Error::input(format!(
        "pairs {first} to {} are in none of the shards; not among them: shard {}",
        end - 1,
        absent.join(", ")
    ))
    .hint("finish the missing shards (the same command goes on), and name all of them")
}

fn key(t: &Transcript) -> (&str, &str, u32) {
    (&t.request, &t.tier, t.sample)
}

/// Request, tier and sample of every trial of a run, in the order of `transcripts.jsonl`.
fn trials(manifest: &Manifest) -> impl Iterator<Item = (String, String, u32)> {
    let samples = 0..manifest.settings.samples;
    manifest.requests.items.iter().flat_map(move |request| {
        samples.clone().flat_map(move |sample| {
            let tiers = manifest.scenario.tiers.iter();
            tiers.map(move |tier| (request.id.clone(), tier.name.clone(), sample))
        })
    })
}
