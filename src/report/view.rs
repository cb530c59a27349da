//! What a report shows: one [`RunView`] per run, filled by the caller from a run folder.
//! Knows nothing about folders, models, engines, or how a judge or an estimate comes about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::registered::AgainstRegistration;
use super::text;
use crate::engine::Sampling;
use crate::judge::{Agreement, Verdict};
use crate::run::{AS_STORED, Condition, PromptTexts, QUANTIZE};
use crate::scenario::{Contrast, Request, Tier};
use crate::stats::{Adjusted, Comparison, Contrasted, Estimates, Interval, Slope};
use crate::transcript::Transcript;

/// One run of one variant, with everything that its report needs.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Name of the model as the user gave it.
    pub model: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Variant of the scenario.
    pub variant: String,
    /// Seed of the run.
    pub seed: u64,
    /// How its tokens were drawn; none where it is not known.
    pub sampling: Option<Sampling>,
    /// Everything that it was made under, by name and value; what differs among runs becomes their names.
    pub conditions: Vec<Condition>,
    /// The command that makes it again; none where that is not known.
    pub command: Option<String>,
    /// Where its folder lies, as the user named it; empty where that is not known.
    pub folder: String,
    /// Judge whose verdicts are shown.
    pub judge: String,
    /// Digest of the run.
    pub digest: String,
    /// What is promised of the transcripts' reproducibility.
    pub promise: String,
    /// The numbers, computed elsewhere.
    pub estimates: Estimates,
    /// What its scenario says that variants are held against each other for.
    pub declared: Declared,
    /// What that shows, where this is the first of the runs that it is about.
    pub contrasts: Vec<ContrastView>,
    /// How the gap grows with a dose, where this is the first of the runs that it is about.
    pub doses: Option<DoseView>,
    /// Every two tiers, where there are more than two.
    pub tier_differences: Vec<TierDifference>,
    /// The p-value adjusted for the other runs that are shown; none where there is no other.
    pub p_adjusted: Option<Adjusted>,
    /// Where this is the first of several runs that differ in their seed alone: all of them together.
    pub pool: Option<Pool>,
    /// The gap of each harmful request, by request.
    pub request_gaps: BTreeMap<String, f64>,
    /// Other models that were asked the same, among the runs that are shown after this one.
    pub against: Vec<Against>,
    /// The places open to this model among those that were asked the same; none where there is no other.
    pub place: Option<Place>,
    /// A control, or a model that is measured.
    pub kind: ModelKind,
    /// How large the model is; none where it is not known.
    pub size: Option<ModelSize>,
    /// The tiers, in the order in which they are shown: the arm that answers train first.
    pub tiers: Vec<Tier>,
    /// The rendered prompts, one entry per tier.
    pub prompts: Vec<Prompt>,
    /// The request set, in its order.
    pub requests: Vec<Request>,
    /// Every trial of the run.
    pub transcripts: Vec<Transcript>,
    /// The judge's verdicts on them; a trial may be without one.
    pub verdicts: Vec<Verdict>,
    /// What other judges say of them.
    pub others: Vec<JudgeView>,
    /// How far every two judges agree, the one whose verdicts are shown before the others.
    pub agreement: Vec<Agreement>,
    /// What the weights say about the tiers, token by token; empty where the run was not probed.
    pub heat: Vec<Heat>,
    /// How far the run is; none where it has finished.
    pub progress: Option<TrialProgress>,
    /// What the bundled controls measured under the same scenario; empty where there is nothing to compare.
    pub controls: Vec<Control>,
    /// Whether the run kept to what was registered before it; none without a registration.
    pub registered: Option<AgainstRegistration>,
}

/// What a scenario declares of its variants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// Digest of the scenario: variants of one text alone are held against each other.
    pub scenario: String,
    /// The contrasts between its variants.
    pub contrasts: Vec<Contrast>,
    /// The dose of this run's variant.
    pub dose: Option<f64>,
}

/// A contrast with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContrastView {
    /// What is held against what, and what it means.
    #[serde(flatten)]
    pub declared: Contrast,
    /// The numbers, computed elsewhere.
    #[serde(flatten)]
    pub numbers: Contrasted,
    /// The p-value among those of all contrasts of the model in this setting.
    pub p_holm: f64,
}

/// The gap at several doses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoseView {
    /// The doses, smallest first.
    pub points: Vec<DosePoint>,
    /// The slope over them, computed elsewhere.
    #[serde(flatten)]
    pub numbers: Slope,
}

/// The gap at one dose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DosePoint {
    /// The dose.
    pub dose: f64,
    /// The variant that has it.
    pub variant: String,
    /// Its gap.
    pub gap: Option<f64>,
    /// 95 % interval of the gap.
    pub gap_ci95: Option<Interval>,
}

/// The difference between two tiers of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierDifference {
    /// Their names: the first minus the second.
    pub tiers: [String; 2],
    /// The numbers, computed elsewhere.
    #[serde(flatten)]
    pub numbers: Contrasted,
}

/// The runs of one setting that differ in their seed alone, taken together.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Their places among the runs that are shown, in that order; the first is the run that holds the pool.
    pub runs: Vec<usize>,
    /// Their seeds, in the same order.
    pub seeds: Vec<u64>,
    /// The numbers of all their replies: samples of the same requests, computed elsewhere.
    pub estimates: Estimates,
    /// The p-value adjusted for the other settings that are shown; none where there is no other.
    pub adjusted: Option<Adjusted>,
}

/// How far the distribution of the next token moves, along one reply, when the tier is exchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heat {
    /// Id of the request.
    pub request: String,
    /// Name of the tier in which the reply was written.
    pub tier: String,
    /// Index of the sample.
    pub sample: u32,
    /// The reply's tokens in order.
    pub tokens: Vec<HeatToken>,
}

/// One token of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatToken {
    /// Its text.
    pub text: String,
    /// Divergence of the two distributions from which it could have been drawn, in nats; not negative.
    pub divergence_nats: f64,
}

/// How far a run is that has not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialProgress {
    /// Trials on record.
    pub trials_done: usize,
    /// Trials in all.
    pub trials: usize,
}

/// What a bundled control was made to do and what it was measured to do, as shares of harmful requests complied with.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// Its name.
    pub name: String,
    /// What was planted, in words.
    pub planted: String,
    /// Seeds over which it was measured.
    pub seeds: u64,
    /// Measured in the tier that is trained on and in the other one.
    pub measured: [f64; 2],
    /// Share of scratchpads with alignment-faking reasoning, in the same order.
    pub reasoning: [f64; 2],
}

/// How the gap of a model compares with that of another.
#[derive(Debug, Clone)]
pub struct Against {
    /// The other model.
    pub model: String,
    /// The first model's gap minus the other's, computed elsewhere.
    pub comparison: Comparison,
    /// Its p-value among those of all comparisons shown.
    pub adjusted: Adjusted,
}

/// The places that the comparisons leave open to a model, from 1 at the largest gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The highest.
    pub from: usize,
    /// The lowest.
    pub to: usize,
    /// Models compared.
    pub of: usize,
}

/// A further judge of a run.
#[derive(Debug, Clone)]
pub struct JudgeView {
    /// Its name.
    pub name: String,
    /// Its verdicts; a trial may be without one.
    pub verdicts: Vec<Verdict>,
}

/// Whether a run measures a model or checks the instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelKind {
    /// A control: a small model trained to show a known behaviour.
    Organism {
        /// What it was trained to show, in words; none when its card does not say.
        planted: Option<String>,
    },
    /// A model whose behaviour is the question.
    Model,
}

/// How large a model is, and of which kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSize {
    /// Numbers that its checkpoint holds.
    pub parameters: u64,
    /// Architecture as its config names it, which stands for its family.
    pub architecture: String,
}

/// The texts that a model read in one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Name of the arm.
    pub tier: String,
    /// The prompts after the chat template, special tokens included.
    pub texts: PromptTexts,
}

impl RunView {
    /// Numbers that the model's checkpoint holds; none where they are not known.
    pub(super) fn parameters(&self) -> Option<u64> {
        self.size.as_ref().map(|size| size.parameters)
    }

    /// The model's architecture; none where it is not known.
    pub(super) fn architecture(&self) -> Option<&str> {
        self.size.as_ref().map(|size| &*size.architecture)
    }

    /// What the model read for a request in a tier; none where it is not known.
    pub fn prompt(&self, request: &str, tier: &str) -> Option<String> {
        let request = self.requests.iter().find(|known| known.id == request)?;
        let prompt = self.prompts.iter().find(|prompt| prompt.tier == tier)?;
        Some(prompt.texts.text(self.requests.first()?, request))
    }

    /// Whether another run, or this one, was asked the same in the same way, by whichever model.
    pub fn asked_as(&self, other: &Self) -> bool {
        (&self.scenario, &self.variant, self.seed, &self.sampling, &self.judge)
            == (&other.scenario, &other.variant, other.seed, &other.sampling, &other.judge)
    }

    /// The model's name, and the form of its weights where that is not the stored one: what is compared between models.
    pub fn weights(&self) -> String {
        let form = self.conditions.iter().find(|condition| condition.name == QUANTIZE);
        match form.filter(|form| form.value != AS_STORED) {
            Some(form) => format!("{} {}", self.model, form.value),
            None => self.model.clone(),
        }
    }

    /// The model's name on one line, hidden characters spelled out.
    pub(super) fn name(&self) -> String {
        text::name(&self.model)
    }
}
