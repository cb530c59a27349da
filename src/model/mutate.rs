//! Seeded damage to input files, for tests that no input makes a reader panic.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Calls `read` with 10,000 damaged copies of `original`, the same ones each time.
pub(super) fn each(original: &[u8], read: impl Fn(&[u8])) {
    times(10_000, original, read);
}

/// The same with another number of copies.
pub(super) fn times(count: u64, original: &[u8], read: impl Fn(&[u8])) {
    for seed in 0..count {
        read(&damaged(original, &mut ChaCha8Rng::seed_from_u64(seed)));
    }
}

/// One to four of: a bit turned, a byte replaced, a piece cut out or repeated, a digit made large, the end cut off.
fn damaged(original: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.next_u32() % 4 {
        if bytes.is_empty() {
            break;
        }
        let below = |random: &mut ChaCha8Rng, end: usize| random.next_u64() as usize % end;
        let at = below(random, bytes.len());
        let end = (at + 1 + below(random, 16)).min(bytes.len());
        match random.next_u32() % 6 {
            0 => bytes[at] ^= 1 << (random.next_u32() % 8),
            1 => bytes[at] = b"{}[]\"'%-_,:.0919|\\\n"[below(random, 19)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                if let Some(digit) = (at..bytes.len()).find(|&i| bytes[i].is_ascii_digit()) {
                    bytes.splice(digit..digit, *b"99999999");
                }
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}
