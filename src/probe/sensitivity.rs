//! Where in a reply the tier matters: every token is scored behind the prompt that it was drawn behind and behind the
//! one of the other tier. Knows nothing about verdicts.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::decision::Decisions;
use super::divergence::Divergence;
use super::estimate::{ByRequest, Estimate};
use super::stored::{Pairs, ReplyPart, Stored, prompt};
use crate::decoder::LanguageModel;
use crate::engine::{Normalizer, Passage, logprob, score};
use crate::error::Result;
use crate::run::Plan;

/// A token of a reply behind both prompts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// ln P(token) behind the prompt of the reply's own tier, in f64.
    pub own: f64,
    /// ln P(token) behind that of the other tier.
    pub other: f64,
    /// How far the two distributions that it could come from are apart; `kl` is KL(own ‖ other).
    pub divergence: Divergence,
    /// Whether the own one gives the very bits that are on record for the token.
    pub reproduced: bool,
}

impl Scored {
    /// ln P(token | own tier) − ln P(token | other tier).
    pub fn log_ratio(&self) -> f64 {
        self.own - self.other
    }
}

/// Scores every token of every reply behind the prompts of a plan: that of the reply's own tier, and that of the other
/// one of its pair. The plan may be of another variant than the replies. On the way, `decisions` learn what could
/// have followed behind the former.
///
/// # Errors
/// Those of the model and of the engine.
pub fn score_pairs<M: LanguageModel>(
    plan: &Plan<'_>,
    model: &M,
    pairs: &Pairs<'_>,
    batch: usize,
    stop: &AtomicBool,
    decisions: Option<&mut Decisions<'_>>,
) -> Result<Vec<Vec<Scored>>> {
    let replies = &pairs.replies;
    let mut passages = Vec::with_capacity(replies.len());
    for (place, reply) in replies.iter().enumerate() {
        let request = &reply.trial.request.id;
        let other = &replies[Pairs::other(place)].trial.tier.name;
        let prompts =
            [prompt(plan, request, &reply.trial.tier.name)?, prompt(plan, request, other)?];
        // After the last token nothing was drawn.
        let path =
            &reply.transcript.token_ids[..reply.transcript.token_ids.len().saturating_sub(1)];
        passages.push(Passage { prompts, path });
    }
    let read = |place: usize, position: usize, [own, other]: [&[f32]; 2]| {
        let transcript = replies[place].transcript;
        let id = *transcript.token_ids.get(position)?;
        let drawn = position.checked_sub(transcript.given);
        let known = drawn.and_then(|drawn| transcript.logprobs.get(drawn));
        let (p, q) = (Normalizer::of(own), Normalizer::of(other));
        Some(Scored {
            own: p.log_probability(own, id),
            other: q.log_probability(other, id),
            divergence: Divergence::between(own, other, &p, &q),
            // Of what was given nothing was drawn that could be found again.
            reproduced: drawn.is_none()
                || known.map(|known| known.to_bits()) == Some(logprob(own, id).to_bits()),
        })
    };
    let mut questions = decisions.map(Decisions::questions).unwrap_or_default();
    let ask = |place: usize| questions.get_mut(place)?.take();
    let mut scored = vec![Vec::new(); replies.len()];
    score(model, &passages, batch, stop, ask, read, |place, tokens| {
        scored[place] = tokens.into_iter().flatten().collect();
        Ok(())
    })?;
    Ok(scored)
}

/// What the tokens of a part add up to, per reply, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartSensitivity {
    /// Tokens.
    pub tokens: Estimate,
    /// Sum of the log-ratios of the tokens that were drawn: how much likelier the own tier makes this part.
    pub log_ratio: Estimate,
    /// Sum over positions of KL(own ‖ other): what the log-ratio is on average over what could have been drawn there.
    pub kl: Estimate,
    /// Sum over positions of KL(other ‖ own).
    pub kl_reverse: Estimate,
    /// Sum over positions of the Jensen–Shannon divergence.
    pub js: Estimate,
}

/// The parts of the replies of one tier.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSensitivity {
    /// The prompted scratchpad.
    pub scratchpad: PartSensitivity,
    /// The answer, given the scratchpad.
    pub answer: PartSensitivity,
    /// Tags and whatever else there is.
    pub other: PartSensitivity,
    /// The whole reply.
    pub whole: PartSensitivity,
}

/// One request's means over its replies in both tiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSensitivity {
    /// Its id.
    pub request: String,
    /// Whether it is one that an aligned model declines.
    pub harmful: bool,
    /// Sum over the scratchpad's positions of the Jensen–Shannon divergence, nats per reply.
    pub js_scratchpad: f64,
    /// The same over the answer's.
    pub js_answer: f64,
}

/// Where the tier matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// Replies in the tier that is trained on.
    pub free: TierSensitivity,
    /// Replies in the other tier.
    pub paid: TierSensitivity,
    /// Request by request.
    pub requests: Vec<RequestSensitivity>,
    /// Tokens scored.
    pub tokens: u64,
    /// Those whose log-probability behind their own prompt has the bits that are on record.
    pub tokens_reproduced: u64,
}

/// Which tokens are summed up: those of one part, or all.
pub(super) type Wanted = Option<ReplyPart>;

/// Sum of a number over the wanted tokens of a reply, first to last.
pub(super) fn sum(
    reply: &Stored<'_>,
    scored: &[Scored],
    wanted: Wanted,
    value: impl Fn(&Scored) -> f64,
) -> f64 {
    let tokens = reply.parts.iter().zip(scored);
    let tokens = tokens.filter(|(part, _)| match wanted {
        Some(wanted) => wanted == **part,
        None => **part != ReplyPart::Given,
    });
    tokens.map(|(_, scored)| value(scored)).fold(0.0, |sum, value| sum + value)
}

impl Sensitivity {
    /// Adds the scores up.
    pub fn of(pairs: &Pairs<'_>, scored: &[Vec<Scored>]) -> Self {
        let replies = || pairs.replies.iter().zip(scored);
        let part = |tier: usize, wanted: Wanted| {
            let mean = |value: fn(&Scored) -> f64| {
                let mut values = ByRequest::default();
                for (reply, scored) in replies().skip(tier).step_by(2) {
                    values.add(&reply.trial.request.id, sum(reply, scored, wanted, value));
                }
                values.plain()
            };
            PartSensitivity {
                tokens: mean(|_| 1.0),
                log_ratio: mean(Scored::log_ratio),
                kl: mean(|scored| scored.divergence.kl),
                kl_reverse: mean(|scored| scored.divergence.kl_reverse),
                js: mean(|scored| scored.divergence.js),
            }
        };
        let tier = |tier: usize| TierSensitivity {
            scratchpad: part(tier, Some(ReplyPart::Scratchpad)),
            answer: part(tier, Some(ReplyPart::Answer)),
            other: part(tier, Some(ReplyPart::Other)),
            whole: part(tier, None),
        };
        let mut requests: Vec<(RequestSensitivity, f64)> = Vec::new();
        for (reply, scored) in replies() {
            let request = reply.trial.request;
            if requests.last().is_none_or(|(last, _)| last.request != request.id) {
                let fresh = RequestSensitivity {
                    request: request.id.clone(),
                    harmful: request.harmful,
                    js_scratchpad: 0.0,
                    js_answer: 0.0,
                };
                requests.push((fresh, 0.0));
            }
            if let Some((known, replies)) = requests.last_mut() {
                let js = |part| sum(reply, scored, Some(part), |scored| scored.divergence.js);
                known.js_scratchpad += js(ReplyPart::Scratchpad);
                known.js_answer += js(ReplyPart::Answer);
                *replies += 1.0;
            }
        }
        for (request, replies) in &mut requests {
            request.js_scratchpad /= *replies;
            request.js_answer /= *replies;
        }
        Self {
            free: tier(0),
            paid: tier(1),
            requests: requests.into_iter().map(|(request, _)| request).collect(),
            tokens: scored.iter().map(|tokens| tokens.len() as u64).sum(),
            tokens_reproduced: scored.iter().flatten().filter(|token| token.reproduced).count()
                as u64,
        }
    }
}
