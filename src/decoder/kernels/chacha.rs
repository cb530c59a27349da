//! The words of a ChaCha8 stream that are large: the only ones whose noise can win a draw.
//!
//! Sixteen blocks are computed side by side where the processor has AVX-512, and by the `rand_chacha` crate
//! elsewhere; a test holds both to the same words. Knows nothing about tokens or noise.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Words that are computed at once: sixteen ChaCha blocks of sixteen words.
pub(crate) const GROUP_WORDS: usize = 256;

/// One stream of ChaCha8 under one key.
pub(crate) struct WordStream {
    key: [u8; 32],
    stream: u64,
}

impl WordStream {
    /// Stream number `stream` under `key`.
    pub(crate) fn new(key: [u8; 32], stream: u64) -> Self {
        Self { key, stream }
    }

    /// The word at `index`.
    pub(crate) fn word(&self, index: usize) -> u32 {
        self.generator(index).next_u32()
    }

    /// Appends index and value of those words of `group` (256 words, counted from 0) that are not below
    /// `floor`, in no promised order.
    pub(crate) fn large_words(&self, group: usize, floor: u32, found: &mut Vec<(usize, u32)>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor was asked for the feature.
            unsafe { avx512::large_words(&self.key, self.stream, group, floor, found) };
            return;
        }
        self.large_words_portable(group, floor, found);
    }

    fn large_words_portable(&self, group: usize, floor: u32, found: &mut Vec<(usize, u32)>) {
        let first = group * GROUP_WORDS;
        let mut bytes = [0u8; 4 * GROUP_WORDS];
        self.generator(first).fill_bytes(&mut bytes);
        let words = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word));
        found.extend((first..).zip(words).filter(|&(_, word)| word >= floor));
    }

    /// A generator whose next word is that at `index`.
    fn generator(&self, index: usize) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::from_seed(self.key);
        generator.set_stream(self.stream);
        generator.set_word_pos(index as u128);
        generator
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::GROUP_WORDS;

    /// Word w of the state of sixteen blocks: lane i belongs to block i.
    type State = [__m512i; 16];

    #[target_feature(enable = "avx512f")]
    pub(super) fn large_words(
        key: &[u8; 32],
        stream: u64,
        group: usize,
        floor: u32,
        found: &mut Vec<(usize, u32)>,
    ) {
        let state = blocks(&start(key, stream, group as u64 * 16));
        let floor = _mm512_set1_epi32(floor as i32);
        // Loops, since a closure is compiled for the feature and cannot be merged into functions that are not.
        let (mut masks, mut any) = ([0; 16], 0);
        for (mask, &words) in masks.iter_mut().zip(&state) {
            *mask = _mm512_cmpge_epu32_mask(words, floor);
            any |= *mask;
        }
        if any == 0 {
            return;
        }
        for (w, (words, mut mask)) in state.into_iter().zip(masks).enumerate() {
            if mask == 0 {
                continue;
            }
            let mut lanes = [0u32; 16];
            // SAFETY: the array has the size of the vector, and the store needs no alignment.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), words) };
            while mask != 0 {
                let i = mask.trailing_zeros() as usize;
                found.push((group * GROUP_WORDS + i * 16 + w, lanes[i]));
                mask &= mask - 1;
            }
        }
    }

    /// Constants, key, block counter and stream, as rand_chacha lays them out (64 bits each for the last two).
    #[target_feature(enable = "avx512f")]
    fn start(key: &[u8; 32], stream: u64, first_block: u64) -> State {
        let all = |word: u32| _mm512_set1_epi32(word as i32);
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut state = [lanes; 16];
        let constants = b"expand 32-byte k".as_chunks::<4>().0;
        for (word, bytes) in state.iter_mut().zip(constants.iter().chain(key.as_chunks().0)) {
            *word = all(u32::from_le_bytes(*bytes));
        }
        // A group starts at a multiple of sixteen blocks, so that adding a lane's number carries nothing.
        state[12] = _mm512_add_epi32(all(first_block as u32), lanes);
        state[13] = all((first_block >> 32) as u32);
        state[14] = all(stream as u32);
        state[15] = all((stream >> 32) as u32);
        state
    }

    /// The block function of RFC 8439 with four double rounds in place of ten.
    #[target_feature(enable = "avx512f")]
    fn blocks(start: &State) -> State {
        let mut x = *start;
        for _ in 0..4 {
            quarter_round(&mut x, 0, 4, 8, 12);
            quarter_round(&mut x, 1, 5, 9, 13);
            quarter_round(&mut x, 2, 6, 10, 14);
            quarter_round(&mut x, 3, 7, 11, 15);
            quarter_round(&mut x, 0, 5, 10, 15);
            quarter_round(&mut x, 1, 6, 11, 12);
            quarter_round(&mut x, 2, 7, 8, 13);
            quarter_round(&mut x, 3, 4, 9, 14);
        }
        for (x, &start) in x.iter_mut().zip(start) {
            *x = _mm512_add_epi32(*x, start);
        }
        x
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn quarter_round(x: &mut State, a: usize, b: usize, c: usize, d: usize) {
        x[a] = _mm512_add_epi32(x[a], x[b]);
        x[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(x[d], x[a]));
        x[c] = _mm512_add_epi32(x[c], x[d]);
        x[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(x[b], x[c]));
        x[a] = _mm512_add_epi32(x[a], x[b]);
        x[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(x[d], x[a]));
        x[c] = _mm512_add_epi32(x[c], x[d]);
        x[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(x[b], x[c]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn large_words_are_those_of_the_stream(
            key: [u8; 32], stream: u64, group in 0usize..5_000_000_000, floor: u32,
        ) {
            let stream = WordStream::new(key, stream);
            let mut generator = stream.generator(0);
            generator.set_word_pos((group * GROUP_WORDS) as u128);
            let words: Vec<(usize, u32)> =
                (0..GROUP_WORDS).map(|i| (group * GROUP_WORDS + i, generator.next_u32())).collect();
            prop_assert_eq!(stream.word(words[77].0), words[77].1);
            for floor in [0, floor, words[130].1, u32::MAX] {
                let expected: Vec<_> = words.iter().copied().filter(|w| w.1 >= floor).collect();
                let mut found = Vec::new();
                stream.large_words(group, floor, &mut found);
                found.sort_unstable();
                prop_assert_eq!(&found, &expected);
                found.clear();
                stream.large_words_portable(group, floor, &mut found);
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
