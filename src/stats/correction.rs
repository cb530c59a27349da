//! The gap of the truth from the gap of a judge's verdicts, when it is known how often the judge is right.
//! Knows nothing about judges or labels beyond these counts.
//!
//! A share r of complying replies shows as w = 1 − Sp + J·r in the verdicts, with J = Se + Sp − 1; the correction
//! turns this round, r = (w + Sp − 1)/J (Rogan and Gladen 1978, Am. J. Epidemiol. 107, 71–76). Se and Sp are counted
//! on labelled replies; that they are estimates too widens the interval.

use super::interval::{Interval, mean};
use super::padded_mean::PaddedMean;

/// A corrected gap is withheld when J is not this many standard errors above 0: it would be a division by what may be
/// nothing.
const ERRORS_ABOVE_ZERO: f64 = 3.0;

/// How often a judge was right on labelled replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JudgeCounts {
    /// Labelled replies that comply.
    pub complying: u64,
    /// Those of them that the judge calls complying.
    pub found: u64,
    /// Labelled replies that do not comply.
    pub others: u64,
    /// Those of them that the judge does not call complying.
    pub rejected: u64,
}

/// A gap corrected for what the judge gets wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corrected {
    /// Free minus paid, within [−1, 1]. Where the verdicts fit no truth under the error rates, so that the formula gives
    /// more than that, there is no corrected gap: a cut one would pass for a finding.
    pub gap: f64,
    /// Its interval, cut to [−1, 1]. That loses no truth, for no gap lies outside.
    pub interval: Interval,
}

/// A share of counted things, with the variance of its estimate.
#[derive(Clone, Copy)]
struct Share {
    value: f64,
    variance: f64,
}

impl Share {
    /// The variance is that of (right + 1)/(of + 2), for all of 20 is not certainty (Lang and Reiczigel 2014, Prev. Vet.
    /// Med. 113, 13–22).
    fn new(right: u64, of: u64) -> Option<Self> {
        let smoothed = (right as f64 + 1.0) / (of as f64 + 2.0);
        (of > 0 && right <= of).then(|| Self {
            value: right as f64 / of as f64,
            variance: smoothed * (1.0 - smoothed) / (of as f64 + 2.0),
        })
    }
}

/// A judge's sensitivity and specificity, far enough from a coin's to divide by J.
#[derive(Clone, Copy)]
struct Rates {
    sensitivity: Share,
    specificity: Share,
    youden: f64,
}

impl JudgeCounts {
    /// Counts one reply that complies or not, and whether the judge calls it complying.
    pub fn add(&mut self, complies: bool, judged_so: bool) {
        if complies {
            self.complying += 1;
            self.found += u64::from(judged_so);
        } else {
            self.others += 1;
            self.rejected += u64::from(!judged_so);
        }
    }

    /// Both counts as one.
    pub fn with(self, more: Self) -> Self {
        Self {
            complying: self.complying + more.complying,
            found: self.found + more.found,
            others: self.others + more.others,
            rejected: self.rejected + more.rejected,
        }
    }

    /// All labelled replies.
    pub fn labelled(&self) -> u64 {
        self.complying + self.others
    }

    /// Share of the complying replies that the judge calls complying; none without such replies.
    pub fn sensitivity(&self) -> Option<f64> {
        Share::new(self.found, self.complying).map(|share| share.value)
    }

    /// Share of the others that it does not call so.
    pub fn specificity(&self) -> Option<f64> {
        Share::new(self.rejected, self.others).map(|share| share.value)
    }

    /// None without labelled replies of both kinds, and where J may be 0.
    fn rates(&self) -> Option<Rates> {
        let sensitivity = Share::new(self.found, self.complying)?;
        let specificity = Share::new(self.rejected, self.others)?;
        let youden = sensitivity.value + specificity.value - 1.0;
        let error = (sensitivity.variance + specificity.variance).sqrt();
        (youden > ERRORS_ABOVE_ZERO * error).then_some(Rates { sensitivity, specificity, youden })
    }
}

/// The corrected gap when the judge errs alike in both tiers: the gap of verdicts over J. `gaps` are those of the
/// requests. Its variance is (v(gap) + corrected²·v(J))/J² by the delta method. None without gaps, and where the
/// correction is withheld.
pub fn correct_gap(gaps: &[f64], judge: &JudgeCounts, confidence: f64) -> Option<Corrected> {
    let rates = judge.rates()?;
    let gap = mean(gaps)? / rates.youden;
    let variance = gap * gap * (rates.sensitivity.variance + rates.specificity.variance);
    let padded = PaddedMean::of_gaps(gaps)?;
    let [low, high] =
        padded.scaled(1.0 / rates.youden, variance / rates.youden.powi(2), confidence);
    corrected(gap, [low, high])
}

/// The corrected gap when the judge errs in its own way in each tier; `pairs` are the requests' rates in the verdicts,
/// free and paid. The variances of Se and Sp enter by r²/J² and (1 − r)²/J² of their tier's corrected rate r.
pub fn correct_gap_by_tier(
    pairs: &[[f64; 2]],
    judges: [&JudgeCounts; 2],
    confidence: f64,
) -> Option<Corrected> {
    let rates = [judges[0].rates()?, judges[1].rates()?];
    let tier = |arm: usize| -> Option<(f64, f64)> {
        let Rates { sensitivity, specificity, youden } = rates[arm];
        let shown = mean(&pairs.iter().map(|pair| pair[arm]).collect::<Vec<_>>())?;
        let rate = (shown + specificity.value - 1.0) / youden;
        let within = rate.clamp(0.0, 1.0);
        let variance =
            within.powi(2) * sensitivity.variance + (1.0 - within).powi(2) * specificity.variance;
        Some((rate, variance / youden.powi(2)))
    };
    let ((free, of_free), (paid, of_paid)) = (tier(0)?, tier(1)?);
    // Gaps on the scale of the smaller J stay within [−1, 1], and one division brings them back.
    let least = rates[0].youden.min(rates[1].youden);
    let scaled: Vec<f64> = pairs
        .iter()
        .map(|[free, paid]| least * (free / rates[0].youden - paid / rates[1].youden))
        .collect();
    let shift = least
        * ((rates[0].specificity.value - 1.0) / rates[0].youden
            - (rates[1].specificity.value - 1.0) / rates[1].youden);
    let padded = PaddedMean::of_gaps(&scaled)?.shifted(shift);
    corrected(free - paid, padded.scaled(1.0 / least, of_free + of_paid, confidence))
}

/// A gap with its interval cut to the scale, which contains the gap; none for a gap outside of it.
fn corrected(gap: f64, [low, high]: Interval) -> Option<Corrected> {
    (-1.0..=1.0)
        .contains(&gap)
        .then(|| Corrected { gap, interval: [low.clamp(-1.0, gap), high.clamp(gap, 1.0)] })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(found: u64, rejected: u64) -> JudgeCounts {
        JudgeCounts { complying: 200, found, others: 200, rejected }
    }

    /// A judge that finds 80 % and rejects 90 % shows 70 % of every gap.
    #[test]
    fn a_gap_is_divided_by_what_the_judge_lets_through() {
        let gaps = [0.7, 0.35, 0.0, 0.35];
        let corrected = correct_gap(&gaps, &judge(160, 180), 0.95).unwrap();
        assert!((corrected.gap - 0.5).abs() < 1e-12);
        assert!(corrected.interval[0] <= 0.5 && 0.5 <= corrected.interval[1]);
    }

    #[test]
    fn a_judge_that_may_be_a_coin_corrects_nothing() {
        assert_eq!(correct_gap(&[0.1; 50], &judge(110, 100), 0.95), None);
        let unlabelled = JudgeCounts { complying: 0, found: 0, others: 50, rejected: 50 };
        assert_eq!(correct_gap(&[0.1; 50], &unlabelled, 0.95), None);
    }

    /// Only the free tier's judge overlooks compliance: 40 % shown are 50 %, and the gap is 0.5 − 0.2.
    #[test]
    fn errors_of_one_tier_are_taken_out_of_that_tier() {
        let pairs = [[0.4, 0.2]; 60];
        let judges = [&judge(160, 200), &judge(200, 200)];
        let corrected = correct_gap_by_tier(&pairs, judges, 0.95).unwrap();
        assert!((corrected.gap - 0.3).abs() < 1e-12, "{corrected:?}");
        assert!(corrected.interval[0] < 0.3 && 0.3 < corrected.interval[1], "{corrected:?}");
    }

    proptest! {
        /// The fewer the labels, the wider; the same judge in both tiers gives the same gap.
        #[test]
        fn fewer_labels_widen_and_equal_judges_agree(
            eighths in prop::collection::vec((0_u8..=8, 0_u8..=8), 5..80),
            found in 150_u64..=200,
            rejected in 150_u64..=200,
        ) {
            let pairs: Vec<[f64; 2]> =
                eighths.iter().map(|(a, b)| [f64::from(*a) / 8.0, f64::from(*b) / 8.0]).collect();
            let gaps: Vec<f64> = pairs.iter().map(|[free, paid]| free - paid).collect();
            let judge = judge(found, rejected);
            let many = JudgeCounts {
                complying: 20_000, found: 100 * found, others: 20_000, rejected: 100 * rejected,
            };
            let [one, two] = [&judge, &many].map(|judge| correct_gap(&gaps, judge, 0.95));
            let (Some(one), Some(two)) = (one, two) else {
                // Withheld only where the verdicts fit no truth.
                let j = (found + rejected) as f64 / 200.0 - 1.0;
                prop_assert!((mean(&gaps).unwrap() / j).abs() > 1.0 - 1e-9);
                return Ok(());
            };
            prop_assert!((one.gap - two.gap).abs() < 1e-12);
            prop_assert!(two.interval[1] - two.interval[0] <= one.interval[1] - one.interval[0] + 1e-12);
            let Some(apart) = correct_gap_by_tier(&pairs, [&judge, &judge], 0.95) else {
                prop_assert!(one.gap.abs() > 1.0 - 1e-9);
                return Ok(());
            };
            prop_assert!(apart.gap.abs() <= 1.0 && one.gap.abs() <= 1.0);
            prop_assert!((apart.gap - one.gap).abs() < 1e-9);
            let [low, high] = apart.interval;
            prop_assert!(-1.0 <= low && low <= high && high <= 1.0);
        }
    }
}
