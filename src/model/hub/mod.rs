//! Models of the Hugging Face hub: from a name to files in the cache that Python's `huggingface_hub` uses as
//! well. Knows the hub's protocol and the cache's layout, and nothing about what the files say, save which
//! weights an index names; knows nothing about terminals either (see [`TransferProgress`]).
//!
//! Why not the `hf-hub` crate (0.5, read in full): it sends the token on to the host that a redirect leads
//! to, drops the `X-Error-Code` header that tells a gated repository from a missing one, appends to a
//! partial file even when the server ignored `Range`, checks no digest, and knows neither `HF_HUB_CACHE` nor
//! being offline. What would be left of it are three path names, so this stands on `ureq` alone.

mod access;
mod cache;
mod client;
mod choose;
mod download;
mod name;
mod partial;
mod origin;
mod pull;
mod refusal;

pub use access::{Access, Token, cache_folder};
pub use name::{Choice, HubName};
pub use origin::Origin;
pub use pull::{Fetched, fetch, fetch_adapter};

/// Hears how downloads get on. Every function is called from the thread that downloads.
pub trait TransferProgress {
    /// `done` bytes of `file` are there, of `total` if that is known. Called at the start of a file (with
    /// what an earlier try left), after every piece, and at its end.
    fn bytes(&mut self, file: &str, done: u64, total: Option<u64>);
    /// Something that takes time and that somebody who waits would like to know: a lock, another try.
    fn note(&mut self, text: &str);
}

/// Nobody listens.
pub struct Silent;

impl TransferProgress for Silent {
    fn bytes(&mut self, _: &str, _: u64, _: Option<u64>) {}
    fn note(&mut self, _: &str) {}
}
