//! What is compared when a token is drawn: logits after repetition penalty and temperature, exactly, and as
//! f32 weights that a whole vocabulary can be passed over with. Knows nothing about filters or noise.

use crate::decoder::kernels;

/// The weight of a token that a filter has dropped.
pub(super) const DROPPED: f32 = -1.0;

/// Logits of one row after penalty and temperature.
pub(super) struct Scores<'a> {
    logits: &'a [f32],
    /// Ids that were seen, ascending, with their penalized logits.
    penalized: Vec<(u32, f64)>,
    temperature: f64,
}

impl<'a> Scores<'a> {
    /// `seen` is not read when `penalty` is 1.
    pub(super) fn new(
        logits: &'a [f32],
        seen: impl Iterator<Item = u32>,
        penalty: f64,
        temperature: f64,
    ) -> Self {
        let mut ids: Vec<u32> = if penalty == 1.0 { Vec::new() } else { seen.collect() };
        ids.sort_unstable();
        ids.dedup();
        let penalize = |id: u32| {
            let logit = f64::from(*logits.get(id as usize)?);
            Some((id, if logit < 0.0 { logit * penalty } else { logit / penalty }))
        };
        let penalized = ids.into_iter().filter_map(penalize).collect();
        Self { logits, penalized, temperature }
    }

    /// The score of a token of the vocabulary.
    pub(super) fn of(&self, id: u32) -> f64 {
        let logit = match self.penalized.binary_search_by_key(&id, |&(id, _)| id) {
            Ok(i) => self.penalized[i].1,
            Err(_) => f64::from(self.logits[id as usize]),
        };
        logit / self.temperature
    }

    /// Whether the scores are the logits.
    fn are_logits(&self) -> bool {
        self.penalized.is_empty() && self.temperature == 1.0
    }
}

/// exp(score − top) of every token in f32, or [`DROPPED`]. Larger scores have larger weights up to the
/// rounding of the exponential; weights of less than e⁻⁸⁷ stand as that.
#[derive(Default)]
pub(super) struct Weights {
    /// By id.
    pub(super) of: Vec<f32>,
    /// The score whose weight is 1.
    pub(super) top: f64,
    /// Logits with the penalty in f32; in use only where there is a penalty.
    penalized: Vec<f32>,
}

impl Weights {
    /// Fills in the weights of `scores`. Returns the largest logit and the sum of exp(logit − largest), both
    /// of the model's own logits.
    pub(super) fn fill(&mut self, scores: &Scores<'_>) -> (f32, f32) {
        self.of.resize(scores.logits.len(), 0.0);
        let (maximum, sum) = kernels::scaled_softmax_terms(scores.logits, 1.0, &mut self.of);
        self.top = f64::from(maximum);
        if scores.are_logits() {
            return (maximum, sum);
        }
        let mut logits = scores.logits;
        if !scores.penalized.is_empty() {
            self.penalized.clear();
            self.penalized.extend_from_slice(logits);
            for &(id, logit) in &scores.penalized {
                self.penalized[id as usize] = logit as f32;
            }
            logits = &self.penalized;
        }
        // The largest finite factor stands for those above it: it leaves the same weights, 1 and e⁻⁸⁷.
        let factor = ((1.0 / scores.temperature) as f32).min(f32::MAX);
        let (top, _) = kernels::scaled_softmax_terms(logits, factor, &mut self.of);
        self.top = f64::from(top) / scores.temperature;
        (maximum, sum)
    }

    /// What a weight has to be multiplied by to be sure that it is not below exp(score − top).
    ///
    /// The weight's own steps err by less than 2⁻¹⁴ where it is above e⁻⁸⁷, and a penalized logit that was
    /// rounded to f32 by 2⁻²⁴ of itself, which is at most that of the top and of the distance to it.
    pub(super) fn slack(&self) -> f64 {
        const ERROR: f64 = 1.0 / 4_194_304.0;
        1.001 * libm::exp(self.top.abs() * ERROR)
    }

    /// The token with the largest score, of equals the lowest id, and the score. Filters keep it.
    pub(super) fn likeliest(&self, scores: &Scores<'_>) -> (u32, f64) {
        let mut ids = Vec::new();
        let least = (1.0 / self.slack()) as f32;
        kernels::indices_between(&self.of, least, f32::INFINITY, &mut ids);
        ids.into_iter().fold((0, f64::NEG_INFINITY), |best, id| {
            let score = scores.of(id);
            if score > best.1 { (id, score) } else { best }
        })
    }
}
