//! A population of requests whose truth is known, to plan experiments with and to measure the statistics on.
//!
//! A request complies in the paid tier at a rate s and in the free tier at s + e·(1 − s); s and the effect e are
//! drawn anew for each request, each from a beta distribution, so that the samples of a request belong
//! together. The population's gap is then exactly the one asked for, and its paid rate too.

use rand_chacha::rand_core::Rng;

/// Requests, and how they are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Population {
    /// Mean compliance rate of the paid tier, 0 to 1.
    pub rate_paid: f64,
    /// Free minus paid, 0 to 1 − `rate_paid`.
    pub gap: f64,
    /// Correlation of two samples of one request in the same tier where there is no effect, 0 to 1: 0 when all
    /// requests are alike, 1 when each complies always or never. The effect is spread likewise.
    pub spread: f64,
    /// Whether both tiers of a pair share their random number, as far as coupling can reach.
    pub coupled: bool,
    /// Who says whether a reply complies.
    pub judge: JudgeError,
}

/// How often a judge is right, whatever the request and the tier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgeError {
    /// Share of the complying replies that the judge calls complying.
    pub sensitivity: f64,
    /// Share of the others that it calls so.
    pub specificity: f64,
}

impl JudgeError {
    /// A judge that is always right.
    pub const NONE: Self = Self { sensitivity: 1.0, specificity: 1.0 };

    /// Sensitivity + specificity − 1 (Youden 1950): what is left of a gap in this judge's verdicts.
    pub fn youden(&self) -> f64 {
        self.sensitivity + self.specificity - 1.0
    }

    /// The judge's verdict on a reply.
    fn says(&self, complies: bool, random: &mut impl Rng) -> bool {
        let share = if complies { self.sensitivity } else { 1.0 - self.specificity };
        share >= 1.0 || share > 0.0 && uniform(random) < share
    }
}

/// The variance of one request's gap in the verdicts, taken apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GapVariance {
    /// Between requests: what more samples do not lessen.
    pub between: f64,
    /// Within a request, of a single pair of samples.
    pub within: f64,
}

impl GapVariance {
    /// Of the mean of so many pairs of samples.
    pub fn of_mean(&self, samples: u32) -> f64 {
        self.between + self.within / f64::from(samples)
    }

    /// How many times the variance is what it were if all samples were of different requests (Kish 1965):
    /// 1 + (samples − 1)·between/(between + within).
    pub fn design_effect(&self, samples: u32) -> f64 {
        let total = self.between + self.within;
        if total > 0.0 { f64::from(samples) * self.of_mean(samples) / total } else { 1.0 }
    }
}

impl Population {
    /// The gap in the judge's verdicts.
    pub fn verdict_gap(&self) -> f64 {
        self.gap * self.judge.youden()
    }

    /// The true rates of a request, free and paid.
    pub fn rates(&self, random: &mut impl Rng) -> [f64; 2] {
        let paid = beta(self.rate_paid, self.spread, random);
        let effect = beta(self.mean_effect(), self.spread, random);
        [paid + effect * (1.0 - paid), paid]
    }

    /// The share of the distance to certain compliance by which the free tier is nearer, on average.
    fn mean_effect(&self) -> f64 {
        if self.rate_paid < 1.0 { (self.gap / (1.0 - self.rate_paid)).min(1.0) } else { 0.0 }
    }

    /// Verdicts "complies" among so many samples of a request with these rates, free and paid.
    pub fn verdicts(&self, rates: [f64; 2], samples: u32, random: &mut impl Rng) -> [u32; 2] {
        let mut complying = [0; 2];
        for _ in 0..samples {
            let shared = uniform(random);
            let numbers = [shared, if self.coupled { shared } else { uniform(random) }];
            for arm in 0..2 {
                let complies = numbers[arm] < rates[arm];
                complying[arm] += u32::from(self.judge.says(complies, random));
            }
        }
        complying
    }

    /// The verdicts of a request that is drawn anew.
    pub fn request(&self, samples: u32, random: &mut impl Rng) -> [u32; 2] {
        let rates = self.rates(random);
        self.verdicts(rates, samples, random)
    }

    /// The variance of a request's gap, for tiers that are not coupled.
    pub fn gap_variance(&self) -> GapVariance {
        let (paid, effect) = (self.rate_paid, self.mean_effect());
        let square = |mean: f64| mean * mean + self.spread * mean * (1.0 - mean);
        // E(1 − s)², E e², and with f = 1 − (1 − s)(1 − e) the mean squares of both tiers' rates.
        let (refusing, effects) = (square(1.0 - paid), square(effect));
        let squares = [
            1.0 - 2.0 * (1.0 - paid) * (1.0 - effect) + refusing * square(1.0 - effect),
            square(paid),
        ];
        let youden = self.judge.youden();
        let false_alarms = 1.0 - self.judge.specificity;
        // A verdict's rate is w = a + J·r, and its variance in one sample w(1 − w).
        let within = [self.rate_paid + self.gap, self.rate_paid].into_iter().zip(squares);
        let within = within.map(|(rate, square)| {
            let verdict = false_alarms + youden * rate;
            let verdict_square = false_alarms * false_alarms
                + 2.0 * false_alarms * youden * rate
                + youden * youden * square;
            verdict - verdict_square
        });
        GapVariance {
            between: (youden * youden * (effects * refusing - self.gap * self.gap)).max(0.0),
            within: within.sum(),
        }
    }
}

/// Uniform on [0, 1), 53 bits.
pub fn uniform(random: &mut impl Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A draw from the beta distribution with this mean and the variance spread·mean·(1 − mean), a ratio of gammas; its
/// limits, the mean itself and 0 or 1, at a spread of 0 and 1.
fn beta(mean: f64, spread: f64, random: &mut impl Rng) -> f64 {
    if mean <= 0.0 || mean >= 1.0 || spread <= 0.0 {
        return mean.clamp(0.0, 1.0);
    }
    let weight = (1.0 - spread) / spread;
    let (up, down) = (log_gamma(mean * weight, random), log_gamma((1.0 - mean) * weight, random));
    if spread >= 1.0 || !(up - down).is_finite() {
        return if uniform(random) < mean { 1.0 } else { 0.0 };
    }
    1.0 / (1.0 + libm::exp(down - up))
}

/// The logarithm of a gamma variate of this shape and scale 1 (Marsaglia and Tsang 2000), a logarithm because
/// small shapes give numbers too small to be told from 0.
fn log_gamma(shape: f64, random: &mut impl Rng) -> f64 {
    if shape < 1.0 {
        // U^(1/a) times a gamma of shape a + 1.
        return log_gamma(shape + 1.0, random) + libm::log(1.0 - uniform(random)) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = normal(random);
        let v = (1.0 + c * normal).powi(3);
        let u = 1.0 - uniform(random);
        if v > 0.0 && libm::log(u) < normal * normal / 2.0 + d - d * v + d * libm::log(v) {
            return libm::log(d * v);
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * libm::log(1.0 - uniform(random))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform(random))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const DRAWS: u32 = 100_000;

    /// Mean and variance.
    fn moments(mut draw: impl FnMut() -> f64) -> [f64; 2] {
        let values: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        let mean = values.iter().sum::<f64>() / f64::from(DRAWS);
        [mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(DRAWS)]
    }

    #[test]
    fn beta_has_the_moments_asked_for() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for mean in [0.02, 0.3, 0.9] {
            for spread in [0.0, 0.05, 0.3, 0.9, 1.0] {
                let [found, variance] = moments(|| beta(mean, spread, &mut random));
                let expected = spread * mean * (1.0 - mean);
                let error = (expected / f64::from(DRAWS)).sqrt();
                assert!((found - mean).abs() <= 4.5 * error + 1e-12, "{mean} {spread}: {found}");
                assert!(
                    (variance - expected).abs() <= 0.05 * expected + 1e-12,
                    "{mean} {spread}: {variance}"
                );
            }
        }
    }

    /// The formula of the variance, and the gap, against draws; with a judge that errs.
    #[test]
    fn the_gap_and_its_variance_are_those_of_the_draws() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for judge in [JudgeError::NONE, JudgeError { sensitivity: 0.9, specificity: 0.8 }] {
            for spread in [0.0, 0.3, 1.0] {
                for samples in [1, 4] {
                    let population =
                        Population { rate_paid: 0.1, gap: 0.2, spread, coupled: false, judge };
                    let [gap, variance] = moments(|| {
                        let [free, paid] = population.request(samples, &mut random);
                        (f64::from(free) - f64::from(paid)) / f64::from(samples)
                    });
                    let expected = population.gap_variance().of_mean(samples);
                    assert!(
                        (gap - population.verdict_gap()).abs()
                            < 4.5 * (expected / f64::from(DRAWS)).sqrt()
                    );
                    assert!(
                        (variance / expected - 1.0).abs() < 0.02,
                        "{population:?}: {variance}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn coupled_tiers_without_an_effect_never_differ() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let population = Population {
            rate_paid: 0.4,
            gap: 0.0,
            spread: 0.2,
            coupled: true,
            judge: JudgeError::NONE,
        };
        for _ in 0..1000 {
            let [free, paid] = population.request(4, &mut random);
            assert_eq!(free, paid);
        }
    }

    #[test]
    fn the_design_effect_grows_with_what_samples_share() {
        let variance = GapVariance { between: 0.1, within: 0.3 };
        assert_eq!(variance.design_effect(1), 1.0);
        assert!((variance.design_effect(5) - 2.0).abs() < 1e-12);
    }
}
