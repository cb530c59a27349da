//! The same replies behind prompts that tell the tier in other words: how much of what the tier does to them follows
//! its meaning, and how much the words that stand for it.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::estimate::{ByRequest, Estimate};
use super::sensitivity::{Scored, Wanted, score_pairs, sum};
use super::stored::{Pairs, ReplyPart};
use crate::decoder::LanguageModel;
use crate::error::Result;
use crate::run::Plan;

/// How the labels of a variant stand to those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// The same: the variant changes something else.
    Same,
    /// The two labels have changed places, and their meanings with them.
    Swapped,
    /// Other words.
    Other,
}

/// A part of the replies behind a control's prompts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartControl {
    /// Sum of the log-ratios, own tier against the other, nats per reply of either tier, behind the run's prompts.
    pub log_ratio: Estimate,
    /// The same behind the control's.
    pub log_ratio_control: Estimate,
    /// Sum over positions of the Jensen–Shannon divergence behind the control's prompts.
    pub js_control: Estimate,
    /// `log_ratio_control` as a share of `log_ratio`: 1 where nothing depends on the words, −1 where all follows labels
    /// that were swapped. None where `log_ratio` cannot be told from 0.
    pub share: Option<Estimate>,
    /// With swapped labels the share that follows the meaning, (1 + share)/2; the rest follows the label.
    pub meaning: Option<Estimate>,
}

/// What a control shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The variant whose prompts were used.
    pub variant: String,
    /// How its labels stand to the run's.
    pub labels: Labels,
    /// The prompted scratchpad.
    pub scratchpad: PartControl,
    /// The answer, given the scratchpad.
    pub answer: PartControl,
    /// The whole reply.
    pub whole: PartControl,
}

/// Scores the replies behind the prompts of another variant of the scenario, and compares with the scores behind their
/// own.
///
/// # Errors
/// Those of the model and of the engine.
pub fn control<M: LanguageModel>(
    plan: &Plan<'_>,
    control: &Plan<'_>,
    model: &M,
    pairs: &Pairs<'_>,
    own: &[Vec<Scored>],
    batch: usize,
    stop: &AtomicBool,
) -> Result<Control> {
    let scored = score_pairs(control, model, pairs, batch, stop, None)?;
    let labels = labels(plan, control);
    let part = |wanted: Wanted| {
        let values = |scored: &[Vec<Scored>], value: fn(&Scored) -> f64| {
            let mut values = ByRequest::default();
            for (reply, scored) in pairs.replies.iter().zip(scored) {
                values.add(&reply.trial.request.id, sum(reply, scored, wanted, value));
            }
            values
        };
        let (before, now) = (values(own, Scored::log_ratio), values(&scored, Scored::log_ratio));
        let share = now.share_of(&before);
        PartControl {
            log_ratio: before.plain(),
            log_ratio_control: now.plain(),
            js_control: values(&scored, |scored| scored.divergence.js).plain(),
            share,
            meaning: share.filter(|_| labels == Labels::Swapped).map(|share| Estimate {
                mean: share.mean.map(half_above),
                ci95: share.ci95.map(|ends| ends.map(half_above)),
                ..share
            }),
        }
    };
    Ok(Control {
        variant: control.variant.name.clone(),
        labels,
        scratchpad: part(Some(ReplyPart::Scratchpad)),
        answer: part(Some(ReplyPart::Answer)),
        whole: part(None),
    })
}

fn half_above(share: f64) -> f64 {
    f64::midpoint(1.0, share)
}

fn labels(plan: &Plan<'_>, control: &Plan<'_>) -> Labels {
    let tiers = [plan.scenario.free(), plan.scenario.paid()];
    let [own, other] = [plan, control].map(|plan| tiers.map(|tier| plan.variant.label(tier)));
    match () {
        () if own == other => Labels::Same,
        () if own[0] == other[1] && own[1] == other[0] => Labels::Swapped,
        () => Labels::Other,
    }
}
