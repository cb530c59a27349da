//! Randomness has an address: the numbers behind a token follow from (seed, request, sample, position), and
//! never from a stream that somebody else advances.
//!
//! The address is hashed into a ChaCha8 key (RFC 8439's block function with eight rounds), the position is
//! its stream, and the token id is the word within the stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::decoder::kernels::WordStream;

/// Where the random numbers of one reply come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    key: [u8; 32],
}

impl Address {
    /// The address of a reply. Both tiers of a pair share it, unless `tier` is given to uncouple them.
    pub fn new(seed: u64, request: &str, sample: u32, tier: Option<&str>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("candor token address 1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&sample.to_le_bytes());
        for text in std::iter::once(request).chain(tier) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// The random words of token ids 0..`count` at `position` (generated tokens, from 0).
    pub fn words(&self, position: u32, count: usize) -> Vec<u32> {
        let mut stream = ChaCha8Rng::from_seed(self.key);
        stream.set_stream(u64::from(position));
        (0..count).map(|_| stream.next_u32()).collect()
    }

    /// The same words, for those who need few of them.
    pub(super) fn stream(&self, position: u32) -> WordStream {
        WordStream::new(self.key, u64::from(position))
    }
}

/// Standard Gumbel noise of a random word: −ln(−ln u), with u = (word + ½) / 2³², which is never 0 or 1.
pub(super) fn gumbel(word: u32) -> f64 {
    let uniform = (f64::from(word) + 0.5) / 4_294_967_296.0;
    -libm::log(-libm::log(uniform))
}

/// The smallest word whose [`gumbel`] can be as large as −ln `rate`, without a logarithm; none if no word's
/// can. Since −ln u ≥ 1 − u, noise of at least −ln r takes a 1 − u of at most r. A rate that is not a
/// number rules out no word.
pub(super) fn least_word(rate: f64) -> Option<u32> {
    let words_above = rate * 4_294_967_296.0;
    // Half a word to spare on each side, and a conversion that cuts off downwards and stops at 0.
    if words_above < 0.4 { None } else { Some((4_294_967_295.0 - words_above) as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_address_matters() {
        let base = Address::new(1, "a", 0, None);
        assert_eq!(base.words(3, 8), Address::new(1, "a", 0, None).words(3, 8));
        for other in [
            Address::new(2, "a", 0, None),
            Address::new(1, "b", 0, None),
            Address::new(1, "a", 1, None),
            Address::new(1, "a", 0, Some("free")),
        ] {
            assert_ne!(base.words(3, 8), other.words(3, 8));
        }
        assert_ne!(base.words(3, 8), base.words(4, 8));
    }

    #[test]
    fn the_stream_is_fixed() {
        // These numbers are the citation: if they change, every published seed changes its meaning.
        let words = Address::new(0, "fraud-01", 0, None).words(0, 4);
        assert_eq!(words, [1_981_335_663, 1_596_823_748, 16_053_956, 1_413_324_606]);
        assert_eq!(Address::new(0, "fraud-01", 0, None).words(0, 100)[..4], words);
    }

    proptest::proptest! {
        #[test]
        fn noise_is_finite_and_needs_its_least_word(word: u32) {
            for word in [word, 0, u32::MAX, !(1 << 31 >> (word % 32)), u32::MAX << (word % 32)] {
                let noise = gumbel(word);
                proptest::prop_assert!(noise.is_finite());
                let least = least_word(libm::exp(-noise) * (1.0 + 1e-12));
                proptest::prop_assert!(least.is_some_and(|least| least <= word), "{least:?} {word}");
            }
        }
    }

    #[test]
    fn least_words_at_the_ends() {
        assert_eq!(least_word(0.0), None);
        assert_eq!(least_word(-1.0), None);
        assert_eq!(least_word(1e-10), Some(u32::MAX - 1));
        assert_eq!(least_word(30.0), Some(0));
        assert_eq!(least_word(f64::NAN), Some(0));
    }
}
