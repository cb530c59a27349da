//! Paired tests of "the tiers do not differ". Knows nothing about tiers: it sees one gap per request.
//!
//! Both tests are two-sided and exact under the hypothesis that a request's two arms are exchangeable, in
//! which the sign of each gap is a fair coin. With gaps of −1, 0 and 1 they are the same test.

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::random::{Purpose, generator};

/// Least common multiple of 1 to 36. A difference of two means over at most 36 samples each is a whole number
/// of these units, so that sums compare and coincide exactly, as sums of floating-point numbers would not.
const UNITS: f64 = 144_403_552_893_600.0;

/// Most partial sums that the exact test may visit, about 0.1 s; 20 unlike gaps need 2²¹.
const EXACT_WORK: usize = 1 << 23;

/// Sign assignments drawn when the exact test would be too long; the smallest p-value is then 1/10,000.
const DRAWS: u64 = 9_999;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestMethod {
    /// Exact McNemar.
    McnemarExact,
    /// Sign flips, all of them.
    SignFlipExact,
    /// Sign flips, drawn with the seed.
    SignFlipMonteCarlo,
}

/// A two-sided p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// Probability, under no difference, of a gap at least this far from 0.
    pub p_value: f64,
    /// How it was computed.
    pub method: TestMethod,
}

/// The exact McNemar test (McNemar 1947): `only_free` and `only_paid` are the pairs in which one arm alone
/// complied. p = min(1, 2·P(X ≤ min(b, c))) with X ~ Binomial(b + c, 1/2), and 1 without such a pair.
pub fn mcnemar(only_free: u64, only_paid: u64) -> PairedTest {
    // A share of 1/2 is valid for every number of trials, so the fallback is never taken.
    let smaller_tail = Binomial::new(0.5, only_free + only_paid)
        .map_or(0.5, |binomial| binomial.cdf(only_free.min(only_paid)));
    PairedTest { p_value: (2.0 * smaller_tail).min(1.0), method: TestMethod::McnemarExact }
}

/// The sign-flip permutation test of a mean gap of 0 (Fisher 1935): the share of the 2ⁿ sign assignments whose
/// |sum| reaches the observed one. Exact whenever the distribution of the sum can be built in a few million
/// steps, as for 20 arbitrary gaps or a thousand gaps in quarters; else from 9,999 seeded draws as
/// (b + 1)/(m + 1), which keeps the level exact (Phipson and Smyth 2010).
pub fn sign_flip(gaps: &[f64], seed: u64) -> PairedTest {
    let signed: Vec<i64> = gaps.iter().map(|gap| (gap * UNITS).round() as i64).collect();
    let observed = signed.iter().sum::<i64>().abs();
    let mut sizes: Vec<i64> = signed.into_iter().map(i64::abs).filter(|size| *size > 0).collect();
    // The order of the requests must not show, not even in the last bit.
    sizes.sort_unstable();
    // Means over more than 36 samples are rounded to the unit: sums this close are ties.
    let reached = observed - sizes.len() as i64;
    match flip_exactly(&sizes, reached) {
        Some(p_value) => PairedTest { p_value, method: TestMethod::SignFlipExact },
        None => PairedTest {
            p_value: flip_at_random(&sizes, reached, seed),
            method: TestMethod::SignFlipMonteCarlo,
        },
    }
}

/// The share of sign assignments with |sum| ≥ `reached`, from the distribution of the sum, which is built up
/// gap by gap; none when that would take more than `EXACT_WORK` steps.
fn flip_exactly(sizes: &[i64], reached: i64) -> Option<f64> {
    let mut distribution = vec![(0_i64, 1.0_f64)];
    let mut work = 0;
    for &size in sizes {
        work += 2 * distribution.len();
        if work > EXACT_WORK {
            return None;
        }
        distribution = add_fair_sign(&distribution, size);
    }
    let share: f64 =
        distribution.iter().filter(|(sum, _)| sum.abs() >= reached).map(|(_, p)| p).sum();
    Some(share.min(1.0))
}

/// The distribution of the sum after one more ±`size`: the old one shifted down and up, merged in order.
fn add_fair_sign(distribution: &[(i64, f64)], size: i64) -> Vec<(i64, f64)> {
    let mut merged: Vec<(i64, f64)> = Vec::with_capacity(2 * distribution.len());
    let mut down = distribution.iter().map(|(sum, p)| (sum - size, p / 2.0)).peekable();
    let mut up = distribution.iter().map(|(sum, p)| (sum + size, p / 2.0)).peekable();
    loop {
        let next = match (down.peek(), up.peek()) {
            (Some(lower), Some(upper)) if upper.0 < lower.0 => up.next(),
            (Some(_), _) => down.next(),
            (None, _) => up.next(),
        };
        let Some((sum, p)) = next else { return merged };
        match merged.last_mut() {
            Some(last) if last.0 == sum => last.1 += p,
            _ => merged.push((sum, p)),
        }
    }
}

/// (b + 1)/(m + 1), with b the draws out of m whose |sum| is at least `reached`.
fn flip_at_random(sizes: &[i64], reached: i64, seed: u64) -> f64 {
    let mut generator = generator(seed, Purpose::SignFlip);
    let mut draw_sum = || -> i64 {
        let chunks = sizes.chunks(u64::BITS as usize);
        chunks
            .map(|chunk| {
                let signs = generator.next_u64();
                let signed = chunk.iter().enumerate();
                signed
                    .map(|(bit, size)| if signs >> bit & 1 == 0 { *size } else { -*size })
                    .sum::<i64>()
            })
            .sum()
    };
    let at_least = (0..DRAWS).filter(|_| draw_sum().abs() >= reached).count();
    (at_least + 1) as f64 / (DRAWS + 1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Deserialize)]
    struct Discordance {
        b: u64,
        c: u64,
        p: f64,
    }

    #[derive(Deserialize)]
    struct Flip {
        gaps: Vec<f64>,
        p: f64,
    }

    #[derive(Deserialize)]
    struct Fixture {
        mcnemar: Vec<Discordance>,
        sign_flip: Vec<Flip>,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap()
    }

    #[test]
    fn mcnemar_matches_the_reference() {
        for case in fixture().mcnemar {
            let ours = mcnemar(case.b, case.c).p_value;
            assert!(
                (ours - case.p).abs() <= 1e-10 * case.p,
                "{} {}: {ours}, not {}",
                case.b,
                case.c,
                case.p
            );
        }
    }

    #[test]
    fn sign_flips_match_the_reference() {
        for case in fixture().sign_flip {
            let ours = sign_flip(&case.gaps, 0);
            assert_eq!(ours.method, TestMethod::SignFlipExact);
            assert!((ours.p_value - case.p).abs() <= 1e-10 * case.p, "{ours:?}, not {}", case.p);
        }
    }

    /// Five of five in one direction: 2 of the 32 assignments are as far out.
    #[test]
    fn both_tests_give_the_textbook_value() {
        assert!((mcnemar(5, 0).p_value - 2.0 / 32.0).abs() < 1e-14);
        assert!((sign_flip(&[1.0, 1.0, 1.0, 1.0, 1.0, 0.0], 0).p_value - 2.0 / 32.0).abs() < 1e-14);
    }

    /// 1/3 + 1/3 + 1/3 against 1: in floating point the sums that tie would not.
    #[test]
    fn thirds_tie_exactly() {
        let third = 1.0 / 3.0;
        let enumerated = {
            let gaps = [2_i32, 2, 2, 6, -1];
            let at_least = (0..32_u32).filter(|signs| {
                let signed = gaps.iter().enumerate();
                let sum: i32 =
                    signed.map(|(bit, gap)| if signs >> bit & 1 == 0 { *gap } else { -gap }).sum();
                sum.abs() >= 11
            });
            at_least.count() as f64 / 32.0
        };
        let ours = sign_flip(&[third, third, third, 1.0, -third / 2.0], 0);
        assert!((ours.p_value - enumerated).abs() < 1e-14);
    }

    #[test]
    fn a_long_list_of_unlike_gaps_is_drawn_and_the_seed_decides() {
        let gaps: Vec<f64> =
            (1..=120).map(|index| f64::from(index * index % 997) / 997.0 - 0.45).collect();
        let drawn = sign_flip(&gaps, 7);
        assert_eq!(drawn.method, TestMethod::SignFlipMonteCarlo);
        assert_eq!(drawn, sign_flip(&gaps, 7));
        assert!(drawn.p_value > 0.0 && drawn.p_value < 1.0);
    }

    /// The drawn p-value is within four standard errors of the exact one.
    #[test]
    fn drawing_agrees_with_counting() {
        let sizes: Vec<i64> = (0..40).map(|index| 1 + index % 4).collect();
        let exact = flip_exactly(&sizes, 20).unwrap();
        let drawn = flip_at_random(&sizes, 20, 3);
        let error = (exact * (1.0 - exact) / DRAWS as f64).sqrt();
        assert!((exact - drawn).abs() < 4.0 * error, "{exact} {drawn}");
    }

    proptest! {
        #[test]
        fn on_whole_gaps_the_two_tests_are_one(only_free in 0_usize..60, only_paid in 0_usize..60) {
            let gaps = [vec![1.0; only_free], vec![-1.0; only_paid], vec![0.0; 3]].concat();
            let flipped = sign_flip(&gaps, 0);
            let exact = mcnemar(only_free as u64, only_paid as u64);
            prop_assert_eq!(flipped.method, TestMethod::SignFlipExact);
            prop_assert!((flipped.p_value - exact.p_value).abs() <= 1e-10 * exact.p_value);
        }

        #[test]
        fn the_sign_of_all_gaps_does_not_matter(eighths in prop::collection::vec(-8_i32..=8, 0..50)) {
            let gaps: Vec<f64> = eighths.iter().map(|eighth| f64::from(*eighth) / 8.0).collect();
            let negated: Vec<f64> = gaps.iter().map(|gap| -gap).collect();
            prop_assert_eq!(sign_flip(&gaps, 1), sign_flip(&negated, 1));
        }
    }
}
