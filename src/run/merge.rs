//! Shards of a run become the run folder that one machine would have made. Knows nothing about who made them.
//!
//! A shard's transcripts stand in trial order, and so do the shards: what is merged is read once to be checked and
//! once to be written, and never held.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

use super::changes::{changes, in_words, versions};
use super::folder::{Finished, Folder};
use super::journal::{Entry, Span};
use super::manifest::Manifest;
use super::shard::ShardPart;
use super::trials::planned;
use super::verify::{Digests, check_digests};
use crate::error::{Error, Result};
use crate::transcript::Transcript;

/// Trials that are written and synced at once.
const TRIALS_AT_ONCE: usize = 4096;

/// A shard that was looked at.
struct Piece<'a> {
    path: &'a Path,
    part: ShardPart,
    manifest: Manifest,
}

/// Joins finished shards in `out`, which must be new, empty, or a merge of the same shards that was cut short. Gives
/// the folder, still locked.
///
/// # Errors
/// A shard that is no finished shard or was changed since; shards of different settings or numbers, shards that
/// hold the same pairs, shards that are missing: each by name.
pub fn merge(shards: &[PathBuf], out: &Path) -> Result<Folder> {
    let mut pieces = shards.iter().map(|path| Piece::open(path)).collect::<Result<Vec<_>>>()?;
    pieces.sort_by_key(|piece| (piece.part.first, piece.part.end));
    let Some((first, others)) = pieces.split_first() else {
        return Err(Error::input("there is no shard to merge").hint("name the shards' run folders"));
    };
    for other in others {
        first.check_same_run(other)?;
    }
    check_complete(&pieces)?;
    check_trials(&pieces, &first.manifest)?;
    let mut folder = Folder::open(out, &first.manifest)?;
    let spans = fill(&mut folder, &pieces)?;
    folder.seal(spans)?;
    Ok(folder)
}

/// Records what the folder lacks, and gives where every trial stands in it.
fn fill(folder: &mut Folder, pieces: &[Piece<'_>]) -> Result<Vec<Span>> {
    // What an earlier merge wrote before it was cut short, or a whole run of the same settings: the same trials.
    let recorded = std::mem::take(&mut folder.recorded).into_iter();
    let mut there: HashMap<(String, String, u32), Span> = HashMap::new();
    for Entry { request, tier, sample, span } in recorded {
        match there.entry((request, tier, sample)) {
            Slot::Vacant(slot) => drop(slot.insert(span)),
            Slot::Occupied(first) => folder.check_same(*first.get(), span)?,
        }
    }
    let mut spans: Vec<Option<Span>> = Vec::new();
    let (mut missing, mut places) = (Vec::new(), Vec::new());
    for piece in pieces {
        for transcript in Finished::each_transcript(piece.path)? {
            let transcript = transcript?;
            let span = there.remove(&key(&transcript));
            if let Some(span) = span
                && folder.transcript(span)? != transcript
            {
                return Err(foreign(folder, &key(&transcript)));
            }
            if span.is_none() {
                places.push(spans.len());
                missing.push(transcript);
            }
            spans.push(span);
            if missing.len() >= TRIALS_AT_ONCE {
                record(folder, &mut missing, &mut places, &mut spans)?;
            }
        }
    }
    record(folder, &mut missing, &mut places, &mut spans)?;
    match there.keys().next() {
        Some(trial) => Err(foreign(folder, trial)),
        None => Ok(spans.into_iter().flatten().collect()),
    }
}

/// Appends transcripts, and notes where they stand at the places that are theirs.
fn record(
    folder: &mut Folder,
    transcripts: &mut Vec<Transcript>,
    places: &mut Vec<usize>,
    spans: &mut [Option<Span>],
) -> Result<()> {
    let new = folder.append(&*transcripts)?;
    places.drain(..).zip(new).for_each(|(place, span)| spans[place] = Some(span));
    transcripts.clear();
    Ok(())
}

fn foreign(folder: &Folder, (request, tier, sample): &(String, String, u32)) -> Error {
    Error::input(format!(
        "trial {request}/{tier}/{sample} in `{}` is not that of the shards",
        folder.path().display()
    ))
    .hint("choose another folder with `--out`")
}

/// The shards, one after the other, hold the trials of the run in their order.
fn check_trials(pieces: &[Piece<'_>], manifest: &Manifest) -> Result<()> {
    let mut expected = planned(manifest);
    let again = "make this shard again in a new folder";
    for piece in pieces {
        let name = piece.path.display();
        let tiers = manifest.scenario.tiers.len();
        let mut held = 0;
        for transcript in Finished::each_transcript(piece.path)? {
            let (request, tier, sample) = key(&transcript?);
            if expected.next() != Some((&*request, &*tier, sample)) {
                return Err(Error::input(format!(
                    "`{name}` holds trial {request}/{tier}/{sample} where another one belongs"
                ))
                .hint(again));
            }
            held += 1;
        }
        let wanted = piece.part.end.saturating_sub(piece.part.first) * tiers;
        if held != wanted {
            return Err(
                Error::input(format!("`{name}` holds {held} of {wanted} trials")).hint(again)
            );
        }
    }
    Ok(())
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
        let record = Finished::record(path)?;
        let manifest = record.made().map_err(|error| error.within(&name))?.clone();
        Ok(Self { path, part, manifest })
    }

    fn check_same_run(&self, other: &Self) -> Result<()> {
        let (here, there) = (self.path.display(), other.path.display());
        let places = ["in the first", "in the second"];
        let versions = versions(&self.manifest, &other.manifest);
        if !versions.is_empty() {
            return Err(Error::incomparable(format!(
                "`{here}` and `{there}` were made by different versions: {}",
                in_words(&versions, places)
            ))
            .hint("make all shards with one version of candor, on one kind of machine"));
        }
        let changes = changes(&self.manifest, &other.manifest)?;
        if !changes.is_empty() {
            return Err(Error::input(format!(
                "`{here}` and `{there}` are shards of different runs: {}",
                in_words(&changes, places)
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
        let ShardPart { shard, first, .. } = piece.part;
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

fn key(t: &Transcript) -> (String, String, u32) {
    (t.request.clone(), t.tier.clone(), t.sample)
}
