//! What determines the transcripts besides model, scenario and requests. Knows nothing about prompts or how they are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::registration::Registered;
use super::stopping::Stopping;
use crate::engine::Sampling;
use crate::error::{Error, Result};
use crate::model::Json;

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
    /// What is done with text that spells a mark of the model's conversations.
    #[serde(default, skip_serializing_if = "ControlText::is_default")]
    pub control_text: ControlText,
    /// When the run may end before its last request; none for one that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
    /// What was registered before the run; none for a run without a registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<Registered>,
}

impl Default for Settings {
    /// One reply to each prompt, of at most 1,024 tokens, from the model's whole distribution, with seed 0; both tiers of
    /// a pair share their random numbers. The date is fixed, so that prompts do not change from day to day.
    fn default() -> Self {
        Self {
            seed: 0,
            samples: 1,
            max_tokens: 1024,
            sampling: Sampling::PLAIN,
            coupled: true,
            date: "2026-01-01".into(),
            template_args: BTreeMap::new(),
            control_text: ControlText::Keep,
            stopping: None,
            registered: None,
        }
    }
}

impl Settings {
    /// Whether these settings give the very prompts that others give.
    pub fn has_prompts_of(&self, other: &Self) -> bool {
        let of = |s: &Self| (s.date.clone(), s.template_args.clone(), s.max_tokens, s.control_text);
        of(self) == of(other)
    }

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
        // Beyond these bounds the scores leave the range of numbers, and a draw means nothing.
        if s.temperature != 0.0 && !(1e-3..=1e3).contains(&s.temperature) {
            return unusable(
                "temperature",
                &s.temperature,
                "0 (greedy), or a number from 0.001 to 1000",
            );
        }
        if let Some(k) = s.top_k.filter(|&k| k == 0) {
            return unusable("top-k", &k, "a whole number from 1 up");
        }
        for (flag, p) in [("top-p", s.top_p), ("min-p", s.min_p)] {
            if let Some(p) = p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
                return unusable(flag, &p, "a number above 0 and up to 1");
            }
        }
        if !(1e-3..=1e3).contains(&s.repetition_penalty) {
            return unusable(
                "repetition-penalty",
                &s.repetition_penalty,
                "a number from 0.001 to 1000 (1 does nothing)",
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

/// What is done with text of a scenario or request that spells a mark of the model's conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlText {
    /// It is read as that mark, and a note says so.
    #[default]
    Keep,
    /// It is taken apart by a blank after its first character.
    Defuse,
    /// It is refused.
    Refuse,
}

impl ControlText {
    /// Whether it is as it is where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::Keep
    }
}
