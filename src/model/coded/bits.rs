//! Codes of a few bits packed into words of 32. Works on words alone.

/// Code `index` of a dense stream of codes of `bits` bits, the first in the lowest bits of the first word;
/// `word` gives the words. Codes may straddle two words.
pub(super) fn code(bits: usize, index: usize, word: impl Fn(usize) -> u32) -> u32 {
    let start = index * bits;
    let (first, shift) = (start / 32, start % 32);
    let low = word(first) >> shift;
    let got = 32 - shift;
    let code = if got < bits { low | word(first + 1) << got } else { low };
    code & (u32::MAX >> (32 - bits))
}

/// Where AWQ puts the code of output `output` of eight that share a word.
pub(super) fn awq_place(output: usize) -> usize {
    const PLACES: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];
    PLACES[output % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_wherever_they_lie() {
        for bits in [2usize, 3, 4, 5, 8] {
            let values: Vec<u32> = (0..64).map(|i| (i * 37 + 11) % (1 << bits)).collect();
            let mut words = vec![0u32; (64 * bits).div_ceil(32) + 1];
            for (i, value) in values.iter().enumerate() {
                for bit in 0..bits {
                    let at = i * bits + bit;
                    words[at / 32] |= (value >> bit & 1) << (at % 32);
                }
            }
            for (i, &value) in values.iter().enumerate() {
                assert_eq!(code(bits, i, |w| words[w]), value, "{bits} bits, code {i}");
            }
        }
    }

    #[test]
    fn awq_takes_even_outputs_first() {
        // The order in which AutoAWQ packs eight neighbours: 0, 2, 4, 6, 1, 3, 5, 7.
        let mut order = [0; 8];
        (0..8).for_each(|output| order[awq_place(output)] = output);
        assert_eq!(order, [0, 2, 4, 6, 1, 3, 5, 7]);
    }
}
