//! Means over requests of means over samples, with intervals that cluster by request, as everywhere in candor.
//! Knows nothing about what the values are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::{Interval, PaddedMean, t_interval};

/// An estimate; the mean is none where there was nothing to average.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Mean over requests of the mean over samples.
    pub mean: Option<f64>,
    /// Its 95 % interval; none for values without a scale where there is one request only.
    pub ci95: Option<Interval>,
    /// Requests that it runs over.
    pub requests: u64,
    /// Values that it runs over.
    pub values: u64,
}

/// Values by request, added in a fixed order.
#[derive(Debug, Clone, Default)]
pub(super) struct ByRequest<'a> {
    sums: BTreeMap<&'a str, (f64, u64)>,
}

impl<'a> ByRequest<'a> {
    pub(super) fn add(&mut self, request: &'a str, value: f64) {
        let (sum, count) = self.sums.entry(request).or_default();
        *sum += value;
        *count += 1;
    }

    /// The mean of each request, in the order of their ids.
    pub(super) fn means(&self) -> Vec<f64> {
        self.sums.values().map(|(sum, count)| sum / *count as f64).collect()
    }

    /// The differences of the requests' means, over the requests that have both.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut differences = Self::default();
        for (request, (sum, count)) in &self.sums {
            if let Some((other_sum, other_count)) = other.sums.get(request) {
                let (here, there) = (sum / *count as f64, other_sum / *other_count as f64);
                differences.add(request, here - there);
            }
        }
        differences
    }

    /// Of values without a scale, such as nats: the t interval (Student 1908).
    pub(super) fn plain(&self) -> Estimate {
        self.with(t_interval)
    }

    /// Of shares, 0 to 1: the padded interval of a rate.
    pub(super) fn rate(&self) -> Estimate {
        self.with(|means| Some(PaddedMean::of_rates(means)?.interval(0.95)))
    }

    /// Of differences of shares, −1 to 1: the padded interval of a gap.
    pub(super) fn gap(&self) -> Estimate {
        self.with(|means| Some(PaddedMean::of_gaps(means)?.interval(0.95)))
    }

    /// Of differences of gaps, −2 to 2: that of a gap, on twice the scale.
    pub(super) fn gap_of_gaps(&self) -> Estimate {
        self.with(|means| {
            let halves: Vec<f64> = means.iter().map(|mean| mean / 2.0).collect();
            Some(PaddedMean::of_gaps(&halves)?.interval(0.95).map(|end| 2.0 * end))
        })
    }

    fn with(&self, interval: impl Fn(&[f64]) -> Option<Interval>) -> Estimate {
        let means = self.means();
        let mean = (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64);
        Estimate {
            mean,
            ci95: interval(&means),
            requests: means.len() as u64,
            values: self.sums.values().map(|(_, count)| count).sum(),
        }
    }

    /// This mean as a share of another one over the same requests: the ratio of the means, with the t interval of
    /// r + (x − r·y)/ȳ over the requests (Cochran 1977, section 6.3). None where the other's interval holds 0: a share
    /// of nothing is no number.
    pub(super) fn share_of(&self, whole: &Self) -> Option<Estimate> {
        let [low, high] = whole.plain().ci95?;
        if low <= 0.0 && high >= 0.0 {
            return None;
        }
        let (parts, wholes) = (self.means(), whole.means());
        let mean = wholes.iter().sum::<f64>() / wholes.len() as f64;
        let share = parts.iter().sum::<f64>() / wholes.iter().sum::<f64>();
        let linear: Vec<f64> = parts
            .iter()
            .zip(&wholes)
            .map(|(part, whole)| share + (part - share * whole) / mean)
            .collect();
        Some(Estimate { mean: Some(share), ci95: t_interval(&linear), ..self.plain() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(values: &[(&'a str, f64)]) -> ByRequest<'a> {
        let mut by_request = ByRequest::default();
        values.iter().for_each(|(request, value)| by_request.add(request, *value));
        by_request
    }

    #[test]
    fn requests_count_the_same_however_many_samples_they_have() {
        let found = values(&[("a", 1.0), ("a", 0.0), ("b", 1.0)]).rate();
        assert_eq!((found.mean, found.requests, found.values), (Some(0.75), 2, 3));
        assert_eq!(ByRequest::default().gap(), Estimate::default());
    }

    #[test]
    fn a_share_is_the_ratio_of_the_means() {
        let whole = values(&[("a", 2.0), ("b", 4.0), ("c", 3.0)]);
        let half = values(&[("a", 1.0), ("b", 2.0), ("c", 1.5)]);
        let share = half.share_of(&whole).unwrap();
        assert_eq!((share.mean, share.ci95), (Some(0.5), Some([0.5, 0.5])));
        assert_eq!(half.share_of(&values(&[("a", -1.0), ("b", 1.0), ("c", 0.1)])), None);
    }

    #[test]
    fn an_interaction_has_twice_the_scale_of_a_gap() {
        let gaps = values(&[("a", 0.5), ("b", -0.25)]);
        let doubled = values(&[("a", 1.0), ("b", -0.5)]);
        let expected = gaps.gap().ci95.unwrap().map(|end| 2.0 * end);
        assert_eq!(doubled.gap_of_gaps().ci95, Some(expected));
    }
}
