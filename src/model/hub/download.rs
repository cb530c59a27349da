//! One file of a commit, from the hub into the cache, going on where an earlier try stopped.

use std::io::Read;
use std::path::PathBuf;

use ureq::http::header::CONTENT_RANGE;
use ureq::http::{HeaderMap, StatusCode};

use super::TransferProgress;
use super::cache::Cache;
use super::client::{Client, TRIES};
use super::partial::{PIECE, Partial, UNSAID_MAX, Unfinished, is_digest};
use super::refusal::{Asked, Passing, Refusal};
use crate::error::{Error, Result};

/// A try that brings so much is not counted among those that failed in a row.
const HEADWAY_BYTES: u64 = 16 << 20;

/// Fetches `file` of `commit` unless it is there, and says where it is.
///
/// # Errors
/// The hub refuses, the network fails for good, what comes is not what was announced, or the disk is full.
pub(super) fn download(
    client: &Client<'_>,
    cache: &Cache,
    commit: &str,
    asked: Asked<'_>,
    progress: &mut dyn TransferProgress,
) -> Result<PathBuf> {
    let file = asked.file.unwrap_or_default();
    if let Some(path) = cache.find(commit, file) {
        return Ok(path);
    }
    let metadata = client.metadata(asked, commit, progress)?;
    let etag = &*metadata.etag;
    if !is_digest(etag) {
        return Err(Error::failed(format!(
            "the hub does not say what `{file}` must be: its etag `{etag}` is no digest"
        ))
        .hint("what cannot be checked is not used; if `HF_ENDPOINT` is set, check that a hub answers there"));
    }
    let _lock = cache.lock(etag, file, progress)?;
    if let Some(path) = cache.find(commit, file) {
        return Ok(path);
    }
    let blob = cache.blob(etag);
    let fresh = !blob.is_file();
    if fresh {
        let fetch = |progress: &mut dyn TransferProgress| {
            let partial = Partial::open(blob.clone(), etag)?;
            fill(client, partial, commit, asked, metadata.bytes, progress)
        };
        match fetch(progress) {
            // What an earlier try left may be of something else, and it is gone now.
            Err(Unfinished { error, is_other: true }) => {
                progress.note(&format!("{error}; fetching it anew"));
                fetch(progress).map_err(|unfinished| unfinished.error)?;
            }
            other => other.map_err(|unfinished| unfinished.error)?,
        }
    }
    cache.link(commit, file, etag, fresh)
}

/// Fetches what is missing of a blob, over as many connections as it takes, and makes the blob of it.
fn fill(
    client: &Client<'_>,
    mut partial: Partial,
    commit: &str,
    asked: Asked<'_>,
    bytes: Option<u64>,
    progress: &mut dyn TransferProgress,
) -> Result<(), Unfinished> {
    let file = asked.file.unwrap_or_default();
    // Of unknown length, it cannot be told whether what is there is the whole already.
    if bytes.is_none_or(|bytes| partial.bytes() > bytes) {
        partial.restart()?;
    }
    if let Some(bytes) = bytes {
        partial.check_room(file, bytes)?;
    }
    progress.bytes(file, partial.bytes(), bytes);
    let mut tries = 1;
    while bytes != Some(partial.bytes()) {
        let before = partial.bytes();
        match pass(client, &mut partial, commit, asked, bytes, progress) {
            Ok(true) => break,
            Ok(false) => {
                let what = match bytes {
                    Some(bytes) => format!("more than the {bytes} bytes that were announced"),
                    None => format!("more than {UNSAID_MAX} bytes, and nobody said how many"),
                };
                return Err(partial.discard(format!("`{file}` comes with {what}")));
            }
            Err(refusal) if refusal.passing == Passing::Never => return Err(refusal.error.into()),
            Err(refusal) => {
                if partial.bytes() >= before + HEADWAY_BYTES {
                    tries = 1;
                }
                if tries >= TRIES {
                    return Err(refusal.error.into());
                }
                client.wait(&refusal, tries, progress);
                tries += 1;
            }
        }
    }
    partial.finish(file, bytes)
}

/// One connection's worth; whether it was not too much.
fn pass(
    client: &Client<'_>,
    partial: &mut Partial,
    commit: &str,
    asked: Asked<'_>,
    bytes: Option<u64>,
    progress: &mut dyn TransferProgress,
) -> Result<bool, Refusal> {
    let file = asked.file.unwrap_or_default();
    let (host, response) = client.content(asked, commit, partial.bytes())?;
    if partial.bytes() > 0 && !continues(&response, partial.bytes()) {
        partial.restart().map_err(Refusal::never)?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            return Err(Refusal::busy(Error::failed(format!(
                "`{host}` sent another part of `{file}` than it was asked for"
            ))));
        }
    }
    let mut body = response.into_body().into_reader();
    let mut piece = vec![0; PIECE];
    loop {
        let read = body
            .read(&mut piece)
            .map_err(|error| Refusal::transport(&host, ureq::Error::from(error)))?;
        if read == 0 {
            break;
        }
        if partial.bytes() + read as u64 > bytes.unwrap_or(UNSAID_MAX) {
            return Ok(false);
        }
        partial.append(&piece[..read]).map_err(Refusal::never)?;
        progress.bytes(file, partial.bytes(), bytes);
    }
    match bytes {
        Some(bytes) if partial.bytes() < bytes => Err(Refusal::busy(
            Error::failed(format!(
                "`{host}` sent {} of the {bytes} bytes of `{file}`",
                partial.bytes()
            ))
            .hint("run the same command again: it goes on from here"),
        )),
        _ => Ok(true),
    }
}

/// Whether an answer starts at byte `from`.
fn continues<B>(response: &ureq::http::Response<B>, from: u64) -> bool {
    response.status() == StatusCode::PARTIAL_CONTENT && first_byte(response.headers()) == Some(from)
}

/// `bytes 5-9/10` starts at 5.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}
