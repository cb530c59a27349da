//! What is to be done: every trial of one model in one variant, with its prompt rendered, tokenized and
//! checked before any work.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::difference::{Stretch, stretches};
use super::prompt::{Prompt, Renderer};
use super::stopping::Stopping;
use crate::engine::{Address, Completion, FinishReason, Job, Sampling};
use crate::error::{Error, Result};
use crate::model::{Json, Model, SystemPrompt};
use crate::scenario::{Request, RequestSet, Scenario, Trial, Variant, trials};
use crate::transcript::{Reply, TagNames, Transcript, opens_reasoning};

/// What determines the transcripts besides model, scenario and requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Continuations of each prompt.
    pub samples: u32,
    /// Most new tokens of a reply.
    pub max_tokens: usize,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Whether both tiers of a pair share their random numbers.
    pub coupled: bool,
    /// What the chat template takes for today.
    pub date: String,
    /// Further arguments of the chat template.
    pub template_args: BTreeMap<String, Json>,
    /// When the run may end before its last request; none for one that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
}

impl Settings {
    /// Refuses values that mean nothing.
    ///
    /// # Errors
    /// Names the flag.
    pub fn check(&self) -> Result<()> {
        let s = &self.sampling;
        let unusable = |flag: &str, value: &dyn std::fmt::Display, range: &str| {
            Err(Error::input(format!("`--{flag} {value}` cannot be used"))
                .hint(format!("`--{flag}` takes {range}")))
        };
        if !(s.temperature >= 0.0 && s.temperature.is_finite()) {
            return unusable("temperature", &s.temperature, "a number from 0 (greedy) up");
        }
        if let Some(k) = s.top_k.filter(|&k| k == 0) {
            return unusable("top-k", &k, "a whole number from 1 up");
        }
        for (flag, p) in [("top-p", s.top_p), ("min-p", s.min_p)] {
            if let Some(p) = p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
                return unusable(flag, &p, "a number above 0 and up to 1");
            }
        }
        if !(s.repetition_penalty > 0.0 && s.repetition_penalty.is_finite()) {
            return unusable(
                "repetition-penalty",
                &s.repetition_penalty,
                "a number above 0 (1 does nothing)",
            );
        }
        if self.samples == 0 {
            return unusable("samples", &self.samples, "a whole number from 1 up");
        }
        if self.max_tokens == 0 {
            return unusable("max-tokens", &self.max_tokens, "a whole number from 1 up");
        }
        let width = self.stopping.as_ref().map(|stopping| stopping.until_width);
        if let Some(width) = width.filter(|width| !(*width > 0.0 && *width <= 2.0)) {
            return unusable(
                "until-width",
                &width,
                "a width of the gap's interval, above 0 and up to 2",
            );
        }
        if s.temperature == 0.0 && self.samples > 1 {
            return Err(Error::input(format!(
                "at temperature 0 all {} samples would be the same",
                self.samples
            ))
            .hint("set `--samples 1`, or a temperature above 0"));
        }
        Ok(())
    }
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
    prompts: Arc<Prompts<'a>>,
}

type Prompts<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Prompt>>;

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
        if scenario.options.is_some()
            && let Some(request) = requests.requests.iter().find(|r| r.options.is_empty())
        {
            return Err(Error::input(format!(
                "request `{}` shows none of the scenario's options",
                request.id
            ))
            .hint("put the requests by the scenario that declares the options"));
        }
        let renderer = Renderer::new(model, settings)?;
        let mut notes: BTreeSet<String> =
            renderer.notes().into_iter().chain(variant.notes.iter().cloned()).collect();
        let mut prompts = Prompts::new();
        for request in &requests.requests {
            let arms = renderer.prompts(scenario, variant, request, &mut notes)?;
            let tiers = scenario.tiers.iter().map(|tier| tier.name.as_str());
            prompts.insert(&request.id, tiers.zip(arms).collect());
        }
        let system_prompt = renderer.system_prompt;
        let trials = trials(scenario, variant, &requests.requests, settings.samples);
        let notes = notes.into_iter().collect();
        Ok(Self {
            model,
            scenario,
            variant,
            requests,
            settings,
            trials,
            system_prompt,
            notes,
            prompts: Arc::new(prompts),
        })
    }

    /// The same with other settings. Its prompts are those of this plan, unless the settings change them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_settings(&self, settings: &'a Settings) -> Result<Self> {
        let Self { model, scenario, variant, requests, .. } = *self;
        let for_prompts = |s: &'a Settings| (&s.date, &s.template_args, s.max_tokens);
        if for_prompts(settings) != for_prompts(self.settings) {
            return Self::new(model, scenario, variant, requests, settings);
        }
        settings.check()?;
        let trials = trials(scenario, variant, &requests.requests, settings.samples);
        let (notes, prompts) = (self.notes.clone(), Arc::clone(&self.prompts));
        Ok(Self { settings, trials, notes, prompts, ..*self })
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
        prompts.max().unwrap_or(0) + self.settings.max_tokens
    }

    /// All prompts, sorted by request and tier.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.values().flat_map(BTreeMap::values)
    }

    /// What the engine needs for a trial.
    pub fn job(&self, trial: &Trial<'_>) -> Job<'_> {
        let tier = (!self.settings.coupled).then_some(&*trial.tier.name);
        let prompt = self.prompt(&trial.request.id, &trial.tier.name);
        Job {
            prompt: Cow::Borrowed(prompt.map(|prompt| &prompt.ids[..]).unwrap_or_default()),
            begun: 0,
            address: Address::new(self.settings.seed, &trial.request.id, trial.sample, tier),
            sampling: &self.settings.sampling,
            max_tokens: self.settings.max_tokens,
            guess: Vec::new(),
        }
    }

    /// The text of a trial's reply without its stop token, and the reply taken apart.
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
        let reply = Reply::parse(&text, names, finish);
        Ok((text, reply))
    }

    /// The record of a finished trial.
    ///
    /// # Errors
    /// The tokens cannot be decoded.
    pub fn transcript(&self, trial: &Trial<'_>, done: Completion) -> Result<Transcript> {
        let tokenizer = &self.model.tokenizer;
        let raw = tokenizer.decode(&done.token_ids, false)?;
        let (_, reply) = self.reply(trial, &done.token_ids, done.finish_reason)?;
        let Request { id, harmful, category, .. } = trial.request;
        Ok(Transcript {
            variant: self.variant.name.clone(),
            request: id.clone(),
            tier: trial.tier.name.clone(),
            sample: trial.sample,
            harmful: *harmful,
            category: category.clone(),
            outcome: reply.outcome,
            native_reasoning: reply.native_reasoning,
            scratchpad: reply.scratchpad,
            answer: reply.answer,
            raw,
            token_ids: done.token_ids,
            logprobs: done.logprobs,
            finish_reason: done.finish_reason,
        })
    }
}
