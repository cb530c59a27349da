//! Seeded random numbers for resampling. The stream is ChaCha with 8 rounds, which is fixed by its
//! specification, so that a seed gives the same interval and the same p-value in every version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What the numbers are for. Each purpose has a stream of its own, so that neither moves the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Resampling of requests.
    Bootstrap = 0,
    /// Signs of the permutation test.
    SignFlip = 1,
}

/// A generator whose key is the seed (little-endian, padded with zeros) and whose stream is the purpose.
pub(super) fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(purpose as u64);
    generator
}
