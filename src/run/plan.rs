//! What is to be done: every trial of one model in one variant, with its prompt rendered, tokenized and
//! checked before any work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::difference::{Stretch, stretches};
use super::prompt::{Arms, Prompt, Renderer, note_of_spelled};
use super::settings::Settings;
use super::stopping::ends;
use crate::engine::{Address, Completion, FinishReason, Job};
use crate::error::{Error, Result};
use crate::model::{Model, SystemPrompt, with_rooms};
use crate::scenario::{Request, RequestSet, Scenario, Trial, Variant, trials};
use crate::transcript::{Reply, TagNames, Transcript, opens_reasoning};

impl Rendered {
    /// Renders, tokenizes and checks every prompt, some requests at a time on all threads.
    fn new(
        model: &Model,
        scenario: &Scenario,
        variant: &Variant,
        requests: &RequestSet,
        settings: &Settings,
    ) -> Result<Self> {
        let renderer = Renderer::new(model, settings)?;
        let mut notes: BTreeSet<String> =
            renderer.notes().into_iter().chain(variant.notes.iter().cloned()).collect();
        let mut prompts = Prompts::new();
        let (mut spelled, mut spelling) = (BTreeMap::new(), 0);
        with_rooms(|| {
            for requests in requests.requests.chunks(REQUESTS_AT_ONCE) {
                let arms: Vec<Result<Arms>> = requests
                    .par_iter()
                    .map(|request| renderer.prompts(scenario, variant, request))
                    .collect();
                for (request, arms) in requests.iter().zip(arms) {
                    let arms = arms?;
                    notes.extend(arms.notes);
                    spelling += usize::from(!arms.spelled.is_empty());
                    for (mark, count) in arms.spelled {
                        *spelled.entry(mark).or_default() += count;
                    }
                    let tiers = scenario.tiers.iter().map(|tier| tier.name.clone());
                    prompts.insert(request.id.clone(), tiers.zip(arms.prompts).collect());
                }
            }
            Ok::<_, Error>(())
        })??;
        notes.extend(note_of_spelled(&spelled, spelling));
        Ok(Self {
            system_prompt: renderer.system_prompt,
            notes: notes.into_iter().collect(),
            prompts: Arc::new(prompts),
        })
    }
}

/// Refuses requests that show none of the options that the scenario declares.
///
/// # Errors
/// Names the first such request.
fn check_options(scenario: &Scenario, requests: &RequestSet) -> Result<()> {
    if scenario.options.is_none() {
        return Ok(());
    }
    match requests.requests.iter().find(|request| request.options.is_empty()) {
        None => Ok(()),
        Some(request) => Err(Error::input(format!(
            "request `{}` shows none of the scenario's options",
            request.id
        ))
        .hint("put the requests by the scenario that declares the options")),
    }
}

/// Refuses a number of trials that no run can have.
fn check_trials(scenario: &Scenario, requests: &RequestSet, settings: &Settings) -> Result<()> {
    let (requests, tiers) = (requests.requests.len(), scenario.tiers.len());
    let trials = requests as u128 * tiers as u128 * u128::from(settings.samples);
    if trials <= TRIALS_MAX as u128 {
        return Ok(());
    }
    Err(Error::input(format!(
        "{requests} requests × {tiers} tiers × {} samples are {trials} trials; a run can have {TRIALS_MAX}",
        settings.samples
    ))
    .hint("use fewer `--samples`, or a smaller `--limit`"))
}

/// All trials of one model in one variant of a scenario.
pub struct Plan<'a> {
    /// The model.
    pub model: &'a Model,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The variant.
    pub variant: &'a Variant,
    /// The requests, limited already.
    pub requests: &'a RequestSet,
    /// Everything else.
    pub settings: &'a Settings,
    /// The trials in the order of `transcripts.jsonl`.
    pub trials: Vec<Trial<'a>>,
    /// How the scenario's system text reaches the model; the same in every arm.
    pub system_prompt: SystemPrompt,
    /// What the user should know about the prompts and what is no error.
    pub notes: Vec<String>,
    /// By request, then by tier.
    prompts: Arc<Prompts>,
}

type Prompts = BTreeMap<String, BTreeMap<String, Prompt>>;

/// Most trials of a run: what is kept of each while a run is made would take gigabytes beyond it.
const TRIALS_MAX: usize = 10_000_000;

/// Requests whose prompts are made before it is looked whether one of them is refused.
const REQUESTS_AT_ONCE: usize = 1024;

/// The prompts of a plan without its model: what a second plan of the same settings need not make again.
#[derive(Clone)]
pub struct Rendered {
    system_prompt: SystemPrompt,
    notes: Vec<String>,
    prompts: Arc<Prompts>,
}

impl<'a> Plan<'a> {
    /// Renders and checks every prompt.
    ///
    /// # Errors
    /// Settings that mean nothing, a template that refuses the messages or gives the arms different words, a
    /// token without an embedding, a beginning of sequence too many, a prompt that leaves no room for the reply.
    pub fn new(
        model: &'a Model,
        scenario: &'a Scenario,
        variant: &'a Variant,
        requests: &'a RequestSet,
        settings: &'a Settings,
    ) -> Result<Self> {
        settings.check()?;
        check_trials(scenario, requests, settings)?;
        check_options(scenario, requests)?;
        let rendered = Rendered::new(model, scenario, variant, requests, settings)?;
        Self::with_rendered(model, scenario, variant, requests, settings, rendered)
    }

    /// The same with prompts that another plan of the same model, scenario, variant, requests and settings made.
    ///
    /// # Errors
    /// Settings that mean nothing, or too many trials.
    pub fn with_rendered(
        model: &'a Model,
        scenario: &'a Scenario,
        variant: &'a Variant,
        requests: &'a RequestSet,
        settings: &'a Settings,
        rendered: Rendered,
    ) -> Result<Self> {
        settings.check()?;
        check_trials(scenario, requests, settings)?;
        let trials = trials(scenario, variant, &requests.requests, settings.samples);
        let Rendered { system_prompt, notes, prompts } = rendered;
        Ok(Self {
            model,
            scenario,
            variant,
            requests,
            settings,
            trials,
            system_prompt,
            notes,
            prompts,
        })
    }

    /// The prompts, to be used again.
    pub fn rendered(&self) -> Rendered {
        let (notes, prompts) = (self.notes.clone(), Arc::clone(&self.prompts));
        Rendered { system_prompt: self.system_prompt, notes, prompts }
    }

    /// The prompt of a request in a tier of this plan.
    pub fn prompt(&self, request: &str, tier: &str) -> Option<&Prompt> {
        self.prompts.get(request)?.get(tier)
    }

    /// Where the prompts of a request in two tiers differ: with a sound scenario, in the tier's label only.
    pub fn differences(&self, request: &str, tiers: [&str; 2]) -> Vec<Stretch> {
        match tiers.map(|tier| self.prompt(request, tier)) {
            [Some(first), Some(second)] => stretches(&first.ids, &second.ids),
            _ => Vec::new(),
        }
    }

    /// Tokens of the longest text that can come about: a prompt and all of a reply.
    pub fn longest_text(&self) -> usize {
        let prompts = self.prompts().map(|prompt| prompt.ids.len());
        prompts.max().unwrap_or(0).saturating_add(self.settings.max_tokens)
    }

    /// All prompts, sorted by request and tier.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.values().flat_map(BTreeMap::values)
    }

    /// The numbers of trials after which the run is looked at, the last being all of them.
    pub(super) fn ends(&self) -> Vec<usize> {
        let all = self.trials.len();
        let Some(stopping) = &self.settings.stopping else { return vec![all] };
        let of_request = self.scenario.tiers.len() * self.settings.samples as usize;
        ends(stopping, &self.requests.requests, of_request, all)
    }

    /// What the engine needs for a trial.
    pub fn job(&self, trial: &Trial<'_>) -> Job<'_> {
        let tier = (!self.settings.coupled).then_some(&*trial.tier.name);
        let prompt = self.prompt(&trial.request.id, &trial.tier.name);
        Job {
            prompt: prompt.map(Prompt::read).unwrap_or_default(),
            begun: self.given(trial).len() as u32,
            address: Address::new(self.settings.seed, &trial.request.id, trial.sample, tier),
            sampling: &self.settings.sampling,
            max_tokens: self.settings.max_tokens,
            guess: Vec::new(),
        }
    }

    /// The first tokens of a trial's reply, which are given with its prompt; mostly none.
    pub fn given(&self, trial: &Trial<'_>) -> &[u32] {
        let prompt = self.prompt(&trial.request.id, &trial.tier.name);
        prompt.map(|prompt| &prompt.given[..]).unwrap_or_default()
    }

    /// The text of a trial's reply without its stop token, and the reply taken apart. The tokens are those of the whole
    /// reply, what was given first.
    ///
    /// # Errors
    /// The tokens cannot be decoded.
    pub fn reply(
        &self,
        trial: &Trial<'_>,
        token_ids: &[u32],
        finish: FinishReason,
    ) -> Result<(String, Reply)> {
        let spoken = match token_ids.split_last() {
            Some((last, before)) if self.model.stop_ids.contains(last) => before,
            _ => token_ids,
        };
        let tags = &self.variant.tags;
        let prompt = self.prompt(&trial.request.id, &trial.tier.name);
        let names = TagNames {
            scratchpad: tags.scratchpad.as_deref(),
            answer: tags.answer.as_deref(),
            reasoning_opened: prompt.is_some_and(|prompt| opens_reasoning(&prompt.text)),
        };
        let text = self.model.tokenizer.decode(spoken, false)?;
        let given = self.model.tokenizer.decode(self.given(trial), false)?;
        let reply = Reply::parse_begun(&text, common_start(&text, &given), names, finish);
        Ok((text, reply))
    }

    /// The record of a finished trial, of which `done` holds what was drawn.
    ///
    /// # Errors
    /// The tokens cannot be decoded.
    pub fn transcript(&self, trial: &Trial<'_>, done: Completion) -> Result<Transcript> {
        let tokenizer = &self.model.tokenizer;
        let given = self.given(trial);
        let token_ids = [given, &done.token_ids].concat();
        let raw = tokenizer.decode(&token_ids, false)?;
        let given_text = tokenizer.decode(given, false)?;
        let given_text = raw[..common_start(&raw, &given_text)].to_owned();
        let (_, reply) = self.reply(trial, &token_ids, done.finish_reason)?;
        if let Some(position) = done.logprobs.iter().position(|logprob| !logprob.is_finite()) {
            return Err(Error::failed(format!(
                "trial `{trial}`: token {position} of the reply has no finite log-probability"
            ))
            .hint("the logits are further apart than f32 reaches: lower `--temperature`, or look at the model's files"));
        }
        let Request { id, harmful, category, .. } = trial.request;
        Ok(Transcript {
            variant: self.variant.name.clone(),
            request: id.clone(),
            tier: trial.tier.name.clone(),
            sample: trial.sample,
            harmful: *harmful,
            category: category.clone(),
            outcome: reply.outcome,
            form: reply.form,
            native_reasoning: reply.native_reasoning,
            scratchpad: reply.scratchpad,
            answer: reply.answer,
            raw,
            given: given.len(),
            given_text,
            token_ids,
            logprobs: done.logprobs,
            finish_reason: done.finish_reason,
        })
    }
}

/// Bytes that two texts begin with alike.
fn common_start(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}
