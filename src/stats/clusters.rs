//! A mean over single trials or pairs that is read with its error by request: some requests have many of them,
//! others few or none.

use std::collections::BTreeMap;

use super::interval::Interval;
use super::padded_mean::PaddedMean;

/// Sums and numbers of whole values, by request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clusters<'a> {
    by_request: BTreeMap<&'a str, (i64, u64)>,
}

impl<'a> Clusters<'a> {
    /// Adds one value.
    pub(super) fn add(&mut self, request: &'a str, value: i64) {
        let (sum, count) = self.by_request.entry(request).or_default();
        *sum += value;
        *count += 1;
    }

    /// How many values there are.
    pub(super) fn count(&self) -> u64 {
        self.by_request.values().map(|(_, count)| count).sum()
    }

    /// Their mean, each counting the same; none without values.
    pub(super) fn mean(&self) -> Option<f64> {
        let sum: i64 = self.by_request.values().map(|(sum, _)| sum).sum();
        (self.count() > 0).then(|| sum as f64 / self.count() as f64)
    }

    /// The interval of a mean of gaps that covers it with this probability.
    pub(super) fn gap_interval(&self, confidence: f64) -> Option<Interval> {
        Some(PaddedMean::of_gaps(&self.linear()?)?.interval(confidence))
    }

    /// The interval of a share that covers it with this probability.
    pub(super) fn share_interval(&self, confidence: f64) -> Option<Interval> {
        Some(PaddedMean::of_rates(&self.linear()?)?.interval(confidence))
    }

    /// What each request contributes to the mean m of all values, m + (sum − m·count)/(mean count): the ratio
    /// estimator's linear form (Cochran 1977, section 6.3). Equal counts give the requests' own means.
    fn linear(&self) -> Option<Vec<f64>> {
        let mean = self.mean()?;
        let size = self.count() as f64 / self.by_request.len() as f64;
        let contribution =
            |(sum, count): &(i64, u64)| mean + (*sum as f64 - mean * *count as f64) / size;
        Some(self.by_request.values().map(contribution).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_give_the_requests_means() {
        let mut clusters = Clusters::default();
        for (request, value) in [("a", 1), ("a", 0), ("b", 1), ("b", 1)] {
            clusters.add(request, value);
        }
        assert_eq!(clusters.linear(), Some(vec![0.5, 1.0]));
        assert_eq!((clusters.mean(), clusters.count()), (Some(0.75), 4));
        let padded = PaddedMean::of_gaps(&[0.5, 1.0]).map(|padded| padded.interval(0.95));
        assert_eq!(clusters.gap_interval(0.95), padded);
    }

    /// Three values of one request and one of another: 1 1 0 | 0 has mean 1/2 and, by hand, contributions
    /// 1/2 + (2 − 3/2)/2 and 1/2 + (0 − 1/2)/2.
    #[test]
    fn unequal_numbers_are_weighted() {
        let mut clusters = Clusters::default();
        for (request, value) in [("a", 1), ("a", 1), ("a", 0), ("b", 0)] {
            clusters.add(request, value);
        }
        assert_eq!(clusters.linear(), Some(vec![0.75, 0.25]));
    }

    #[test]
    fn nothing_has_no_mean() {
        let clusters = Clusters::default();
        assert_eq!(
            (clusters.mean(), clusters.gap_interval(0.95), clusters.share_interval(0.95)),
            (None, None, None)
        );
    }
}
