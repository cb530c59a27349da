//! A stored reply as the probes look at it: its tokens' texts and parts, and where its answer begins. Pairs of them.
//! Knows nothing about probabilities.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::pieces::pieces;
use crate::error::{Error, Result};
use crate::run::Plan;
use crate::scenario::Trial;
use crate::transcript::Transcript;

/// What a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyPart {
    /// The prompted scratchpad.
    Scratchpad,
    /// The answer.
    Answer,
    /// What was put into the model's mouth, and is none of its own.
    Given,
    /// Tags, line breaks between the parts, native reasoning, the token that ends the reply.
    Other,
}

/// Where an answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPoint {
    /// Tokens of the reply before it.
    pub tokens: usize,
    /// The text between these tokens and the answer, which the next token begins with; mostly empty.
    pub between: String,
}

/// A stored reply.
#[derive(Debug, Clone)]
pub struct Stored<'a> {
    /// Its trial in the plan.
    pub trial: Trial<'a>,
    /// Its record.
    pub transcript: &'a Transcript,
    /// The text of each token, the stop token's included.
    pub pieces: Vec<String>,
    /// What each token belongs to.
    pub parts: Vec<ReplyPart>,
    /// None where no answer was begun.
    pub decision: Option<DecisionPoint>,
    /// Bytes of the text that are scratchpad.
    pub scratchpad: Option<Range<usize>>,
}

impl<'a> Stored<'a> {
    /// Takes a stored reply apart.
    ///
    /// # Errors
    /// Its tokens cannot be decoded.
    pub fn of(plan: &Plan<'a>, trial: Trial<'a>, transcript: &'a Transcript) -> Result<Self> {
        let ids = &transcript.token_ids;
        let (_, reply) = plan.reply(&trial, ids, transcript.finish_reason)?;
        let pieces = pieces(&plan.model.tokenizer, ids)?;
        let mut places = Vec::with_capacity(pieces.len());
        let mut end = 0;
        for piece in &pieces {
            places.push(end..end + piece.len());
            end += piece.len();
        }
        let within = |place: &Range<usize>, part: &Option<Range<usize>>| {
            part.as_ref().is_some_and(|part| place.start < part.end && part.start < place.end)
        };
        let part = |place: &Range<usize>| match () {
            () if within(place, &reply.scratchpad_place) => ReplyPart::Scratchpad,
            () if within(place, &reply.answer_place) => ReplyPart::Answer,
            () => ReplyPart::Other,
        };
        let decision = reply.answer_place.as_ref().and_then(|answer| {
            let tokens = places.iter().take_while(|place| place.end <= answer.start).count();
            let from = tokens.checked_sub(1).map_or(0, |last| places[last].end);
            let between = pieces.concat().get(from..answer.start)?.to_owned();
            (transcript.given <= tokens && tokens < ids.len())
                .then_some(DecisionPoint { tokens, between })
        });
        Ok(Self {
            trial,
            transcript,
            parts: places
                .iter()
                .enumerate()
                .map(|(token, place)| match token < transcript.given {
                    true => ReplyPart::Given,
                    false => part(place),
                })
                .collect(),
            decision,
            scratchpad: reply.scratchpad_place,
            pieces,
        })
    }

    /// The tokens of the prompt that it was drawn behind.
    pub(super) fn prompt<'p>(&self, plan: &'p Plan<'_>) -> Result<&'p [u32]> {
        prompt(plan, &self.trial.request.id, &self.trial.tier.name)
    }
}

/// The tokens of a prompt of a plan.
pub(super) fn prompt<'p>(plan: &'p Plan<'_>, request: &str, tier: &str) -> Result<&'p [u32]> {
    let prompt = plan.prompt(request, tier);
    prompt.map(|prompt| &prompt.ids[..]).ok_or_else(|| {
        Error::failed(format!("the plan has no prompt for request `{request}` in tier `{tier}`"))
    })
}

/// The pairs of a run, in the order of the trials: replies to one request at one sample index in the tier that is
/// trained on and in the one that the gap compares it with.
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    /// Of each pair first the reply in the tier that is trained on.
    pub replies: Vec<Stored<'a>>,
    /// Pairs that the run has.
    pub of: usize,
}

impl<'a> Pairs<'a> {
    /// All pairs, or `count` of them, evenly spread over the run.
    ///
    /// # Errors
    /// There is none, or a reply cannot be decoded.
    pub fn of(
        plan: &Plan<'a>,
        transcripts: &'a [Transcript],
        count: Option<usize>,
    ) -> Result<Self> {
        let by_key: HashMap<_, &Transcript> =
            transcripts.iter().map(|t| ((&*t.request, &*t.tier, t.sample), t)).collect();
        let (free, paid) = (plan.scenario.free(), plan.scenario.paid());
        let find = |trial: &Trial<'a>| {
            let key = (&*trial.request.id, &*trial.tier.name, trial.sample);
            by_key.get(&key).map(|transcript| (*trial, *transcript))
        };
        let trained = plan.trials.iter().filter(|trial| trial.tier.name == free.name);
        let pairs: Vec<_> = trained
            .filter_map(|trial| Some([find(trial)?, find(&Trial { tier: paid, ..*trial })?]))
            .collect();
        let wanted = count.unwrap_or(pairs.len()).min(pairs.len());
        if wanted == 0 {
            return Err(Error::input("there is no pair to look at").hint(
                "`--pairs` takes a whole number from 1 up, and the run must hold both tiers",
            ));
        }
        let chosen = (0..wanted).flat_map(|i| pairs[i * pairs.len() / wanted]);
        let replies = chosen.map(|(trial, transcript)| Stored::of(plan, trial, transcript));
        Ok(Self { replies: replies.collect::<Result<_>>()?, of: pairs.len() })
    }

    /// The place of the other reply of a pair.
    pub(super) fn other(place: usize) -> usize {
        place ^ 1
    }
}
