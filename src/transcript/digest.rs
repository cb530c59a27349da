//! One number for all tokens that a run has drawn, which two people can hold against each other.

use super::record::Transcript;

/// BLAKE3, in hexadecimal, over the token ids of all trials in their order, each as four bytes, the lowest first.
/// Nothing stands between trials. It says nothing about texts and settings: it is the same wherever the same tokens
/// were drawn, and changes only with the arithmetic behind them.
pub fn token_digest(transcripts: &[Transcript]) -> String {
    let mut hasher = blake3::Hasher::new();
    for transcript in transcripts {
        for id in &transcript.token_ids {
            hasher.update(&id.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}
