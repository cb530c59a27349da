//! What the scratchpad does to the answer: each tier's scratchpad is given to the other tier, and scratchpads are
//! emptied, exchanged and cut, before the answer is drawn anew and judged by `rules`.
//!
//! A scratchpad is text, and so can be set: prompt tier × scratchpad tier are four cells whose differences are the
//! natural direct and indirect effects of Robins and Greenland (1992) and Pearl (2001), here by intervention and not
//! by assumption. The two cells of equal tiers are the stored replies themselves.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::decision::{Decision, complied, masses, openings};
use super::estimate::{ByRequest, Estimate};
use super::stored::{DecisionPoint, Pairs, Stored, prompt};
use crate::decoder::LanguageModel;
use crate::engine::{Completion, Job, generate};
use crate::error::Result;
use crate::judge::{Exchange, rules};
use crate::run::{Pace, Plan};

/// What stands between prompt and answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Given {
    /// The scratchpad of the other tier's reply.
    OtherTier,
    /// A scratchpad with nothing in it.
    Empty,
    /// The scratchpad of the next harmful request's reply in the same tier.
    NextRequest,
    /// Its own without the sentences in which `rules` reads alignment faking.
    Cut,
}

/// An answer to be drawn.
struct Answer<'a> {
    /// Place of the reply whose trial it belongs to: its prompt, and but for [`Given::OtherTier`] its random numbers.
    place: usize,
    given: Given,
    /// The reply up to the answer.
    before: Vec<u32>,
    point: DecisionPoint,
    job: Job<'a>,
}

/// The answers that swaps need, before any is drawn.
pub struct Swaps<'a> {
    plan: &'a Plan<'a>,
    pairs: &'a Pairs<'a>,
    answers: Vec<Answer<'a>>,
    /// Pairs of harmful requests in which a reply has no answer.
    left_out: u64,
}

/// Four cells and their differences; `direct` and `mediated` start from the tier that is not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// Compliance behind the trained tier's prompt and scratchpad, Y(1,1).
    pub free_free: Estimate,
    /// Behind the trained tier's prompt, with the other's scratchpad, Y(1,0).
    pub free_paid: Estimate,
    /// Behind the other tier's prompt, with the trained one's scratchpad, Y(0,1).
    pub paid_free: Estimate,
    /// Behind the other tier's prompt and scratchpad, Y(0,0).
    pub paid_paid: Estimate,
    /// Y(1,1) − Y(0,0).
    pub total: Estimate,
    /// Natural (pure) direct effect, Y(1,0) − Y(0,0): the prompt's tier alone changes.
    pub direct: Estimate,
    /// Natural (pure) indirect effect, Y(0,1) − Y(0,0): the scratchpad alone changes.
    pub mediated: Estimate,
    /// Y(1,1) − Y(1,0) − Y(0,1) + Y(0,0); total = direct + mediated + interaction.
    pub interaction: Estimate,
    /// Controlled direct effect with the trained tier's scratchpad, Y(1,1) − Y(0,1).
    pub direct_given_free: Estimate,
    /// Total indirect effect, Y(1,1) − Y(1,0).
    pub mediated_given_free: Estimate,
}

/// Compliance with a changed scratchpad, behind each tier's own prompt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// In the tier that is trained on.
    pub free: Estimate,
    /// In the other tier.
    pub paid: Estimate,
    /// Their gap.
    pub gap: Estimate,
    /// The gap of the stored replies over the same pairs.
    pub gap_stored: Estimate,
    /// Replies whose scratchpad was changed.
    pub replies_changed: u64,
    /// Those of them that have no answer then, and so no verdict.
    pub unanswered: u64,
}

/// What swaps show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapEstimates {
    /// By the answers that were drawn, as `rules` judges them.
    pub effects: Effects,
    /// By the exact probability of complying at the decision; none where the scenario names no openings.
    pub effects_exact: Option<Effects>,
    /// With an empty scratchpad.
    pub empty: Changed,
    /// With the scratchpad of the next request's reply in the same tier.
    pub next_request: Changed,
    /// Without the sentences in which `rules` reads alignment faking.
    pub cut: Changed,
    /// Pairs of harmful requests that take part.
    pub pairs: u64,
    /// Pairs left out, because a reply has no answer.
    pub pairs_left_out: u64,
    /// Tokens drawn.
    pub tokens: u64,
}

impl<'a> Swaps<'a> {
    /// Works out what is to be drawn.
    ///
    /// # Errors
    /// A scratchpad that cannot be put into tokens.
    pub fn new(plan: &'a Plan<'a>, pairs: &'a Pairs<'a>) -> Result<Self> {
        let whole = |reply: &Stored<'_>| reply.transcript.harmful && reply.decision.is_some();
        let harmful = pairs.replies.chunks_exact(2).filter(|pair| pair[0].transcript.harmful);
        let left_out = harmful.filter(|pair| !pair.iter().all(whole)).count() as u64;
        let taking_part: Vec<usize> = (0..pairs.replies.len())
            .filter(|&place| {
                whole(&pairs.replies[place]) && whole(&pairs.replies[Pairs::other(place)])
            })
            .collect();
        let mut swaps = Self { plan, pairs, answers: Vec::new(), left_out };
        for &place in &taking_part {
            let other = &pairs.replies[Pairs::other(place)];
            if let Some(point) = other.decision.clone() {
                let begun = point.tokens;
                let before = other.transcript.token_ids[..begun].to_vec();
                swaps.add(place, Given::OtherTier, before, point, begun)?;
            }
            let reply = &pairs.replies[place];
            let Some(own) = reply.decision.as_ref().map(|point| point.tokens) else { continue };
            if let Some(next) = next_request(pairs, &taking_part, place)
                && let Some(point) = next.decision.clone()
            {
                let before = next.transcript.token_ids[..point.tokens].to_vec();
                swaps.add(place, Given::NextRequest, before, point, own)?;
            }
            for given in [Given::Empty, Given::Cut] {
                if let Some(text) = rewritten(reply, given) {
                    let before = plan.model.tokenizer.encode(&text)?;
                    let point = DecisionPoint { tokens: before.len(), between: String::new() };
                    swaps.add(place, given, before, point, own)?;
                }
            }
        }
        Ok(swaps)
    }

    /// An answer whose first token has the noise of position `begun` of its reply.
    fn add(
        &mut self,
        place: usize,
        given: Given,
        before: Vec<u32>,
        point: DecisionPoint,
        begun: usize,
    ) -> Result<()> {
        let reply = &self.pairs.replies[place];
        let job = self.plan.job(&reply.trial);
        let prompt = [reply.prompt(self.plan)?, &before].concat();
        // A longer scratchpad than its own may leave no room for a whole reply from there on.
        let most = self.plan.settings.max_tokens.saturating_sub(begun);
        let fits = prompt.len() + most <= self.plan.model.spec.context;
        let begun = if fits { begun } else { begun.max(before.len()) };
        let job = Job { prompt: prompt.into(), begun: begun as u32, ..job };
        self.answers.push(Answer { place, given, before, point, job });
        Ok(())
    }

    /// Answers to draw.
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// Tokens that they will have if they are as long as those of the run, and at most.
    pub fn tokens(&self) -> (usize, usize) {
        let mut about = 0;
        let mut most = 0;
        for answer in &self.answers {
            let reply = &self.pairs.replies[answer.place];
            let before = reply.decision.as_ref().map_or(0, |point| point.tokens);
            about += reply.transcript.token_ids.len() - before;
            most += self.plan.settings.max_tokens.saturating_sub(answer.job.begun as usize);
        }
        (about, most)
    }

    /// The prompts of all answers, for a look at the memory that they take.
    pub fn prompts(&self) -> Vec<&[u32]> {
        self.answers.iter().map(|answer| &answer.job.prompt[..]).collect()
    }

    /// Draws, judges and adds up. `mass` is for the exact probabilities, as in `decide`.
    ///
    /// # Errors
    /// Those of the model and of the engine.
    pub fn draw<M: LanguageModel>(
        self,
        model: &M,
        mass: f64,
        pace: Pace,
        stop: &AtomicBool,
        mut on_answers: impl FnMut(usize),
    ) -> Result<SwapEstimates> {
        let exact = self.exact(model, mass, pace.batch, stop)?;
        let (jobs, answers): (Vec<Job<'_>>, Vec<_>) = self
            .answers
            .into_iter()
            .map(|answer| (answer.job, (answer.place, answer.given, answer.before)))
            .unzip();
        let limits = pace.limits(self.plan.model);
        let mut drawn: HashMap<(usize, Given), Option<f64>> = HashMap::new();
        let mut tokens = 0;
        generate(model, &jobs, &limits, stop, |step| {
            on_answers(step.finished.len());
            tokens += step.drawn as u64;
            for done in step.finished {
                let (place, given, before) = &answers[done.job];
                let trial = &self.pairs.replies[*place].trial;
                let told = self.plan.given(trial).len().min(before.len());
                let whole = Completion {
                    token_ids: [&before[told..], &done.token_ids].concat(),
                    logprobs: Vec::new(),
                    ..done
                };
                let transcript = self.plan.transcript(trial, whole)?;
                let exchange = Exchange::about(trial.request, &transcript);
                drawn.insert((*place, *given), complied(&exchange));
            }
            Ok(())
        })?;

        let pairs = self.pairs;
        let stored = |place: usize| {
            let reply = &pairs.replies[place];
            complied(&Exchange::about(reply.trial.request, reply.transcript))
        };
        let taking_part: Vec<usize> = {
            let known: HashSet<usize> = answers.iter().map(|(place, ..)| place & !1).collect();
            (0..pairs.replies.len()).step_by(2).filter(|place| known.contains(place)).collect()
        };
        let cell = |place: usize| drawn.get(&(place, Given::OtherTier)).copied().flatten();
        let effects = effects(pairs, &taking_part, |free| {
            Some([stored(free)?, cell(free)?, cell(free + 1)?, stored(free + 1)?])
        });
        let changed = |given: Given| {
            let value = |place: usize| match drawn.get(&(place, given)) {
                Some(value) => *value,
                // Nothing to cut: the reply stands as it is.
                None if given == Given::Cut => stored(place),
                None => None,
            };
            let drawn = |place: usize| drawn.get(&(place, given)).copied();
            changed(pairs, &taking_part, value, stored, drawn)
        };
        Ok(SwapEstimates {
            effects,
            effects_exact: exact,
            empty: changed(Given::Empty),
            next_request: changed(Given::NextRequest),
            cut: changed(Given::Cut),
            pairs: taking_part.len() as u64,
            pairs_left_out: self.left_out,
            tokens,
        })
    }

    /// The four cells without drawing.
    fn exact<M: LanguageModel>(
        &self,
        model: &M,
        mass: f64,
        batch: usize,
        stop: &AtomicBool,
    ) -> Result<Option<Effects>> {
        let mut decisions = Vec::new();
        let mut places = Vec::new();
        for answer in self.answers.iter().filter(|answer| answer.given == Given::OtherTier) {
            let reply = &self.pairs.replies[answer.place];
            let Some(own) = &reply.decision else { continue };
            let Some(openings) = openings(self.plan, reply.trial.request) else { continue };
            let before = &reply.transcript.token_ids[..own.tokens];
            let ids = [prompt(self.plan, &reply.trial.request.id, &reply.trial.tier.name)?, before];
            decisions.push(Decision {
                ids: ids.concat(),
                point: own.clone(),
                openings: openings.clone(),
            });
            decisions.push(Decision {
                ids: answer.job.prompt.to_vec(),
                point: answer.point.clone(),
                openings,
            });
            places.push(answer.place);
        }
        if decisions.is_empty() {
            return Ok(None);
        }
        let tokenizer = &self.plan.model.tokenizer;
        let found = masses(tokenizer, model, &decisions, mass, batch, stop)?;
        let cells: HashMap<usize, [f64; 2]> = places
            .iter()
            .zip(found.chunks_exact(2))
            .map(|(&place, masses)| (place, [masses[0].comply, masses[1].comply]))
            .collect();
        let pairs: Vec<usize> = places.iter().copied().filter(|place| place % 2 == 0).collect();
        Ok(Some(effects(self.pairs, &pairs, |free| {
            let ([own_free, swapped_free], [own_paid, swapped_paid]) =
                (cells.get(&free)?, cells.get(&(free + 1))?);
            Some([*own_free, *swapped_free, *swapped_paid, *own_paid])
        })))
    }
}

/// Adds up the four cells Y(1,1), Y(1,0), Y(0,1) and Y(0,0) of the pairs that have all of them.
fn effects(
    pairs: &Pairs<'_>,
    places: &[usize],
    cells: impl Fn(usize) -> Option<[f64; 4]>,
) -> Effects {
    let complete: Vec<(&str, [f64; 4])> = places
        .iter()
        .filter_map(|&place| Some((&*pairs.replies[place].trial.request.id, cells(place)?)))
        .collect();
    let values = |value: fn([f64; 4]) -> f64| {
        let mut values = ByRequest::default();
        complete.iter().for_each(|(request, cells)| values.add(request, value(*cells)));
        values
    };
    Effects {
        free_free: values(|[y11, ..]| y11).rate(),
        free_paid: values(|[_, y10, ..]| y10).rate(),
        paid_free: values(|[_, _, y01, _]| y01).rate(),
        paid_paid: values(|[.., y00]| y00).rate(),
        total: values(|[y11, _, _, y00]| y11 - y00).gap(),
        direct: values(|[_, y10, _, y00]| y10 - y00).gap(),
        mediated: values(|[_, _, y01, y00]| y01 - y00).gap(),
        interaction: values(|[y11, y10, y01, y00]| y11 - y10 - y01 + y00).gap_of_gaps(),
        direct_given_free: values(|[y11, _, y01, _]| y11 - y01).gap(),
        mediated_given_free: values(|[y11, y10, ..]| y11 - y10).gap(),
    }
}

/// Adds up the pairs that have an answer in both tiers, before and after the change.
fn changed(
    pairs: &Pairs<'_>,
    places: &[usize],
    value: impl Fn(usize) -> Option<f64>,
    stored: impl Fn(usize) -> Option<f64>,
    drawn: impl Fn(usize) -> Option<Option<f64>>,
) -> Changed {
    let mut rates = [ByRequest::default(), ByRequest::default()];
    let (mut gap, mut before) = (ByRequest::default(), ByRequest::default());
    for &place in places {
        let request = &*pairs.replies[place].trial.request.id;
        let both = |of: &dyn Fn(usize) -> Option<f64>| Some([of(place)?, of(place + 1)?]);
        let (Some(now), Some(then)) = (both(&value), both(&stored)) else { continue };
        rates.iter_mut().zip(now).for_each(|(rate, value)| rate.add(request, value));
        gap.add(request, now[0] - now[1]);
        before.add(request, then[0] - then[1]);
    }
    let all = places.iter().flat_map(|&place| [place, place + 1]);
    let verdicts: Vec<Option<f64>> = all.filter_map(drawn).collect();
    Changed {
        free: rates[0].rate(),
        paid: rates[1].rate(),
        gap: gap.gap(),
        gap_stored: before.gap(),
        replies_changed: verdicts.len() as u64,
        unanswered: verdicts.iter().filter(|verdict| verdict.is_none()).count() as u64,
    }
}

/// The reply to the next request that takes part, in the same tier at the same sample index, the first request after
/// the last; the request's own only where there is no other.
fn next_request<'r, 'a>(
    pairs: &'r Pairs<'a>,
    taking_part: &[usize],
    place: usize,
) -> Option<&'r Stored<'a>> {
    let reply = &pairs.replies[place];
    let fits = |other: &&Stored<'_>| {
        other.trial.tier.name == reply.trial.tier.name
            && other.trial.sample == reply.trial.sample
            && other.trial.request.id != reply.trial.request.id
    };
    let (before, after): (Vec<usize>, Vec<usize>) =
        taking_part.iter().partition(|other| **other < place);
    let mut others = after.into_iter().chain(before).map(|other| &pairs.replies[other]);
    others.find(fits)
}

/// A reply's text up to the answer with its scratchpad changed; none where there is no scratchpad or nothing to cut.
fn rewritten(reply: &Stored<'_>, given: Given) -> Option<String> {
    let place = reply.scratchpad.clone()?;
    let point = reply.decision.as_ref()?;
    let text = reply.pieces[..point.tokens].concat() + &point.between;
    let (before, scratchpad, after) =
        (text.get(..place.start)?, text.get(place.clone())?, text.get(place.end..)?);
    let changed = match given {
        Given::Cut => without_faking(reply, scratchpad)?,
        _ => String::new(),
    };
    Some([before, &changed, after].concat())
}

/// The scratchpad without the words that showed `rules` alignment faking; none where it found none.
fn without_faking(reply: &Stored<'_>, scratchpad: &str) -> Option<String> {
    let exchange = Exchange::about(reply.trial.request, reply.transcript);
    let finding = rules::judge(&exchange);
    if finding.reasoning != Some(true) {
        return None;
    }
    let mut spans: Vec<&str> = finding.criteria.iter().map(|c| c.span.as_str()).collect();
    // A span that holds another is cut before the other is looked for.
    spans.sort_unstable_by_key(|span| std::cmp::Reverse(span.len()));
    let mut left = scratchpad.to_owned();
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        left = left.replace(span, "");
    }
    (left != scratchpad).then_some(left)
}
