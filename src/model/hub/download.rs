//! One file of a commit, from the hub into the cache, going on where an earlier try stopped.

use std::io::Read;
use std::path::PathBuf;

use ureq::http::header::CONTENT_RANGE;
use ureq::http::{HeaderMap, StatusCode};

use super::Progress;
use super::cache::Cache;
use super::client::{Client, TRIES};
use super::partial::{PIECE, Partial};
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
    progress: &mut dyn Progress,
) -> Result<PathBuf> {
    let file = asked.file.unwrap_or_default();
    if let Some(path) = cache.find(commit, file) {
        return Ok(path);
    }
    let metadata = client.metadata(asked, commit, progress)?;
    let etag = &*metadata.etag;
    let _lock = cache.lock(etag, file, progress)?;
    if let Some(path) = cache.find(commit, file) {
        return Ok(path);
    }
    let blob = cache.blob(etag);
    let fresh = !blob.is_file();
    if fresh {
        let mut partial = Partial::open(blob, etag)?;
        fill(client, &mut partial, commit, asked, metadata.bytes, progress)?;
        partial.finish(file, metadata.bytes)?;
    }
    cache.link(commit, file, etag, fresh)
}

/// Fetches what is missing of a blob, over as many connections as it takes.
fn fill(
    client: &Client<'_>,
    partial: &mut Partial,
    commit: &str,
    asked: Asked<'_>,
    bytes: Option<u64>,
    progress: &mut dyn Progress,
) -> Result<()> {
    // Of unknown length, it cannot be told whether what is there is the whole already.
    if bytes.is_none_or(|bytes| partial.bytes() > bytes) {
        partial.restart()?;
    }
    progress.bytes(asked.file.unwrap_or_default(), partial.bytes(), bytes);
    let mut tries = 1;
    while bytes != Some(partial.bytes()) {
        let before = partial.bytes();
        match pass(client, partial, commit, asked, bytes, progress) {
            Ok(()) => break,
            Err(refusal) if refusal.passing == Passing::Never => return Err(refusal.error),
            Err(refusal) => {
                if partial.bytes() >= before + HEADWAY_BYTES {
                    tries = 1;
                }
                if tries >= TRIES {
                    return Err(refusal.error);
                }
                client.wait(&refusal, tries, progress);
                tries += 1;
            }
        }
    }
    Ok(())
}

/// One connection's worth.
fn pass(
    client: &Client<'_>,
    partial: &mut Partial,
    commit: &str,
    asked: Asked<'_>,
    bytes: Option<u64>,
    progress: &mut dyn Progress,
) -> Result<(), Refusal> {
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
        partial.append(&piece[..read]).map_err(Refusal::never)?;
        progress.bytes(file, partial.bytes(), bytes);
        if bytes.is_some_and(|bytes| partial.bytes() > bytes) {
            // More than was announced: `finish` says so.
            return Ok(());
        }
    }
    match bytes {
        Some(bytes) if partial.bytes() < bytes => Err(Refusal::busy(
            Error::failed(format!(
                "`{host}` sent {} of the {bytes} bytes of `{file}`",
                partial.bytes()
            ))
            .hint("run the same command again: it goes on from here"),
        )),
        _ => Ok(()),
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
