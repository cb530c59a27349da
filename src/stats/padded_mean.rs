//! A mean over requests, with what its interval and its tests against a margin rest on.
//! Knows nothing about tiers or verdicts: it sees one value per request.
//!
//! The plain t interval has zero width when all requests agree, and 0 of n is not certainty.
//! A [`PaddedMean`] therefore adds pseudo-requests, [`WEIGHT`] of one at each of two places, and takes the t
//! interval of all values. For paired differences of −1, 0 and 1, weight 1, places ±1 and a normal quantile
//! this is the adjusted Wald interval of Bonett and Price (2012, J. Educ. Behav. Stat. 37, 479–488).
//!
//! *Rates* are padded at the ends of their scale, 0 and 1.
//!
//! *Gaps* are padded at ±h, where h² = (2 + Σ|g|³)/(2 + Σ|g|) is the mean square of the gaps, each counted by
//! its own size, and 1 as long as there are none. With one sample per request every gap is 0 or 1 in size and
//! h is 1. With several samples the gaps shrink where requests merely vary, and h with them; where single
//! requests differ in all samples, their size outweighs many small gaps, and h stays near 1.
//! A padding that stays at ±1 covers as much and is wider (METHODS.md has the comparison, and
//! `benches/coverage.rs` the program behind it).
//!
//! The weight is the smallest multiple of 0.05 with which no setting of one sample per request (n from 20 to
//! 400, gaps from 0 to 0.3, discordance from 0 to 0.3 more; computed exactly, not simulated) is covered by
//! less than 94 %; with weight 1 the least is 93.8 %.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{Interval, mean};

/// Pseudo-requests at each of the two places.
const WEIGHT: f64 = 1.15;

/// Pseudo-gaps of size 1 behind the place where gaps are padded.
const UNSEEN: f64 = 2.0;

/// The mean of one value per request, and the t distribution around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaddedMean {
    /// The plain mean.
    mean: f64,
    /// The mean with the pseudo-requests.
    center: f64,
    /// Its standard error.
    error: f64,
    /// Student's t with these degrees of freedom, n + 2·weight − 1; a location of 0 and a scale of 1.
    t: StudentsT,
    /// What the mean can at all be.
    scale: Interval,
}

impl PaddedMean {
    /// Of the gaps of requests, −1 to 1; none for no gaps.
    pub fn of_gaps(gaps: &[f64]) -> Option<Self> {
        Self::of_signed(gaps, [-1.0, 1.0])
    }

    /// Of the differences between two gaps of each request, −2 to 2, padded like gaps; none for no differences.
    pub fn of_differences(differences: &[f64]) -> Option<Self> {
        Self::of_signed(differences, [-2.0, 2.0])
    }

    fn of_signed(gaps: &[f64], scale: Interval) -> Option<Self> {
        let size: f64 = gaps.iter().map(|gap| gap.abs()).sum();
        let cubes: f64 = gaps.iter().map(|gap| gap.abs().powi(3)).sum();
        let place = ((UNSEEN + cubes) / (UNSEEN + size)).sqrt();
        Self::new(gaps, [-place, place], scale)
    }

    /// Of the rates of requests, 0 to 1; none for no rates.
    pub fn of_rates(rates: &[f64]) -> Option<Self> {
        Self::new(rates, [0.0, 1.0], [0.0, 1.0])
    }

    fn new(values: &[f64], places: [f64; 2], scale: Interval) -> Option<Self> {
        let mean = mean(values)?;
        let count = values.len() as f64 + 2.0 * WEIGHT;
        let sum: f64 = values.iter().sum::<f64>() + WEIGHT * (places[0] + places[1]);
        let center = sum / count;
        let squares =
            |values: &[f64]| -> f64 { values.iter().map(|value| (value - center).powi(2)).sum() };
        let variance = (squares(values) + WEIGHT * squares(&places)) / (count - 1.0);
        let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
        Some(Self { mean, center, error: (variance / count).sqrt(), t, scale })
    }

    /// The interval that covers the mean of the population with this probability, such as 0.95; cut to the scale,
    /// never of zero width, and always containing the plain mean.
    pub fn interval(&self, confidence: f64) -> Interval {
        let half_width = self.t.inverse_cdf(0.5 + confidence / 2.0) * self.error;
        let (low, high) = (self.center - half_width, self.center + half_width);
        [low.min(self.mean).max(self.scale[0]), high.max(self.mean).min(self.scale[1])]
    }

    /// The same with all values larger by `shift`; the scale stays.
    pub(super) fn shifted(self, shift: f64) -> Self {
        Self { mean: self.mean + shift, center: self.center + shift, ..self }
    }

    /// The interval of `factor` times the mean, with so much more variance on that larger scale; not cut.
    pub(super) fn scaled(&self, factor: f64, more_variance: f64, confidence: f64) -> Interval {
        let error = (factor * factor * self.error * self.error + more_variance).sqrt();
        let quantile = self.t.inverse_cdf(0.5 + confidence / 2.0);
        let (center, half_width) = (factor * self.center, quantile * error);
        [center - half_width, center + half_width]
    }

    /// The interval that covers, with this probability, a mean of which only bounds are known: `low` and `high` are
    /// the means that it would at least and at most be (Imbens and Manski 2004, Econometrica 72, 1845–1857).
    /// The quantile c, between the one-sided and the two-sided one, solves
    /// F(c + (high − low)/max error) − F(−c) = confidence.
    pub fn around(low: &Self, high: &Self, confidence: f64) -> Interval {
        let apart = (high.center - low.center).max(0.0) / low.error.max(high.error);
        let covered = |c: f64| low.t.cdf(c + apart) - low.t.cdf(-c);
        let (mut below, mut above) = (0.0, low.t.inverse_cdf(0.5 + confidence / 2.0));
        for _ in 0..60 {
            let middle = f64::midpoint(below, above);
            if covered(middle) < confidence { below = middle } else { above = middle }
        }
        [
            (low.center - above * low.error).min(low.mean).max(low.scale[0]),
            (high.center + above * high.error).max(high.mean).min(high.scale[1]),
        ]
    }

    /// Two one-sided tests (Schuirmann 1987) of "the mean of the population is at least `margin` away from 0":
    /// the larger of the two p-values. Small when all means that far out are excluded.
    pub fn equivalence(&self, margin: f64) -> f64 {
        let below = self.t.sf((self.center + margin) / self.error);
        let above = self.t.cdf((self.center - margin) / self.error);
        below.max(above)
    }

    /// The smallest margin that [`Self::equivalence`] excludes at this level, such as 0.05: the farther end of the
    /// interval with confidence 1 − 2·level, as a distance from 0.
    pub fn within(&self, level: f64) -> f64 {
        let [low, high] = self.interval(1.0 - 2.0 * level);
        high.max(-low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(ours: f64, theirs: f64) -> bool {
        (ours - theirs).abs() <= 1e-10 * theirs.abs().max(1e-6)
    }

    /// Worked by hand: ten zeros and 1.15 pseudo-requests at −1 and 1 are 12.3 values of mean 0 and
    /// s² = 2.3/11.3; scipy gives t(0.975, 11.3) = 2.1938768963391624.
    #[test]
    fn ten_equal_gaps_are_not_certainty() {
        let [low, high] = PaddedMean::of_gaps(&[0.0; 10]).unwrap().interval(0.95);
        let expected = 2.1938768963391624 * (2.3_f64 / 11.3 / 12.3).sqrt();
        assert!(close(high, expected) && close(low, -expected), "{low} {high} {expected}");
    }

    #[derive(serde::Deserialize)]
    struct Case {
        gaps: Vec<f64>,
        confidence: f64,
        low: f64,
        high: f64,
    }

    #[derive(serde::Deserialize)]
    struct Fixture {
        padded: Vec<Case>,
    }

    #[test]
    fn intervals_are_scipys_of_weighted_values() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in fixture.padded {
            let [low, high] = PaddedMean::of_gaps(&case.gaps).unwrap().interval(case.confidence);
            assert!(close(low, case.low) && close(high, case.high), "{low} {high} {:?}", case.gaps);
        }
    }

    /// One of four samples differs in four of ten requests: h² = (2 + 4/64)/(2 + 4/4), not 1.
    #[test]
    fn small_gaps_are_padded_less() {
        let gaps = [0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let padded = PaddedMean::of_gaps(&gaps).unwrap();
        let square = 2.0625 / 3.0;
        let center = 1.0 / 12.3;
        let sum = 4.0 / 16.0 + 2.3 * square - 12.3 * center * center;
        assert!(close(padded.center, center));
        assert!(close(padded.error, (sum / 11.3 / 12.3).sqrt()));
    }

    #[test]
    fn one_request_says_nothing() {
        assert_eq!(PaddedMean::of_gaps(&[0.0]).unwrap().interval(0.95), [-1.0, 1.0]);
        assert_eq!(PaddedMean::of_gaps(&[]), None);
        assert_eq!(PaddedMean::of_rates(&[]), None);
    }

    /// Bounds that coincide are a number, and get its interval; far apart, either end is one-sided.
    #[test]
    fn an_interval_around_bounds_starts_at_that_of_the_mean() {
        let gaps = |shift: f64| -> Vec<f64> {
            (0..80).map(|i| f64::from(i % 5 - 2) / 8.0 + shift).collect()
        };
        let [low, high] = [0.0, 0.4].map(|shift| PaddedMean::of_gaps(&gaps(shift)).unwrap());
        let ([ours, _], [theirs, _]) = (PaddedMean::around(&low, &low, 0.95), low.interval(0.95));
        assert!(close(ours, theirs));
        let (around, one_sided) = (PaddedMean::around(&low, &high, 0.95), high.interval(0.9));
        assert!(close(around[1], one_sided[1]) && close(around[0], low.interval(0.9)[0]));
    }

    /// At the margin that is just excluded the p-value is the level.
    #[test]
    fn the_smallest_margin_excluded_is_where_the_test_turns() {
        let gaps: Vec<f64> = (0..60).map(|i| f64::from(i % 5 - 2) / 8.0).collect();
        let padded = PaddedMean::of_gaps(&gaps).unwrap();
        let margin = padded.within(0.05);
        assert!(close(padded.equivalence(margin), 0.05));
        assert!(padded.equivalence(margin / 2.0) > 0.05 && padded.equivalence(2.0 * margin) < 0.05);
    }

    proptest! {
        #[test]
        fn an_interval_contains_the_mean_and_stays_on_the_scale(
            eighths in prop::collection::vec(-8_i32..=8, 1..200),
            confidence in 0.5..0.999,
        ) {
            let gaps: Vec<f64> = eighths.iter().map(|eighth| f64::from(*eighth) / 8.0).collect();
            let rates: Vec<f64> = gaps.iter().map(|gap| gap.abs()).collect();
            for (values, padded, least) in [
                (&gaps, PaddedMean::of_gaps(&gaps), -1.0),
                (&rates, PaddedMean::of_rates(&rates), 0.0),
            ] {
                let [low, high] = padded.unwrap().interval(confidence);
                let mean = mean(values).unwrap();
                prop_assert!(least <= low && low <= mean && mean <= high && high <= 1.0);
                prop_assert!(high - low > 1e-4);
            }
        }

        #[test]
        fn the_sign_of_all_gaps_mirrors(eighths in prop::collection::vec(-8_i32..=8, 1..50)) {
            let gaps: Vec<f64> = eighths.iter().map(|eighth| f64::from(*eighth) / 8.0).collect();
            let negated: Vec<f64> = gaps.iter().map(|gap| -gap).collect();
            let (here, there) = (PaddedMean::of_gaps(&gaps).unwrap(), PaddedMean::of_gaps(&negated).unwrap());
            let ([low, high], [mirrored_low, mirrored_high]) = (here.interval(0.95), there.interval(0.95));
            prop_assert!((low + mirrored_high).abs() < 1e-12 && (high + mirrored_low).abs() < 1e-12);
            prop_assert!((here.within(0.05) - there.within(0.05)).abs() < 1e-12);
        }
    }
}
